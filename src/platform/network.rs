//! Whether a directory lies on another machine, as far as the system tells.

use std::path::Path;

/// The name of the network file system a directory lies on; `None` where it lies on none, or
/// where that cannot be told. May never come back where the file system hangs.
#[cfg(target_os = "linux")]
pub fn kind(directory: &Path) -> Option<&'static str> {
    named(rustix::fs::statfs(directory).ok()?.f_type.cast_unsigned())
}

/// The name of the network file system a directory lies on: nothing tells here.
#[cfg(not(target_os = "linux"))]
pub fn kind(_directory: &Path) -> Option<&'static str> {
    None
}

/// The numbers of statfs(2). FUSE may be local, too, but nothing tells.
#[cfg(target_os = "linux")]
fn named(number: u64) -> Option<&'static str> {
    const KINDS: [(u64, &str); 9] = [
        (0x6969, "NFS"),
        (0x517b, "SMB"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB"),
        (0x00c3_6400, "Ceph"),
        (0x5346_414f, "AFS"),
        (0x7375_7245, "Coda"),
        (0x0102_1997, "9P"),
        (0x6573_5546, "FUSE"),
    ];
    // Some systems draw the sign of the lower half out over the upper.
    KINDS.into_iter().find(|(known, _)| *known == number & 0xffff_ffff).map(|(_, name)| name)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_told_from_a_disk() {
        let (ext4, tmpfs, cifs) = (0xef53, 0x0102_1994, (u64::MAX << 32) | 0xff53_4d42);
        for (number, expected) in [(ext4, None), (tmpfs, None), (0x6969, Some("NFS")), (cifs, Some("CIFS"))] {
            assert_eq!(named(number), expected, "{number:#x}");
        }
        assert_eq!(kind(Path::new("/proc")), None);
    }
}

//! Room on a file system.

use std::io;
use std::path::Path;

/// What a file system says of its room, in bytes and inodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    pub size: u64,
    pub used: u64,
    /// For those who are not root.
    pub available: u64,
    /// None, where the file system has no fixed number of them.
    pub inodes: u64,
    pub inodes_free: u64,
    pub read_only: bool,
    /// It is read-only because it met errors, whatever it was mounted for.
    pub failed: bool,
}

/// The figures of the file system that holds `path`. May never come back where that hangs.
#[cfg(unix)]
pub fn at(path: &Path) -> io::Result<Room> {
    use rustix::fs::{StatVfsMountFlags, statvfs};
    let stat = statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    let failed = has_failed(path);
    Ok(Room {
        size: bytes(stat.f_blocks),
        used: bytes(stat.f_blocks.saturating_sub(stat.f_bfree)),
        available: bytes(stat.f_bavail),
        inodes: stat.f_files,
        inodes_free: stat.f_ffree,
        read_only: failed || stat.f_flag.contains(StatVfsMountFlags::RDONLY),
        failed,
    })
}

#[cfg(target_os = "linux")]
fn has_failed(path: &Path) -> bool {
    super::mount_table::has_failed(path).unwrap_or(false)
}

/// Elsewhere one that failed is called read-only.
#[cfg(all(unix, not(target_os = "linux")))]
fn has_failed(_path: &Path) -> bool {
    false
}

/// The figures of the file system that holds `path`. May never come back where that hangs.
#[cfg(not(unix))]
pub fn at(path: &Path) -> io::Result<Room> {
    // One that is not there has no figures, though the drive it would be on has.
    std::fs::metadata(path)?;
    let path = std::path::absolute(path)?;
    let stat = fs4::statvfs(&path)?;
    let drives = sysinfo::Disks::new_with_refreshed_list();
    let is_read_only = |drives: sysinfo::Disks| {
        drives.iter().any(|drive| path.starts_with(drive.mount_point()) && drive.is_read_only())
    };
    Ok(Room {
        size: stat.total_space(),
        used: stat.total_space().saturating_sub(stat.free_space()),
        available: stat.available_space(),
        inodes: 0,
        inodes_free: 0,
        read_only: drives.is_ok_and(is_read_only),
        failed: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_directory_has_figures_and_a_missing_one_an_error() {
        let room = at(&std::env::temp_dir()).expect("figures");
        assert!(room.size > 0 && room.available <= room.size, "{room:?}");
        assert!(at(Path::new("/does/not/exist")).is_err());
    }
}

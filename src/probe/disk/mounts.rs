//! Which file systems are worth watching: each real one once, whatever else is mounted.
//!
//! On Linux the kernel's own table is read, because asking the file systems themselves may
//! never come back.

use std::path::PathBuf;

#[cfg(target_os = "linux")]
use crate::platform::mount_table;

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) point: PathBuf,
    /// `ext4`; clean text.
    pub(super) kind: Option<String>,
    /// `/dev/sda1`; clean text.
    pub(super) source: Option<String>,
    /// It is in the table of mounts, and stays there unless somebody takes it away.
    fixed: bool,
}

impl Mount {
    /// A path that need not be a mount point.
    pub(super) fn of(point: PathBuf) -> Self {
        Self { point, kind: None, source: None, fixed: false }
    }

    /// Whether something is still mounted here. Without that, the figures would be those of
    /// the file system below, and look fine.
    pub(super) fn is_still_there(&self) -> bool {
        if !self.fixed {
            return true;
        }
        #[cfg(target_os = "linux")]
        return mount_table::read().is_ok_and(|table| mount_table::lines(&table).any(|line| line.point == self.point));
        #[cfg(not(target_os = "linux"))]
        sysinfo::Disks::new_with_refreshed_list()
            .map_or(true, |disks| disks.iter().any(|disk| disk.mount_point() == self.point))
    }
}

/// What is mounted now, the root first.
#[cfg(target_os = "linux")]
pub(super) fn discover() -> Vec<Mount> {
    match mount_table::read() {
        Ok(table) => linux::worth_watching(&table),
        Err(_) => vec![Mount::of(PathBuf::from("/"))],
    }
}

/// What is mounted now. The list is made on a thread of its own, and a list that does not
/// come leaves the root.
#[cfg(not(target_os = "linux"))]
pub(super) fn discover() -> Vec<Mount> {
    const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);
    let (answer, list) = std::sync::mpsc::channel();
    let list_disks = move || {
        let disks = sysinfo::Disks::new_with_refreshed_list();
        let mounts = disks.iter().flat_map(|disks| disks.iter()).map(|disk| Mount {
            point: disk.mount_point().to_owned(),
            kind: Some(crate::domain::sanitize::line(&disk.file_system().to_string_lossy())),
            source: Some(crate::domain::sanitize::line(&disk.name().to_string_lossy())),
            fixed: true,
        });
        let _nobody_waits = answer.send(mounts.collect());
    };
    let started = std::thread::Builder::new().name("rounds-disks".to_owned()).spawn(list_disks);
    let root = || vec![Mount::of(PathBuf::from(if cfg!(windows) { "C:\\" } else { "/" }))];
    match started.map(|_thread| list.recv_timeout(PATIENCE)) {
        Ok(Ok(mounts)) => mounts,
        _ => root(),
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::Mount;
    use crate::domain::sanitize;
    use crate::platform::mount_table::{Line, lines};

    /// Full from the day they are made.
    const IMAGES: &[&str] = &["squashfs", "iso9660", "udf", "erofs", "cramfs", "romfs"];
    /// Real file systems whose source is no device.
    const REAL: &[&str] = &[
        "zfs",
        "btrfs",
        "bcachefs",
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "ceph",
        "glusterfs",
        "fuse.glusterfs",
        "fuse.sshfs",
        "fuse.s3fs",
        "fuse.rclone",
        "lustre",
        "beegfs",
        "gpfs",
        "afs",
        "ocfs2",
        "gfs2",
        "9p",
        "virtiofs",
        "drvfs",
        "vboxsf",
    ];
    /// Files that container engines mount one by one.
    const CONTAINER_FILES: &[&str] = &["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

    fn is_real(line: &Line) -> bool {
        let place = line.point.as_path();
        let device = line.source.starts_with("/dev/") && !IMAGES.contains(&line.kind.as_str());
        let temporary = line.kind == "tmpfs" && place == Path::new("/tmp");
        (device || temporary || REAL.contains(&line.kind.as_str()) || place == Path::new("/"))
            && !CONTAINER_FILES.iter().any(|file| place == Path::new(file))
    }

    /// What a file system is the same by.
    fn identity(line: &Line) -> &str {
        if line.source.contains('/') { &line.source } else { &line.device }
    }

    /// Of several places of one file system, the one that shows all of it, then the shortest.
    fn rank(line: &Line) -> (bool, usize) {
        (line.root != Path::new("/"), line.point.as_os_str().len())
    }

    pub(super) fn worth_watching(table: &[u8]) -> Vec<Mount> {
        // Later lines lie on top of earlier ones at the same place.
        let mut by_place = BTreeMap::new();
        let mut automounts = Vec::new();
        for line in lines(table) {
            if line.kind == "autofs" {
                automounts.push(line.point.clone());
            }
            by_place.insert(line.point.clone(), line);
        }
        let mut chosen: BTreeMap<String, Line> = BTreeMap::new();
        for line in by_place.into_values().filter(is_real) {
            match chosen.get(identity(&line)) {
                Some(other) if rank(other) <= rank(&line) => {}
                _ => {
                    chosen.insert(identity(&line).to_owned(), line);
                }
            }
        }
        let mut mounts: Vec<Mount> = chosen
            .into_values()
            .map(|line| Mount {
                // What is mounted on demand goes by itself when it is not used.
                fixed: !automounts.iter().any(|place| line.point.starts_with(place)),
                point: line.point,
                kind: Some(sanitize::line(&line.kind)),
                source: Some(sanitize::line(&line.source)),
            })
            .collect();
        mounts.sort_by(|one, other| one.point.cmp(&other.point));
        mounts
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn points(table: &str) -> Vec<String> {
            worth_watching(table.as_bytes()).iter().map(|mount| mount.point.to_string_lossy().into_owned()).collect()
        }

        #[test]
        fn a_server_shows_each_of_its_disks_once() {
            let table = "\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
24 27 0:6 / /dev rw - devtmpfs devtmpfs rw
25 27 0:23 / /run rw - tmpfs tmpfs rw
26 27 0:24 / /tmp rw - tmpfs tmpfs rw
30 27 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro
31 27 8:17 / /var/lib/my\\040data rw master:3 propagate_from:2 - xfs /dev/sdb1 rw
32 27 8:17 /sub /srv/bind rw - xfs /dev/sdb1 rw
33 27 0:50 / /var/lib/docker/overlay2/abc/merged rw - overlay overlay rw
34 27 0:60 / /mnt/share rw - nfs4 server:/export rw
35 27 8:33 / /mnt/old rw - ext4 /dev/sdc1 rw
36 35 8:34 / /mnt/old rw - ext4 /dev/sdc2 rw
37 27 0:70 / /mnt/auto rw - autofs systemd-1 rw
38 37 8:49 / /mnt/auto rw - ext4 /dev/sdd1 rw
39 27 0:44 / /run/user/1000/doc rw - fuse.portal portal rw";
            assert_eq!(points(table), ["/", "/mnt/auto", "/mnt/old", "/mnt/share", "/tmp", "/var/lib/my data"]);
            let mounts = worth_watching(table.as_bytes());
            assert_eq!(mounts[2].source.as_deref(), Some("/dev/sdc2"), "what lies on top is what is seen");
            assert!(!mounts[1].fixed && mounts[3].fixed, "an automount may go by itself");
        }

        #[test]
        fn subvolumes_are_one_disk_and_a_container_has_its_root() {
            let btrfs = "\
27 1 0:30 /@ / rw - btrfs /dev/sda2 rw
28 27 0:30 /@home /home rw - btrfs /dev/sda2 rw";
            assert_eq!(points(btrfs), ["/"]);
            let container = "\
27 1 0:30 / / rw - overlay overlay rw
28 27 8:1 /docker/1/hosts /etc/hosts rw - ext4 /dev/sda1 rw
29 27 8:1 /docker/volumes/v /data rw - ext4 /dev/sda1 rw";
            assert_eq!(points(container), ["/", "/data"]);
        }

        #[test]
        fn lines_that_make_no_sense_are_passed_over() {
            for line in ["", "1 2", "1 2 3:4 / / rw - ext4", "garbage\n\n\u{fffd}", "1 2 3:4 / /x rw ext4 /dev/a rw"] {
                assert_eq!(points(line), Vec::<String>::new(), "{line}");
            }
        }

        #[test]
        fn the_root_of_this_machine_is_found_and_stays() {
            let mounts = super::super::discover();
            let root = mounts.iter().find(|mount| mount.point == Path::new("/")).expect("a root");
            assert!(root.fixed && root.is_still_there());
            let gone = Mount { point: std::path::PathBuf::from("/no/such/mount"), ..root.clone() };
            assert!(!gone.is_still_there());
        }
    }
}

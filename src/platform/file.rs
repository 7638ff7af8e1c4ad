//! Files and directories: for us alone where the system has modes, brought to the disk, and
//! given a name that nothing had before.
//!
//! On Windows a new file takes its rights from the folder it is made in; below a user's profile
//! that is the user, the administrators and the system.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// How a file that only its owner reads is made or opened; a link in its place is not followed.
pub fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    system::keep_private(&mut options);
    options
}

/// Opens a file for reading without waiting for anybody: a pipe opens although nobody writes
/// into it.
pub fn open_at_once(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    system::wait_for_nobody(&mut options);
    options.open(path)
}

/// How a directory that only its owner enters is made.
pub fn private_directory() -> DirBuilder {
    let mut builder = DirBuilder::new();
    system::keep_directory_private(&mut builder);
    builder
}

/// Makes a directory that only its owner enters, with its parents; one that is there stays as it is.
pub fn create_private_directory(path: &Path) -> io::Result<()> {
    private_directory().recursive(true).create(path)
}

/// How a file is made that stands for its directory as long as it is open: where the system can
/// keep an open file from being removed, nobody else removes this one.
pub fn held() -> OpenOptions {
    let mut options = private();
    system::hold(&mut options);
    options
}

/// Takes away what others may do with a file. One that is not there, or whose mode is not ours
/// to change, is left as it is.
pub fn make_private(path: &Path) -> io::Result<()> {
    match system::make_private(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound) => Ok(()),
        made => made,
    }
}

/// Takes away what others may do with a directory.
pub fn make_directory_private(path: &Path) -> io::Result<()> {
    system::make_directory_private(path)
}

/// The mode bits; `None` where there are none.
pub fn mode(metadata: &Metadata) -> Option<u32> {
    system::mode(metadata)
}

/// Whom it belongs to, by number; `None` where that is not a number.
pub fn owner(metadata: &Metadata) -> Option<u32> {
    system::owner(metadata)
}

/// Which file a path leads to, in a form that tells it from one put there later.
pub fn identity(metadata: &Metadata) -> (u64, u64) {
    system::identity(metadata)
}

/// Which disk a file or directory is on; `None` where that cannot be told.
pub fn disk(metadata: &Metadata) -> Option<u64> {
    cfg!(unix).then(|| system::identity(metadata).0)
}

/// Whether this process may read the file, without opening it. Where that cannot be told,
/// whoever opens it will learn it.
pub fn may_read(path: &Path) -> bool {
    system::may_read(path)
}

/// Whether this process may write the file, or into the directory; as [`may_read`].
pub fn may_write(path: &Path) -> bool {
    system::may_write(path)
}

/// Whether this process may execute the file; as [`may_read`].
pub fn may_execute(path: &Path) -> bool {
    system::may_execute(path)
}

/// Brings a directory's entries to the disk.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    system::sync_directory(path)
}

/// Brings a closed file's bytes to the disk.
pub fn sync(path: &Path) -> io::Result<()> {
    system::sync(path)
}

/// Gives a new file the owner, the group and the mode of one that it is to replace.
pub fn make_like(new: &File, old: &Metadata) -> io::Result<()> {
    system::make_like(new, old)
}

/// Renames, and fails where the new name is taken, even by a link to nowhere.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    system::rename_new(from, to)
}

/// Gives a lock back before its directory is removed, where an open file would keep it.
pub fn close_before_removal(lock: &mut Option<File>) {
    if cfg!(windows) {
        *lock = None;
    }
}

#[cfg(unix)]
mod system {
    use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
    use std::path::Path;

    use rustix::fs::{Access, CWD, OFlags, RenameFlags, access, renameat_with};
    use rustix::io::Errno;

    pub(super) fn keep_private(options: &mut OpenOptions) {
        options.mode(0o600).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    }

    pub(super) fn wait_for_nobody(options: &mut OpenOptions) {
        options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    }

    pub(super) fn keep_directory_private(builder: &mut DirBuilder) {
        builder.mode(0o700);
    }

    pub(super) fn hold(_options: &mut OpenOptions) {}

    pub(super) fn make_private(path: &Path) -> io::Result<()> {
        let others_may = fs::metadata(path)?.mode() & 0o077 != 0;
        if others_may { fs::set_permissions(path, Permissions::from_mode(0o600)) } else { Ok(()) }
    }

    pub(super) fn make_directory_private(path: &Path) -> io::Result<()> {
        fs::set_permissions(path, Permissions::from_mode(0o700))
    }

    #[expect(clippy::unnecessary_wraps, reason = "not every system has modes")]
    pub(super) fn mode(metadata: &Metadata) -> Option<u32> {
        Some(metadata.mode() & 0o7777)
    }

    #[expect(clippy::unnecessary_wraps, reason = "not every system numbers its users")]
    pub(super) fn owner(metadata: &Metadata) -> Option<u32> {
        Some(metadata.uid())
    }

    pub(super) fn identity(metadata: &Metadata) -> (u64, u64) {
        (metadata.dev(), metadata.ino())
    }

    pub(super) fn may_read(path: &Path) -> bool {
        access(path, Access::READ_OK).is_ok()
    }

    pub(super) fn may_write(path: &Path) -> bool {
        access(path, Access::WRITE_OK).is_ok()
    }

    pub(super) fn may_execute(path: &Path) -> bool {
        access(path, Access::EXEC_OK).is_ok()
    }

    pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
        sync(path)
    }

    pub(super) fn make_like(new: &File, old: &Metadata) -> io::Result<()> {
        let made = new.metadata()?;
        if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
            std::os::unix::fs::fchown(new, Some(old.uid()), Some(old.gid()))?;
        }
        new.set_permissions(Permissions::from_mode(old.mode() & 0o7777))
    }

    pub(super) fn sync(path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // Some file systems cannot; a second name and the end of the first do the same.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                fs::hard_link(from, to)?;
                fs::remove_file(from)
            }
            other => other.map_err(io::Error::from),
        }
    }
}

#[cfg(windows)]
mod system {
    use std::fs::{DirBuilder, Metadata, OpenOptions};
    use std::io;
    use std::os::windows::fs::OpenOptionsExt;
    use std::path::Path;

    use tempfile::TempPath;

    /// `FILE_FLAG_OPEN_REPARSE_POINT`: a link is opened itself, not what it leads to.
    const THE_LINK_ITSELF: u32 = 0x0020_0000;
    /// `FILE_SHARE_READ | FILE_SHARE_WRITE`, and not `FILE_SHARE_DELETE`.
    const SHARED_BUT_KEPT: u32 = 3;

    pub(super) fn keep_private(options: &mut OpenOptions) {
        options.custom_flags(THE_LINK_ITSELF);
    }

    pub(super) fn wait_for_nobody(_options: &mut OpenOptions) {}

    pub(super) fn keep_directory_private(_builder: &mut DirBuilder) {}

    pub(super) fn hold(options: &mut OpenOptions) {
        options.share_mode(SHARED_BUT_KEPT);
    }

    #[expect(clippy::unnecessary_wraps, reason = "other systems have modes, and changing them may fail")]
    pub(super) fn make_private(_path: &Path) -> io::Result<()> {
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "other systems have modes, and changing them may fail")]
    pub(super) fn make_directory_private(_path: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn mode(_metadata: &Metadata) -> Option<u32> {
        None
    }

    pub(super) fn owner(_metadata: &Metadata) -> Option<u32> {
        None
    }

    /// A file that SQLite, or [`super::held`], has open cannot be replaced here.
    pub(super) fn identity(_metadata: &Metadata) -> (u64, u64) {
        (0, 0)
    }

    pub(super) fn may_read(_path: &Path) -> bool {
        true
    }

    pub(super) fn may_write(_path: &Path) -> bool {
        true
    }

    pub(super) fn may_execute(_path: &Path) -> bool {
        true
    }

    /// The entries of a directory are in the file system's own journal, and no handle on one
    /// can be flushed.
    #[expect(clippy::unnecessary_wraps, reason = "other systems bring directories to the disk, and may fail")]
    pub(super) fn sync_directory(_path: &Path) -> io::Result<()> {
        Ok(())
    }

    /// It has the rights of its folder, as the old one had.
    #[expect(clippy::unnecessary_wraps, reason = "other systems have modes and owners, and changing them may fail")]
    pub(super) fn make_like(_new: &std::fs::File, _old: &Metadata) -> io::Result<()> {
        Ok(())
    }

    /// Only who may write a file may flush it.
    pub(super) fn sync(path: &Path) -> io::Result<()> {
        OpenOptions::new().write(true).open(path)?.sync_all()
    }

    /// `std::fs::rename` would replace.
    pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
        let mut path = TempPath::try_from_path(from)?;
        path.disable_cleanup(true);
        path.persist_noclobber(to).map_err(|error| error.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_name_that_is_taken_stays_with_who_has_it() {
        let folder = tempfile::tempdir().expect("scratch");
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        std::fs::write(&old, "old").expect("scratch");
        std::fs::write(&new, "new").expect("scratch");
        let error = rename_new(&old, &new).expect_err("taken");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&new).expect("still there"), "new");
        assert_eq!(std::fs::read_to_string(&old).expect("still there"), "old");
        std::fs::remove_file(&new).expect("gone");
        rename_new(&old, &new).expect("free");
        assert_eq!(std::fs::read_to_string(&new).expect("renamed"), "old");
        assert!(!old.exists());
    }

    #[test]
    fn what_is_written_can_be_brought_to_the_disk_with_its_directory() {
        let folder = tempfile::tempdir().expect("scratch");
        let below = folder.path().join("a").join("b");
        private_directory().recursive(true).create(&below).expect("directories");
        let path = below.join("file");
        private().write(true).create_new(true).open(&path).expect("new").write_all(b"x").expect("written");
        sync(&path).expect("the file");
        sync_directory(&below).expect("the directory");
        assert!(may_read(&path) && may_write(&path) && may_write(&below));
        assert!(private().write(true).create_new(true).open(&path).is_err(), "it is not new any more");
    }
}

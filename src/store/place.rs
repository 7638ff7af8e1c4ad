//! Where the store lives: a directory and a file that are nobody else's business.
//!
//! Nothing here opens a file that exists: closing it would drop the locks that SQLite holds on
//! it for this whole process (sqlite.org/howtocorrupt.html, 2.2).

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use crate::store::error::StoreError;

/// Makes the directory (0700) and an empty file (0600) where they are missing.
pub(super) fn make(path: &Path) -> Result<(), StoreError> {
    let failed = |error: io::Error| StoreError::from_io(&error, path);
    if path.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    if path.exists() {
        return Ok(());
    }
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        directories().create(directory).map_err(failed)?;
    }
    match new_file().open(path) {
        // Another instance was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        opened => opened.map(drop).map_err(failed),
    }
}

/// Takes away what others may do with a store of ours: the file, its log and its index. One
/// whose mode is not ours to change is left as it is.
pub(super) fn keep_private(path: &Path) -> Result<(), StoreError> {
    #[cfg(unix)]
    for file in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        use std::os::unix::fs::PermissionsExt;
        let loose = fs::metadata(&file).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0);
        if loose && let Err(error) = fs::set_permissions(&file, fs::Permissions::from_mode(0o600)) {
            match error.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound => {}
                _ => return Err(StoreError::from_io(&error, &file)),
            }
        }
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Which file a path leads to, in a form that tells it from one put there later.
pub(super) fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::metadata(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Ok((metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        // No file there can be replaced while it is open.
        let _ = metadata;
        Ok((0, 0))
    }
}

/// Whether the whole file system is mounted read-only: then nobody else writes there either.
pub(super) fn on_read_only_file_system(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use rustix::fs::{StatVfsMountFlags, statvfs};
        statvfs(path).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::RDONLY))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

#[cfg(unix)]
fn beside(path: &Path, suffix: &str) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn directories() -> fs::DirBuilder {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// SQLite gives the log and the index beside a database the mode of the database.
fn new_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

//! Where the store lives: a directory and a file that are nobody else's business.
//!
//! Nothing here opens a file that exists: closing it would drop the locks that SQLite holds on
//! it for this whole process (sqlite.org/howtocorrupt.html, 2.2).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::platform::{self, file};
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
        file::private_directory().recursive(true).create(directory).map_err(failed)?;
    }
    // SQLite gives the log and the index beside a database the mode of the database.
    match file::private().write(true).create_new(true).open(path) {
        // Another instance was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        opened => opened.map(drop).map_err(failed),
    }
}

/// Takes away what others may do with a store of ours: the file, its log and its index. One
/// whose mode is not ours to change is left as it is.
pub(super) fn keep_private(path: &Path) -> Result<(), StoreError> {
    for path in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        file::make_private(&path).map_err(|error| StoreError::from_io(&error, &path))?;
    }
    Ok(())
}

/// Which file a path leads to, in a form that tells it from one put there later.
pub(super) fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|metadata| file::identity(&metadata))
}

/// Whether the whole file system is mounted read-only: then nobody else writes there either.
pub(super) fn on_read_only_file_system(path: &Path) -> bool {
    platform::room::at(path).is_ok_and(|room| room.read_only)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

//! Where the store lives: a directory and a file that are nobody else's business.
//!
//! Nothing here opens a file that exists: closing it would drop the locks that SQLite holds on
//! it for this whole process (sqlite.org/howtocorrupt.html, 2.2).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::platform::{self, file};
use crate::store::error::StoreError;

/// Makes the directory (0700) and an empty file (0600) where they are missing. What is there must
/// be ours, or root's, and nobody else's to replace.
pub(super) fn make(path: &Path) -> Result<(), StoreError> {
    make_as(path, platform::user::number())
}

fn make_as(path: &Path, me: u32) -> Result<(), StoreError> {
    let failed = |error: io::Error| StoreError::from_io(&error, path);
    if path.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    file::create_private_directory(directory).map_err(failed)?;
    if let Some(kind) = platform::network::kind(directory) {
        return Err(StoreError::Network { path: path.to_owned(), kind });
    }
    close_to_others(directory, me)?;
    if let Ok(real) = fs::canonicalize(path) {
        // A link is as good as the place it leads to.
        if let Some(directory) = real.parent() {
            close_to_others(directory, me)?;
        }
        return belongs(&real, &fs::metadata(&real).map_err(failed)?, me);
    }
    // SQLite gives the log and the index beside a database the mode of the database.
    match file::private().write(true).create_new(true).open(path) {
        // Another instance was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        opened => opened.map(drop).map_err(failed),
    }
}

/// Refuses a directory in which others may put another file in the store's place. The one that
/// is named after us, and ours, is closed to them altogether; any other holds more than our
/// files, which are private themselves.
fn close_to_others(directory: &Path, me: u32) -> Result<(), StoreError> {
    let io = |error: io::Error| StoreError::from_io(&error, directory);
    let metadata = fs::metadata(directory).map_err(io)?;
    belongs(directory, &metadata, me)?;
    let mode = file::mode(&metadata).unwrap_or(0o700);
    let named_after_us = fs::canonicalize(directory).is_ok_and(|whole| whole.ends_with("rounds"));
    let ours = file::owner(&metadata).is_none_or(|owner| owner == me);
    if named_after_us && ours {
        if mode & 0o077 != 0 {
            file::make_directory_private(directory).map_err(io)?;
        }
    } else if mode & 0o022 != 0 && mode & 0o1000 == 0 {
        return Err(StoreError::Exposed { path: directory.to_owned() });
    }
    Ok(())
}

/// Whoever owns a file or a directory may do with it as they like.
fn belongs(path: &Path, metadata: &fs::Metadata, me: u32) -> Result<(), StoreError> {
    match file::owner(metadata).filter(|owner| *owner != me && *owner != 0) {
        Some(owner) => Err(StoreError::Theirs { path: path.to_owned(), owner, me }),
        None => Ok(()),
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

/// Whether the disk has no room for another record: each takes some pages, and the index beside
/// the log 32 KiB.
pub(super) fn is_full(path: &Path) -> bool {
    const LEAST: u64 = 64 << 10;
    // What is kept for root is root's to use.
    let free = |room: platform::room::Room| match platform::user::number() {
        0 => room.size.saturating_sub(room.used),
        _ => room.available,
    };
    platform::room::at(path).is_ok_and(|room| room.size > 0 && free(room) < LEAST)
}

/// The file of that ending beside the store.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const ANOTHER: u32 = 4242;

    /// Makes `path` somebody else's, and answers who we are then: root gives it away, anybody else
    /// can only pretend to be another user.
    fn give_away(path: &Path) -> u32 {
        let me = platform::user::number();
        if me == 0 {
            std::os::unix::fs::chown(path, Some(ANOTHER), None).expect("chown");
            return 0;
        }
        ANOTHER
    }

    #[test]
    fn a_store_is_ours_or_roots_with_the_directory_it_lies_in() {
        let scratch = tempfile::tempdir().expect("scratch");
        let folder = scratch.path().canonicalize().expect("path").join("state");
        let path = folder.join("rounds.db");
        let me = platform::user::number();
        make_as(&path, me).expect("nobody has it");
        make_as(&path, me).expect("it is ours");
        let place = |refused: Result<(), StoreError>| match refused {
            Err(StoreError::Theirs { path, .. }) => path,
            other => unreachable!("{other:?}"),
        };
        let link = scratch.path().join("link.db");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        if me == 0 {
            give_away(&path);
            assert_eq!(place(make_as(&path, me)), path);
            assert_eq!(place(make_as(&link, me)), path, "wherever a link leads");
            std::os::unix::fs::chown(&path, Some(0), None).expect("chown");
        }
        let me = give_away(&folder);
        assert_eq!(place(make_as(&path, me)), folder);
        let said = make_as(&path, me).expect_err("theirs").to_string();
        assert!(said.contains("belongs to user") && said.contains("chown"), "{said}");
    }
}

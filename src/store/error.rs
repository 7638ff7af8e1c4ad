//! Why the store did not do as it was asked: the place, the cause, the mend.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::domain::time::Timestamp;
use crate::domain::{humanize, sanitize};

/// Why the store could not be opened, read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error(
        "store {} has schema version {found}, this program knows up to {known}: \
         use the newer rounds that made it, or name another store", .path.display()
    )]
    Newer { path: PathBuf, found: i64, known: i64 },

    /// Opened for reading only, and it would have to be brought up to date first.
    #[error(
        "store {} has schema version {found}, this program reads version {known}: \
         open it once where it can be written", .path.display()
    )]
    Older { path: PathBuf, found: i64, known: i64 },

    #[error(
        "{} is the SQLite database of another program, it was left as it is: name another file for the store",
        .path.display()
    )]
    Foreign { path: PathBuf },

    #[error("{} is not a SQLite database: name another file for the store", .path.display())]
    NotADatabase { path: PathBuf },

    #[error(
        "store {} is damaged ({why}): move it and its -wal and -shm files aside, and restore it from a backup",
        .path.display()
    )]
    Damaged { path: PathBuf, why: String },

    /// The file is not the one that was opened: somebody moved, deleted or restored it.
    #[error("store {} was moved or replaced while in use: start the program again", .path.display())]
    Replaced { path: PathBuf },

    /// It would have to be changed, and there is no way back.
    #[error(
        "store {} has schema version {found} and was not brought up to date, because it could not be copied first: {why}",
        .path.display()
    )]
    NoCopy { path: PathBuf, found: i64, why: String },

    #[error(
        "store {} lies on a network file system ({kind}), whose locks cannot be trusted with an audit log: \
         name a file on a disk of this machine", .path.display()
    )]
    Network { path: PathBuf, kind: &'static str },

    #[error(
        "anybody may replace files in {}, so the store there proves nothing: take that right away (chmod go-w), \
         or name another store", .path.display()
    )]
    Exposed { path: PathBuf },

    #[error(
        "{} belongs to user {owner}, who may change what the store there proves: give it to the user who runs this \
         (chown {me}), or name another store", .path.display()
    )]
    Theirs { path: PathBuf, owner: u32, me: u32 },

    #[error("store {} does not exist", .path.display())]
    Missing { path: PathBuf },

    #[error("store {} cannot be written, the file or its file system is read-only", .path.display())]
    ReadOnly { path: PathBuf },

    #[error("store {} cannot grow, the disk is full: free some space there", .path.display())]
    Full { path: PathBuf },

    #[error(
        "store {} has been locked by another program for {}: see who has it open",
        .path.display(), humanize::duration(*.waited)
    )]
    Locked { path: PathBuf, waited: Duration },

    #[error("no permission for {}: run as its owner, or name another store", .path.display())]
    Denied { path: PathBuf },

    /// One of the guards in the schema said no: append-only tables.
    #[error("store {} refused: {why}", .path.display())]
    Refused { path: PathBuf, why: String },

    /// Signed is signed: neither a mark nor a second signature follows.
    #[error(
        "{checklist} of {period} was signed by {by} on {} UTC; it does not change any more",
        .at.format("%Y-%m-%d at %H:%M")
    )]
    Signed { checklist: String, period: String, by: String, at: Timestamp },

    #[error(
        "SQLite {found} can corrupt a database in WAL mode, at least {wanted} is needed: \
         build with the bundled library"
    )]
    Library { found: String, wanted: &'static str },

    #[error("store {}: {why}", .path.display())]
    Io { path: PathBuf, why: String },
}

impl StoreError {
    /// Whether the store is in order, and it is what was asked of it that cannot be.
    pub const fn is_about_the_act(&self) -> bool {
        matches!(self, Self::Signed { .. })
    }

    /// What an error of the operating system means for the store at `path`.
    pub(super) fn from_io(error: &io::Error, path: &Path) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::Denied { path },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            io::ErrorKind::NotFound => Self::Missing { path },
            _ => Self::Io { path, why: sanitize::line(&error.to_string()) },
        }
    }
}

//! Archives: how a backup is made, found again, and proven.
//!
//! One rule holds everywhere: *a file with a final name is complete*. Whatever is not finished
//! lies in a `.partial-…` directory, which is never counted, offered or verified.
//!
//! [`make()`] and [`verify()`] are what all have in common; what differs is a [`method::Method`] for
//! each engine, and a [`method::Form`] for each sort of file.

pub mod carry;
mod content;
mod counts;
mod digest;
pub mod drill;
mod json;
mod make;
pub mod manifest;
mod many;
pub mod method;
mod mysql;
mod pack;
mod partial;
pub mod postgresql;
pub mod prune;
pub mod restore;
pub mod shelf;
mod sql;
mod sqlite;
mod stream;
mod tree;
mod verify;

use std::io::{self, Read};
use std::path::Path;

use tokio_util::sync::CancellationToken;

use crate::database::DatabaseError;

pub use counts::Counts;
use digest::{hash, hex};
pub use make::{Made, Request, make};
pub use sql::sql_end;
pub use verify::{Verified, count, verify};

/// Why there is no copy, or no verdict on one. The text names the cause and the mend.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The source, or a file that was to be verified, cannot be read.
    #[error("{0}")]
    Source(DatabaseError),
    /// The directory is not one to keep backups in.
    #[error("{0}")]
    Destination(String),
    #[error("{0} exists already; nothing was overwritten, try again in a second")]
    Exists(String),
    #[error("{0}")]
    NoRoom(String),
    /// The writers of a database without a write-ahead log left no time for a copy.
    #[error("{0}")]
    Busy(String),
    /// The copy is not what its source is, or is damaged; it was not kept.
    #[error("{0}")]
    Unsound(String),
    /// A program that is needed is not there, or not one that can do it.
    #[error("{0}")]
    Missing(String),
    /// A program that makes or reads backups failed; what it said.
    #[error("{0}")]
    Program(String),
    /// There is nothing to check this kind of file against.
    #[error("{0}")]
    Unsupported(String),
    /// What was confirmed is not what is there; nothing was done.
    #[error("{0}")]
    Changed(String),
    /// It was begun and could not be ended; the text tells how far it came.
    #[error("{0}")]
    Halfway(String),
    #[error("cannot {what} {place}: {error}{}", mend(.error))]
    Io { what: &'static str, place: String, error: io::Error },
    #[error("the work itself failed, please report it: {0}")]
    Panicked(String),
    #[error("cancelled")]
    Cancelled,
}

impl From<DatabaseError> for ArchiveError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Cancelled => ArchiveError::Cancelled,
            DatabaseError::Refused(text) => ArchiveError::NoRoom(text),
            other => ArchiveError::Source(other),
        }
    }
}

/// What helps where a disk takes nothing any more.
fn mend(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; it got full meanwhile, make room there and try again"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "; if it should be writable, `dmesg` says what turned it read-only: mend that, then mount it anew"
        }
        io::ErrorKind::PermissionDenied => "; give this user the right, or run it as the one who has it",
        _ => "",
    }
}

/// Names what was tried, for an error of the operating system.
fn failed<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> ArchiveError + 'a {
    move |error| ArchiveError::Io { what, place: crate::domain::sanitize::line(&path.display().to_string()), error }
}

/// Runs blocking work on a thread of its own; it is cancelled when nobody waits any more.
async fn aside<T: Send + 'static>(
    cancel: CancellationToken,
    work: impl FnOnce(&CancellationToken) -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, ArchiveError> {
    let cancel = cancel.child_token();
    let _stop = cancel.clone().drop_guard();
    tokio::task::spawn_blocking(move || work(&cancel))
        .await
        .unwrap_or_else(|error| Err(ArchiveError::Panicked(error.to_string())))
}

/// A source that ends with an error once it is cancelled.
struct Cancellable<'a, R> {
    source: R,
    cancel: &'a CancellationToken,
}

impl<R: Read> Read for Cancellable<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() { Err(io::Error::other("cancelled")) } else { self.source.read(buffer) }
    }
}

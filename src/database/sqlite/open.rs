//! Opening a SQLite file, and saying in words why it could not be.
//!
//! A live database is never opened by anything but SQLite, not even to look at its header:
//! closing such a handle would drop every POSIX lock this process holds on the file, those of
//! our own store among them.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};
use tokio_util::sync::CancellationToken;

use crate::database::DatabaseError;
use crate::domain::sanitize;
use crate::platform;
use crate::platform::file::{may_read, may_write};

/// How long a lock of somebody else is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// A second: longer than a commit takes, shorter than anybody would notice.
    Short,
    /// Five seconds, for what should not fail for want of a moment.
    Long,
}

impl Patience {
    /// Asks anew each millisecond. SQLite's own waiting grows to tenths of a second, in which a
    /// writer that never rests always comes first.
    fn handler(self) -> fn(i32) -> bool {
        fn wait(tries: i32, most: i32) -> bool {
            std::thread::sleep(Duration::from_millis(1));
            tries < most
        }
        match self {
            Patience::Short => |tries| wait(tries, 1_000),
            Patience::Long => |tries| wait(tries, 5_000),
        }
    }
}

/// Opens a live database for reading. It is never created, and a lock of somebody else is
/// waited for no longer than `patience`.
///
/// One shared lock at a time is all the owner can notice. In WAL mode SQLite itself may put
/// the empty `-wal` and `-shm` beside the file that any reader needs.
pub fn read_only(path: &Path, patience: Patience) -> Result<Connection, DatabaseError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, patience)
}

/// Opens a live database for upkeep. It is never created.
pub fn read_write(path: &Path, patience: Patience) -> Result<Connection, DatabaseError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, patience)
}

fn open(path: &Path, mode: OpenFlags, patience: Patience) -> Result<Connection, DatabaseError> {
    look(path)?;
    let connection = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| explain(path, &error))?;
    connection.busy_handler(Some(patience.handler())).map_err(|error| explain(path, &error))?;
    // SQLite opens lazily; the first question is what finds a lock, a journal or garbage.
    connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        .map_err(|error| explain(path, &error))?;
    Ok(connection)
}

/// Opens a finished file that nobody writes: without locks, and without a byte beside it.
/// Never for a live database, whose newest pages may still lie in its log.
pub fn finished(path: &Path) -> Result<Connection, DatabaseError> {
    look(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(immutable_uri(path), flags).map_err(|error| explain(path, &error))?;
    connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        .map_err(|error| explain(path, &error))?;
    Ok(connection)
}

/// Lets `cancel` interrupt whatever the connection is doing, within some milliseconds.
pub fn cancellable(connection: &Connection, cancel: &CancellationToken) -> rusqlite::Result<()> {
    let cancel = cancel.clone();
    connection.progress_handler(2_000, Some(move || cancel.is_cancelled()))
}

/// `db.sqlite3-wal` of `db.sqlite3`; links are followed first, as SQLite does.
pub fn sidecar(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path.canonicalize().unwrap_or_else(|_| path.to_owned()));
    name.push(suffix);
    PathBuf::from(name)
}

/// The bytes of the file with its log and journal.
pub fn size_with_sidecars(path: &Path) -> io::Result<u64> {
    let beside = |suffix| std::fs::metadata(sidecar(path, suffix)).map_or(0, |meta| meta.len());
    Ok(std::fs::metadata(path)?.len() + beside("-wal") + beside("-journal"))
}

/// What can be seen from outside, each with its own sentence.
fn look(path: &Path) -> Result<(), DatabaseError> {
    let place = path.display();
    let meta = std::fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            DatabaseError::Missing(format!("there is no such file: {place}; check the path, or restore a backup"))
        }
        io::ErrorKind::PermissionDenied => denied(path, "a directory on the way to it"),
        _ => DatabaseError::Unreachable(format!("{place}: {error}")),
    })?;
    if !meta.is_file() {
        return Err(DatabaseError::Malformed(format!("not a file, and so not a SQLite database: {place}")));
    }
    if meta.len() == 0 {
        return Err(DatabaseError::Malformed(format!(
            "the file is empty, not a SQLite database: {place}; its program has not set it up, or it was truncated"
        )));
    }
    if may_read(path) { Ok(()) } else { Err(denied(path, "the file")) }
}

fn denied(path: &Path, what: &str) -> DatabaseError {
    DatabaseError::Denied(format!(
        "no permission to read {what}: {}; run as its owner, or give this user's group the right to read",
        path.display()
    ))
}

/// SQLite's error as cause and mend.
pub fn explain(path: &Path, error: &rusqlite::Error) -> DatabaseError {
    let place = path.display();
    let said = sanitize::line(&error.to_string());
    let Some(failure) = error.sqlite_error() else {
        return DatabaseError::Malformed(format!("{place}: {said}"));
    };
    match failure.code {
        ErrorCode::OperationInterrupted => DatabaseError::Cancelled,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => DatabaseError::Unreachable(format!(
            "{place}: locked by another connection; wait for its transaction to end, or find it with `fuser -v {place}`"
        )),
        ErrorCode::NotADatabase if looks_encrypted(path) => DatabaseError::Malformed(format!(
            "{place}: not a SQLite database: its first bytes look random, as those of an encrypted one do"
        )),
        ErrorCode::NotADatabase => {
            DatabaseError::Malformed(format!("{place}: not a SQLite database: its header is something else's"))
        }
        ErrorCode::DatabaseCorrupt => DatabaseError::Malformed(format!(
            "{place}: corrupt: {said}; stop its program, keep the file, and restore the last verified backup"
        )),
        ErrorCode::ReadOnly if failure.extended_code == ffi::SQLITE_READONLY_ROLLBACK => {
            DatabaseError::Malformed(format!(
                "{place}: a hot journal lies beside it: its program was killed while writing; start that program once \
                 so that it rolls the change back, and leave {place}-journal alone until then"
            ))
        }
        ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied => shut(path, &said),
        ErrorCode::DiskFull => {
            DatabaseError::Refused(format!("{place}: the disk is full; nothing was changed, make room and try again"))
        }
        ErrorCode::SystemIoFailure => {
            DatabaseError::Unreachable(format!("{place}: the disk does not answer as it should: {said}; look at dmesg"))
        }
        _ => DatabaseError::Malformed(format!("{place}: {said}")),
    }
}

/// A readable file that SQLite cannot open is a WAL database where we cannot write.
fn shut(path: &Path, said: &str) -> DatabaseError {
    let directory = path.parent().unwrap_or(Path::new("/"));
    if platform::room::at(directory).is_ok_and(|room| room.read_only) {
        return DatabaseError::Denied(format!(
            "{}: its file system is read-only, and in WAL mode every reader writes a -shm file beside it; if it should \
             be writable, `dmesg` says what turned it read-only: mend that, then mount it anew",
            path.display()
        ));
    }
    if !may_write(directory) {
        return DatabaseError::Denied(format!(
            "{}: in WAL mode every reader writes a -shm file beside it, and {} is not writable for this user; run as \
             the database's owner, or give this user's group the right to write there",
            path.display(),
            directory.display()
        ));
    }
    DatabaseError::Unreachable(format!("{}: cannot be opened: {said}", path.display()))
}

/// Whether the file begins with noise. Read only after SQLite has called it no database, when
/// there are no locks on it to lose.
fn looks_encrypted(path: &Path) -> bool {
    let mut head = [0; 64];
    let Ok(()) = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head)) else { return false };
    let distinct = head.iter().collect::<std::collections::BTreeSet<_>>().len();
    // 64 random bytes repeat a few; text and tables repeat many, and text has no high bytes.
    distinct > 44 && head.iter().filter(|byte| !byte.is_ascii()).count() > 16
}

/// The address of a file that SQLite may take for unchanging, whatever bytes its name has.
fn immutable_uri(path: &Path) -> String {
    let drive = matches!(path.components().next(), Some(std::path::Component::Prefix(_)));
    // `C:\a` is written `/C:/a` in an address.
    let mut uri = if drive { "file:/".to_owned() } else { "file:".to_owned() };
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => uri.push(char::from(*byte)),
            b'\\' if cfg!(windows) => uri.push('/'),
            b':' if drive => uri.push(':'),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_smuggle_in_parameters() {
        assert_eq!(immutable_uri(Path::new("/a b/c?mode=rwc#%.db")), "file:/a%20b/c%3Fmode%3Drwc%23%25.db?immutable=1");
    }
}

//! The pages: copying them while others write.
//!
//! Plain stepping never ends under a busy writer, because every commit starts the copy anew. A
//! held read transaction ends that: with a write-ahead log it costs writers nothing. Without
//! one it keeps them from committing, so there it is held for two seconds at most: around the
//! whole copy when that is short, else only around its last stretch.

use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, Transaction, ffi};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::archive::{ArchiveError, failed};
use crate::database::sqlite;
use crate::domain::humanize;
use crate::platform::file;

/// Pages per step: some milliseconds, between which it can be cancelled.
const STEP: u16 = 1024;
/// How long writers without a write-ahead log may be kept waiting at a time.
const LONGEST_HOLD: Duration = Duration::from_secs(2);
/// What a copy takes, as measured: 2.5 ms for a megabyte.
const BYTES_PER_SECOND: u64 = 400_000_000;
/// How often writers may start the copy anew before it is given up.
const RESTARTS: u32 = 5;
/// The pause in which writers get their turn.
const TURN: Duration = Duration::from_millis(5);
/// How long somebody else's lock is waited for, turn by turn.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How a source may be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    pages: u64,
    /// How many pages may be left when the read transaction is taken; `None` for all.
    stretch: Option<u64>,
}

impl Pace {
    /// Whether writers wait as long as the read transaction is held.
    pub(super) fn keeps_writers_waiting(&self) -> bool {
        self.stretch.is_some()
    }

    pub(super) fn new(wal: bool, pages: u64, page_size: u64) -> Self {
        let stretch = BYTES_PER_SECOND * LONGEST_HOLD.as_secs() / page_size.max(512);
        Self { pages, stretch: (!wal).then_some(stretch) }
    }
}

/// Why the pages could not be copied.
#[derive(Debug)]
pub(super) enum Fault {
    Cancelled,
    Sqlite(rusqlite::Error),
    Restarted,
    Locked(Duration),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Sqlite(error)
    }
}

impl Fault {
    /// Only where the copy is written something is written: a disk that is full is that one.
    pub(super) fn explain(self, source: &Path, shelf: &Path) -> ArchiveError {
        match self {
            Fault::Cancelled => ArchiveError::Cancelled,
            Fault::Sqlite(error) => match writing(&error, shelf) {
                Some(error) => failed("write the copy in", shelf)(error),
                None => sqlite::explain(source, &error).into(),
            },
            Fault::Restarted => ArchiveError::Busy(format!(
                "{}: its writers changed it {RESTARTS} times while it was copied; try in a quieter hour, or turn on \
                 its write-ahead log (PRAGMA journal_mode = WAL), with which a copy disturbs nobody",
                source.display()
            )),
            Fault::Locked(waited) => ArchiveError::Busy(format!(
                "{}: locked by another connection for {}; wait for its transaction to end",
                source.display(),
                humanize::duration(waited)
            )),
        }
    }
}

/// What the disk of the copy said, where it is that which failed: SQLite keeps but a part of it.
fn writing(error: &rusqlite::Error, shelf: &Path) -> Option<io::Error> {
    const WRITES: [i32; 3] = [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_TRUNCATE];
    let failure = error.sqlite_error()?;
    match failure.code {
        ErrorCode::DiskFull => Some(io::Error::new(io::ErrorKind::StorageFull, "No space left on device")),
        _ if !WRITES.contains(&failure.extended_code) => None,
        _ => Some(said_by(shelf).unwrap_or_else(|| io::Error::other(error.to_string()))),
    }
}

/// What the disk says to a new name, when it takes none. Nothing else tells when a disk that failed was
/// turned read-only.
fn said_by(shelf: &Path) -> Option<io::Error> {
    let name = shelf.join(format!(".partial-asked-{}", std::process::id()));
    match file::create_private_directory(&name) {
        Ok(()) => {
            let _ = std::fs::remove_dir(name);
            None
        }
        Err(error) => Some(error),
    }
}

/// Copies every page of `source` into `target`. The very moment the copy is of is still held
/// afterwards, for questions to the source, unless that would keep writers waiting for too long.
/// `progress` is told pages.
pub(super) fn copy<'a>(
    source: &'a Connection,
    target: &mut Connection,
    pace: &Pace,
    mut progress: impl FnMut(u64, u64),
    cancel: &CancellationToken,
) -> Result<Option<Hold<'a>>, Fault> {
    let backup = Backup::new(source, target)?;
    let mut stretch = pace.stretch.unwrap_or(u64::MAX);
    let mut left = pace.pages;
    let mut hold: Option<Hold<'a>> = None;
    let (mut restarts, mut waiting) = (0, None);
    loop {
        if cancel.is_cancelled() {
            return Err(Fault::Cancelled);
        }
        if hold.is_none() && left <= stretch {
            hold = Some(Hold::take(source, left)?);
        }
        match backup.step(STEP.into())? {
            StepResult::Done => break,
            StepResult::More => waiting = None,
            // Busy, or a kind that does not exist yet: somebody has a lock.
            _ => {
                let since = *waiting.get_or_insert_with(Instant::now);
                if since.elapsed() > LONGEST_WAIT {
                    return Err(Fault::Locked(since.elapsed()));
                }
                std::thread::sleep(TURN);
                continue;
            }
        }
        let now = backup.progress();
        let (now_left, of) = (u64::from(now.remaining.unsigned_abs()), u64::from(now.pagecount.unsigned_abs()));
        progress(of - now_left.min(of), of);
        // A step that began anew has copied the first pages, and no more are done than before.
        if now_left >= left {
            restarts += 1;
        }
        if restarts > RESTARTS {
            return Err(Fault::Restarted);
        }
        left = now_left;
        if pace.stretch.is_some() {
            // Slower than measured, or started anew within the hold: writers first.
            if let Some(slow) = hold.take_if(|hold| hold.since.elapsed() > LONGEST_HOLD || left > stretch) {
                stretch = slow.left.saturating_sub(left).clamp(STEP.into(), stretch);
            }
            if hold.is_none() {
                std::thread::sleep(TURN);
            }
        }
    }
    progress(pace.pages, pace.pages);
    // A question may take about as long as the copy.
    Ok(hold.filter(|_| pace.stretch.is_none_or(|stretch| pace.pages <= stretch)))
}

/// A read transaction: what it sees does not change.
#[derive(Debug)]
pub(super) struct Hold<'a> {
    since: Instant,
    /// How many pages were left when it was taken.
    left: u64,
    transaction: Transaction<'a>,
}

impl<'a> Hold<'a> {
    fn take(source: &'a Connection, left: u64) -> rusqlite::Result<Self> {
        let transaction = source.unchecked_transaction()?;
        // BEGIN alone takes nothing; the first question does.
        source.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(Self { since: Instant::now(), left, transaction })
    }

    /// Asks the source about that moment, and lets go of it.
    pub(super) fn ask<T>(self, question: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        question(&self.transaction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(path: &Path, rows: u32) -> Connection {
        let db = Connection::open(path).expect("open");
        db.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, x BLOB)").expect("schema");
        db.execute(
            "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
             SELECT i, randomblob(900) FROM n",
            [rows],
        )
        .expect("rows");
        db
    }

    #[test]
    fn only_a_short_copy_may_hold_writers_for_all_of_it() {
        assert_eq!(Pace::new(true, 10_000_000, 4096).stretch, None);
        assert_eq!(Pace::new(false, 10, 4096).stretch, Some(195_312), "800 MB in two seconds");
    }

    #[test]
    fn the_last_stretch_alone_is_held_when_the_whole_would_take_too_long() {
        let scratch = tempfile::tempdir().expect("scratch");
        let source = database(&scratch.path().join("source"), 12_000);
        let mut target = Connection::open(scratch.path().join("target")).expect("target");
        let pages: u64 = source.query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0)).expect("pages") as u64;
        let pace = Pace { pages, stretch: Some(u64::from(STEP)) };
        assert!(pages > u64::from(STEP) * 2, "{pages} pages are too few for this test");
        let mut steps = 0;
        let cancel = CancellationToken::new();
        let held = copy(&source, &mut target, &pace, |_, _| steps += 1, &cancel).expect("copied");
        assert!(held.is_none(), "counting would keep writers waiting");
        assert!(steps > 2, "{steps}");
        let rows: i64 = target.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).expect("rows");
        assert_eq!(rows, 12_000);
    }

    #[test]
    fn writers_that_never_rest_end_the_copy_with_a_reason() {
        let scratch = tempfile::tempdir().expect("scratch");
        let path = scratch.path().join("source");
        let writer = database(&path, 12_000);
        writer.busy_timeout(Duration::ZERO).expect("timeout");
        let source = Connection::open(&path).expect("source");
        let mut target = Connection::open(scratch.path().join("target")).expect("target");
        let pace = Pace { pages: 4_000, stretch: Some(u64::from(STEP)) };
        let mut n = 0;
        let write = |_, _| {
            n += 1;
            // Refused while the last stretch is held; that is what the hold is for.
            let _ = writer.execute("UPDATE t SET x = randomblob(900) WHERE id = ?1", [n]);
        };
        let fault = copy(&source, &mut target, &pace, write, &CancellationToken::new());
        let error = fault.expect_err("never ends otherwise").explain(&path, &path).to_string();
        assert!(error.contains("changed it 5 times") && error.contains("WAL"), "{error}");
    }
}

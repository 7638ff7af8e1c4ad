//! The check of a SQLite file: proving that the structure is sound.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::open::{self, Patience};
use crate::database::{DatabaseError, News, Upkeep, room};
use crate::domain::{humanize, sanitize};

/// How many faults are collected; after a few it is clear that it is broken.
const FAULTS: usize = 100;

/// Up to this size a file is checked where it lies: that takes about a second.
const QUICK: u64 = 256 << 20;
/// Without a write-ahead log nobody can write while somebody reads: so much is copied at a time,
/// in some hundredths of a second.
const STEP: std::ffi::c_int = 2_000;
/// How often the copy may begin anew because somebody wrote meanwhile.
const BEGINNINGS: u32 = 20;

/// Checks the whole structure and every reference, without the right to write.
///
/// A damaged database is an answer, not an error: [`Upkeep::ok`] is `false`. Writers never wait
/// for long: where a reader would keep them out, a large file is checked on a copy of one moment.
pub(super) fn integrity(
    path: &Path,
    cancel: &CancellationToken,
    tell: &mut (dyn FnMut(News) + Send),
) -> Result<Upkeep, DatabaseError> {
    check(path, cancel, QUICK, tell)
}

fn check(
    path: &Path,
    cancel: &CancellationToken,
    quick: u64,
    tell: &mut (dyn FnMut(News) + Send),
) -> Result<Upkeep, DatabaseError> {
    let started = Instant::now();
    let explain = |error: rusqlite::Error| open::explain(path, &error);
    let found = open::read_only(path, Patience::Long).and_then(|connection| {
        open::cancellable(&connection, cancel).map_err(explain)?;
        let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).map_err(explain)?;
        let bytes = open::size_with_sidecars(path).unwrap_or(0);
        if mode.eq_ignore_ascii_case("wal") || bytes <= quick {
            return examine(&connection, tell).map(|found| (found, false)).map_err(explain);
        }
        on_a_copy(path, &connection, bytes, cancel, tell).map(|found| (found, true))
    });
    let (found, copied) = match found {
        Err(DatabaseError::Malformed(fault)) => return Ok(Upkeep { ok: false, detail: fault }),
        other => other?,
    };
    let mut upkeep = found.upkeep(started.elapsed());
    if copied {
        upkeep.detail.push_str("; checked on a copy, so that nobody waited");
    }
    Ok(upkeep)
}

/// Checks a copy of one moment, which is gone afterwards.
fn on_a_copy(
    path: &Path,
    connection: &Connection,
    bytes: u64,
    cancel: &CancellationToken,
    tell: &mut (dyn FnMut(News) + Send),
) -> Result<Findings, DatabaseError> {
    let place = std::env::temp_dir();
    let free = room::free_bytes(&place)
        .map_err(|error| DatabaseError::Refused(format!("free space in {} is unknown: {error}", place.display())))?;
    room::require("a copy to check, so that writers do not wait,", &place, bytes, free)
        .map_err(DatabaseError::Refused)?;
    let unwell = |error: std::io::Error| DatabaseError::Refused(format!("no copy in {}: {error}", place.display()));
    let scratch = tempfile::Builder::new().prefix("rounds-check-").tempdir_in(&place).map_err(unwell)?;
    let copy = scratch.path().join("copy.sqlite3");
    let explain = |error: rusqlite::Error| open::explain(path, &error);
    let mut target = Connection::open(&copy).map_err(|error| open::explain(&copy, &error))?;
    {
        let backup = Backup::new(connection, &mut target).map_err(explain)?;
        let (mut left, mut beginnings, mut busy) = (i32::MAX, 0, 0);
        loop {
            if cancel.is_cancelled() {
                return Err(DatabaseError::Cancelled);
            }
            let step = backup.step(STEP).map_err(explain)?;
            let progress = backup.progress();
            let (copied, of) = (progress.pagecount - progress.remaining, progress.pagecount);
            tell(News::Progress { done: copied.max(0).unsigned_abs().into(), of: of.max(0).unsigned_abs().into() });
            match step {
                StepResult::Done => break,
                StepResult::More => busy = 0,
                // A writer comes first, for as long as a reader would wait for it.
                _ if busy < 5_000 => busy += 1,
                _ => {
                    return Err(DatabaseError::Unreachable(format!(
                        "{}: locked by another connection",
                        path.display()
                    )));
                }
            }
            let now = progress.remaining;
            beginnings += u32::from(now > left);
            left = now;
            if beginnings > BEGINNINGS {
                let text = "it is written to all the time, so that no copy of one moment comes about; check it when \
                            it is quiet, or let it use a write-ahead log";
                return Err(DatabaseError::Refused(text.to_owned()));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    open::cancellable(&target, cancel).map_err(explain)?;
    examine(&target, tell).map_err(explain)
}

#[derive(Debug)]
struct Findings {
    structure: Vec<String>,
    /// Rows that point to rows that are not there, at most [`FAULTS`].
    orphans: Vec<String>,
    pages: i64,
}

fn examine(connection: &Connection, tell: &mut (dyn FnMut(News) + Send)) -> rusqlite::Result<Findings> {
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    tell(News::Line(format!("reads the structure of {}", humanize::count(pages.max(0) as usize, "page"))));
    let mut structure = Vec::new();
    let mut statement = connection.prepare("PRAGMA integrity_check(100)")?;
    let mut rows = statement.query([])?;
    loop {
        match rows.next() {
            Ok(Some(row)) => structure.extend(faults(&row.get::<_, String>(0)?)),
            Ok(None) => break,
            // The check itself may stumble over what it has just reported.
            Err(_) if !structure.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    let mut orphans = Vec::new();
    if !structure.is_empty() {
        // References cannot be followed through a broken structure.
        return Ok(Findings { structure, orphans, pages });
    }
    tell(News::Line("its structure is sound; follows every reference".to_owned()));
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    while let (true, Some(row)) = (orphans.len() < FAULTS, rows.next()?) {
        let (child, parent): (String, String) = (row.get(0)?, row.get(2)?);
        orphans.push(sanitize::line(&format!("{child} refers to a missing row of {parent}")));
    }
    Ok(Findings { structure, orphans, pages })
}

/// The faults in one row of an answer. SQLite puts several into one, under a heading that says
/// which of the attached databases it means; ours has only one.
pub(super) fn faults(row: &str) -> Vec<String> {
    let lines = row.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && *line != "ok" && !line.starts_with("*** in database"));
    lines.map(sanitize::line).collect()
}

impl Findings {
    fn upkeep(&self, took: Duration) -> Upkeep {
        let ok = self.structure.is_empty() && self.orphans.is_empty();
        let took = humanize::duration(took);
        let detail = if ok {
            format!("structure and references sound, {} pages read in {took}", self.pages)
        } else {
            let (found, what) = if self.structure.is_empty() {
                (&self.orphans, "broken reference")
            } else {
                (&self.structure, "structural fault")
            };
            let at_least = if found.len() >= FAULTS { "at least " } else { "" };
            let count = humanize::count(found.len(), what);
            format!("{at_least}{count} found in {took}; the first: {}", found.first().map_or("", String::as_str))
        };
        Upkeep { ok, detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_one_line_without_the_heading() {
        let row =
            "*** in database main ***\nTree 2 page 2: btreeInitPage() returns error code 11\nPage 7: never used\n";
        assert_eq!(faults(row), ["Tree 2 page 2: btreeInitPage() returns error code 11", "Page 7: never used"]);
        assert_eq!(faults("ok"), Vec::<String>::new());
    }

    #[test]
    fn a_large_file_without_a_log_is_checked_on_a_copy_that_finds_the_same() {
        let scratch = tempfile::tempdir().expect("scratch");
        let path = scratch.path().join("db.sqlite3");
        let db = Connection::open(&path).expect("open");
        db.execute_batch(
            "CREATE TABLE staff (id INTEGER PRIMARY KEY, name BLOB);
             CREATE TABLE shift (id INTEGER PRIMARY KEY, staff INTEGER REFERENCES staff (id));
             INSERT INTO staff VALUES (1, randomblob(90000)); INSERT INTO shift VALUES (1, 1)",
        )
        .expect("schema");
        let here = |quick| check(&path, &CancellationToken::new(), quick, &mut |_| {}).expect("an answer");
        assert!(!here(u64::MAX).detail.contains("copy"));
        let mut told = Vec::new();
        let copied = check(&path, &CancellationToken::new(), 0, &mut |news| told.push(news)).expect("an answer");
        assert!(copied.ok && copied.detail.contains("checked on a copy"), "{copied:?}");
        let of = told.iter().find_map(|news| match news {
            News::Progress { done, of } if done == of => Some(*of),
            _ => None,
        });
        assert!(of.is_some_and(|pages| pages >= 20), "every page of the copy is counted: {told:?}");
        assert!(told.contains(&News::Line("its structure is sound; follows every reference".to_owned())), "{told:?}");
        db.execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO shift VALUES (2, 9)").expect("an orphan");
        let orphan = here(0);
        assert!(!orphan.ok && orphan.detail.contains("1 broken reference"), "{orphan:?}");
        // Whoever reads need not wait for us, and neither need whoever writes.
        db.execute_batch("PRAGMA journal_mode = WAL").expect("a log");
        assert!(!here(0).detail.contains("copy"), "in WAL mode no writer waits for a reader");
        let cancelled = CancellationToken::new();
        cancelled.cancel();
        db.execute_batch("PRAGMA journal_mode = DELETE").expect("no log");
        assert!(check(&path, &cancelled, 0, &mut |_| {}).is_err());
    }
}

//! Vacuum of a SQLite file: giving dead space back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::open::{self, Patience};
use super::progress::Written;
use crate::database::{DatabaseError, News, Upkeep, room};
use crate::domain::humanize;

/// Rewrites the file without its free pages.
///
/// Refused without room for a second copy where the database lies and where SQLite keeps its
/// temporary files. The result is proven by the page and freelist counts afterwards.
pub(super) fn vacuum(
    path: &Path,
    cancel: &CancellationToken,
    tell: &mut (dyn FnMut(News) + Send),
) -> Result<Upkeep, DatabaseError> {
    let explain = |error: rusqlite::Error| open::explain(path, &error);
    let connection = open::read_write(path, Patience::Long)?;
    open::cancellable(&connection, cancel).map_err(explain)?;
    let before = Extent::of(&connection, path).map_err(explain)?;
    for place in [path.parent().unwrap_or(Path::new("/")).to_owned(), temporary_directory()] {
        let free = room::free_bytes(&place).map_err(|error| {
            DatabaseError::Refused(format!("free space in {} is unknown: {error}", place.display()))
        })?;
        room::require("vacuum", &place, before.bytes, free).map_err(DatabaseError::Refused)?;
    }

    let started = Instant::now();
    let written = before.work_ahead(&connection, path).map_err(explain)?;
    written.tell_during(tell, || connection.execute_batch("VACUUM")).map_err(explain)?;
    let locked = started.elapsed();
    let log_stays = before.wal && !truncate_log(&connection).map_err(explain)?;

    let after = Extent::of(&connection, path).map_err(explain)?;
    Ok(before.compared_with(&after, locked, log_stays))
}

/// Empties the write-ahead log into the file; `false` when a reader still needs it.
pub(super) fn truncate_log(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)).map(|busy| busy == 0)
}

/// Where SQLite puts the copy it makes: `TMPDIR`, or the first of its own choices.
fn temporary_directory() -> PathBuf {
    let configured = std::env::temp_dir();
    let usual = Path::new("/var/tmp");
    // Without a TMPDIR, std says /tmp where SQLite prefers /var/tmp.
    if configured == Path::new("/tmp") && usual.is_dir() { usual.to_owned() } else { configured }
}

/// How much of the disk a database takes.
#[derive(Clone, Copy, Debug)]
struct Extent {
    bytes: u64,
    pages: i64,
    free_pages: i64,
    wal: bool,
}

impl Extent {
    fn of(connection: &Connection, path: &Path) -> rusqlite::Result<Self> {
        let number = |question: &str| connection.query_row(question, [], |row| row.get::<_, i64>(0));
        let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
        Ok(Self {
            bytes: open::size_with_sidecars(path).unwrap_or(0),
            pages: number("PRAGMA page_count")?,
            free_pages: number("PRAGMA freelist_count")?,
            wal: mode.eq_ignore_ascii_case("wal"),
        })
    }

    /// What a vacuum has to write.
    fn work_ahead(&self, connection: &Connection, path: &Path) -> rusqlite::Result<Written> {
        let page_size = connection.query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0))?.unsigned_abs();
        let beside = open::sidecar(path, if self.wal { "-wal" } else { "-journal" });
        let before = std::fs::metadata(&beside).map_or(0, |file| file.len());
        let used = (self.pages - self.free_pages).max(0).unsigned_abs();
        Ok(Written { page_size, used, beside, before })
    }

    /// What a vacuum between the two achieved. Effective is one that left no more pages than
    /// were in use and did not leave the free ones where they were.
    fn compared_with(&self, after: &Extent, locked: Duration, log_stays: bool) -> Upkeep {
        let ok = self.free_pages == 0 || after.free_pages < self.free_pages;
        let size = |bytes: u64| humanize::bytes(bytes as f64);
        let bytes = if after.bytes <= self.bytes {
            format!("{} reclaimed, {} now", size(self.bytes - after.bytes), size(after.bytes))
        } else {
            format!("nothing reclaimed, {} now", size(after.bytes))
        };
        let log = if log_stays { "; a reader keeps the write-ahead log from shrinking yet" } else { "" };
        let failed = if ok { "" } else { "not effective, other writers freed pages meanwhile: " };
        Upkeep {
            ok,
            detail: format!(
                "{failed}{bytes}; {} of {} pages free, {} of {} before; writers waited up to {}{log}",
                after.free_pages,
                after.pages,
                self.free_pages,
                self.pages,
                humanize::duration(locked)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: Extent = Extent { bytes: 48_100_000, pages: 11_743, free_pages: 4_370, wal: true };

    #[test]
    fn a_vacuum_is_proven_by_what_it_left() {
        let after = Extent { bytes: 30_200_000, pages: 7_373, free_pages: 0, wal: true };
        let upkeep = BEFORE.compared_with(&after, Duration::from_millis(412), false);
        assert!(upkeep.ok);
        assert_eq!(
            upkeep.detail,
            "17.9 MB reclaimed, 30.2 MB now; 0 of 7373 pages free, 4370 of 11743 before; writers waited up to 412 ms"
        );
    }

    #[test]
    fn a_vacuum_that_changed_nothing_is_not_called_done() {
        let upkeep = BEFORE.compared_with(&BEFORE, Duration::from_millis(5), true);
        assert!(!upkeep.ok);
        assert!(upkeep.detail.starts_with("not effective"), "{}", upkeep.detail);
    }
}

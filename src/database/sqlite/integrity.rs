//! The check of a SQLite file: proving that the structure is sound.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::open::{self, Patience};
use crate::database::{DatabaseError, Upkeep};
use crate::domain::{humanize, sanitize};

/// How many faults are collected; after a few it is clear that it is broken.
const FAULTS: usize = 100;

/// Checks the whole structure and every reference, without the right to write.
///
/// A damaged database is an answer, not an error: [`Upkeep::ok`] is `false`.
pub(super) fn integrity(path: &Path, cancel: &CancellationToken) -> Result<Upkeep, DatabaseError> {
    let started = Instant::now();
    let found = open::read_only(path, Patience::Long).and_then(|connection| {
        open::cancellable(&connection, cancel).map_err(|error| open::explain(path, &error))?;
        examine(&connection).map_err(|error| open::explain(path, &error))
    });
    let found = match found {
        Err(DatabaseError::Malformed(fault)) => return Ok(Upkeep { ok: false, detail: fault }),
        other => other?,
    };
    Ok(found.upkeep(started.elapsed()))
}

#[derive(Debug)]
struct Findings {
    structure: Vec<String>,
    /// Rows that point to rows that are not there, at most [`FAULTS`].
    orphans: Vec<String>,
    pages: i64,
}

fn examine(connection: &Connection) -> rusqlite::Result<Findings> {
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
    let pages = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    let mut orphans = Vec::new();
    if !structure.is_empty() {
        // References cannot be followed through a broken structure.
        return Ok(Findings { structure, orphans, pages });
    }
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
fn faults(row: &str) -> Vec<String> {
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
}

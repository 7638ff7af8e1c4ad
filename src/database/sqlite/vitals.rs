//! The vital signs of a SQLite file: a handful of pragmas, none of which looks at a row, and what
//! lies around it.

use std::path::Path;

use rusqlite::Connection;
use tokio::time::Instant;

use super::open::{self, Patience};
use super::{migrations, readers, surroundings};
use crate::database::DatabaseError;
use crate::domain::sanitize;
use crate::domain::vitals::Vitals;

/// Takes one reading through a connection that is closed again.
pub(super) fn read(path: &Path) -> Result<Vitals, DatabaseError> {
    let started = Instant::now();
    let connection = open::read_only(path, Patience::Short)?;
    let mut vitals = ask(&connection).map_err(|error| open::explain(path, &error))?;
    vitals.latency_s = started.elapsed().as_secs_f64();
    let wal = vitals.journal_mode.as_deref() == Some("wal");
    let explain = |error: rusqlite::Error| open::explain(path, &error);
    vitals.measured.join(surroundings::read(path, &connection, wal).map_err(explain)?);
    vitals.measured.join(migrations::read(path, &connection).map_err(explain)?);
    // Our own reads must not be taken for somebody's.
    drop(connection);
    vitals.location = sanitize::line(&path.display().to_string());
    // Not every file system remembers it.
    vitals.created = std::fs::metadata(path).and_then(|meta| meta.created()).ok().map(Into::into);
    vitals.size_bytes = open::size_with_sidecars(path).ok();
    vitals.wal_bytes = std::fs::metadata(open::sidecar(path, "-wal")).ok().map(|meta| meta.len());
    vitals.measured.remarks.extend(vitals.wal_bytes.and_then(|bytes| readers::remark(path, bytes)));
    vitals.measured.remarks.extend(vitals.free_remark());
    Ok(vitals)
}

fn ask(connection: &Connection) -> rusqlite::Result<Vitals> {
    let number = |question: &str| connection.query_row(question, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
    Ok(Vitals {
        engine: super::ENGINE.card.name,
        version: rusqlite::version().to_owned(),
        journal_mode: Some(connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?),
        page_size: Some(number("PRAGMA page_size")?),
        pages: Some(number("PRAGMA page_count")?),
        free_pages: Some(number("PRAGMA freelist_count")?),
        tables: Some(number(
            r"SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'",
        )?),
        ..Vitals::default()
    })
}

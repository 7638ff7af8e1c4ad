//! The rest of a SQLite file's upkeep: statistics, indexes and the write-ahead log, each proven
//! by what is there afterwards.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::open::{self, Patience};
use super::vacuum::truncate_log;
use crate::database::{DatabaseError, News, Upkeep};
use crate::domain::upkeep::{Aim, Maintenance, Scope, TableName};
use crate::domain::{engine, humanize, ident, sanitize};

/// Counts anew what queries are planned by.
pub(super) fn analyze(
    path: &Path,
    work: &Maintenance,
    cancel: &CancellationToken,
    tell: &mut (dyn FnMut(News) + Send),
) -> Result<Upkeep, DatabaseError> {
    let explain = |error: rusqlite::Error| open::explain(path, &error);
    let connection = open::read_write(path, Patience::Long)?;
    open::cancellable(&connection, cancel).map_err(explain)?;
    let tables = tables(&connection, work).map_err(explain)?;
    let started = Instant::now();
    run(&connection, work, &tables, tell).map_err(explain)?;
    let took = humanize::duration(started.elapsed());
    let mut without = Vec::new();
    for table in &tables {
        if !has_statistics(&connection, table).map_err(explain)? && !is_empty(&connection, table).map_err(explain)? {
            without.push(sanitize::line(table));
        }
    }
    let counted = humanize::count(tables.len(), "table");
    Ok(match without.first() {
        None => Upkeep { ok: true, detail: format!("{counted} analyzed in {took}") },
        Some(first) => {
            let of = without.len();
            Upkeep { ok: false, detail: format!("{of} of {counted} have no statistics afterwards; the first: {first}") }
        }
    })
}

/// Builds the indexes anew, and has every one of them checked against its table.
pub(super) fn reindex(
    path: &Path,
    work: &Maintenance,
    cancel: &CancellationToken,
    tell: &mut (dyn FnMut(News) + Send),
) -> Result<Upkeep, DatabaseError> {
    let explain = |error: rusqlite::Error| open::explain(path, &error);
    let connection = open::read_write(path, Patience::Long)?;
    open::cancellable(&connection, cancel).map_err(explain)?;
    let tables = tables(&connection, work).map_err(explain)?;
    let started = Instant::now();
    run(&connection, work, &tables, tell).map_err(explain)?;
    let took = humanize::duration(started.elapsed());
    let mut indexes = 0_usize;
    for table in &tables {
        indexes += connection
            .query_row("SELECT count(*) FROM pragma_index_list(?1)", [table], |row| row.get::<_, i64>(0))
            .map_err(explain)? as usize;
        let check = format!("PRAGMA integrity_check({})", ident::quoted(table));
        let said: String = connection.query_row(&check, [], |row| row.get(0)).map_err(explain)?;
        if said != "ok" {
            let detail = format!("{} is faulty all the same: {}", sanitize::line(table), sanitize::line(&said));
            return Ok(Upkeep { ok: false, detail });
        }
    }
    let (counted, indexes) = (humanize::count(tables.len(), "table"), humanize::count(indexes, "index"));
    Ok(Upkeep { ok: true, detail: format!("{indexes} of {counted} built anew in {took}, and sound") })
}

/// Brings the write-ahead log into the file, and empties it.
pub(super) fn checkpoint(path: &Path, cancel: &CancellationToken) -> Result<Upkeep, DatabaseError> {
    let explain = |error: rusqlite::Error| open::explain(path, &error);
    let connection = open::read_write(path, Patience::Long)?;
    open::cancellable(&connection, cancel).map_err(explain)?;
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).map_err(explain)?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(DatabaseError::Refused(format!("it has no write-ahead log: its journal mode is {mode}")));
    }
    let size = || std::fs::metadata(open::sidecar(path, "-wal")).map_or(0, |meta| meta.len());
    let (before, started) = (size(), Instant::now());
    let emptied = truncate_log(&connection).map_err(explain)?;
    let (after, took) = (size(), humanize::duration(started.elapsed()));
    let (was, is) = (humanize::bytes(before as f64), humanize::bytes(after as f64));
    let ok = emptied && after == 0;
    let detail = if ok {
        format!("the write-ahead log is empty after {took}, {was} before")
    } else {
        format!(
            "a reader or a writer keeps the write-ahead log from being emptied: {is} now, {was} before; end it, and \
             try again"
        )
    };
    Ok(Upkeep { ok, detail })
}

/// Does what the plan shows, one table after the other: so writers get their turn between two of them,
/// and somebody can be told how far it is.
fn run(
    connection: &Connection,
    work: &Maintenance,
    tables: &[String],
    tell: &mut (dyn FnMut(News) + Send),
) -> rusqlite::Result<()> {
    let of = tables.len() as u64;
    tell(News::Progress { done: 0, of });
    for (done, table) in (1..).zip(tables) {
        let scope = match &work.scope {
            named @ Scope::Table(_) => named,
            Scope::Whole | Scope::Session(_) => &Scope::Table(TableName { schema: None, name: table.clone() }),
        };
        let way = engine::SQLITE.way(work.verb);
        for statement in way.map(|way| (way.sql)(&Aim { database: "", scope })).unwrap_or_default() {
            connection.execute_batch(&statement)?;
        }
        tell(News::Progress { done, of });
    }
    Ok(())
}

/// The tables it is about; the one that is named must be there.
fn tables(connection: &Connection, work: &Maintenance) -> rusqlite::Result<Vec<String>> {
    let all = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
               AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name";
    match &work.scope {
        Scope::Table(table) => Ok(vec![table.name.clone()]),
        Scope::Whole | Scope::Session(_) => {
            let mut statement = connection.prepare(all)?;
            statement.query_map([], |row| row.get(0))?.collect()
        }
    }
}

fn has_statistics(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let kept = "SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_stat1'";
    if connection.query_row(kept, [], |_| Ok(())).optional()?.is_none() {
        return Ok(false);
    }
    let found = "SELECT 1 FROM main.sqlite_stat1 WHERE tbl = ?1 COLLATE NOCASE";
    Ok(connection.query_row(found, [table], |_| Ok(())).optional()?.is_some())
}

fn is_empty(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let first = format!("SELECT 1 FROM main.{} LIMIT 1", ident::quoted(table));
    Ok(connection.query_row(&first, [], |_| Ok(())).optional()?.is_none())
}

//! The tables of a SQLite file by the pages they fill, indexes included.

use std::path::Path;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::open::{self, Patience};
use crate::database::DatabaseError;
use crate::domain::insight::{Table, Tables};
use crate::domain::sanitize;

/// How many are told; whoever looks for what is large needs no more.
const MOST: usize = 100;

/// Goes through every page once, through a connection that cannot write, until somebody no longer
/// waits for it.
pub(super) fn read(path: &Path, cancel: &CancellationToken) -> Result<Tables, DatabaseError> {
    let started = Instant::now();
    let connection = open::read_only(path, Patience::Short)?;
    let explain = |error: rusqlite::Error| open::explain(path, &error);
    open::cancellable(&connection, cancel).map_err(explain)?;
    let question = "WITH size AS MATERIALIZED (SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE)
                    SELECT s.tbl_name, sum(size.pgsize) FROM size JOIN sqlite_schema s ON s.name = size.name
                     GROUP BY s.tbl_name ORDER BY 2 DESC";
    let mut statement = connection.prepare(question).map_err(explain)?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))).map_err(explain)?;
    let mut tables = Vec::new();
    for row in rows {
        let (name, size) = row.map_err(explain)?;
        tables.push(Table { name: sanitize::line(&name), size_bytes: Some(size.unsigned_abs()), ..Table::default() });
    }
    let mut notes = Vec::new();
    if tables.len() > MOST {
        notes.push(format!("the {MOST} largest of {}", tables.len()));
        tables.truncate(MOST);
    }
    Ok(Tables { rows: tables, notes, hidden: None, took_s: started.elapsed().as_secs_f64() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_large_as_its_pages_and_those_of_its_indexes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rota.sqlite3");
        let connection = rusqlite::Connection::open(&path).expect("a database");
        let sql = "CREATE TABLE shift (id INTEGER PRIMARY KEY, note TEXT); CREATE INDEX by_note ON shift (note);
                   CREATE TABLE staff (id INTEGER PRIMARY KEY);
                   WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 2000)
                   INSERT INTO shift SELECT x, printf('%0100d', x) FROM n;";
        connection.execute_batch(sql).expect("tables");
        let tables = read(&path, &CancellationToken::new()).expect("an answer").rows;
        let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["shift", "staff"]);
        assert!(tables[0].size_bytes > Some(2 * 2000 * 100), "{:?}", tables[0].size_bytes);
        assert_eq!(tables[1].size_bytes, Some(4096));
    }
}

//! What is in a database: its tables and their rows, and whether its structure is sound.

use rusqlite::Connection;

use crate::archive::manifest::Counts;
use crate::database::ident;
use crate::domain::sanitize;

/// Every table that holds rows, and how many; only those that `rows` names are counted, all
/// when it is empty. Virtual tables are left out: their content lies in ordinary ones.
pub(in crate::archive) fn tables(connection: &Connection, rows: &[String]) -> rusqlite::Result<Counts> {
    let mut statement = connection.prepare(
        r"SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite\_%' ESCAPE '\'",
    )?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut counts = Counts::default();
    for name in names {
        let wanted = rows.is_empty() || rows.contains(&name);
        let count = if wanted { Some(count(connection, &name)?) } else { None };
        counts.tables.insert(name, count);
    }
    Ok(counts)
}

fn count(connection: &Connection, table: &str) -> rusqlite::Result<u64> {
    let question = format!("SELECT count(*) FROM {}", ident::quoted(table));
    connection.query_row(&question, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// The first fault of the structure, if there is one.
pub(in crate::archive) fn structure_fault(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    Ok((verdict != "ok").then(|| sanitize::line(&verdict)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(tables: &[(&str, Option<u64>)]) -> Counts {
        Counts { tables: tables.iter().map(|(name, rows)| ((*name).to_owned(), *rows)).collect() }
    }

    #[test]
    fn names_of_any_kind_and_virtual_tables_can_be_counted() {
        let db = Connection::open_in_memory().expect("memory");
        db.execute_batch(
            r#"CREATE TABLE "we""ird; name" (x); INSERT INTO "we""ird; name" VALUES (1), (2);
               CREATE TABLE auto (id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE VIEW v AS SELECT 1;"#,
        )
        .expect("schema");
        let found = tables(&db, &[]).expect("counts");
        assert_eq!(found, counts(&[("we\"ird; name", Some(2)), ("auto", Some(0))]));
        let some = tables(&db, &["auto".to_owned()]).expect("counts");
        assert_eq!(some, counts(&[("we\"ird; name", None), ("auto", Some(0))]));
    }
}

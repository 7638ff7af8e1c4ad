//! What is true of a table before and after: the only thing that proves upkeep. The server's own
//! `OK` is not enough where it shows what came of it.

use std::time::Duration;

use tokio::time::sleep;

use super::hand::{Hand, Said};
use crate::database::DatabaseError;
use crate::database::mysql::server::Flavour;
use crate::database::row::Row;
use crate::domain::upkeep::{TableName, Verb};
use crate::domain::{humanize, ident, sanitize};

/// Moments are told in whole seconds, and a file's may be a little behind the clock: an act upon
/// what is younger than this waits, so that before and after are told apart.
const APART: u64 = 2;
const AGAIN: Duration = Duration::from_millis(250);

/// A table as it is at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    /// `None` while somebody holds it locked: then nothing else is known either.
    engine: Option<String>,
    /// The least and the greatest of the numbers that InnoDB knows its parts by: whatever is written
    /// anew gets a greater one. `None` where our user may not see them.
    ids: Option<(u64, u64)>,
    /// When it was last written anew.
    made: Option<u64>,
    /// When the planner's figures were counted; `None` where our user cannot see it.
    counted: Option<u64>,
    pub(super) bytes: u64,
    /// The server's clock.
    now: u64,
}

/// What kinds of tables there are to act upon.
const KINDS: &str = "table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')";

impl Table {
    /// Looks; `None` where there is no such table, or our user may not see it.
    pub(super) async fn read(eye: &mut Hand, schema: &str, name: &str) -> Result<Option<Self>, Said> {
        // The comparison of the server's own is of letters, not of bytes: two names may be one to it.
        let question = format!(
            "SELECT engine, UNIX_TIMESTAMP(create_time), COALESCE(data_length, 0) + COALESCE(index_length, 0) \
             + COALESCE(data_free, 0), UNIX_TIMESTAMP() FROM information_schema.tables WHERE {KINDS} AND {}",
            named(schema, name)
        );
        let rows = eye.ask(&question).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let mut table = Self {
            engine: row.get(0).map(ToOwned::to_owned),
            ids: None,
            made: row.number(1).map(|moment| moment as u64),
            counted: None,
            bytes: row.whole(2).unwrap_or_default(),
            now: row.number(3).unwrap_or_default() as u64,
        };
        if let Ok(rows) = eye.ask(&ids(eye.flavour, schema, name)).await {
            table.ids = rows.first().and_then(|row| Some((row.whole(0)?, row.whole(1)?)));
        }
        let counted = format!(
            "SELECT MIN(UNIX_TIMESTAMP(last_update)) FROM mysql.innodb_table_stats WHERE database_name = {} \
             AND (table_name = {name} OR SUBSTRING_INDEX(REPLACE(table_name, '#p#', '#P#'), '#P#', 1) = {name})",
            ident::escaped(schema),
            name = ident::escaped(name)
        );
        if let Ok(rows) = eye.ask(&counted).await {
            table.counted = rows.first().and_then(|row| row.number(0)).map(|moment| moment as u64);
        }
        Ok(Some(table))
    }

    /// The same, once whatever happens next has another moment than what has been.
    pub(super) async fn before(eye: &mut Hand, verb: Verb, schema: &str, name: &str) -> Result<Option<Self>, Said> {
        loop {
            let table = Self::read(eye, schema, name).await?;
            let young = |one: &Self| one.shows(verb).is_some_and(|moment| moment + APART > one.now);
            match table {
                Some(one) if young(&one) => sleep(AGAIN).await,
                table => return Ok(table),
            }
        }
    }

    /// The moment that an act changes; of what has numbers none is needed.
    fn shows(&self, verb: Verb) -> Option<u64> {
        match verb {
            Verb::Vacuum | Verb::Reindex if self.ids.is_some() => None,
            Verb::Vacuum | Verb::Reindex => self.made,
            Verb::Analyze => self.counted,
            _ => None,
        }
    }

    fn is_innodb(&self) -> bool {
        self.engine.as_deref().is_some_and(|engine| engine.eq_ignore_ascii_case("innodb"))
    }

    /// Whether the act had its effect, as far as that is shown; `None` where only the server's word is.
    pub(super) fn proves(&self, before: &Self, verb: Verb) -> Option<bool> {
        if !self.is_innodb() {
            return None;
        }
        if self.is_shown_by_number(before, verb) {
            return self.ids.zip(before.ids).map(|(is, was)| is.0 > was.1);
        }
        let shown = |table: &Self| match verb {
            Verb::Vacuum | Verb::Reindex => table.made,
            verb => table.shows(verb),
        };
        match (shown(before), shown(self)) {
            (Some(was), Some(is)) => Some(is > was),
            // What could not be seen before is judged by the moment the act began.
            (None, Some(is)) => Some(is + 1 >= before.now),
            (_, None) => None,
        }
    }
}

impl Table {
    /// Whether the proof is a number, which is never given again, and no moment.
    pub(super) fn is_shown_by_number(&self, before: &Self, verb: Verb) -> bool {
        matches!(verb, Verb::Vacuum | Verb::Reindex) && self.ids.is_some() && before.ids.is_some()
    }
}

/// Asks for the numbers of a table and its partitions; InnoDB calls them as their files are called.
fn ids(flavour: Flavour, schema: &str, name: &str) -> String {
    let tables = match flavour {
        Flavour::MariaDb => "innodb_sys_tables",
        Flavour::MySql => "innodb_tables",
    };
    let file = |name: &str| format!("CAST(CONVERT({} USING filename) AS BINARY)", ident::escaped(name));
    format!(
        "SELECT MIN(t.table_id), MAX(t.table_id) FROM information_schema.{tables} t \
         CROSS JOIN (SELECT CONCAT({}, '/', {}) AS file) f WHERE CAST(t.name AS BINARY) = f.file \
         OR LOCATE(CONCAT(f.file, '#P#'), CAST(t.name AS BINARY)) = 1 OR LOCATE(CONCAT(f.file, '#p#'), CAST(t.name AS BINARY)) = 1",
        file(schema),
        file(name)
    )
}

/// What came of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// The server says so.
    Done,
    /// It was not done, and why.
    Not(String),
    /// Somebody holds a lock on it.
    Locked,
    /// The engine has no such thing.
    NotForIt,
}

/// What the rows of an answer mean: each has a table, an operation, a kind, and a text.
pub(super) fn word(rows: &[Row]) -> Came {
    let of = |kind: &'static str| move |row: &&Row| row.text(2).eq_ignore_ascii_case(kind);
    if let Some(row) = rows.iter().find(of("error")) {
        // Told in a row, it has no number; the words are those of the language we asked for.
        return match row.text(3) {
            text if text.starts_with("Lock wait timeout exceeded") => Came::Locked,
            text => Came::Not(text.to_owned()),
        };
    }
    let has_no = |row: &Row| row.text(3).contains("engine for the table doesn't support");
    if rows.iter().any(has_no) {
        return Came::NotForIt;
    }
    // A check says with a warning what is not as it should be.
    if let Some(row) = rows.iter().find(of("warning")).filter(|row| row.text(1) == "check") {
        return Came::Not(row.text(3).to_owned());
    }
    match rows.iter().rev().find(of("status")).map(|row| row.text(3)) {
        Some("OK" | "Table is already up to date") => Came::Done,
        // A statement that has nothing to say has succeeded.
        None if rows.is_empty() => Came::Done,
        other => Came::Not(other.unwrap_or("the server does not say what came of it").to_owned()),
    }
}

/// The tables of a database, as they are called, whatever is in their names.
pub(super) async fn tables(eye: &mut Hand, schema: &str) -> Result<Vec<String>, Said> {
    let question = format!(
        "SELECT HEX(CAST(table_name AS BINARY)) FROM information_schema.tables WHERE {KINDS} AND table_schema = {} \
         ORDER BY table_name",
        ident::escaped(schema)
    );
    let rows = eye.ask(&question).await?;
    Ok(rows.iter().filter_map(|row| decoded(row.text(0))).collect())
}

fn decoded(hex: &str) -> Option<String> {
    let byte = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(byte).collect();
    String::from_utf8(bytes?).ok()
}

/// The condition that a row is of this very table.
pub(super) fn named(schema: &str, name: &str) -> String {
    let (schema, name) = (ident::escaped(schema), ident::escaped(name));
    format!("table_schema = {schema} AND table_name = {name} AND CAST(table_name AS BINARY) = CAST({name} AS BINARY)")
}

/// Why there is no such table, with the one that was perhaps meant.
pub(super) async fn no_table(eye: &mut Hand, schema: &str, table: &TableName) -> DatabaseError {
    let name = sanitize::line(&table.name);
    let kind = format!("SELECT table_type FROM information_schema.tables WHERE {}", named(schema, &table.name));
    let kind = eye.ask(&kind).await.ok().and_then(|rows| rows.first().map(|row| row.text(0).to_lowercase()));
    if let Some(kind) = kind {
        return DatabaseError::Refused(format!("`{name}` is a {kind}, and no table"));
    }
    let near = format!(
        "SELECT table_name FROM information_schema.tables WHERE {KINDS} AND table_schema = {} \
         AND LOWER(table_name) = LOWER({}) LIMIT 1",
        ident::escaped(schema),
        ident::escaped(&table.name)
    );
    let near = eye.ask(&near).await.ok().and_then(|rows| rows.first().map(|row| row.text(0).to_owned()));
    let meant = near.map_or_else(
        || "; or our user may not see it".to_owned(),
        |name| {
            let near = TableName { schema: table.schema.clone(), name };
            format!("; did you mean `{near}`?")
        },
    );
    DatabaseError::Refused(format!("there is no table `{name}` in the database `{}`{meant}", sanitize::line(schema)))
}

/// `; 12.0 MB before, 8.0 MB now`, where it is what the act is about.
pub(super) fn compared(verb: Verb, before: u64, after: u64) -> String {
    if !matches!(verb, Verb::Vacuum | Verb::Reindex) {
        return String::new();
    }
    format!("; {} before, {} now", humanize::bytes(before as f64), humanize::bytes(after as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: &str, text: &str) -> Row {
        Row::new([Some("rota.staff"), Some("optimize"), Some(kind), Some(text)])
    }

    #[test]
    fn an_error_among_the_rows_is_no_success_whatever_comes_after_it() {
        let note = row("note", "Table does not support optimize, doing recreate + analyze instead");
        assert_eq!(word(&[note.clone(), row("status", "OK")]), Came::Done);
        let locked = "Lock wait timeout exceeded; try restarting transaction";
        let failed = [note, row("error", locked), row("status", "Operation failed")];
        assert_eq!(word(&failed), Came::Locked);
        let broken = [row("Error", "Table 'x' doesn't exist"), row("status", "Operation failed")];
        assert_eq!(word(&broken), Came::Not("Table 'x' doesn't exist".to_owned()));
        assert_eq!(word(&[row("status", "Operation failed")]), Came::Not("Operation failed".to_owned()));
        let has_no = row("note", "The storage engine for the table doesn't support optimize");
        assert_eq!(word(&[has_no]), Came::NotForIt);
        assert_eq!(word(&[row("status", "Table is already up to date")]), Came::Done);
        let check = Row::new(["rota.staff", "check", "warning", "Table is marked as crashed"].map(Some));
        assert_eq!(word(&[check, row("status", "OK")]), Came::Not("Table is marked as crashed".to_owned()));
        assert_eq!(word(&[]), Came::Done);
        assert!(matches!(word(&[row("info", "x")]), Came::Not(_)), "no word is not a good one");
    }

    #[test]
    fn only_a_later_moment_proves_it() {
        let engine = || Some("InnoDB".to_owned());
        let at = |made, counted| Table { engine: engine(), ids: None, made, counted, bytes: 0, now: 100 };
        let before = at(Some(90), Some(80));
        assert_eq!(at(Some(101), Some(80)).proves(&before, Verb::Vacuum), Some(true));
        assert_eq!(at(Some(90), Some(101)).proves(&before, Verb::Reindex), Some(false));
        assert_eq!(at(Some(90), Some(101)).proves(&before, Verb::Analyze), Some(true));
        assert_eq!(at(Some(90), Some(80)).proves(&before, Verb::Analyze), Some(false));
        assert_eq!(at(Some(90), None).proves(&before, Verb::Analyze), None, "our user cannot see it");
        assert_eq!(at(Some(90), None).proves(&at(None, None), Verb::Vacuum), Some(false), "older than the act");
        let other = Table { engine: Some("MyISAM".to_owned()), ..at(Some(101), None) };
        assert_eq!(other.proves(&before, Verb::Vacuum), None);
    }

    #[test]
    fn a_number_proves_more_than_a_moment_and_every_partition_must_have_a_new_one() {
        let at = |least, greatest, made| Table {
            engine: Some("InnoDB".to_owned()),
            ids: Some((least, greatest)),
            made: Some(made),
            now: 100,
            ..Table::default()
        };
        let before = at(20, 21, 90);
        assert_eq!(at(24, 25, 90).proves(&before, Verb::Vacuum), Some(true), "whatever the clock says");
        assert_eq!(at(21, 25, 101).proves(&before, Verb::Reindex), Some(false), "one of them is the old one");
        assert_eq!(at(20, 21, 101).proves(&before, Verb::Vacuum), Some(false));
        let blind = Table { ids: None, ..at(0, 0, 101) };
        assert_eq!(blind.proves(&before, Verb::Vacuum), Some(true), "our user lost the right meanwhile");
        assert!(!blind.is_shown_by_number(&before, Verb::Vacuum));
        assert!(ids(Flavour::MySql, "ro'ta", "a").contains("information_schema.innodb_tables t"));
    }

    #[test]
    fn a_name_is_read_whatever_is_in_it() {
        assert_eq!(decoded("61C3A91B5B324A").as_deref(), Some("aé\u{1b}[2J"));
        assert_eq!(decoded("6"), None);
        assert!(named("ro'ta", r"a\").contains(r"table_schema = 'ro''ta' AND table_name = 'a\\'"));
    }
}

//! What upkeep a SQLite database has. Everything that writes keeps other writers waiting.

use crate::domain::plan::Risk;
use crate::domain::upkeep::{Aim, On, Verb, Way};

pub(in crate::domain::engine) const CAN: &[Way] = &[
    Way::new(Verb::Vacuum, "Vacuum: give unused space back", Risk::Disruptive, On::Whole, |_| one("VACUUM"))
        .notes(&["writers wait while it runs; readers in WAL mode do not"])
        .copies(),
    Way::new(
        Verb::Analyze,
        "Analyze: count anew what queries are planned by",
        Risk::Disruptive,
        On::WholeOrTable,
        |aim| one(&on("ANALYZE", aim)),
    )
    .notes(&["one table after the other; writers wait while each is counted"]),
    Way::new(Verb::Reindex, "Reindex: build the indexes anew", Risk::Disruptive, On::WholeOrTable, |aim| {
        one(&on("REINDEX", aim))
    })
    .notes(&["one table after the other; writers wait while it runs", "the indexes are proven by an integrity check"]),
    Way::new(Verb::Checkpoint, "Checkpoint: empty the write-ahead log", Risk::Disruptive, On::Whole, |_| {
        one("PRAGMA wal_checkpoint(TRUNCATE)")
    })
    .notes(&["writers wait until every reader has gone on, for five seconds at most"]),
    Way::new(Verb::Integrity, "Check the structure (read-only)", Risk::Routine, On::Whole, |_| {
        vec!["PRAGMA integrity_check".to_owned(), "PRAGMA foreign_key_check".to_owned()]
    })
    .notes(&["finds broken structure, not every changed byte: that is what a backup's hash is for"])
    .undo(None),
];

fn one(statement: &str) -> Vec<String> {
    vec![statement.to_owned()]
}

/// A statement on everything, or on one table.
fn on(statement: &str, aim: &Aim<'_>) -> String {
    match aim.table() {
        Some(table) => format!("{statement} {}", table.quoted_in("main")),
        None => statement.to_owned(),
    }
}

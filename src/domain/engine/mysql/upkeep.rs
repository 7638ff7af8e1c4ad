//! What upkeep a MySQL or MariaDB database has. The server has no statement for all of its tables:
//! on the whole of it they come one after another, and one that somebody holds is passed by.

use std::time::Duration;

use crate::domain::ident;
use crate::domain::plan::Risk;
use crate::domain::upkeep::{Aim, On, Verb, Way};

/// A large table takes its time.
const LONG: Duration = Duration::from_hours(12);
const SHORT: Duration = Duration::from_mins(1);
const COPIED: &str =
    "reads and writes go on but for a moment before and after; the table is copied, so there must be room";
const QUEUE: &str = "while it waits for whoever holds a table, for 5 s at most, everybody else waits behind it";
const REPLICAS: &str = "it goes into the binary log: replicas do the same, and are behind meanwhile";

pub(in crate::domain::engine) const CAN: &[Way] = &[
    way(Verb::Vacuum, "Optimize: rewrite tables, and give their free space back", Risk::Disruptive, |aim| {
        one(format!("OPTIMIZE TABLE {}", table(aim)), aim)
    })
    .notes(&[COPIED, QUEUE, REPLICAS]),
    way(Verb::Analyze, "Analyze: count anew what queries are planned by", Risk::Routine, |aim| {
        one(format!("ANALYZE TABLE {}", table(aim)), aim)
    })
    .notes(&["plans may change at once", REPLICAS]),
    way(Verb::Reindex, "Reindex: rewrite tables with their indexes, online or not at all", Risk::Disruptive, |aim| {
        one(format!("ALTER TABLE {} FORCE, ALGORITHM=INPLACE, LOCK=NONE", table(aim)), aim)
    })
    .notes(&[
        "a table that cannot be rewritten while others use it is refused by the server",
        COPIED,
        QUEUE,
        REPLICAS,
    ]),
    Way::new(Verb::Integrity, "Check the structure", Risk::Disruptive, On::Whole, |aim| {
        one(format!("CHECK TABLE {}", table(aim)), aim)
    })
    .limit(LONG)
    .notes(&[
        "changes no row; every page of every index is read, which slows others down",
        "where a page is broken, the server closes the table to everybody, or stops, to save what is left",
    ])
    .undo(None),
    Way::new(Verb::Cancel, "Cancel what a session runs", Risk::Disruptive, On::Session, |aim| vec![kill("QUERY", aim)])
        .notes(&["the statement ends with an error; the session and its transaction stay"])
        .undo(None)
        .limit(SHORT),
    Way::new(Verb::Terminate, "Terminate a session", Risk::Disruptive, On::Session, |aim| {
        vec![kill("CONNECTION", aim)]
    })
    .notes(&["its transaction is rolled back, which can take as long as it took, and its program loses the connection"])
    .undo(None)
    .limit(SHORT),
];

const fn way(verb: Verb, summary: &'static str, risk: Risk, sql: fn(&Aim<'_>) -> Vec<String>) -> Way {
    Way::new(verb, summary, risk, On::WholeOrTable, sql).limit(LONG)
}

/// A statement on one table; or what is run for each of them.
fn one(statement: String, aim: &Aim<'_>) -> Vec<String> {
    match aim.table() {
        Some(_) => vec![statement],
        None => vec![format!("{statement} -- for each of its tables, one after another")],
    }
}

fn table(aim: &Aim<'_>) -> String {
    let Some(table) = aim.table() else { return format!("{}.…", ident::backticked(aim.database)) };
    let schema = table.schema.as_deref().unwrap_or(aim.database);
    format!("{}.{}", ident::backticked(schema), ident::backticked(&table.name))
}

/// Looked at over the same connection right before: a number is not given again while a server runs.
fn kill(what: &str, aim: &Aim<'_>) -> String {
    aim.session().map_or_else(String::new, |session| format!("KILL {what} {}", session.pid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::SessionKey;
    use crate::domain::upkeep::{Scope, TableName};

    fn sql(verb: Verb, scope: &Scope) -> String {
        let way = CAN.iter().find(|way| way.verb == verb).expect("it has one");
        (way.sql)(&Aim { database: "ro`ta", scope }).join("; ")
    }

    #[test]
    fn names_stay_names_whatever_is_in_them() {
        let table = Scope::Table(TableName::parse("x`; DROP TABLE staff; --").expect("a name"));
        assert_eq!(sql(Verb::Vacuum, &table), "OPTIMIZE TABLE `ro``ta`.`x``; DROP TABLE staff; --`");
        let other = Scope::Table(TableName::parse("ops.day").expect("a name"));
        assert_eq!(sql(Verb::Analyze, &other), "ANALYZE TABLE `ops`.`day`");
        assert_eq!(sql(Verb::Reindex, &other), "ALTER TABLE `ops`.`day` FORCE, ALGORITHM=INPLACE, LOCK=NONE");
        assert_eq!(
            sql(Verb::Integrity, &Scope::Whole),
            "CHECK TABLE `ro``ta`.… -- for each of its tables, one after another"
        );
    }

    #[test]
    fn a_kill_is_of_one_connection() {
        let session = Scope::Session(SessionKey { pid: 4711, ..SessionKey::default() });
        assert_eq!(sql(Verb::Cancel, &session), "KILL QUERY 4711");
        assert_eq!(sql(Verb::Terminate, &session), "KILL CONNECTION 4711");
    }
}

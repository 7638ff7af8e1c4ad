//! What upkeep a PostgreSQL database has. On the whole of it, tables that somebody holds are
//! passed by and told afterwards; on one table the act waits a little, and then says who.

use std::time::Duration;

use crate::domain::ident;
use crate::domain::plan::Risk;
use crate::domain::upkeep::{Aim, On, Verb, Way};

/// A large database takes its time.
const LONG: Duration = Duration::from_hours(12);
const SHORT: Duration = Duration::from_mins(1);
const PASSED_BY: &str = "tables that somebody holds locked are passed by, and told";

pub(in crate::domain::engine) const CAN: &[Way] = &[
    way(Verb::Vacuum, "Vacuum: make the space of dead rows usable again", Risk::Routine, |aim| {
        one(on("VACUUM", "VACUUM (SKIP_LOCKED)", aim))
    })
    .notes(&["nobody waits; the files keep their size, their space is used again"]),
    way(Verb::VacuumAnalyze, "Vacuum, and count anew what queries are planned by", Risk::Routine, |aim| {
        one(on("VACUUM (ANALYZE)", "VACUUM (ANALYZE, SKIP_LOCKED)", aim))
    })
    .notes(&["nobody waits; the files keep their size, their space is used again"]),
    way(Verb::VacuumFull, "Vacuum full: rewrite the tables, and lock everybody out", Risk::Disruptive, |aim| {
        one(on("VACUUM (FULL)", "VACUUM (FULL, SKIP_LOCKED)", aim))
    })
    .notes(&[
        "whoever reads or writes a table waits until it is rewritten; all of it is copied, so there must be room",
        PASSED_BY,
    ]),
    way(Verb::Analyze, "Analyze: count anew what queries are planned by", Risk::Routine, |aim| {
        one(on("ANALYZE", "ANALYZE (SKIP_LOCKED)", aim))
    })
    .notes(&["nobody waits; plans may change at once"]),
    way(Verb::Reindex, "Reindex: build the indexes anew beside the old ones", Risk::Disruptive, |aim| {
        one(match aim.table() {
            Some(table) => format!("REINDEX TABLE CONCURRENTLY {}", table.quoted_in("public")),
            None => format!("REINDEX DATABASE CONCURRENTLY {}", ident::quoted(aim.database)),
        })
    })
    .notes(&[
        "reads and writes go on, but it waits for every transaction that is older, and needs room for a second copy",
        "one that is stopped leaves an index that is not valid and ends in _ccnew; its outcome names it",
    ]),
    Way::new(Verb::Cancel, "Cancel what a session runs", Risk::Disruptive, On::Session, |aim| {
        one(signal("pg_cancel_backend", aim))
    })
    .notes(&["the statement ends with an error; the session and its transaction stay"])
    .undo(None)
    .limit(SHORT),
    Way::new(Verb::Terminate, "Terminate a session", Risk::Disruptive, On::Session, |aim| {
        one(signal("pg_terminate_backend", aim))
    })
    .notes(&["its transaction is rolled back and its program loses the connection"])
    .undo(None)
    .limit(SHORT),
];

const fn way(verb: Verb, summary: &'static str, risk: Risk, sql: fn(&Aim<'_>) -> Vec<String>) -> Way {
    Way::new(verb, summary, risk, On::WholeOrTable, sql).limit(LONG)
}

fn one(statement: String) -> Vec<String> {
    vec![statement]
}

/// A statement on one table, or another on all of them.
fn on(one: &str, all: &str, aim: &Aim<'_>) -> String {
    match aim.table() {
        Some(table) => format!("{one} {}", table.quoted_in("public")),
        None => all.to_owned(),
    }
}

/// A signal that reaches nobody but the session that was meant: a pid is given again.
fn signal(function: &str, aim: &Aim<'_>) -> String {
    let Some(session) = aim.session() else { return String::new() };
    format!(
        "SELECT {function}(pid) FROM pg_stat_activity WHERE pid = {} AND backend_start = {}::timestamptz",
        session.pid,
        ident::literal(&session.started)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::SessionKey;
    use crate::domain::upkeep::{Scope, TableName};

    fn sql(verb: Verb, scope: &Scope) -> String {
        let way = CAN.iter().find(|way| way.verb == verb).expect("it has one");
        (way.sql)(&Aim { database: "ro\"ta", scope }).join("; ")
    }

    #[test]
    fn names_stay_names_whatever_is_in_them() {
        let table = Scope::Table(TableName::parse(r#"ops."x""; DROP TABLE staff; --""#).expect("a name"));
        let quoted = r#""ops"."x""; DROP TABLE staff; --""#;
        assert_eq!(sql(Verb::Vacuum, &table), format!("VACUUM {quoted}"));
        assert_eq!(sql(Verb::VacuumAnalyze, &table), format!("VACUUM (ANALYZE) {quoted}"));
        assert_eq!(sql(Verb::VacuumFull, &table), format!("VACUUM (FULL) {quoted}"));
        assert_eq!(sql(Verb::Analyze, &table), format!("ANALYZE {quoted}"));
        assert_eq!(sql(Verb::Reindex, &table), format!("REINDEX TABLE CONCURRENTLY {quoted}"));
        assert_eq!(sql(Verb::Reindex, &Scope::Whole), r#"REINDEX DATABASE CONCURRENTLY "ro""ta""#);
    }

    #[test]
    fn a_signal_names_the_moment_its_session_began() {
        let began = "2026-03-02 08:00:00.1+00'; DROP TABLE staff; --";
        let session = SessionKey { pid: 4711, started: began.to_owned(), ..SessionKey::default() };
        assert_eq!(
            sql(Verb::Terminate, &Scope::Session(session)),
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = 4711 AND backend_start = \
             '2026-03-02 08:00:00.1+00''; DROP TABLE staff; --'::timestamptz"
        );
    }
}

//! Statements that take long, as the extension `pg_stat_statements` counts them: differences of
//! the last hour, not means of a year.

use super::with_sessions;
use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::postgresql::server::{Extension, Server};
use crate::database::{ident, statements};
use crate::domain::redact;
use crate::domain::vitals::Measured;

pub(in crate::database::postgresql) const CHECK: Check<Server> = Check {
    gauges: &["slow_statements"],
    lane: LaneKind::Slow,
    remembers: true,
    ask: |server| match &server.statements {
        None => Question::Hidden {
            why: "the extension pg_stat_statements is not installed in this database".to_owned(),
            grant: Some("CREATE EXTENSION pg_stat_statements".to_owned()),
        },
        Some(extension) => match with_sessions(server, "") {
            Question::Ask(_) => Question::Made(question(extension, statements::COMPARED)),
            hidden => hidden,
        },
    },
    read,
};

/// The columns of [`statements`], in every version.
pub(in crate::database::postgresql) fn question(extension: &Extension, most: usize) -> String {
    let schema = ident::quoted(&extension.schema);
    let at_least = |minor| extension.version >= (1, minor);
    // The columns follow the version of the extension, which may be older than its server.
    let total = if at_least(8) { "s.total_exec_time" } else { "s.total_time" };
    let level = if at_least(9) { "s.toplevel" } else { "true" };
    let since = match () {
        () if at_least(11) => "s.stats_since::text".to_owned(),
        () if at_least(9) => format!("(SELECT i.stats_reset::text FROM {schema}.pg_stat_statements_info i)"),
        () => "NULL".to_owned(),
    };
    format!(
        "SELECT s.userid || ':' || s.queryid || ':' || {level}, s.calls, {total}, s.rows, {since}, \
         left(regexp_replace(left(s.query, 4000), '\\s+', ' ', 'g'), 1000), \
         pg_get_userbyid(s.userid) \
         FROM {schema}.pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid \
         WHERE d.datname = current_database() AND s.calls > 0 \
         ORDER BY {total} / s.calls >= 20 DESC, {total} DESC LIMIT {most}"
    )
}

/// The text of a statement, without what may be a secret in it.
pub(in crate::database::postgresql) fn text(said: &str) -> String {
    // What sets a password holds it, and every way of writing one is not known.
    if said.to_ascii_lowercase().contains("password") {
        let verb: Vec<&str> = said.split_whitespace().take(2).collect();
        return format!("{} … (not shown: it may hold a password)", verb.join(" "));
    }
    redact::text(said).into_owned()
}

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let advice = "EXPLAIN (ANALYZE, BUFFERS) shows where its time goes";
    statements::slowest(look.rows, look.past, text, advice, &mut measured);
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;

    #[test]
    fn every_version_of_the_extension_is_asked_for_what_it_has() {
        let of = |minor| question(&Extension { version: (1, minor), schema: "it\"s".to_owned() }, 5);
        assert!(of(7).contains("s.total_time / s.calls") && of(7).contains("NULL, "), "{}", of(7));
        assert!(
            of(8).contains("s.total_exec_time") && !of(8).contains("toplevel") && !of(8).contains("_info"),
            "{}",
            of(8)
        );
        assert!(
            of(9).contains("s.toplevel") && of(9).contains(r#"FROM "it""s".pg_stat_statements_info i"#),
            "{}",
            of(9)
        );
        assert!(of(11).contains("s.stats_since") && !of(11).contains("_info"), "{}", of(11));
        let none = Server { statements: None, ..server() };
        assert!(
            matches!((CHECK.ask)(&none), Question::Hidden { grant: Some(grant), .. } if grant.starts_with("CREATE EXTENSION"))
        );
        let blind = Server { sees_sessions: false, ..server() };
        assert!(
            matches!((CHECK.ask)(&blind), Question::Hidden { grant: Some(grant), .. } if grant.starts_with("GRANT pg_monitor"))
        );
    }

    #[test]
    fn no_statement_shows_a_password() {
        let told = text("ALTER ROLE rota PASSWORD 'hunter2'");
        assert_eq!(told, "ALTER ROLE … (not shown: it may hold a password)");
        assert_eq!(text("SELECT 1"), "SELECT 1");
    }
}

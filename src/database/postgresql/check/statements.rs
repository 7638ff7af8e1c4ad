//! Statements that take long, as the extension `pg_stat_statements` counts them: differences of
//! the last hour, not means of a year.

use super::with_sessions;
use crate::database::check::{Check, LaneKind, Look, Past, Question};
use crate::database::ident;
use crate::database::postgresql::server::{Extension, Server};
use crate::database::row::Row;
use crate::domain::finding::Remark;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;
use crate::domain::{humanize, redact};

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
            Question::Ask(_) => Question::Made(question(extension, MOST)),
            hidden => hidden,
        },
    },
    read,
};

/// How many are compared: those that are slow on the whole, then those that take most time.
const MOST: usize = 100;
/// A statement that ran less often within the hour is no habit.
const HABIT: f64 = 10.0;

/// The columns that are the same in every version: who and what it is, calls, milliseconds, rows,
/// since when it is counted, the text, and the role.
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

/// What a statement did since an earlier answer.
#[derive(Debug)]
pub(in crate::database::postgresql) struct Spent {
    pub(in crate::database::postgresql) calls: f64,
    pub(in crate::database::postgresql) seconds: f64,
    pub(in crate::database::postgresql) rows: f64,
    pub(in crate::database::postgresql) within: f64,
}

/// The difference to the earliest answer that counts from the same beginning.
pub(in crate::database::postgresql) fn spent(row: &Row, past: &[Past]) -> Option<Spent> {
    past.iter().rev().find_map(|past| {
        let then = past.rows.iter().find(|then| then.get(0) == row.get(0) && then.get(4) == row.get(4))?;
        let grown = |column| {
            let grown = row.number(column)? - then.number(column)?;
            (grown >= 0.0).then_some(grown)
        };
        let (calls, seconds, rows) = (grown(1)?, grown(2)? / 1000.0, grown(3)?);
        Some(Spent { calls, seconds, rows, within: past.ago.as_secs_f64() })
    })
}

/// The text of a statement, without what may be a secret in it.
pub(in crate::database::postgresql) fn text(row: &Row) -> String {
    let text = row.text(5);
    // What sets a password holds it, and every way of writing one is not known.
    if text.to_ascii_lowercase().contains("password") {
        let verb: Vec<&str> = text.split_whitespace().take(2).collect();
        return format!("{} … (not shown: it may hold a password)", verb.join(" "));
    }
    redact::text(text).into_owned()
}

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let habits = look.rows.iter().filter_map(|row| Some((row, spent(row, look.past)?)));
    let habits = habits.filter(|(_, spent)| spent.calls >= HABIT);
    let slowest =
        habits.max_by(|(_, one), (_, other)| (one.seconds / one.calls).total_cmp(&(other.seconds / other.calls)));
    if let Some((row, spent)) = slowest {
        let mean = spent.seconds / spent.calls;
        measured.sample(Sample::seconds("slow_statements", mean));
        let said = text(row);
        let short: String = said.chars().take(80).collect();
        let cut = if short.len() < said.len() { "…" } else { "" };
        let text = format!(
            "a statement of {} took {} on average, {} times within {}: {short}{cut}",
            row.text(6),
            humanize::seconds(mean),
            humanize::number(spent.calls),
            humanize::seconds(spent.within)
        );
        measured.remark(
            Remark::new("slow_statements", text).advice("EXPLAIN (ANALYZE, BUFFERS) shows where its time goes"),
        );
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::database::postgresql::server::tests::server;

    fn row(calls: &str, total: &str, since: &str, text: &str) -> Row {
        Row::new(["10:77:true", calls, total, "5", since, text, "rota"].map(Some))
    }

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
    fn a_mean_is_of_the_last_hour_and_a_reset_begins_anew() {
        let past = |ago, rows: Vec<Row>| Past { ago: Duration::from_secs(ago), rows };
        let of = |now: Row, past: &[Past]| read(&Look { server: &server(), rows: &[now], past });
        let now = || row("1100", "61000", "monday", "SELECT * FROM shift WHERE note = $1");
        let measured = of(now(), &[past(1800, vec![row("1000", "1000", "monday", "")])]);
        assert_eq!(measured.samples, [Sample::seconds("slow_statements", 0.6)]);
        let text =
            "a statement of rota took 600 ms on average, 100 times within 30 m: SELECT * FROM shift WHERE note = $1";
        assert_eq!(measured.remarks[0].text, text);
        assert_eq!(of(now(), &[past(60, vec![row("1000", "1000", "sunday", "")])]), Measured::default());
        assert_eq!(of(now(), &[past(60, vec![row("2000", "1000", "monday", "")])]), Measured::default());
        assert_eq!(of(now(), &[past(60, vec![row("1095", "1000", "monday", "")])]), Measured::default(), "no habit");
    }

    #[test]
    fn no_statement_shows_a_password() {
        let told = text(&row("1", "1", "r", "ALTER ROLE rota PASSWORD 'hunter2'"));
        assert_eq!(told, "ALTER ROLE … (not shown: it may hold a password)");
        assert_eq!(text(&row("1", "1", "r", "SELECT 1")), "SELECT 1");
    }
}

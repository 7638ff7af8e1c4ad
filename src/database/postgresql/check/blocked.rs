//! Who waits for a lock, and who at the root of it waits for nobody.

use std::collections::BTreeMap;

use super::transactions::END_IT;
use super::with_sessions;
use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::postgresql::server::Server;
use crate::database::row::Row;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;
use crate::domain::waits::{PREPARED, Waits};

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["blocked"],
    lane: LaneKind::Fast,
    remembers: false,
    // Since 14 everybody may see how long a lock has been waited for, before only whose
    // session it is tells.
    ask: |server| if server.is_at_least(14) { Question::Ask(QUESTION) } else { with_sessions(server, BEFORE_14) },
    read,
};

const QUESTION: &str = "
    WITH waiting AS (SELECT pid, min(waitstart) AS since FROM pg_locks WHERE NOT granted GROUP BY pid),
         edges AS (SELECT pid, since, pg_blocking_pids(pid) AS behind FROM waiting)
    SELECT pid, extract(epoch FROM clock_timestamp() - since), array_to_string(behind, ','), NULL, NULL, NULL, NULL
      FROM edges
    UNION ALL
    SELECT pid, NULL, NULL, usename, application_name, state, extract(epoch FROM clock_timestamp() - state_change)
      FROM pg_stat_activity WHERE pid IN (SELECT unnest(behind) FROM edges)";

const BEFORE_14: &str = "
    WITH waiting AS (SELECT DISTINCT l.pid, a.query_start AS since
                       FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE NOT l.granted),
         edges AS (SELECT pid, since, pg_blocking_pids(pid) AS behind FROM waiting)
    SELECT pid, extract(epoch FROM clock_timestamp() - since), array_to_string(behind, ','), NULL, NULL, NULL, NULL
      FROM edges
    UNION ALL
    SELECT pid, NULL, NULL, usename, application_name, state, extract(epoch FROM clock_timestamp() - state_change)
      FROM pg_stat_activity WHERE pid IN (SELECT unnest(behind) FROM edges)";

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let waiters: BTreeMap<u64, (f64, Vec<u64>)> = look.rows.iter().filter_map(waiter).collect();
    let longest = waiters.values().map(|(age, _)| *age).fold(0.0, f64::max);
    measured.sample(Sample::seconds("blocked", longest));
    measured.sample(Sample::count("waiting", waiters.len() as f64));
    let waits = Waits::of(waiters.iter().map(|(pid, (_, behind))| (*pid, behind.iter().copied())));
    let worst = waits.roots().into_iter().max_by_key(|(pid, behind)| (behind.len(), std::cmp::Reverse(*pid)));
    let Some((root, behind)) = worst else { return measured };
    let longest = behind.iter().filter_map(|pid| waiters.get(pid)).map(|(age, _)| *age).fold(0.0, f64::max);
    let (wait, holder) = (if behind.len() == 1 { "waits" } else { "wait" }, holder(root, look.rows));
    let others = waiters.len() - behind.len();
    let others = if others > 0 { format!("; {} elsewhere", humanize::count(others, "more")) } else { String::new() };
    let longest = humanize::seconds(longest);
    // Before 14 nobody knows how long a lock has been waited for, only how old the statement is.
    let longest = if look.server.is_at_least(14) {
        format!("the longest for {longest}")
    } else {
        format!("with a statement of {longest}, of which the wait is a part")
    };
    let text = format!("{} {wait} behind {holder}, {longest}{others}", humanize::count(behind.len(), "session"));
    let remark = Remark::new("blocked", text);
    measured.remark(match root {
        PREPARED => remark.advice("look at pg_prepared_xacts, and COMMIT PREPARED or ROLLBACK PREPARED it"),
        pid => remark.advice(END_IT).session(pid),
    });
    measured
}

fn waiter(row: &Row) -> Option<(u64, (f64, Vec<u64>))> {
    let behind = row.get(2)?.split(',').filter_map(|pid| pid.parse().ok()).collect();
    Some((row.whole(0)?, (row.number(1).unwrap_or(0.0).max(0.0), behind)))
}

/// `pid 4711 (web, role rota), idle in transaction for 14 m`
fn holder(root: u64, rows: &[Row]) -> String {
    if root == PREPARED {
        return "a prepared transaction".to_owned();
    }
    let row = rows.iter().find(|row| row.whole(0) == Some(root) && row.get(2).is_none());
    let Some(row) = row else { return format!("pid {root}") };
    let application = row.get(4).filter(|name| !name.is_empty()).map(|name| format!("{name}, ")).unwrap_or_default();
    let role = row.get(3).map(|role| format!(" ({application}role {role})")).unwrap_or_default();
    match (row.get(5), row.number(6)) {
        (Some(state), Some(age)) => format!("pid {root}{role}, {state} for {}", humanize::seconds(age.max(0.0))),
        _ => format!("pid {root}{role}, whose state is hidden"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;

    fn wait(pid: &str, age: &str, behind: &str) -> Row {
        Row::new([Some(pid), Some(age), Some(behind), None, None, None, None])
    }

    fn read_rows(rows: &[Row]) -> Measured {
        read(&Look { server: &server(), rows, past: &[] })
    }

    #[test]
    fn a_chain_is_told_from_its_root() {
        let holder =
            Row::new([Some("4711"), None, None, Some("rota"), Some("web"), Some("idle in transaction"), Some("840")]);
        let rows = [wait("1", "360", "4711"), wait("2", "200", "1,4711"), wait("3", "7", "2"), holder];
        let measured = read_rows(&rows);
        assert_eq!(
            measured.remarks[0].text,
            "3 sessions wait behind pid 4711 (web, role rota), idle in transaction for 14 m, the longest for 6 m"
        );
        assert_eq!(measured.samples, [Sample::seconds("blocked", 360.0), Sample::count("waiting", 3.0)]);
    }

    #[test]
    fn the_root_with_most_behind_it_is_named_and_the_rest_counted() {
        let rows = [wait("1", "9", "10"), wait("2", "8", "20"), wait("3", "7", "20")];
        let text = &read_rows(&rows).remarks[0].text;
        assert_eq!(text, "2 sessions wait behind pid 20, the longest for 8.0 s; 1 more elsewhere");
    }

    #[test]
    fn prepared_transactions_circles_and_hidden_states_have_their_words() {
        let text = |rows: &[Row]| read_rows(rows).remarks[0].text.clone();
        assert_eq!(
            text(&[wait("1", "9", "0")]),
            "1 session waits behind a prepared transaction, the longest for 9.0 s"
        );
        assert_eq!(
            text(&[wait("1", "2", "2"), wait("2", "1", "1")]),
            "1 session waits behind pid 1, the longest for 1.0 s; 1 more elsewhere"
        );
        let hidden = Row::new([Some("7"), None, None, Some("rota"), Some(""), None, None]);
        let said = text(&[wait("1", "9", "7"), hidden]);
        assert_eq!(said, "1 session waits behind pid 7 (role rota), whose state is hidden, the longest for 9.0 s");
    }

    #[test]
    fn before_14_the_age_of_the_statement_is_not_called_a_wait() {
        let old = Server { number: 130_004, ..server() };
        let measured = read(&Look { server: &old, rows: &[wait("1", "90", "7")], past: &[] });
        let text = "1 session waits behind pid 7, with a statement of 1 m 30 s, of which the wait is a part";
        assert_eq!(measured.remarks[0].text, text);
    }

    #[test]
    fn nobody_waits() {
        assert_eq!(read_rows(&[]).samples, [Sample::seconds("blocked", 0.0), Sample::count("waiting", 0.0)]);
    }
}

//! Transactions that last: the one that idles while it holds its locks, and the oldest of all.

use super::with_sessions;
use crate::database::check::{Check, LaneKind, Look};
use crate::database::postgresql::server::Server;
use crate::database::row::Row;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const IDLE: Check<Server> = Check {
    gauges: &["idle_in_transaction"],
    lane: LaneKind::Fast,
    remembers: false,
    ask: |server| with_sessions(server, IDLE_QUESTION),
    read: |look| {
        told(look, "idle_in_transaction", "has been idle in transaction for", "in all are idle in transaction")
    },
};

pub(super) const OLDEST: Check<Server> = Check {
    gauges: &["oldest_transaction"],
    lane: LaneKind::Fast,
    remembers: false,
    ask: |server| with_sessions(server, OLDEST_QUESTION),
    read: |look| told(look, "oldest_transaction", "has been in one transaction for", "in all have transactions"),
};

const IDLE_QUESTION: &str = "
    SELECT pid, usename, application_name, extract(epoch FROM clock_timestamp() - state_change), count(*) OVER ()
      FROM pg_stat_activity
     WHERE state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()
     ORDER BY state_change LIMIT 1";

/// A dump takes as long as it takes, and is nobody's leftover.
const OLDEST_QUESTION: &str = "
    SELECT pid, usename, application_name, extract(epoch FROM clock_timestamp() - xact_start), count(*) OVER ()
      FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
       AND application_name NOT IN ('pg_dump', 'pg_dumpall', 'pg_basebackup')
     ORDER BY xact_start LIMIT 1";

/// What is advised besides ending its session.
pub(super) const END_IT: &str = "end its transaction where it was begun";

fn told(look: &Look<'_, Server>, key: &'static str, verb: &str, all: &str) -> Measured {
    let mut measured = Measured::default();
    let age = look.first().and_then(|row| row.number(3)).unwrap_or(0.0).max(0.0);
    measured.sample(Sample::seconds(key, age));
    if let Some(row) = look.first() {
        let mut text = format!("{} {verb} {}", session(row), humanize::seconds(age));
        if row.number(4).is_some_and(|count| count > 1.0) {
            text += &format!("; {} {all}", row.text(4));
        }
        measured.remark(Remark::new(key, text).advice(END_IT).session(row.whole(0)));
    }
    measured
}

/// `pid 4711 (web, role rota)`
pub(super) fn session(row: &Row) -> String {
    let application = if row.text(2).is_empty() { String::new() } else { format!("{}, ", row.text(2)) };
    format!("pid {} ({application}role {})", row.text(0), row.text(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;

    #[test]
    fn the_session_that_idles_is_named() {
        let rows = [Row::new(["4711", "rota", "web", "840.2", "3"].map(Some))];
        let measured = (IDLE.read)(&Look { server: &server(), rows: &rows, past: &[] });
        assert_eq!(measured.samples, [Sample::seconds("idle_in_transaction", 840.2)]);
        let text = "pid 4711 (web, role rota) has been idle in transaction for 14 m; 3 in all are idle in transaction";
        assert_eq!(measured.remarks[0].text, text);
    }

    #[test]
    fn nobody_is_zero_and_not_unknown() {
        let measured = (OLDEST.read)(&Look { server: &server(), rows: &[], past: &[] });
        assert_eq!(measured.samples, [Sample::seconds("oldest_transaction", 0.0)]);
        assert!(measured.remarks.is_empty());
    }
}

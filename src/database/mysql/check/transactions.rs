//! Transactions that last: those in which nobody does anything, and the oldest of all.

use crate::database::check::{Check, LaneKind, Look};
use crate::database::mysql::server::Server;
use crate::database::row::Row;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const IDLE: Check<Server> = Check {
    gauges: &["idle_in_transaction"],
    lane: LaneKind::Fast,
    remembers: false,
    ask: |server| server.with_sessions(IDLE_QUESTION),
    read: idle,
};

pub(super) const OLDEST: Check<Server> = Check {
    gauges: &["oldest_transaction"],
    lane: LaneKind::Fast,
    remembers: false,
    ask: |server| server.with_sessions(OLDEST_QUESTION),
    read: oldest,
};

const IDLE_QUESTION: &str = "
    SELECT t.trx_mysql_thread_id, p.user, p.host, p.time, COUNT(*) OVER ()
      FROM information_schema.innodb_trx t JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
     WHERE p.command = 'Sleep' ORDER BY p.time DESC, p.id LIMIT 1";

/// A replica's own work and a dump may last. What has no session is a prepared transaction.
const OLDEST_QUESTION: &str = "
    SELECT t.trx_mysql_thread_id, p.user, p.host, TIMESTAMPDIFF(SECOND, t.trx_started, NOW()), p.command,
           t.trx_rows_modified
      FROM information_schema.innodb_trx t LEFT JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
     WHERE COALESCE(p.user, '') NOT IN ('system user', 'event_scheduler')
       AND COALESCE(p.info, '') NOT LIKE 'SELECT /*!40001 SQL_NO_CACHE */%'
     ORDER BY t.trx_started, t.trx_mysql_thread_id LIMIT 1";

fn idle(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let age = look.first().and_then(|row| row.number(3)).unwrap_or(0.0).max(0.0);
    measured.sample(Sample::seconds("idle_in_transaction", age));
    let Some(row) = look.first() else { return measured };
    let all = match row.whole(4) {
        Some(all) if all > 1 => format!("; {all} in all are idle in transaction"),
        _ => String::new(),
    };
    let text = format!("{} has been idle in transaction for {}{all}", session(row), humanize::seconds(age));
    measured.remark(Remark::new("idle_in_transaction", text).advice(END_IT).session(row.whole(0)));
    measured
}

fn oldest(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let age = look.first().and_then(|row| row.number(3)).unwrap_or(0.0).max(0.0);
    measured.sample(Sample::seconds("oldest_transaction", age));
    let Some(row) = look.first() else { return measured };
    if row.whole(0) == Some(0) {
        let text = format!("a prepared transaction (XA) has no session for {}", humanize::seconds(age));
        let advice = "`XA RECOVER` lists it; XA COMMIT or XA ROLLBACK it";
        measured.remark(Remark::new("oldest_transaction", text).advice(advice));
        return measured;
    }
    let changed = match row.whole(5) {
        Some(rows) if rows > 0 => format!(", {} changed", humanize::count(rows as usize, "row")),
        _ => String::new(),
    };
    let text = format!("{} has been in one transaction for {}{changed}", session(row), humanize::seconds(age));
    measured.remark(Remark::new("oldest_transaction", text).advice(END_IT).session(row.whole(0)));
    measured
}

/// What is advised besides ending its session.
pub(super) const END_IT: &str = "end its transaction where it was begun";

/// `connection 4711 (web@10.0.0.3)`
pub(super) fn session(row: &Row) -> String {
    let host = row.text(2);
    // The port says nothing; an address of version 6 has colons of its own.
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    match row.get(1) {
        Some(user) => format!("connection {} ({user}@{host})", row.text(0)),
        None => format!("connection {}", row.text(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::mysql::server::tests::server;

    #[test]
    fn the_session_that_idles_is_named() {
        let rows = [Row::new(["47", "web", "10.0.0.3:51234", "840", "3"].map(Some))];
        let measured = idle(&Look { server: &server(), rows: &rows, past: &[] });
        assert_eq!(measured.samples, [Sample::seconds("idle_in_transaction", 840.0)]);
        let text =
            "connection 47 (web@10.0.0.3) has been idle in transaction for 14 m; 3 in all are idle in transaction";
        assert_eq!(measured.remarks[0].text, text);
    }

    #[test]
    fn the_oldest_is_told_with_what_it_changed_and_one_without_a_session_for_what_it_is() {
        let told = |row: Row| {
            let rows = [row];
            oldest(&Look { server: &server(), rows: &rows, past: &[] }).remarks[0].text.clone()
        };
        let row = Row::new(["47", "web", "localhost", "900", "Query", "2"].map(Some));
        assert_eq!(told(row), "connection 47 (web@localhost) has been in one transaction for 15 m, 2 rows changed");
        let prepared = Row::new([Some("0"), None, None, Some("900"), None, Some("1")]);
        assert_eq!(told(prepared), "a prepared transaction (XA) has no session for 15 m");
    }

    #[test]
    fn nobody_is_zero_and_not_unknown() {
        let measured = oldest(&Look { server: &server(), rows: &[], past: &[] });
        assert_eq!(measured.samples, [Sample::seconds("oldest_transaction", 0.0)]);
        assert!(measured.remarks.is_empty());
    }
}

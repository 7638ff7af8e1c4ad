//! Who waits for a lock on a row or a table, and who at the root of it waits for nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::transactions::{END_IT, session};
use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::mysql::server::Server;
use crate::database::row::Row;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;
use crate::domain::waits::Waits;

/// Sessions that wait: for how many seconds, and directly behind whom.
type Waiters = BTreeMap<u64, (f64, BTreeSet<u64>)>;

pub(super) const CHECK: Check<Server> =
    Check { gauges: &["blocked"], lane: LaneKind::Fast, remembers: false, ask, read };

/// Each row: who waits, for how long, behind whom, and what is known of the latter. Who holds the
/// lock of a whole table is not known here.
const MARIADB: &str = "
    SELECT r.trx_mysql_thread_id, TIMESTAMPDIFF(SECOND, r.trx_wait_started, NOW()), b.trx_mysql_thread_id,
           p.user, p.host, p.command, p.time
      FROM information_schema.innodb_lock_waits w
      JOIN information_schema.innodb_trx r ON r.trx_id = w.requesting_trx_id
      JOIN information_schema.innodb_trx b ON b.trx_id = w.blocking_trx_id
      LEFT JOIN information_schema.processlist p ON p.id = b.trx_mysql_thread_id
    UNION ALL
    SELECT id, time, NULL, NULL, NULL, NULL, NULL
      FROM information_schema.processlist
     WHERE state LIKE 'Waiting for table%lock' OR state LIKE 'Waiting for % metadata lock'
        OR state = 'Waiting for global read lock' OR state = 'Waiting for backup lock'";

/// As the view `innodb_lock_waits` of MySQL's sys schema asks.
const MYSQL: &str = "
    SELECT r.trx_mysql_thread_id, TIMESTAMPDIFF(SECOND, r.trx_wait_started, NOW()), b.trx_mysql_thread_id,
           p.user, p.host, p.command, p.time
      FROM performance_schema.data_lock_waits w
      JOIN information_schema.innodb_trx r ON r.trx_id = w.requesting_engine_transaction_id
      JOIN information_schema.innodb_trx b ON b.trx_id = w.blocking_engine_transaction_id
      LEFT JOIN information_schema.processlist p ON p.id = b.trx_mysql_thread_id";

/// As its view `schema_table_lock_waits` does. MariaDB has the same tables, which are empty unless
/// somebody has it watch.
const TABLES: &str = "
    SELECT wt.processlist_id, wt.processlist_time, gt.processlist_id, gt.processlist_user, gt.processlist_host,
           gt.processlist_command, gt.processlist_time
      FROM performance_schema.metadata_locks w
      JOIN performance_schema.threads wt ON wt.thread_id = w.owner_thread_id
      LEFT JOIN performance_schema.metadata_locks g
        ON g.object_type = w.object_type AND g.object_schema <=> w.object_schema AND g.object_name <=> w.object_name
       AND g.lock_status = 'GRANTED' AND g.owner_thread_id <> w.owner_thread_id
      LEFT JOIN performance_schema.threads gt ON gt.thread_id = g.owner_thread_id
     WHERE w.lock_status = 'PENDING'";

/// What to ask one after another to know who waits, and directly behind whom: the first and third
/// column say it.
pub(in crate::database::mysql) fn waits(server: &Server) -> &'static [&'static str] {
    if server.is_mariadb() { &[MARIADB, TABLES] } else { &[MYSQL, TABLES] }
}

fn ask(server: &Server) -> Question {
    match server.with_sessions(MARIADB) {
        Question::Ask(_) if !server.is_mariadb() => Question::Made(format!("{MYSQL} UNION ALL {TABLES}")),
        other => other,
    }
}

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let mut waiters = Waiters::new();
    for row in look.rows {
        let Some(waiter) = row.whole(0) else { continue };
        let (age, behind) = waiters.entry(waiter).or_insert((0.0, BTreeSet::new()));
        *age = row.number(1).unwrap_or(0.0).max(*age);
        behind.extend(row.whole(2));
    }
    let longest = waiters.values().map(|(age, _)| *age).fold(0.0, f64::max);
    measured.sample(Sample::seconds("blocked", longest));
    measured.sample(Sample::count("waiting", waiters.len() as f64));
    let waits = Waits::of(waiters.iter().map(|(waiter, (_, behind))| (*waiter, behind.iter().copied())));
    let worst = waits.roots().into_iter().max_by_key(|(root, behind)| (behind.len(), std::cmp::Reverse(*root)));
    let Some((root, behind)) = worst else {
        if !waiters.is_empty() {
            measured.remark(of_unknown_holder(&waiters, longest));
        }
        return measured;
    };
    let longest = behind.iter().filter_map(|waiter| waiters.get(waiter)).map(|(age, _)| *age).fold(0.0, f64::max);
    let wait = if behind.len() == 1 { "waits" } else { "wait" };
    let others = waiters.keys().filter(|waiter| **waiter != root && !behind.contains(waiter)).count();
    let others = if others > 0 { format!("; {} elsewhere", humanize::count(others, "more")) } else { String::new() };
    let text = format!(
        "{} {wait} behind {}, the longest for {}{others}",
        humanize::count(behind.len(), "session"),
        holder(root, look.rows),
        humanize::seconds(longest)
    );
    measured.remark(Remark::new("blocked", text).advice(END_IT).session(root));
    measured
}

fn of_unknown_holder(waiters: &Waiters, longest: f64) -> Remark {
    let wait = if waiters.len() == 1 { "waits" } else { "wait" };
    let who = waiters.keys().next().map_or(String::new(), |first| format!(", connection {first} among them"));
    let text = format!(
        "{} {wait} for a lock on a whole table{who}, the longest for {}",
        humanize::count(waiters.len(), "session"),
        humanize::seconds(longest)
    );
    let advice = "whoever is still in a transaction that touched it holds it: see idle_in_transaction and \
                  oldest_transaction; INSTALL SONAME 'metadata_lock_info' makes it visible";
    Remark::new("blocked", text).advice(advice)
}

/// `connection 47 (web@10.0.0.3), asleep in a transaction for 14 m`
fn holder(root: u64, rows: &[Row]) -> String {
    let Some(row) = rows.iter().find(|row| row.whole(2) == Some(root)) else { return format!("connection {root}") };
    let named = session(&Row::new([row.get(2), row.get(3), row.get(4)]));
    match (row.get(5), row.number(6)) {
        (Some("Sleep"), Some(age)) => format!("{named}, asleep in a transaction for {}", humanize::seconds(age)),
        (Some(_), Some(age)) => format!("{named}, in a statement for {}", humanize::seconds(age)),
        _ => named,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::mysql::server::tests::server;

    fn wait(waiter: &str, age: &str, behind: Option<&str>, command: Option<&str>) -> Row {
        let host = behind.map(|_| "10.0.0.3:5123");
        Row::new([Some(waiter), Some(age), behind, behind.map(|_| "web"), host, command, command.map(|_| "840")])
    }

    fn told(rows: &[Row]) -> String {
        read(&Look { server: &server(), rows, past: &[] }).remarks[0].text.clone()
    }

    #[test]
    fn a_chain_is_told_from_its_root() {
        let rows = [wait("1", "360", Some("47"), Some("Sleep")), wait("2", "200", Some("1"), Some("Query"))];
        let text = "2 sessions wait behind connection 47 (web@10.0.0.3), asleep in a transaction for 14 m, the longest for 6 m";
        assert_eq!(told(&rows), text);
        let busy = [wait("1", "9", Some("47"), Some("Query")), wait("7", "3", None, None)];
        let text = "1 session waits behind connection 47 (web@10.0.0.3), in a statement for 14 m, the longest for 9.0 s; \
                    1 more elsewhere";
        assert_eq!(told(&busy), text);
    }

    #[test]
    fn who_waits_for_a_table_is_told_though_nobody_says_who_holds_it() {
        let text = "2 sessions wait for a lock on a whole table, connection 7 among them, the longest for 9.0 s";
        assert_eq!(told(&[wait("7", "9", None, None), wait("8", "2", None, None)]), text);
    }

    #[test]
    fn nobody_waits() {
        let measured = read(&Look { server: &server(), rows: &[], past: &[] });
        assert_eq!(measured.samples, [Sample::seconds("blocked", 0.0), Sample::count("waiting", 0.0)]);
    }
}

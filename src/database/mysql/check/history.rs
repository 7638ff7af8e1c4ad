//! Deadlocks since we looked, and old versions of rows that cannot be purged yet.

use super::counters::{comparable, counter, grown};
use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::mysql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["deadlocks", "history_list"],
    lane: LaneKind::Fast,
    remembers: true,
    // MariaDB shows both to everybody; MySQL counts them where only PROCESS lets one look.
    ask: |server| if server.is_mariadb() { Question::Ask(MARIADB) } else { server.with_sessions(MYSQL) },
    read,
};

const MARIADB: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN
    ('Innodb_deadlocks', 'Innodb_history_list_length', 'Uptime', 'Uptime_since_flush_status')";

/// Both are counted unless somebody has switched them off.
const MYSQL: &str = "
    SELECT CASE name WHEN 'lock_deadlocks' THEN 'Innodb_deadlocks' ELSE 'Innodb_history_list_length' END, `count`
      FROM information_schema.innodb_metrics
     WHERE name IN ('lock_deadlocks', 'trx_rseg_history_len') AND status = 'enabled'";

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    match counter(look.rows, "Innodb_history_list_length") {
        Some(length) => {
            measured.sample(Sample::count("history_list", length));
            let text = format!("{} old versions of rows not purged yet", humanize::number(length));
            let advice = "an old transaction keeps them: see oldest_transaction, and end it; if there is none, purge \
                          does not keep up: raise innodb_purge_threads";
            measured.remark(Remark::new("history_list", text).advice(advice));
        }
        None => measured.hide("history_list", "the server does not count it", None),
    }
    if counter(look.rows, "Innodb_deadlocks").is_none() {
        measured.hide("deadlocks", "the server does not count them", None);
    }
    let past = comparable(look, &["Innodb_deadlocks"]);
    if let Some((ago, oldest)) = past.last()
        && let Some(deadlocks) = grown(look.rows, oldest, "Innodb_deadlocks")
    {
        measured.sample(Sample::count("deadlocks", deadlocks));
        let text = format!("{} within {}", humanize::count(deadlocks as usize, "deadlock"), humanize::seconds(*ago));
        let advice = "`SHOW ENGINE INNODB STATUS` shows both sides of the last one; innodb_print_all_deadlocks = 1 \
                      writes all into the error log";
        measured.remark(Remark::new("deadlocks", text).advice(advice));
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::super::counters::tests::{past, rows};
    use super::*;
    use crate::database::mysql::server::tests::{blind, mysql, server};

    #[test]
    fn deadlocks_are_those_since_we_looked() {
        let now = rows(&[("Innodb_deadlocks", 7), ("Innodb_history_list_length", 12)]);
        let earlier = [past(600, &[("Innodb_deadlocks", 5)])];
        let server = server();
        let measured = read(&Look { server: &server, rows: &now, past: &earlier });
        assert_eq!(measured.samples, [Sample::count("history_list", 12.0), Sample::count("deadlocks", 2.0)]);
        assert_eq!(measured.remarks[1].text, "2 deadlocks within 10 m");
        let uncounted = read(&Look { server: &server, rows: &[], past: &[] });
        assert_eq!(uncounted.hidden.len(), 2, "not counted is not none");
    }

    #[test]
    fn in_mysql_they_are_hidden_from_whoever_lacks_process() {
        assert!(matches!((CHECK.ask)(&mysql()), Question::Ask(MYSQL)));
        let blind_mysql = Server { grants: blind().grants, ..mysql() };
        assert!(matches!((CHECK.ask)(&blind_mysql), Question::Hidden { .. }));
        assert!(matches!((CHECK.ask)(&blind()), Question::Ask(MARIADB)));
    }
}

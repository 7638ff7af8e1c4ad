//! How many statements were slow, and how many temporary tables did not fit into memory: not
//! counting our own.

use super::counters::{comparable, share};
use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::mysql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["slow_queries", "temp_disk"],
    lane: LaneKind::Fast,
    remembers: true,
    ask: |server| Question::Ask(if server.is_mariadb() { MARIADB } else { MYSQL }),
    read,
};

const MARIADB: &str = "
    SELECT g.variable_name, g.variable_value, CASE WHEN g.variable_name LIKE 'UPTIME%' THEN 0 ELSE s.variable_value END
      FROM information_schema.global_status g
      JOIN information_schema.session_status s ON s.variable_name = g.variable_name
     WHERE g.variable_name IN ('QUESTIONS', 'SLOW_QUERIES', 'CREATED_TMP_TABLES', 'CREATED_TMP_DISK_TABLES', 'UPTIME',
                               'UPTIME_SINCE_FLUSH_STATUS')";

const MYSQL: &str = "
    SELECT g.variable_name, g.variable_value, CASE WHEN g.variable_name LIKE 'Uptime%' THEN 0 ELSE s.variable_value END
      FROM performance_schema.global_status g
      JOIN performance_schema.session_status s ON s.variable_name = g.variable_name
     WHERE g.variable_name IN ('Questions', 'Slow_queries', 'Created_tmp_tables', 'Created_tmp_disk_tables', 'Uptime',
                               'Uptime_since_flush_status')";

/// With fewer than these a share is chance.
const STATEMENTS: f64 = 200.0;
const TABLES: f64 = 500.0;

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let slow = comparable(look, &["Questions", "Slow_queries"]);
    if let Some(slow) = share(look, &slow, "Slow_queries", "Questions", STATEMENTS) {
        measured.sample(Sample::percent("slow_queries", slow.percent));
        let text = format!(
            "{} of {} statements within {} were slow, {:.0} %",
            humanize::number(slow.part),
            humanize::number(slow.whole),
            humanize::seconds(slow.ago),
            slow.percent
        );
        let advice = "the slow query log shows them (slow_query_log = 1), with those that use no index";
        measured.remark(Remark::new("slow_queries", text).advice(advice));
    }
    let made = comparable(look, &["Created_tmp_tables", "Created_tmp_disk_tables"]);
    if let Some(disk) = share(look, &made, "Created_tmp_disk_tables", "Created_tmp_tables", TABLES) {
        measured.sample(Sample::percent("temp_disk", disk.percent));
        let text = format!(
            "{} of {} temporary tables within {} were made on disk, {:.0} %",
            humanize::number(disk.part),
            humanize::number(disk.whole),
            humanize::seconds(disk.ago),
            disk.percent
        );
        let advice = if look.server.is_mariadb() {
            "raise tmp_table_size and max_heap_table_size, or leave long texts out of what is grouped and sorted"
        } else {
            "raise temptable_max_ram, or leave long texts out of what is grouped and sorted"
        };
        measured.remark(Remark::new("temp_disk", text).advice(advice));
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::super::counters::tests::{past, rows};
    use super::*;
    use crate::database::mysql::server::tests::{mysql, server};

    #[test]
    fn shares_are_those_of_a_while_with_enough_in_it() {
        let counted = |questions, slow, tables, disk| {
            [
                ("QUESTIONS", questions),
                ("SLOW_QUERIES", slow),
                ("CREATED_TMP_TABLES", tables),
                ("CREATED_TMP_DISK_TABLES", disk),
            ]
        };
        let (now, earlier) = (rows(&counted(1400, 30, 900, 300)), [past(60, &counted(1000, 10, 300, 0))]);
        let server = server();
        let measured = read(&Look { server: &server, rows: &now, past: &earlier });
        assert_eq!(measured.samples, [Sample::percent("slow_queries", 5.0), Sample::percent("temp_disk", 50.0)]);
        assert_eq!(measured.remarks[0].text, "20 of 400 statements within 1 m were slow, 5 %");
        assert_eq!(measured.remarks[1].text, "300 of 600 temporary tables within 1 m were made on disk, 50 %");
        let few = [past(60, &counted(1390, 10, 890, 0))];
        assert_eq!(read(&Look { server: &server, rows: &now, past: &few }).samples, []);
    }

    #[test]
    fn each_house_keeps_its_counters_in_a_table_of_its_own() {
        assert_eq!((CHECK.ask)(&server()), Question::Ask(MARIADB));
        assert_eq!((CHECK.ask)(&mysql()), Question::Ask(MYSQL));
    }
}

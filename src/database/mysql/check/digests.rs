//! Statements that take long, as `performance_schema` counts them: differences of the last hour.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::mysql::activity::shown;
use crate::database::mysql::server::Server;
use crate::database::row::Row;
use crate::database::statements;
use crate::domain::vitals::Measured;

pub(in crate::database::mysql) const CHECK: Check<Server> = Check {
    gauges: &["slow_statements"],
    lane: LaneKind::Slow,
    remembers: true,
    ask: |_| Question::Ask(QUESTION),
    read,
};

/// What ran in this database, its constants taken out; and first of all whether anything is counted.
/// What asks the server about itself is left out: most of it is us. Both houses count picoseconds.
const QUESTION: &str = "
    SELECT * FROM (
      SELECT digest, count_star, sum_timer_wait / 1e9, sum_rows_sent + sum_rows_affected, first_seen,
             LEFT(digest_text, 1000), NULL, @@performance_schema
        FROM (SELECT 1) AS one
        LEFT JOIN performance_schema.events_statements_summary_by_digest
               ON schema_name = DATABASE() AND digest_text IS NOT NULL AND count_star > 0
              AND digest_text NOT LIKE 'SHOW %' AND digest_text NOT LIKE '%`information\\_schema`%'
              AND digest_text NOT LIKE '%`performance\\_schema`%' AND digest_text NOT LIKE '%@@`innodb\\_flush\\_log%'
       ORDER BY sum_timer_wait / count_star >= 2e10 DESC, sum_timer_wait DESC LIMIT 100) AS counted";

const COUNTS: usize = 7;

/// What the server must be told to count them.
pub(in crate::database::mysql) const SWITCH: &str =
    "performance_schema = ON in the server's configuration, and a restart";
pub(in crate::database::mysql) const OFF: &str = "the server counts no statements: performance_schema is off";

/// The statements of an answer; none where the server counts none at all.
pub(in crate::database::mysql) fn counted(rows: Vec<Row>) -> Option<Vec<Row>> {
    let counts = rows.first().is_some_and(|row| row.flag(COUNTS));
    counts.then(|| rows.into_iter().filter(|row| row.get(0).is_some()).collect())
}

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    match counted(look.rows.to_vec()) {
        None => measured.hide("slow_statements", OFF, Some(SWITCH.to_owned())),
        Some(rows) => {
            let advice = "EXPLAIN it: an index that fits what it compares may be missing";
            statements::slowest(&rows, look.past, shown, advice, &mut measured);
        }
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::mysql::server::tests::server;

    #[test]
    fn a_server_that_counts_nothing_says_so_and_one_on_which_nothing_ran_is_well() {
        let of = |on| {
            let mut row = [None; 8];
            row[COUNTS] = Some(on);
            read(&Look { server: &server(), rows: &[Row::new(row)], past: &[] })
        };
        assert_eq!(of("0").hidden[0].grant.as_deref(), Some(SWITCH));
        assert_eq!(of("1"), Measured::default());
        assert_eq!(read(&Look { server: &server(), rows: &[], past: &[] }).hidden.len(), 1, "no word is not well");
    }
}

//! The archiver: while it fails, no backup can be brought further than where it stopped.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::postgresql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> =
    Check { gauges: &["archiver"], lane: LaneKind::Fast, remembers: false, ask: |_| Question::Ask(QUESTION), read };

const QUESTION: &str = "
    SELECT current_setting('archive_mode') <> 'off',
           last_failed_time > coalesce(last_archived_time, '-infinity'),
           extract(epoch FROM clock_timestamp() - coalesce(last_archived_time, stats_reset)),
           failed_count, last_failed_wal, last_archived_time IS NULL
      FROM pg_stat_archiver";

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let Some(row) = look.first().filter(|row| row.flag(0)) else { return measured };
    let failing = if row.flag(1) { row.number(2).unwrap_or(0.0).max(0.0) } else { 0.0 };
    measured.sample(Sample::seconds("archiver", failing));
    if row.flag(1) {
        let since = if row.flag(5) { "has never archived anything, for" } else { "has archived nothing for" };
        let text = format!("the archiver {since} {}, and fails at {}", humanize::seconds(failing), row.text(4));
        let advice = "look at archive_command and the server's log; until then its log fills the disk";
        measured.remark(Remark::new("archiver", text).advice(advice));
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    fn of(values: [&str; 6]) -> Measured {
        read(&Look { server: &server(), rows: &[Row::new(values.map(Some))], past: &[] })
    }

    #[test]
    fn an_archiver_that_fails_says_since_when() {
        let failing = of(["t", "t", "400", "7", "00000001000000000000000A", "f"]);
        assert_eq!(failing.samples, [Sample::seconds("archiver", 400.0)]);
        let text = "the archiver has archived nothing for 6 m 40 s, and fails at 00000001000000000000000A";
        assert_eq!(failing.remarks[0].text, text);
    }

    #[test]
    fn one_that_recovered_is_well_and_one_that_is_off_is_not_there() {
        assert_eq!(of(["t", "f", "40000", "7", "x", "f"]).samples, [Sample::seconds("archiver", 0.0)]);
        assert_eq!(of(["f", "t", "40000", "7", "x", "f"]), Measured::default());
    }
}

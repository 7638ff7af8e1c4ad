//! The workers of autovacuum: while all of them are busy, every other table waits.

use super::with_sessions;
use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::postgresql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["autovacuum_workers"],
    lane: LaneKind::Fast,
    remembers: false,
    ask: |server| if server.standby { Question::NotHere } else { with_sessions(server, QUESTION) },
    read,
};

const QUESTION: &str = "
    SELECT current_setting('autovacuum_max_workers')::int, count(pid), extract(epoch FROM clock_timestamp() - min(xact_start)),
           (array_agg(query ORDER BY xact_start))[1], (array_agg(datname ORDER BY xact_start))[1]
      FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'";

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let Some(row) = look.first() else { return measured };
    let (Some(most), Some(busy)) = (row.number(0).filter(|most| *most > 0.0), row.number(1)) else { return measured };
    measured.sample(Sample::percent("autovacuum_workers", busy / most * 100.0));
    let longest = row.number(2).map(|age| {
        let what = row.text(3).trim_start_matches("autovacuum: ");
        format!(", the longest in {} for {} with {what}", row.text(4), humanize::seconds(age.max(0.0)))
    });
    let text = format!(
        "{} of {} autovacuum workers are busy{}",
        humanize::number(busy),
        humanize::number(most),
        longest.unwrap_or_default()
    );
    let advice = "let them work faster (autovacuum_vacuum_cost_limit), or have more of them (autovacuum_max_workers)";
    measured.remark(Remark::new("autovacuum_workers", text).advice(advice));
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    #[test]
    fn the_one_that_has_worked_longest_is_told() {
        let row = Row::new(["3", "3", "7200", "autovacuum: VACUUM public.shift", "rota"].map(Some));
        let measured = read(&Look { server: &server(), rows: &[row], past: &[] });
        assert_eq!(measured.samples, [Sample::percent("autovacuum_workers", 100.0)]);
        let text = "3 of 3 autovacuum workers are busy, the longest in rota for 2 h with VACUUM public.shift";
        assert_eq!(measured.remarks[0].text, text);
        let idle = Row::new([Some("3"), Some("0"), None, None, None]);
        let measured = read(&Look { server: &server(), rows: &[idle], past: &[] });
        assert_eq!(measured.remarks[0].text, "0 of 3 autovacuum workers are busy");
    }
}

//! Checkpoints that did not wait for their time: the log outran `max_wal_size`, and every page
//! is written more often than it need be.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::postgresql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["checkpoints"],
    lane: LaneKind::Fast,
    remembers: true,
    // A standby makes none of its own.
    ask: |server| match server {
        server if server.standby => Question::NotHere,
        server if server.is_at_least(17) => Question::Ask(QUESTION),
        _ => Question::Ask(BEFORE_17),
    },
    read,
};

const QUESTION: &str = "SELECT num_timed, num_requested, stats_reset FROM pg_stat_checkpointer";

const BEFORE_17: &str = "SELECT checkpoints_timed, checkpoints_req, stats_reset FROM pg_stat_bgwriter";

/// With fewer of them a share is chance.
const EVIDENCE: f64 = 6.0;

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let Some(now) = look.first() else { return measured };
    let grown = |then: &crate::database::row::Row, column| {
        let grown = now.number(column)? - then.number(column)?;
        (grown >= 0.0 && then.get(2) == now.get(2)).then_some(grown)
    };
    let earlier = look.past.iter().map_while(|past| {
        let then = past.rows.first()?;
        Some((past.ago, grown(then, 0)?, grown(then, 1)?))
    });
    let Some((ago, timed, requested)) = earlier.last().filter(|(_, timed, asked)| timed + asked >= EVIDENCE) else {
        return measured;
    };
    let all = timed + requested;
    measured.sample(Sample::percent("checkpoints", requested / all * 100.0));
    let text = format!(
        "{} of {} checkpoints within {} did not wait for checkpoint_timeout",
        humanize::number(requested),
        humanize::number(all),
        humanize::duration(ago)
    );
    let advice = "raise max_wal_size, unless somebody runs CHECKPOINT or takes base backups";
    measured.remark(Remark::new("checkpoints", text).advice(advice));
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::database::check::Past;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    fn of(now: [&str; 3], past: &[(u64, [&str; 3])]) -> Measured {
        let past = past
            .iter()
            .map(|(ago, values)| Past { ago: Duration::from_secs(*ago), rows: vec![Row::new(values.map(Some))] });
        let past: Vec<Past> = past.collect();
        read(&Look { server: &server(), rows: &[Row::new(now.map(Some))], past: &past })
    }

    #[test]
    fn the_share_is_of_what_happened_since_we_look_and_needs_evidence() {
        let past = [(60, ["10", "5", "r"]), (1800, ["8", "2", "r"]), (3000, ["1", "0", "another"])];
        let measured = of(["10", "10", "r"], &past);
        assert_eq!(measured.samples, [Sample::percent("checkpoints", 80.0)]);
        assert_eq!(measured.remarks[0].text, "8 of 10 checkpoints within 30 m did not wait for checkpoint_timeout");
        assert_eq!(of(["10", "7", "r"], &[(60, ["10", "2", "r"])]), Measured::default(), "five are chance");
        assert_eq!(of(["1", "9", "r"], &[(60, ["10", "2", "r"])]), Measured::default(), "they went back");
    }

    #[test]
    fn each_version_is_asked_where_it_keeps_them() {
        let ask = |number, standby| (CHECK.ask)(&Server { number, standby, ..server() });
        assert_eq!(ask(160_004, false), Question::Ask(BEFORE_17));
        assert_eq!(ask(170_000, false), Question::Ask(QUESTION));
        assert_eq!(ask(170_000, true), Question::NotHere);
    }
}

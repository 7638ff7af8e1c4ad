//! What the server counts for a database, as differences between two readings: a lifetime mean
//! says nothing of tonight.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::postgresql::server::Server;
use crate::database::row::Row;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["commits", "rollbacks", "cache_hit", "temp_files", "deadlocks", "checksum_failures"],
    lane: LaneKind::Fast,
    remembers: true,
    ask: |_| Question::Ask(QUESTION),
    read,
};

const QUESTION: &str = "
    SELECT xact_commit, xact_rollback, blks_hit, blks_read, temp_bytes, deadlocks, checksum_failures, stats_reset,
           shared, extract(epoch FROM clock_timestamp() - greatest(checksum_last_failure, shared_last))
      FROM pg_stat_database
      CROSS JOIN (SELECT max(checksum_failures) AS shared, max(checksum_last_failure) AS shared_last
                    FROM pg_stat_database WHERE datid = 0) AS of_all
     WHERE datname = current_database()";

/// With fewer blocks than these a share of hits is chance.
const EVIDENCE: f64 = 10_000.0;

const COMMITS: usize = 0;
const ROLLBACKS: usize = 1;
const HIT: usize = 2;
const READ: usize = 3;
const TEMP: usize = 4;
const DEADLOCKS: usize = 5;
const CHECKSUMS: usize = 6;
const RESET: usize = 7;
/// Failures on the catalogues that all databases of the server share.
const SHARED: usize = 8;
const LAST_FAILURE: usize = 9;

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let Some(now) = look.first() else { return measured };
    if let Some(own) = now.number(CHECKSUMS) {
        let shared = now.number(SHARED).unwrap_or(0.0);
        let failures = own + shared;
        measured.sample(Sample::count("checksum_failures", failures));
        let advice = "a disk returns what was not written to it: secure the newest verified backup, then look for the \
                      page in the server's log";
        let whose = match (own > 0.0, shared > 0.0) {
            (true, true) => "of this database and of what all databases share",
            (false, true) => "of what all databases share",
            _ => "of this database",
        };
        let last = now.number(LAST_FAILURE).map(|ago| format!(", the last {} ago", humanize::seconds(ago.max(0.0))));
        let count = humanize::count(failures as usize, "checksum failure");
        let text = format!("{count} on pages {whose}{}", last.unwrap_or_default());
        measured.remark(Remark::new("checksum_failures", text).advice(advice));
    }
    // Counters that went back began anew: nothing before that can be compared.
    let comparable: Vec<(f64, &Row)> = look
        .past
        .iter()
        .filter_map(|past| Some((past.ago.as_secs_f64(), past.rows.first()?)))
        .take_while(|(_, then)| {
            then.get(RESET) == now.get(RESET) && (COMMITS..=DEADLOCKS).all(|at| grown(now, then, at).is_some())
        })
        .collect();
    if let Some((ago, then)) = comparable.first().filter(|(ago, _)| *ago > 0.0) {
        for (key, column) in [("commits", COMMITS), ("rollbacks", ROLLBACKS)] {
            if let Some(grown) = grown(now, then, column) {
                measured.sample(Sample::count(key, grown / ago));
            }
        }
    }
    if let Some((_, oldest)) = comparable.last() {
        let within = humanize::seconds(comparable.last().map_or(0.0, |(ago, _)| *ago));
        let (deadlocks, temp) = (grown(now, oldest, DEADLOCKS).unwrap_or(0.0), grown(now, oldest, TEMP).unwrap_or(0.0));
        measured.sample(Sample::count("deadlocks", deadlocks));
        let text = format!("{} within {within}", humanize::count(deadlocks as usize, "deadlock"));
        measured.remark(Remark::new("deadlocks", text).advice("the server's log shows the statements of both sides"));
        measured.sample(Sample::bytes("temp_files", temp as u64));
        let text = format!("{} of temporary files within {within}", humanize::bytes(temp));
        let advice = "queries sort on disk: raise work_mem for them, or find them with log_temp_files = 0";
        measured.remark(Remark::new("temp_files", text).advice(advice));
    }
    // As young a beginning as brings enough evidence.
    let shares = comparable.iter().filter_map(|(ago, then)| {
        let (hit, read) = (grown(now, then, HIT)?, grown(now, then, READ)?);
        (hit + read >= EVIDENCE).then(|| (*ago, hit / (hit + read) * 100.0))
    });
    if let Some((ago, share)) = shares.min_by(|one, other| one.0.total_cmp(&other.0)) {
        measured.sample(Sample::percent("cache_hit", share));
        let text = format!("{share:.1} % of block reads found in memory within {}", humanize::seconds(ago));
        measured.remark(
            Remark::new("cache_hit", text)
                .advice("memory is short for what is read now: look for a new or changed query"),
        );
    }
    measured
}

/// How much a counter has grown; `None` where it went back, or is not there.
fn grown(now: &Row, then: &Row, column: usize) -> Option<f64> {
    let grown = now.number(column)? - then.number(column)?;
    (grown >= 0.0).then_some(grown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::database::check::Past;
    use crate::database::postgresql::server::tests::server;

    fn row(values: [&str; 8]) -> Row {
        Row::new(values.map(Some))
    }

    fn past(ago: u64, values: [&str; 8]) -> Past {
        Past { ago: Duration::from_secs(ago), rows: vec![row(values)] }
    }

    fn of(now: [&str; 8], past: &[Past]) -> Vec<(String, f64)> {
        let measured = read(&Look { server: &server(), rows: &[row(now)], past });
        let numbers = measured
            .samples
            .iter()
            .filter_map(|sample| Some((sample.key.to_string(), sample.value.number(chrono::DateTime::UNIX_EPOCH)?.0)));
        numbers.collect()
    }

    #[test]
    fn one_reading_is_no_rate() {
        assert_eq!(of(["9", "9", "9", "9", "9", "9", "0", "r"], &[]), [("checksum_failures".to_owned(), 0.0)]);
    }

    #[test]
    fn failures_on_what_all_databases_share_count_too() {
        let row = Row::new(["0", "0", "0", "0", "0", "0", "0", "r", "2", "90"].map(Some));
        let measured = read(&Look { server: &server(), rows: &[row], past: &[] });
        assert_eq!(measured.samples, [Sample::count("checksum_failures", 2.0)]);
        let text = "2 checksum failures on pages of what all databases share, the last 1 m 30 s ago";
        assert_eq!(measured.remarks[0].text, text);
    }

    #[test]
    fn rates_are_of_the_last_interval_and_rare_things_of_the_last_hour() {
        let past = [
            past(30, ["1000", "10", "0", "0", "0", "4", "0", "r"]),
            past(1800, ["500", "5", "0", "0", "0", "3", "0", "r"]),
        ];
        let found = of(["1300", "10", "50", "50", "2000", "5", "0", "r"], &past);
        let expect = [("commits", 10.0), ("rollbacks", 0.0), ("deadlocks", 2.0), ("temp_files", 2000.0)];
        for (key, value) in expect {
            assert!(found.contains(&(key.to_owned(), value)), "{key}: {found:?}");
        }
        assert!(found.iter().all(|(key, _)| key != "cache_hit"), "100 blocks are no evidence");
    }

    #[test]
    fn hits_are_counted_from_as_near_as_there_is_evidence() {
        let past = [
            past(30, ["1", "0", "90000", "900", "0", "0", "0", "r"]),
            past(60, ["1", "0", "80000", "0", "0", "0", "0", "r"]),
            past(90, ["1", "0", "0", "0", "0", "0", "0", "r"]),
        ];
        let found = of(["1", "0", "95000", "1000", "0", "0", "0", "r"], &past);
        assert!(found.contains(&("cache_hit".to_owned(), 93.75)), "{found:?}");
    }

    #[test]
    fn counters_that_began_anew_are_not_compared() {
        let reset = [past(30, ["5", "0", "0", "0", "0", "7", "0", "monday"])];
        assert_eq!(of(["9", "0", "0", "0", "0", "8", "0", "tuesday"], &reset).len(), 1);
        let back = [past(30, ["1000", "0", "0", "0", "0", "7", "0", "r"])];
        assert_eq!(of(["9", "0", "0", "0", "0", "0", "0", "r"], &back).len(), 1, "a crash loses them without a date");
    }
}

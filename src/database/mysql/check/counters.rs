//! What the server counts, as differences between two readings: a lifetime mean says nothing of
//! tonight. A restart, or `FLUSH STATUS`, begins anew.

use crate::database::check::Look;
use crate::database::mysql::server::Server;
use crate::database::row::Row;

/// A counter that a question may ask for beside its own, so that beginnings are seen.
const CLOCKS: [&str; 2] = ["Uptime", "Uptime_since_flush_status"];

/// What the server counts under a name: the second column, less our own part in the third.
pub(super) fn counter(rows: &[Row], name: &str) -> Option<f64> {
    let row = rows.iter().find(|row| row.text(0).eq_ignore_ascii_case(name))?;
    Some(row.number(1)? - row.number(2).unwrap_or(0.0))
}

/// The earlier answers that can be compared with this one, the latest first: since then nothing
/// that is counted has gone back.
pub(super) fn comparable<'a>(look: &Look<'a, Server>, names: &[&str]) -> Vec<(f64, &'a [Row])> {
    let past = look.past.iter().map(|past| (past.ago.as_secs_f64(), past.rows.as_slice()));
    let clocks = CLOCKS.iter().filter(|clock| counter(look.rows, clock).is_some());
    let names: Vec<&str> = names.iter().chain(clocks).copied().collect();
    let grew = |then: &[Row]| names.iter().all(|name| grown(look.rows, then, name).is_some());
    past.take_while(|(ago, then)| *ago > 0.0 && grew(then)).collect()
}

/// By how much a counter grew; `None` where it went back, or is not known.
pub(super) fn grown(now: &[Row], then: &[Row], name: &str) -> Option<f64> {
    Some(counter(now, name)? - counter(then, name)?).filter(|grown| *grown >= 0.0)
}

/// The share of `part` in `whole` since as short a time as brings enough evidence.
pub(super) fn share(
    look: &Look<'_, Server>,
    past: &[(f64, &[Row])],
    part: &str,
    whole: &str,
    evidence: f64,
) -> Option<Share> {
    let shares = past.iter().filter_map(|(ago, then)| {
        let (part, whole) = (grown(look.rows, then, part)?, grown(look.rows, then, whole)?);
        (whole >= evidence).then(|| Share { ago: *ago, part, whole, percent: (part / whole * 100.0).min(100.0) })
    });
    shares.min_by(|one, other| one.ago.total_cmp(&other.ago))
}

pub(super) struct Share {
    pub(super) ago: f64,
    pub(super) part: f64,
    pub(super) whole: f64,
    pub(super) percent: f64,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::database::check::Past;
    use crate::database::mysql::server::tests::server;
    use std::time::Duration;

    /// An answer of names and numbers.
    pub(in crate::database::mysql::check) fn rows(counters: &[(&str, u64)]) -> Vec<Row> {
        let row = |(name, value): &(&str, u64)| Row::new([Some(*name), Some(value.to_string().as_str())]);
        counters.iter().map(row).collect()
    }

    /// An earlier answer.
    pub(in crate::database::mysql::check) fn past(seconds: u64, counters: &[(&str, u64)]) -> Past {
        Past { ago: Duration::from_secs(seconds), rows: rows(counters) }
    }

    #[test]
    fn nothing_is_compared_across_a_restart_or_a_flush() {
        let now = rows(&[("UPTIME", 100), ("Uptime_since_flush_status", 100), ("QUESTIONS", 50)]);
        let earlier = [
            past(15, &[("Uptime", 85), ("Uptime_since_flush_status", 85), ("Questions", 20)]),
            past(30, &[("Uptime", 70), ("Uptime_since_flush_status", 700), ("Questions", 10)]),
            past(45, &[("Uptime", 55), ("Uptime_since_flush_status", 55), ("Questions", 5)]),
        ];
        let server = server();
        let look = Look { server: &server, rows: &now, past: &earlier };
        let found = comparable(&look, &["Questions"]);
        assert_eq!(found.iter().map(|(ago, _)| *ago).collect::<Vec<_>>(), [15.0], "flushed between 30 and 15 s ago");
        assert_eq!(grown(&now, found[0].1, "questions"), Some(30.0));
        let went_back = rows(&[("Questions", 1)]);
        assert!(comparable(&Look { server: &server, rows: &went_back, past: &earlier }, &["Questions"]).is_empty());
    }

    #[test]
    fn our_own_part_does_not_count_and_a_share_wants_evidence() {
        let row = |all: &str, ours: &str| Row::new(["SLOW", all, ours].map(Some));
        assert_eq!(counter(&[row("10", "4")], "slow"), Some(6.0));
        let now = rows(&[("Part", 30), ("Whole", 100)]);
        let earlier = [past(15, &[("Part", 29), ("Whole", 95)]), past(30, &[("Part", 0), ("Whole", 0)])];
        let server = server();
        let look = Look { server: &server, rows: &now, past: &earlier };
        let found = comparable(&look, &["Part", "Whole"]);
        let of = |evidence| share(&look, &found, "Part", "Whole", evidence).map(|share| (share.ago, share.percent));
        assert_eq!((of(1.0), of(50.0), of(500.0)), (Some((15.0, 20.0)), Some((30.0, 30.0)), None));
    }
}

//! Large tables that are read from end to end again and again: an index may be missing.

use crate::database::check::{Check, LaneKind, Look, Past, Question};
use crate::database::postgresql::server::Server;
use crate::database::row::Row;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["missing_indexes"],
    lane: LaneKind::Slow,
    remembers: true,
    ask: |_| Question::Ask(QUESTION),
    read,
};

const QUESTION: &str = "
    SELECT c.oid, n.nspname, c.relname, scans, pg_stat_get_tuples_returned(c.oid),
           (SELECT coalesce(sum(pg_stat_get_numscans(i.indexrelid)), 0) FROM pg_index i WHERE i.indrelid = c.oid), d.stats_reset
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     CROSS JOIN LATERAL (SELECT pg_stat_get_numscans(c.oid) AS scans) AS s
     CROSS JOIN (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()) AS d
     WHERE c.relkind IN ('r', 'm') AND c.reltuples >= 10000 AND scans > 0 AND n.nspname NOT IN ('pg_catalog', 'information_schema')
     ORDER BY 5 DESC LIMIT 20";

const SCANS: usize = 3;
const READ: usize = 4;
const BY_INDEX: usize = 5;
const RESET: usize = 6;

/// Fewer scans in an hour, shorter ones, or a small share beside those by an index, are nothing
/// to look at.
const MANY: f64 = 20.0;
const LONG: f64 = 10_000.0;
const SHARE: f64 = 0.05;

/// What happened to a table since an earlier answer.
struct Scanned<'a> {
    row: &'a Row,
    scans: f64,
    rows: f64,
    by_index: f64,
    within: f64,
}

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    if look.past.is_empty() {
        return measured;
    }
    let scanned = look.rows.iter().filter_map(|row| look.past.iter().rev().find_map(|past| compared(row, past)));
    let candidates: Vec<Scanned<'_>> = scanned
        .filter(|table| table.scans >= MANY && table.rows / table.scans >= LONG)
        .filter(|table| table.scans / (table.scans + table.by_index) > SHARE)
        .collect();
    measured.sample(Sample::count("missing_indexes", candidates.len() as f64));
    if let Some(worst) = candidates.iter().max_by(|one, other| one.rows.total_cmp(&other.rows)) {
        let text = format!(
            "{}.{} was read from end to end {} times within {}, {} rows each time, and {} times by an index",
            worst.row.text(1),
            worst.row.text(2),
            humanize::number(worst.scans),
            humanize::seconds(worst.within),
            humanize::number((worst.rows / worst.scans).round()),
            humanize::number(worst.by_index)
        );
        let advice = "an index on what its statements compare may be missing: EXPLAIN those that take long";
        measured.remark(Remark::new("missing_indexes", text).advice(advice));
    }
    measured
}

fn compared<'a>(row: &'a Row, past: &Past) -> Option<Scanned<'a>> {
    let then = past.rows.iter().find(|then| then.get(0) == row.get(0) && then.get(RESET) == row.get(RESET))?;
    let grown = |column| {
        let grown = row.number(column)? - then.number(column)?;
        (grown >= 0.0).then_some(grown)
    };
    let (scans, rows, by_index) = (grown(SCANS)?, grown(READ)?, grown(BY_INDEX)?);
    Some(Scanned { row, scans, rows, by_index, within: past.ago.as_secs_f64() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::database::postgresql::server::tests::server;

    fn of(now: [&str; 7], past: &[[&str; 7]]) -> Measured {
        let past: Vec<Past> = past
            .iter()
            .enumerate()
            .map(|(place, values)| Past {
                ago: Duration::from_secs(600 * (place as u64 + 1)),
                rows: vec![Row::new(values.map(Some))],
            })
            .collect();
        read(&Look { server: &server(), rows: &[Row::new(now.map(Some))], past: &past })
    }

    #[test]
    fn only_what_is_read_again_and_again_wants_an_index() {
        let now = ["7", "public", "shift", "300", "16000000", "12", "r"];
        let measured =
            of(now, &[["7", "public", "shift", "290", "15000000", "12", "r"], ["7", "", "", "0", "0", "0", "r"]]);
        assert_eq!(measured.samples, [Sample::count("missing_indexes", 1.0)]);
        let text = "public.shift was read from end to end 300 times within 20 m, 53 333 rows each time, and 12 times by an index";
        assert_eq!(measured.remarks[0].text, text);
        let count = |past: [&str; 7]| of(now, &[past]).samples[0].clone();
        assert_eq!(count(["7", "", "", "290", "0", "0", "r"]), Sample::count("missing_indexes", 0.0), "ten times");
        assert_eq!(count(["7", "", "", "0", "15999999", "0", "r"]), Sample::count("missing_indexes", 0.0), "short");
        assert_eq!(count(["7", "", "", "0", "0", "0", "s"]), Sample::count("missing_indexes", 0.0), "counted anew");
        assert_eq!(of(now, &[]), Measured::default(), "one look tells nothing");
    }
}

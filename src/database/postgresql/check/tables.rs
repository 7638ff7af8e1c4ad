//! The largest tables, measured, and which of them grows fastest.

use crate::database::check::{Check, LaneKind, Look, Past, Question};
use crate::database::postgresql::server::Server;
use crate::database::row::Row;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::{Sample, Unit};
use crate::domain::vitals::Measured;

pub(in crate::database::postgresql) const CHECK: Check<Server> =
    Check { gauges: &["table_growth"], lane: LaneKind::Slow, remembers: true, ask: |_| Question::Ask(QUESTION), read };

/// With its indexes and what lies beside it. This waits for whoever holds a table, and is
/// refused then: the size of the whole database is asked apart.
const QUESTION: &str = "
    SELECT c.oid, n.nspname, c.relname, pg_total_relation_size(c.oid)
      FROM (SELECT c.oid, c.relname, c.relnamespace FROM pg_class c
             WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
               AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
             ORDER BY c.relpages DESC LIMIT 20) AS c
      JOIN pg_namespace n ON n.oid = c.relnamespace";

/// A few minutes say nothing of a day.
const EVIDENCE_S: f64 = 600.0;

/// How much a table has grown since the earliest answer that knows it, and in how many seconds.
pub(in crate::database::postgresql) fn grown(oid: &str, bytes: f64, past: &[Past]) -> Option<(f64, f64)> {
    past.iter().rev().find_map(|past| {
        let then = past.rows.iter().find(|row| row.text(0) == oid)?.number(3)?;
        Some((bytes - then, past.ago.as_secs_f64()))
    })
}

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let growth = |row: &Row| grown(row.text(0), row.number(3)?, look.past).filter(|(_, within)| *within >= EVIDENCE_S);
    let grows = look.rows.iter().filter_map(|row| Some((row, growth(row)?)));
    let worst = grows.max_by(|(_, one), (_, other)| (one.0 / one.1).total_cmp(&(other.0 / other.1)));
    if let Some((row, (bytes, within))) = worst {
        let per_day = bytes / within * 86_400.0;
        measured.sample(Sample::gauge("table_growth", per_day, Unit::BytesPerDay));
        let text = format!(
            "{}.{} grew by {} within {}, to {}",
            row.text(1),
            row.text(2),
            humanize::bytes(bytes.max(0.0)),
            humanize::seconds(within),
            humanize::bytes(row.number(3).unwrap_or(0.0))
        );
        measured.remark(Remark::new("table_growth", text));
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::database::postgresql::server::tests::server;

    #[test]
    fn the_table_that_grows_fastest_is_named_once_there_is_evidence() {
        let row = |oid, bytes| Row::new([Some(oid), Some("public"), Some(oid), Some(bytes)]);
        let past = |ago, one, two| Past { ago: Duration::from_secs(ago), rows: vec![row("a", one), row("b", two)] };
        let now = [row("a", "3000000"), row("b", "9000000"), row("new", "1")];
        let of = |past: &[Past]| read(&Look { server: &server(), rows: &now, past });
        let measured = of(&[past(60, "2999999", "9000000"), past(864, "1000000", "8000000")]);
        assert_eq!(measured.samples, [Sample::gauge("table_growth", 2e8, Unit::BytesPerDay)]);
        assert_eq!(measured.remarks[0].text, "public.a grew by 2.0 MB within 14 m 24 s, to 3.0 MB");
        assert_eq!(of(&[past(60, "1", "1")]), Measured::default(), "a minute is no evidence");
    }
}

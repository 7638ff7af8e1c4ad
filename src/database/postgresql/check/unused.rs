//! Indexes that nothing has read since the server counts: they cost every write all the same.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::ident;
use crate::database::postgresql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["unused_indexes"],
    lane: LaneKind::Slow,
    remembers: false,
    // What a standby reads is counted there, and its own counters say nothing of its primary.
    ask: |server| if server.standby { Question::NotHere } else { Question::Ask(QUESTION) },
    read,
};

/// Those that keep no promise, of ten megabytes and more. A crash loses the counters and leaves
/// its time with those of the whole server.
const QUESTION: &str = "
    SELECT s.schemaname, s.relname, s.indexrelname, s.bytes, s.count, s.sum, extract(epoch FROM clock_timestamp() - since),
           (SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'physical') > 0
      FROM (SELECT greatest(d.stats_reset, b.stats_reset) AS since
              FROM pg_stat_database d, pg_stat_bgwriter b WHERE d.datname = current_database()) AS counted
      LEFT JOIN (SELECT n.nspname AS schemaname, t.relname, c.relname AS indexrelname, bytes, count(*) OVER () AS count,
                        sum(bytes) OVER () AS sum
                   FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_class t ON t.oid = i.indrelid
                   JOIN pg_namespace n ON n.oid = c.relnamespace
                  CROSS JOIN LATERAL (SELECT c.relpages::bigint * current_setting('block_size')::bigint AS bytes) AS size
                  WHERE c.relkind = 'i' AND c.relpages > 1000 AND bytes >= 10000000 AND n.nspname NOT IN ('pg_catalog', 'pg_toast')
                    AND i.indisvalid AND NOT i.indisunique AND NOT i.indisprimary AND NOT i.indisexclusion
                    AND NOT i.indisreplident AND pg_stat_get_numscans(c.oid) = 0
                  ORDER BY bytes DESC LIMIT 1) AS s ON true";

/// Something that is done once a month must have had its turn.
const EVIDENCE: f64 = 30.0 * 86_400.0;

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let Some(row) = look.first() else { return measured };
    let counted = row.number(6).unwrap_or(0.0);
    if counted < EVIDENCE {
        let why = format!("the server has counted for {}, and 30 d are needed", humanize::seconds(counted.max(0.0)));
        measured.hide("unused_indexes", why, None);
        return measured;
    }
    measured.sample(Sample::bytes("unused_indexes", row.number(5).unwrap_or(0.0) as u64));
    if row.get(2).is_some() {
        let text = format!(
            "{} of indexes that nothing has read in {}, the largest {} on {}.{} ({})",
            humanize::bytes(row.number(5).unwrap_or(0.0)),
            humanize::seconds(counted),
            row.text(2),
            row.text(0),
            row.text(1),
            humanize::bytes(row.number(3).unwrap_or(0.0))
        );
        let drop = format!("DROP INDEX CONCURRENTLY {}.{}", ident::quoted(row.text(0)), ident::quoted(row.text(2)));
        let advice = if row.flag(7) { format!("look whether a standby reads it; then {drop}") } else { drop };
        measured.remark(Remark::new("unused_indexes", text).advice(advice));
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    fn of(values: [Option<&str>; 8]) -> Measured {
        read(&Look { server: &server(), rows: &[Row::new(values)], past: &[] })
    }

    #[test]
    fn only_after_a_month_is_an_index_called_unused() {
        let mut row = ["public", "shift", "by_note", "20000000", "2", "31000000", "2592000", "t"].map(Some);
        let told = of(row);
        assert_eq!(told.samples, [Sample::bytes("unused_indexes", 31_000_000)]);
        let text = "31.0 MB of indexes that nothing has read in 30 d, the largest by_note on public.shift (20.0 MB)";
        assert_eq!(told.remarks[0].text, text);
        let advice = r#"look whether a standby reads it; then DROP INDEX CONCURRENTLY "public"."by_note""#;
        assert_eq!(told.remarks[0].advice.as_deref(), Some(advice));
        row[6] = Some("86400");
        let early = of(row);
        assert_eq!((early.samples.len(), early.hidden[0].key), (0, "unused_indexes"));
        let none = of([None, None, None, None, None, None, Some("2592000"), Some("f")]);
        assert_eq!(none.samples, [Sample::bytes("unused_indexes", 0)]);
    }
}

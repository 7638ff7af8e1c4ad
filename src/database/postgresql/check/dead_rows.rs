//! Dead rows against the formula by which autovacuum itself decides.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::ident;
use crate::database::postgresql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["dead_rows"],
    lane: LaneKind::Slow,
    remembers: false,
    // A standby does not count them, and its primary vacuums for it.
    ask: |server| if server.standby { Question::NotHere } else { Question::Ask(QUESTION) },
    read,
};

/// A table is late when autovacuum is off for it, when the last vacuum is a day old, or when
/// there was none although the server has counted for an hour: one that has just been filled
/// only waits for its turn.
const QUESTION: &str = "
    SELECT schemaname, relname, n_dead_tup, n_dead_tup / threshold, extract(epoch FROM clock_timestamp() - vacuumed), on_its_own
      FROM (SELECT s.schemaname, s.relname, s.n_dead_tup, greatest(s.last_vacuum, s.last_autovacuum) AS vacuumed,
                   greatest(coalesce(o.base, current_setting('autovacuum_vacuum_threshold')::float8)
                     + coalesce(o.scale, current_setting('autovacuum_vacuum_scale_factor')::float8)
                       * greatest(c.reltuples, 0), 1) AS threshold,
                   coalesce(o.enabled, true) AND current_setting('autovacuum')::bool AS on_its_own
              FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
              LEFT JOIN LATERAL (
                   SELECT max(option_value) FILTER (WHERE option_name = 'autovacuum_vacuum_threshold')::float8 AS base,
                          max(option_value) FILTER (WHERE option_name = 'autovacuum_vacuum_scale_factor')::float8 AS scale,
                          max(option_value) FILTER (WHERE option_name = 'autovacuum_enabled')::bool AS enabled
                     FROM pg_options_to_table(c.reloptions)) o ON true
             WHERE s.n_dead_tup > 0) AS tables
     WHERE NOT on_its_own
        OR vacuumed < clock_timestamp() - interval '1 day'
        OR (vacuumed IS NULL AND pg_postmaster_start_time() < clock_timestamp() - interval '1 hour')
     ORDER BY n_dead_tup / threshold DESC LIMIT 1";

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let times = look.first().and_then(|row| row.number(3)).unwrap_or(0.0);
    measured.sample(Sample::count("dead_rows", times));
    if let Some(row) = look.first() {
        let last = match row.number(4) {
            Some(ago) => format!("last vacuumed {} ago", humanize::seconds(ago)),
            None => "never vacuumed".to_owned(),
        };
        let off = if row.flag(5) { "" } else { ", autovacuum is off for it" };
        let text = format!(
            "{}.{} has {} dead rows, {} times what autovacuum waits for, {last}{off}",
            row.text(0),
            row.text(1),
            humanize::number(row.number(2).unwrap_or(0.0)),
            humanize::number(times)
        );
        let advice = format!("VACUUM (ANALYZE) {}.{}", ident::quoted(row.text(0)), ident::quoted(row.text(1)));
        measured.remark(Remark::new("dead_rows", text).advice(advice));
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    #[test]
    fn the_worst_table_is_named_with_its_mend() {
        let rows = [Row::new([Some("public"), Some("shift"), Some("200000"), Some("9.9"), None, Some("f")])];
        let measured = read(&Look { server: &server(), rows: &rows, past: &[] });
        assert_eq!(
            measured.remarks[0].text,
            "public.shift has 200 000 dead rows, 9.9 times what autovacuum waits for, never vacuumed, autovacuum is off for it"
        );
        assert_eq!(measured.remarks[0].advice.as_deref(), Some(r#"VACUUM (ANALYZE) "public"."shift""#));
    }
}

//! Dead rows against the formula by which autovacuum itself decides: tables it leaves alone, and
//! tables it does not get through with.

use std::time::Duration;

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::ident;
use crate::database::postgresql::server::Server;
use crate::database::row::Row;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["dead_rows", "vacuum_overdue"],
    lane: LaneKind::Slow,
    remembers: true,
    // A standby does not count them, and its primary vacuums for it.
    ask: |server| if server.standby { Question::NotHere } else { Question::Ask(QUESTION) },
    read,
};

/// A table is late when autovacuum is off for it, when the last vacuum is a day old, or when
/// there was none although the server has counted for an hour: one that has just been filled
/// only waits for its turn. One that is below the threshold of all, and has none of its own, is
/// not looked at closely. Those that autovacuum should be at come after those.
const QUESTION: &str = "
    SELECT schemaname, relname, n_dead_tup, times, extract(epoch FROM clock_timestamp() - vacuumed), on_its_own, late,
           vacuums, relid
      FROM (SELECT tables.*, n_dead_tup / threshold AS times,
                   NOT on_its_own OR vacuumed < clock_timestamp() - interval '1 day'
                   OR (vacuumed IS NULL AND pg_postmaster_start_time() < clock_timestamp() - interval '1 hour') AS late
              FROM (SELECT s.relid, s.schemaname, s.relname, s.n_dead_tup, pg_stat_get_vacuum_count(c.oid) + pg_stat_get_autovacuum_count(c.oid) AS vacuums,
                           greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)) AS vacuumed,
                           greatest(coalesce(o.base, current_setting('autovacuum_vacuum_threshold')::float8)
                             + coalesce(o.scale, current_setting('autovacuum_vacuum_scale_factor')::float8)
                               * greatest(c.reltuples, 0), 1) AS threshold,
                           coalesce(o.enabled, true) AND current_setting('autovacuum')::bool AS on_its_own
                      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                     CROSS JOIN LATERAL (SELECT c.oid AS relid, n.nspname AS schemaname, c.relname,
                                                pg_stat_get_dead_tuples(c.oid) AS n_dead_tup) AS s
                      LEFT JOIN LATERAL (
                           SELECT max(option_value) FILTER (WHERE option_name = 'autovacuum_vacuum_threshold')::float8 AS base,
                                  max(option_value) FILTER (WHERE option_name = 'autovacuum_vacuum_scale_factor')::float8 AS scale,
                                  max(option_value) FILTER (WHERE option_name = 'autovacuum_enabled')::bool AS enabled
                             FROM pg_options_to_table(c.reloptions)) o ON true
                     WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
                       AND s.n_dead_tup > 0
                       AND (c.reloptions IS NOT NULL
                            OR s.n_dead_tup > current_setting('autovacuum_vacuum_threshold')::float8
                                              + current_setting('autovacuum_vacuum_scale_factor')::float8 * c.reltuples)) AS tables) AS judged
     WHERE late OR times > 1
     ORDER BY late DESC, times DESC LIMIT 20";

const DEAD: usize = 2;
const TIMES: usize = 3;
const ON_ITS_OWN: usize = 5;
const LATE: usize = 6;
const VACUUMS: usize = 7;
const RELID: usize = 8;

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let late = look.rows.iter().find(|row| row.flag(LATE));
    let times = late.and_then(|row| row.number(TIMES)).unwrap_or(0.0);
    measured.sample(Sample::count("dead_rows", times));
    if let Some(row) = late {
        let last = match row.number(4) {
            Some(ago) => format!("last vacuumed {} ago", humanize::seconds(ago)),
            None => "never vacuumed".to_owned(),
        };
        let off = if row.flag(ON_ITS_OWN) { "" } else { ", autovacuum is off for it" };
        let text = format!(
            "{}.{} has {} dead rows, {} times what autovacuum waits for, {last}{off}",
            row.text(0),
            row.text(1),
            humanize::number(row.number(DEAD).unwrap_or(0.0)),
            humanize::number(times)
        );
        let advice = format!("VACUUM (ANALYZE) {}.{}", ident::quoted(row.text(0)), ident::quoted(row.text(1)));
        measured.remark(Remark::new("dead_rows", text).advice(advice));
    }
    overdue(look, &mut measured);
    measured
}

/// For how long the worst table has had more dead rows than autovacuum waits for.
fn overdue(look: &Look<'_, Server>, measured: &mut Measured) {
    if look.past.is_empty() {
        return;
    }
    let due = look.rows.iter().filter(|row| row.flag(ON_ITS_OWN) && row.number(TIMES).is_some_and(|times| times > 1.0));
    let longest = due.filter_map(|row| since(row, look)).max_by_key(|(ago, _, _)| *ago);
    let ago = longest.map_or(Duration::ZERO, |(ago, _, _)| ago);
    measured.sample(Sample::seconds("vacuum_overdue", ago.as_secs_f64()));
    let Some((ago, row, then)) = longest else { return };
    let vacuums = row.number(VACUUMS).unwrap_or(0.0) - then.number(VACUUMS).unwrap_or(0.0);
    let through = if vacuums > 0.0 {
        format!(", through {}", humanize::count(vacuums as usize, "vacuum"))
    } else {
        String::new()
    };
    let text = format!(
        "{}.{} has had more dead rows than autovacuum waits for since {} ago: {}, {} times as many{through}",
        row.text(0),
        row.text(1),
        humanize::duration(ago),
        humanize::number(row.number(DEAD).unwrap_or(0.0)),
        humanize::number(row.number(TIMES).unwrap_or(0.0))
    );
    let advice = "end what keeps vacuum from removing them (xmin_age, prepared_transaction, slot_wal); else give \
                  autovacuum more: lower autovacuum_vacuum_cost_delay, or raise autovacuum_max_workers";
    measured.remark(Remark::new("vacuum_overdue", text).advice(advice));
}

/// How long ago a table was already past its threshold, without a break since.
fn since<'a>(row: &'a Row, look: &'a Look<'_, Server>) -> Option<(Duration, &'a Row, &'a Row)> {
    let then = look.past.iter().map_while(|past| {
        let then = past.rows.iter().find(|then| then.get(RELID) == row.get(RELID))?;
        then.number(TIMES).is_some_and(|times| times > 1.0).then_some((past.ago, then))
    });
    then.last().map(|(ago, then)| (ago, row, then))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::check::Past;
    use crate::database::postgresql::server::tests::server;

    fn row(table: &str, dead: &str, times: &str, late: bool, vacuums: &str) -> Row {
        let flag = |flag| Some(if flag { "t" } else { "f" });
        let values = [Some("public"), Some(table), Some(dead), Some(times), None, flag(!late), flag(late)];
        Row::new(values.into_iter().chain([Some(vacuums), Some(table)]))
    }

    fn of(rows: &[Row], past: &[(u64, Vec<Row>)]) -> Measured {
        let past = past.iter().map(|(ago, rows)| Past { ago: Duration::from_secs(*ago), rows: rows.clone() });
        let past: Vec<Past> = past.collect();
        read(&Look { server: &server(), rows, past: &past })
    }

    #[test]
    fn the_worst_table_is_named_with_its_mend() {
        let measured = of(&[row("shift", "200000", "9.9", true, "0")], &[]);
        assert_eq!(
            measured.remarks[0].text,
            "public.shift has 200 000 dead rows, 9.9 times what autovacuum waits for, never vacuumed, autovacuum is off for it"
        );
        assert_eq!(measured.remarks[0].advice.as_deref(), Some(r#"VACUUM (ANALYZE) "public"."shift""#));
        assert_eq!(measured.samples, [Sample::count("dead_rows", 9.9)], "one look tells no time");
    }

    #[test]
    fn a_table_that_stays_past_its_threshold_is_one_that_autovacuum_does_not_get_through_with() {
        let now = [row("shift", "300000", "3.2", false, "7"), row("new", "90", "8", false, "0")];
        let past = [
            (15, vec![row("shift", "200000", "2.2", false, "7")]),
            (2400, vec![row("shift", "100000", "1.2", false, "5")]),
            (2700, vec![]),
            (3000, vec![row("shift", "100000", "1.2", false, "1")]),
        ];
        let measured = of(&now, &past);
        assert_eq!(measured.samples[0], Sample::count("dead_rows", 0.0));
        assert_eq!(measured.samples[1], Sample::seconds("vacuum_overdue", 2400.0), "it was well in between");
        let text = "public.shift has had more dead rows than autovacuum waits for since 40 m ago: 300 000, 3.2 times as \
                    many, through 2 vacuums";
        assert_eq!(measured.remarks[0].text, text);
        let well = of(&[], &past);
        assert_eq!(well.samples[1], Sample::seconds("vacuum_overdue", 0.0));
    }
}

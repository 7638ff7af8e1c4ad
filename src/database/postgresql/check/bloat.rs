//! Room in large tables that holds nothing, estimated from what the server knows of their columns.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::postgresql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> =
    Check { gauges: &["bloat"], lane: LaneKind::Slow, remembers: false, ask: |_| Question::Ask(QUESTION), read };

/// Only the twenty largest tables of a hundred megabytes and more are looked at: what is smaller
/// cannot waste much, and asking for every column of every table would cost more than it tells.
/// A row is its columns, its header and its pointer; without figures for every column there is
/// no estimate.
pub(in crate::database::postgresql) const QUESTION: &str = "
    WITH large AS (
      SELECT c.oid, n.nspname, c.relname, c.relpages, c.reltuples, current_setting('block_size')::float8 AS block,
             has_table_privilege(c.oid, 'SELECT') AS readable,
             coalesce((SELECT option_value::float8 / 100 FROM pg_options_to_table(c.reloptions)
                        WHERE option_name = 'fillfactor'), 1) AS fill
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind = 'r' AND c.reltuples > 0 AND n.nspname NOT IN ('pg_catalog', 'information_schema')
         AND c.relpages::float8 * current_setting('block_size')::float8 >= 100e6
       ORDER BY c.relpages DESC LIMIT 20)
    SELECT nspname, relname, relpages * block AS bytes,
           CASE WHEN s.known = a.there
                THEN greatest(relpages - ceil(reltuples * (4 + 24 + s.bitmap + ceil(s.width / 8) * 8) / ((block - 24) * fill)), 0) * block
           END AS empty, readable
      FROM large
     CROSS JOIN LATERAL (SELECT count(*) AS there FROM pg_attribute t
                          WHERE t.attrelid = large.oid AND t.attnum > 0 AND NOT t.attisdropped) AS a
     CROSS JOIN LATERAL (SELECT count(*) AS known, sum((1 - p.null_frac) * p.avg_width) AS width,
                                CASE WHEN max(p.null_frac) > 0 AND count(*) > 8 THEN 8 ELSE 0 END AS bitmap
                           FROM pg_stats p
                          WHERE p.schemaname = large.nspname AND p.tablename = large.relname AND NOT p.inherited) AS s
     ORDER BY empty DESC NULLS LAST";

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let hidden = look.rows.iter().filter(|row| !row.flag(4)).count();
    if hidden > 0 {
        let why =
            format!("{hidden} of the {} largest tables are hidden from the role {}", look.rows.len(), look.server.role);
        measured.hide("bloat", why, Some(look.server.grant_read()));
    }
    let known: Vec<_> = look.rows.iter().filter_map(|row| Some((row, row.number(3)?))).collect();
    if known.is_empty() && !look.rows.is_empty() {
        if hidden == 0 {
            measured.hide("bloat", "no large table has been analyzed", None);
        }
        return measured;
    }
    let worst = known.into_iter().max_by(|one, other| one.1.total_cmp(&other.1));
    measured.sample(Sample::bytes("bloat", worst.map_or(0, |(_, empty)| empty as u64)));
    if let Some((row, empty)) = worst {
        let text = format!(
            "about {} of the {} of {}.{} hold nothing",
            humanize::bytes(empty),
            humanize::bytes(row.number(2).unwrap_or(0.0)),
            row.text(0),
            row.text(1)
        );
        let advice =
            "new rows fill it again; if they never will, VACUUM FULL in a quiet hour gives it back, and locks it";
        measured.remark(Remark::new("bloat", text).advice(advice));
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    fn of(rows: &[[Option<&str>; 5]]) -> Measured {
        let rows: Vec<Row> = rows.iter().map(|values| Row::new(*values)).collect();
        read(&Look { server: &server(), rows: &rows, past: &[] })
    }

    #[test]
    fn the_emptiest_table_is_named_and_what_is_hidden_is_unknown() {
        let shift = [Some("public"), Some("shift"), Some("3000000000"), Some("1400000000"), Some("t")];
        let told = of(&[shift]);
        assert_eq!(told.samples, [Sample::bytes("bloat", 1_400_000_000)]);
        assert_eq!(told.remarks[0].text, "about 1.4 GB of the 3.0 GB of public.shift hold nothing");
        let hidden = [Some("public"), Some("pay"), Some("9000000000"), None, Some("f")];
        let half = of(&[shift, hidden]);
        assert_eq!((half.samples.len(), half.hidden.len()), (1, 1), "what is seen counts all the same");
        assert_eq!(half.hidden[0].why, "1 of the 2 largest tables are hidden from the role mon");
        assert_eq!(of(&[hidden]).samples, [], "no data is not well");
        assert_eq!(of(&[]).samples, [Sample::bytes("bloat", 0)], "no large table has no bloat");
        let young = [Some("public"), Some("new"), Some("3000000000"), None, Some("t")];
        assert_eq!(of(&[young]).hidden[0].why, "no large table has been analyzed");
    }
}

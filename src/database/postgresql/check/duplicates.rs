//! Indexes that are there twice: each costs every write, and one of them helps nobody.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::ident;
use crate::database::postgresql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["duplicate_indexes"],
    lane: LaneKind::Slow,
    remembers: false,
    ask: |_| Question::Ask(QUESTION),
    read,
};

/// Of those that are the same, the one stays that keeps a promise: a key, a constraint, something
/// unique; else the oldest. One that a constraint needs is no duplicate, nor is a unique one of one
/// that is not. Only tables with two indexes of the same columns are looked at closely. (The
/// `OFFSET 0` keeps the planner from sorting every index for the one that is told.)
const QUESTION: &str = "
    SELECT nspname, of_table, spare, stays, relpages::bigint * current_setting('block_size')::bigint, count
      FROM (SELECT n.nspname, t.relname AS of_table, c.relname AS spare, k.relname AS stays, c.relpages, count(*) OVER () AS count
              FROM (SELECT i.indexrelid, i.indrelid,
                           EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.indexrelid) AS needed,
                           first_value(i.indexrelid) OVER same AS stays
                      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                     WHERE i.indrelid IN (SELECT a.indrelid FROM pg_index a JOIN pg_index b ON b.indrelid = a.indrelid
                                             AND b.indexrelid > a.indexrelid AND b.indkey = a.indkey)
                       AND i.indisvalid AND NOT c.relispartition AND c.relnamespace <> 'pg_toast'::regnamespace
                       AND c.relnamespace <> 'pg_catalog'::regnamespace
                    WINDOW same AS (PARTITION BY i.indrelid, c.relam, i.indkey, i.indclass, i.indcollation, i.indoption,
                                                 pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid)
                                        ORDER BY i.indisprimary DESC, i.indisreplident DESC, i.indisunique DESC,
                                                 i.indexrelid)) AS one
              JOIN pg_class c ON c.oid = one.indexrelid JOIN pg_class k ON k.oid = one.stays
              JOIN pg_class t ON t.oid = one.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE one.indexrelid <> one.stays AND NOT one.needed
            OFFSET 0) AS told
     ORDER BY relpages DESC, 1, 3 LIMIT 1";

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let count = look.first().and_then(|row| row.number(5)).unwrap_or(0.0);
    measured.sample(Sample::count("duplicate_indexes", count));
    if let Some(row) = look.first() {
        let more =
            if count > 1.0 { format!("; {} more like it", humanize::number(count - 1.0)) } else { String::new() };
        let text = format!(
            "the index {} on {}.{} is the same as {} ({}){more}",
            row.text(2),
            row.text(0),
            row.text(1),
            row.text(3),
            humanize::bytes(row.number(4).unwrap_or(0.0))
        );
        let name = format!("{}.{}", ident::quoted(row.text(0)), ident::quoted(row.text(2)));
        measured.remark(Remark::new("duplicate_indexes", text).advice(format!("DROP INDEX CONCURRENTLY {name}")));
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    #[test]
    fn the_spare_one_is_named_with_the_one_that_stays() {
        let rows = [Row::new(["public", "pref", "idx_pref_user", "pref_user_key", "16384", "2"].map(Some))];
        let measured = read(&Look { server: &server(), rows: &rows, past: &[] });
        let text = "the index idx_pref_user on public.pref is the same as pref_user_key (16.4 kB); 1 more like it";
        assert_eq!(measured.remarks[0].text, text);
        let advice = Some(r#"DROP INDEX CONCURRENTLY "public"."idx_pref_user""#);
        assert_eq!(measured.remarks[0].advice.as_deref(), advice);
    }
}

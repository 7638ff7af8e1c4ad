//! Foreign keys without an index: every delete in the table they point to reads theirs from end
//! to end.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::ident;
use crate::database::postgresql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["unindexed_keys"],
    lane: LaneKind::Slow,
    remembers: false,
    ask: |_| Question::Ask(QUESTION),
    read,
};

/// An index helps when its first columns are those of the key, in whatever order.
const QUESTION: &str = "
    SELECT n.nspname, t.relname, k.conname,
           (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY c.place)
              FROM unnest(k.conkey) WITH ORDINALITY AS c (attnum, place)
              JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.attnum),
           count(*) OVER ()
      FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
     WHERE k.contype = 'f' AND k.conparentid = 0 AND t.reltuples >= 1000
       AND NOT EXISTS (SELECT FROM pg_index i
                        WHERE i.indrelid = k.conrelid AND i.indisvalid AND i.indpred IS NULL
                          AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)
     ORDER BY t.reltuples DESC, 1, 2, 3 LIMIT 1";

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let count = look.first().and_then(|row| row.number(4)).unwrap_or(0.0);
    measured.sample(Sample::count("unindexed_keys", count));
    if let Some(row) = look.first() {
        let more =
            if count > 1.0 { format!("; {} more like it", humanize::number(count - 1.0)) } else { String::new() };
        let text = format!("no index helps the foreign key {} of {}.{}{more}", row.text(2), row.text(0), row.text(1));
        let table = format!("{}.{}", ident::quoted(row.text(0)), ident::quoted(row.text(1)));
        let advice = format!("CREATE INDEX CONCURRENTLY ON {table} ({})", row.text(3));
        measured.remark(Remark::new("unindexed_keys", text).advice(advice));
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    #[test]
    fn the_key_of_the_largest_table_is_named_with_the_index_it_wants() {
        let rows = [Row::new(["public", "shift", "shift_staff_fkey", "staff, \"of Day\"", "1"].map(Some))];
        let measured = read(&Look { server: &server(), rows: &rows, past: &[] });
        assert_eq!(measured.remarks[0].text, "no index helps the foreign key shift_staff_fkey of public.shift");
        let advice = r#"CREATE INDEX CONCURRENTLY ON "public"."shift" (staff, "of Day")"#;
        assert_eq!(measured.remarks[0].advice.as_deref(), Some(advice));
    }
}

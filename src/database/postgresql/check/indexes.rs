//! Invalid indexes: they cost every write, help no read, and promise uniqueness they do not keep.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::ident;
use crate::database::postgresql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["invalid_indexes"],
    lane: LaneKind::Slow,
    remembers: false,
    ask: |_| Question::Ask(QUESTION),
    read,
};

/// One that is being built is not valid yet. A build whose table is hidden from our role could be
/// of any of them.
const QUESTION: &str = "
    SELECT n.nspname, c.relname, t.relname, count(*) OVER (),
           (SELECT count(*) FROM pg_stat_progress_create_index p
             WHERE p.datid = d.oid AND p.relid IS NULL)
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_database d ON d.datname = current_database()
     WHERE NOT i.indisvalid AND c.relkind = 'i'
       AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p
                        WHERE p.datid = d.oid
                          AND (p.index_relid = i.indexrelid OR (p.index_relid = 0 AND p.relid = i.indrelid)))
     ORDER BY 1, 2 LIMIT 1";

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let count = look.first().and_then(|row| row.number(3)).unwrap_or(0.0);
    if look.first().and_then(|row| row.number(4)).is_some_and(|hidden| hidden > 0.0) {
        let why = format!("an index is being built that the role {} may not see", look.server.role);
        measured.hide("invalid_indexes", why, Some(look.server.grant_monitor()));
        return measured;
    }
    measured.sample(Sample::count("invalid_indexes", count));
    if let Some(row) = look.first() {
        let more = if count > 1.0 { format!(", and {} more", humanize::number(count - 1.0)) } else { String::new() };
        let text = format!("the index {}.{} on {} is not valid{more}", row.text(0), row.text(1), row.text(2));
        let name = format!("{}.{}", ident::quoted(row.text(0)), ident::quoted(row.text(1)));
        let advice = format!("REINDEX INDEX CONCURRENTLY {name}, or DROP INDEX CONCURRENTLY {name}");
        measured.remark(Remark::new("invalid_indexes", text).advice(advice));
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    #[test]
    fn the_first_is_named_and_the_rest_counted() {
        let rows = [Row::new(["public", "by\"name", "staff", "3", "0"].map(Some))];
        let measured = read(&Look { server: &server(), rows: &rows, past: &[] });
        assert_eq!(measured.remarks[0].text, "the index public.by\"name on staff is not valid, and 2 more");
        let advice = measured.remarks[0].advice.as_deref().unwrap_or_default();
        assert!(advice.starts_with(r#"REINDEX INDEX CONCURRENTLY "public"."by""name","#), "{advice}");
    }

    #[test]
    fn a_build_that_is_hidden_could_be_the_one_that_is_not_valid() {
        let rows = [Row::new(["public", "by_name", "staff", "1", "1"].map(Some))];
        let measured = read(&Look { server: &server(), rows: &rows, past: &[] });
        assert_eq!((measured.samples.len(), measured.hidden[0].key), (0, "invalid_indexes"));
        assert_eq!(measured.hidden[0].grant.as_deref(), Some(r#"GRANT pg_monitor TO "mon""#));
    }
}

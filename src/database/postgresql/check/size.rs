//! How large the database is, and its largest tables.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::postgresql::server::Server;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

/// Growth is what the board makes of sizes: it is hidden where they are.
pub(super) const CHECK: Check<Server> = Check {
    gauges: &["size", "growth"],
    lane: LaneKind::Slow,
    remembers: false,
    ask: |_| Question::Ask(QUESTION),
    read,
};

/// The tables by the pages they had when they were last looked at: exact sizes would wait for
/// whoever holds a lock on one of them.
const QUESTION: &str = "
    (SELECT 'size', pg_database_size(current_database()), NULL, NULL)
    UNION ALL
    (SELECT 'count', count(*), NULL, NULL FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        AND n.nspname !~ '^pg_(toast|temp)')
    UNION ALL
    (SELECT 'table', c.relpages::bigint * current_setting('block_size')::bigint, n.nspname, c.relname
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' AND c.relpages > 0 AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      ORDER BY c.relpages DESC LIMIT 5)";

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    for row in look.rows {
        match (row.text(0), row.whole(1)) {
            ("size", Some(bytes)) => measured.sample(Sample::bytes("size", bytes)),
            ("count", Some(count)) => measured.sample(Sample::count("tables", count as f64)),
            ("table", Some(bytes)) => {
                let name = format!("{}.{}", row.text(2), row.text(3));
                measured.fact("table", format!("{name}: about {}", humanize::bytes(bytes as f64)));
            }
            _ => {}
        }
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    #[test]
    fn the_size_is_measured_and_the_tables_are_told() {
        let rows = [
            Row::new([Some("size"), Some("48000000"), None, None]),
            Row::new([Some("count"), Some("12"), None, None]),
            Row::new(["table", "16384", "public", "staff\u{1b}[31m"].map(Some)),
        ];
        let measured = read(&Look { server: &server(), rows: &rows, past: &[] });
        assert_eq!(measured.samples, [Sample::bytes("size", 48_000_000), Sample::count("tables", 12.0)]);
        assert_eq!(measured.facts, [("table".into(), "public.staff: about 16.4 kB".to_owned())]);
    }
}

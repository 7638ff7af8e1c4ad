//! Tables that everybody on the network can reach through an interface made from the schema
//! (`PostgREST`, Supabase), and that no row-level security guards.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::ident;
use crate::database::postgresql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["exposed_tables"],
    lane: LaneKind::Slow,
    remembers: false,
    ask: |_| Question::Ask(QUESTION),
    read,
};

/// The roles are those that such an interface takes for its callers. What belongs to an extension
/// is its own affair.
const QUESTION: &str = "
    SELECT nspname, relname, string_agg(rolname, ' and ' ORDER BY rolname), bool_or(writes), count(*) OVER ()
      FROM (SELECT c.oid, n.nspname, c.relname, r.rolname, has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE') AS writes
              FROM pg_roles r
              JOIN pg_namespace n ON n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
                                 AND has_schema_privilege(r.oid, n.oid, 'USAGE')
              JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
                             AND NOT c.relispartition AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE')
             WHERE r.rolname IN ('anon', 'authenticated', 'web_anon')
               AND (SELECT count(*) FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                                                       AND d.deptype = 'e') = 0) AS open
     GROUP BY oid, nspname, relname
     ORDER BY bool_or(writes) DESC, 1, 2 LIMIT 1";

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let count = look.first().and_then(|row| row.number(4)).unwrap_or(0.0);
    measured.sample(Sample::count("exposed_tables", count));
    if let Some(row) = look.first() {
        let more =
            if count > 1.0 { format!("; {} more like it", humanize::number(count - 1.0)) } else { String::new() };
        let may = if row.flag(3) { "change" } else { "read" };
        let text = format!(
            "{} may {may} every row of {}.{}: its row-level security is off{more}",
            row.text(2),
            row.text(0),
            row.text(1)
        );
        let table = format!("{}.{}", ident::quoted(row.text(0)), ident::quoted(row.text(1)));
        let advice = format!("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, with a policy for whoever may");
        measured.remark(Remark::new("exposed_tables", text).advice(advice));
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    #[test]
    fn the_table_that_most_may_change_is_named() {
        let rows = [Row::new(["public", "notes", "anon and authenticated", "t", "3"].map(Some))];
        let measured = read(&Look { server: &server(), rows: &rows, past: &[] });
        let text = "anon and authenticated may change every row of public.notes: its row-level security is off; 2 more \
                    like it";
        assert_eq!(measured.remarks[0].text, text);
    }
}

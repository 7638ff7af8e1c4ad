//! Operations that the database's own table of them calls running for longer than any of them
//! runs: nobody completed their rows, and whoever looks there is told of work that is none.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::ident;
use crate::database::postgresql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::sample::Sample;
use crate::domain::upkeep::TableName;
use crate::domain::vitals::Measured;
use crate::domain::{humanize, redact};

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["stuck_operations"],
    lane: LaneKind::Slow,
    remembers: false,
    ask: |server| server.operations.as_ref().map_or(Question::NotHere, |table| Question::Made(question(table))),
    read,
};

/// The oldest of them, and whether our role sees every row: a policy that hides some makes the
/// table look well.
fn question(table: &TableName) -> String {
    let name = table.quoted_in("public");
    let class = format!("{}::regclass", ident::literal(&name));
    format!(
        "SELECT NOT row_security_active({class}::oid) \
                OR EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = {class} AND p.polpermissive \
                            AND p.polcmd IN ('r', '*') AND pg_get_expr(p.polqual, p.polrelid) = 'true' \
                            AND EXISTS (SELECT FROM unnest(p.polroles) r (id) \
                                         WHERE r.id = 0 OR pg_has_role(r.id, 'USAGE'))) \
               AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = {class} AND NOT p.polpermissive), \
                o.kind, o.of, o.age, o.by, o.started, o.several \
           FROM (SELECT 1) AS one LEFT JOIN \
                (SELECT operation_type, table_name, extract(epoch FROM clock_timestamp() - started_at)::float8, \
                        details ->> 'by', started_at::text, count(*) OVER () \
                   FROM {name} WHERE status = 'running' ORDER BY started_at LIMIT 1) \
                AS o (kind, of, age, by, started, several) ON true"
    )
}

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let (Some(row), Some(table)) = (look.first(), &look.server.operations) else { return measured };
    let name = table.quoted_in("public");
    let age = row.number(3).map(|age| age.max(0.0));
    if !row.flag(0) {
        let why = format!("a policy may hide rows of {table} from the role {}", look.server.role);
        let role = ident::quoted(&look.server.role);
        let grant = format!("CREATE POLICY rounds_reads ON {name} FOR SELECT TO {role} USING (true)");
        measured.hide("stuck_operations", why, Some(grant));
        if age.is_none() {
            return measured;
        }
    }
    measured.sample(Sample::seconds("stuck_operations", age.unwrap_or(0.0)));
    let Some(age) = age else { return measured };
    let said = |column| row.get(column).map(|text| redact::text(text).into_owned());
    let of = said(2).map_or_else(String::new, |of| format!(" of {of}"));
    let by = said(4).map_or_else(String::new, |by| format!(" by {by}"));
    let kind = said(1).filter(|kind| !kind.is_empty()).unwrap_or_else(|| "an operation".to_owned());
    let several = row.number(6).filter(|several| *several > 1.0);
    let more = several.map_or_else(String::new, |all| format!("; {} in all are", humanize::number(all)));
    let text = format!("{table} has called {kind}{of}{by} running for {}{more}", humanize::seconds(age));
    let advice = format!(
        "when `rounds database activity` shows nothing of it, UPDATE {name} SET status = 'failed', completed_at = now() \
         WHERE status = 'running' AND started_at = {}; and give whoever writes there a policy for UPDATE",
        ident::literal(row.text(5))
    );
    measured.remark(Remark::new("stuck_operations", text).advice(advice));
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    fn of(row: [Option<&str>; 7]) -> Measured {
        let table = TableName { schema: None, name: "it's".to_owned() };
        let server = Server { operations: Some(table), ..server() };
        read(&Look { server: &server, rows: &[Row::new(row)], past: &[] })
    }

    #[test]
    fn the_oldest_row_is_named_with_what_mends_it() {
        let started = "2026-03-02 08:00:00+00";
        let row = ["t", "vacuum", "staff", "90000", "asha", started, "2"].map(Some);
        let measured = of(row);
        assert_eq!(measured.samples, [Sample::seconds("stuck_operations", 90_000.0)]);
        assert_eq!(measured.remarks[0].text, "it's has called vacuum of staff by asha running for 25 h; 2 in all are");
        let advice = measured.remarks[0].advice.as_deref().unwrap_or_default();
        assert!(advice.contains(r#"UPDATE "public"."it's" SET"#) && advice.contains(started), "{advice}");
    }

    #[test]
    fn no_row_is_well_only_for_whoever_sees_all_rows() {
        let none = |sees| of([Some(sees), None, None, None, None, None, None]);
        assert_eq!(none("t").samples, [Sample::seconds("stuck_operations", 0.0)]);
        let hidden = none("f");
        assert!(hidden.samples.is_empty());
        assert!(hidden.hidden[0].grant.as_deref().is_some_and(|grant| grant.ends_with(r#"TO "mon" USING (true)"#)));
        let some = of(["f", "vacuum", "staff", "9", "asha", "monday", "1"].map(Some));
        assert_eq!((some.samples.len(), some.hidden.len()), (1, 1), "what is seen is told all the same");
    }

    #[test]
    fn nobody_is_asked_without_a_table_and_its_name_stays_a_name() {
        assert_eq!((CHECK.ask)(&server()), Question::NotHere);
        let table = TableName { schema: Some("o\"ps".to_owned()), name: "it's; DROP TABLE staff".to_owned() };
        let asked = question(&table);
        assert!(asked.contains(r#"FROM "o""ps"."it's; DROP TABLE staff" WHERE"#), "{asked}");
        assert!(
            asked.contains(r#"row_security_active('"o""ps"."it''s; DROP TABLE staff"'::regclass::oid)"#),
            "{asked}"
        );
    }
}

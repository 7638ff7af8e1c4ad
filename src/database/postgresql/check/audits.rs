//! Audit tables that nobody can write into: a trigger inserts as the user who changed something,
//! row-level security refuses the user, and the change fails with it.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::ident;
use crate::database::postgresql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> =
    Check { gauges: &["mute_audits"], lane: LaneKind::Slow, remembers: false, ask: |_| Question::Ask(QUESTION), read };

/// A table that wants a policy for every insert and has none, into which a trigger inserts with
/// the rights of its caller, on a table that somebody may change who is not above policies.
const QUESTION: &str = r#"
    SELECT an.nspname, a.relname, tn.nspname, t.relname, pn.nspname, p.proname, count(*) OVER ()
      FROM pg_class a JOIN pg_namespace an ON an.oid = a.relnamespace
      JOIN pg_proc p ON NOT p.prosecdef AND p.prorettype = 'trigger'::regtype
                    AND a.relname ~ '^\w+$' AND p.prosrc ~* ('insert\s+into\s+([\w"]+\s*\.\s*)?"?' || a.relname || '\M')
      JOIN pg_namespace pn ON pn.oid = p.pronamespace
      JOIN pg_trigger g ON g.tgfoid = p.oid AND NOT g.tgisinternal AND g.tgenabled <> 'D'
      JOIN pg_class t ON t.oid = g.tgrelid AND t.oid <> a.oid JOIN pg_namespace tn ON tn.oid = t.relnamespace
     WHERE a.relkind IN ('r', 'p') AND a.relrowsecurity
       AND NOT EXISTS (SELECT FROM pg_policy l WHERE l.polrelid = a.oid AND l.polpermissive AND l.polcmd IN ('a', '*'))
       AND EXISTS (SELECT FROM aclexplode(t.relacl) x LEFT JOIN pg_roles r ON r.oid = x.grantee
                    WHERE x.privilege_type IN ('INSERT', 'UPDATE', 'DELETE') AND x.grantee <> a.relowner
                      AND NOT coalesce(r.rolsuper OR r.rolbypassrls, false))
     GROUP BY an.nspname, a.relname, tn.nspname, t.relname, pn.nspname, p.proname
     ORDER BY 1, 2, 3, 4 LIMIT 1"#;

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let count = look.first().and_then(|row| row.number(6)).unwrap_or(0.0);
    measured.sample(Sample::count("mute_audits", count));
    if let Some(row) = look.first() {
        let more =
            if count > 1.0 { format!("; {} more like it", humanize::number(count - 1.0)) } else { String::new() };
        let text = format!(
            "changes of {}.{} fail for ordinary roles: its trigger inserts into {}.{}, which has row-level security and no \
             policy for INSERT{more}",
            row.text(2),
            row.text(3),
            row.text(0),
            row.text(1)
        );
        let function = format!("{}.{}()", ident::quoted(row.text(4)), ident::quoted(row.text(5)));
        let advice = format!(
            "ALTER FUNCTION {function} SECURITY DEFINER SET search_path = '', its names written with their schema; or a \
             policy for INSERT"
        );
        measured.remark(Remark::new("mute_audits", text).advice(advice));
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    #[test]
    fn both_tables_and_the_function_are_named() {
        let rows = [Row::new(["public", "audit_log", "public", "prefs", "app", "log_it", "1"].map(Some))];
        let measured = read(&Look { server: &server(), rows: &rows, past: &[] });
        let text = "changes of public.prefs fail for ordinary roles: its trigger inserts into public.audit_log, which has \
                    row-level security and no policy for INSERT";
        assert_eq!(measured.remarks[0].text, text);
        let advice = measured.remarks[0].advice.as_deref().unwrap_or_default();
        assert!(advice.starts_with(r#"ALTER FUNCTION "app"."log_it"() SECURITY DEFINER"#), "{advice}");
    }
}

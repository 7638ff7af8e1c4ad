//! Sequences near their end, which is that of the column they fill where that is narrower.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::ident;
use crate::database::postgresql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> =
    Check { gauges: &["sequences"], lane: LaneKind::Slow, remembers: false, ask: |_| Question::Ask(QUESTION), read };

/// Whose column a sequence fills is looked up only for those that have come far enough to fill
/// the narrowest. A sequence whose value our role may not read looks like one that was never used: it is
/// counted apart.
const QUESTION: &str = "
    SELECT schema, sequence, share, last, the_end, owner, count(*) FILTER (WHERE NOT readable) OVER (), count(*) OVER (),
           first_value(schema) OVER (ORDER BY readable, schema)
      FROM (SELECT n.nspname AS schema, c.relname AS sequence, readable, last, the_end, owner,
                   last::float8 / nullif(the_end, 0) AS share
              FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
              CROSS JOIN LATERAL (SELECT has_sequence_privilege(c.oid, 'SELECT,USAGE') AS readable) r
              CROSS JOIN LATERAL (SELECT CASE WHEN readable THEN pg_sequence_last_value(c.oid) END AS last) v
              LEFT JOIN LATERAL (
                   SELECT t.relname || '.' || a.attname AS owner,
                          CASE a.atttypid WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647 END AS most
                     FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid
                     JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                    WHERE abs(last::numeric) >= 1000 AND d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
                      AND d.deptype IN ('a', 'i') LIMIT 1) o ON true
              CROSS JOIN LATERAL (SELECT CASE WHEN s.seqincrement > 0 THEN least(s.seqmax, o.most)
                                              ELSE greatest(s.seqmin, -o.most - 1) END AS the_end) e
             WHERE NOT s.seqcycle AND c.relpersistence = 'p') AS sequences
     ORDER BY share DESC NULLS LAST LIMIT 1";

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let Some(row) = look.first() else { return measured };
    let share = row.number(2).unwrap_or(0.0) * 100.0;
    measured.sample(Sample::percent("sequences", share));
    let fills = row.get(5).map(|owner| format!(", which fills {owner},")).unwrap_or_default();
    let text = format!(
        "the sequence {}.{}{fills} has used {share:.0} % of its values: {} of {}",
        row.text(0),
        row.text(1),
        humanize::number(row.number(3).unwrap_or(0.0)),
        humanize::number(row.number(4).unwrap_or(0.0))
    );
    measured.remark(Remark::new("sequences", text).advice("change the column to bigint before inserts fail"));
    if row.number(6).is_some_and(|hidden| hidden > 0.0) {
        let why = format!("{} of {} sequences are hidden from the role {}", row.text(6), row.text(7), look.server.role);
        let role = ident::quoted(&look.server.role);
        let grant = if look.server.is_at_least(14) {
            format!(
                "GRANT pg_read_all_data TO {role}, or GRANT SELECT ON ALL SEQUENCES IN SCHEMA {} TO {role}",
                ident::quoted(row.text(8))
            )
        } else {
            format!("GRANT SELECT ON ALL SEQUENCES IN SCHEMA {} TO {role}", ident::quoted(row.text(8)))
        };
        measured.hide("sequences", why, Some(grant));
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    fn of(hidden: &str) -> Measured {
        let row = ["public", "shift_id_seq", "0.91", "1954210119", "2147483647", "shift.id", hidden, "7", "app"];
        read(&Look { server: &server(), rows: &[Row::new(row.map(Some))], past: &[] })
    }

    #[test]
    fn the_narrower_end_counts() {
        assert_eq!(
            of("0").remarks[0].text,
            "the sequence public.shift_id_seq, which fills shift.id, has used 91 % of its values: 1 954 210 119 of 2 147 483 647"
        );
        assert!(of("0").hidden.is_empty());
    }

    #[test]
    fn those_that_are_hidden_are_unknown_beside_those_that_are_not() {
        let hidden = of("3");
        assert_eq!(hidden.samples.len(), 1);
        assert_eq!(hidden.hidden[0].why, "3 of 7 sequences are hidden from the role mon");
        assert!(hidden.hidden[0].grant.as_deref().is_some_and(|grant| grant.contains(r#"IN SCHEMA "app" TO "mon""#)));
    }
}

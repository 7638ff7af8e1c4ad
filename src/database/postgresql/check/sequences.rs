//! Sequences near their end, which is that of the column they fill where that is narrower.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::ident;
use crate::database::postgresql::server::Server;
use crate::database::row::Row;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["sequences"],
    lane: LaneKind::Slow,
    remembers: false,
    ask: |_| Question::InTurns(QUESTION),
    read,
};

/// To read a sequence the server locks it until the transaction ends, and its room for locks is
/// everybody's: so they are read in turns. Whose column one fills is looked up only for those that
/// have come far enough to fill the narrowest. A sequence whose value our role may not read looks
/// like one that was never used: it is counted apart.
const QUESTION: &str = "
    WITH turn AS (
      SELECT seqrelid, seqincrement, seqmax, seqmin, seqcycle FROM pg_sequence WHERE seqrelid > $AFTER ORDER BY seqrelid LIMIT 500)
    SELECT whole.last_one, w.schema, w.sequence, w.share, w.last, w.the_end, w.owner, w.hidden, w.several, w.hidden_in
      FROM (SELECT max(seqrelid) AS last_one FROM turn) AS whole
      LEFT JOIN LATERAL (
           SELECT schema, sequence, share, last, the_end, owner, count(*) FILTER (WHERE NOT readable) OVER () AS hidden,
                  count(*) OVER () AS several, min(schema) FILTER (WHERE NOT readable) OVER () AS hidden_in
             FROM (SELECT n.nspname AS schema, c.relname AS sequence, readable, last, the_end, owner,
                          last::float8 / nullif(the_end, 0) AS share
                     FROM turn s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
                    CROSS JOIN LATERAL (SELECT has_sequence_privilege(c.oid, 'SELECT,USAGE') AS readable) r
                    CROSS JOIN LATERAL (SELECT CASE WHEN readable THEN pg_sequence_last_value(c.oid) END AS last) v
                     LEFT JOIN LATERAL (
                          SELECT t.relname || '.' || a.attname AS owner,
                                 CASE a.atttypid WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647 END AS most
                            FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid
                            JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                           WHERE abs(last::numeric) >= 1000 AND d.classid = 'pg_class'::regclass AND d.objid = c.oid
                             AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') LIMIT 1) o ON true
                    CROSS JOIN LATERAL (SELECT CASE WHEN s.seqincrement > 0 THEN least(s.seqmax, o.most)
                                                    ELSE greatest(s.seqmin, -o.most - 1) END AS the_end) e
                    WHERE NOT s.seqcycle AND c.relpersistence = 'p') AS sequences
            ORDER BY share DESC NULLS LAST LIMIT 1) AS w ON true
     WHERE whole.last_one IS NOT NULL";

const SHARE: usize = 3;
const HIDDEN: usize = 7;
const SEVERAL: usize = 8;
const HIDDEN_IN: usize = 9;

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    // A row is what one turn brought; in some there may be no sequence to look at.
    let turns: Vec<&Row> = look.rows.iter().filter(|row| row.get(SEVERAL).is_some()).collect();
    let share = |row: &Row| row.number(SHARE).unwrap_or(0.0);
    let Some(row) = turns.iter().max_by(|one, other| share(one).total_cmp(&share(other))) else { return measured };
    let percent = share(row) * 100.0;
    measured.sample(Sample::percent("sequences", percent));
    let fills = row.get(6).map(|owner| format!(", which fills {owner},")).unwrap_or_default();
    let text = format!(
        "the sequence {}.{}{fills} has used {percent:.0} % of its values: {} of {}",
        row.text(1),
        row.text(2),
        humanize::number(row.number(4).unwrap_or(0.0)),
        humanize::number(row.number(5).unwrap_or(0.0))
    );
    measured.remark(Remark::new("sequences", text).advice("change the column to bigint before inserts fail"));
    let sum = |column| turns.iter().filter_map(|row| row.number(column)).sum::<f64>();
    if let Some(schema) = turns.iter().find_map(|row| row.get(HIDDEN_IN)) {
        let (hidden, all) = (humanize::number(sum(HIDDEN)), humanize::number(sum(SEVERAL)));
        let why = format!("{hidden} of {all} sequences are hidden from the role {}", look.server.role);
        let role = ident::quoted(&look.server.role);
        let schema = ident::quoted(schema);
        let grant = if look.server.is_at_least(14) {
            format!("GRANT pg_read_all_data TO {role} -- or GRANT SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}")
        } else {
            format!("GRANT SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}")
        };
        measured.hide("sequences", why, Some(grant));
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;

    fn of(rows: &[[Option<&str>; 10]]) -> Measured {
        let rows: Vec<Row> = rows.iter().map(|row| Row::new(*row)).collect();
        read(&Look { server: &server(), rows: &rows, past: &[] })
    }

    const SHIFT: [&str; 9] = ["77", "public", "shift_id_seq", "0.91", "1954210119", "2147483647", "shift.id", "0", "7"];

    fn shift() -> [Option<&'static str>; 10] {
        let mut row = [None; 10];
        row[..9].copy_from_slice(&SHIFT.map(Some));
        row
    }

    #[test]
    fn the_narrower_end_counts_in_whatever_turn_it_came() {
        let mut fresh = shift();
        (fresh[2], fresh[SHARE]) = (Some("fresh"), Some("0.01"));
        let mut nothing = [None; 10];
        nothing[0] = Some("99");
        let measured = of(&[fresh, shift(), nothing]);
        assert_eq!(
            measured.remarks[0].text,
            "the sequence public.shift_id_seq, which fills shift.id, has used 91 % of its values: 1 954 210 119 of 2 147 483 647"
        );
        assert!(measured.hidden.is_empty());
        assert_eq!(of(&[nothing]), Measured::default(), "there is none");
    }

    #[test]
    fn those_that_are_hidden_are_unknown_beside_those_that_are_not() {
        let mut partly = shift();
        (partly[HIDDEN], partly[HIDDEN_IN]) = (Some("3"), Some("app"));
        let hidden = of(&[shift(), partly]);
        assert_eq!(hidden.samples.len(), 1);
        assert_eq!(hidden.hidden[0].why, "3 of 14 sequences are hidden from the role mon");
        assert!(hidden.hidden[0].grant.as_deref().is_some_and(|grant| grant.contains(r#"IN SCHEMA "app" TO "mon""#)));
    }
}

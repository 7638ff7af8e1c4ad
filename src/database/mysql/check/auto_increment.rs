//! Columns that number their rows, and how many numbers are left: when they run out, every insert
//! fails.

use crate::database::check::{Check, LaneKind, Look};
use crate::database::ident;
use crate::database::mysql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["auto_increment"],
    lane: LaneKind::Slow,
    remembers: false,
    ask: |server| server.with_tables(QUESTION),
    read,
};

/// The share is of what the column's type can hold, with a sign or without.
const QUESTION: &str = "
    SELECT t.table_name, c.column_name, c.column_type, t.auto_increment - 1,
           (t.auto_increment - 1) * 100.0 /
           (CASE c.data_type WHEN 'tinyint' THEN 127e0 WHEN 'smallint' THEN 32767e0 WHEN 'mediumint' THEN 8388607e0
                             WHEN 'int' THEN 2147483647e0 ELSE 9223372036854775807e0 END
            * CASE WHEN c.column_type LIKE '%unsigned%' THEN 2 ELSE 1 END) AS share
      FROM information_schema.tables t
      JOIN information_schema.columns c ON c.table_schema = t.table_schema AND c.table_name = t.table_name
     WHERE t.table_schema = DATABASE() AND c.table_schema = DATABASE() AND t.auto_increment IS NOT NULL
       AND c.extra LIKE '%auto_increment%' AND c.data_type IN ('tinyint', 'smallint', 'mediumint', 'int', 'bigint')
     ORDER BY share DESC, t.table_name LIMIT 3";

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let share = look.first().and_then(|row| row.number(4)).unwrap_or(0.0).clamp(0.0, 100.0);
    measured.sample(Sample::percent("auto_increment", share));
    let Some(row) = look.first() else { return measured };
    let (table, column, kind) = (row.text(0), row.text(1), row.text(2));
    let used = humanize::number(row.number(3).unwrap_or(0.0));
    let text = format!("{table}.{column} ({kind}) has used {share:.0} % of its values, the last is {used}");
    let wider = if kind.contains("bigint") {
        "it is as wide as numbers get: find out who skips so many".to_owned()
    } else {
        let (table, column) = (ident::backticked(table), ident::backticked(column));
        format!(
            "ALTER TABLE {table} MODIFY {column} BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, and columns that refer to it"
        )
    };
    measured.remark(Remark::new("auto_increment", text).advice(wider));
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::mysql::server::tests::server;
    use crate::database::row::Row;

    #[test]
    fn the_column_nearest_its_end_is_named_with_what_widens_it() {
        let rows = [Row::new(["it`s", "id", "int(11)", "1954210119", "91.0"].map(Some))];
        let measured = read(&Look { server: &server(), rows: &rows, past: &[] });
        assert_eq!(measured.samples, [Sample::percent("auto_increment", 91.0)]);
        let remark = &measured.remarks[0];
        assert_eq!(remark.text, "it`s.id (int(11)) has used 91 % of its values, the last is 1 954 210 119");
        assert!(
            remark.advice.as_deref().is_some_and(|advice| advice.starts_with("ALTER TABLE `it``s` MODIFY `id` BIGINT"))
        );
    }

    #[test]
    fn without_such_columns_none_is_used() {
        let measured = read(&Look { server: &server(), rows: &[], past: &[] });
        assert_eq!(measured.samples, [Sample::percent("auto_increment", 0.0)]);
    }
}

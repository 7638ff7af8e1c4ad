//! How large the database is, its largest tables, and what is odd about some of them: no
//! transactions, or a character set that cannot hold every character.

use crate::database::check::{Check, LaneKind, Look};
use crate::database::mysql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["size", "not_transactional", "narrow_charset"],
    lane: LaneKind::Slow,
    remembers: false,
    ask: |server| server.with_tables(QUESTION),
    read,
};

/// Sizes are the server's own, and as old as its statistics. Free space inside the files counts:
/// it is on the disk.
const QUESTION: &str = "
    (SELECT 'all', COUNT(*), SUM(COALESCE(data_length, 0) + COALESCE(index_length, 0) + COALESCE(data_free, 0)),
            SUM(engine NOT IN ('InnoDB', 'ROCKSDB', 'TokuDB', 'ndbcluster')),
            MIN(CASE WHEN engine NOT IN ('InnoDB', 'ROCKSDB', 'TokuDB', 'ndbcluster')
                THEN CONCAT(table_name, ' (', engine, ')') END),
            SUM(SUBSTRING_INDEX(table_collation, '_', 1)
                NOT IN ('utf8mb4', 'uca1400', 'binary', 'utf16', 'utf16le', 'utf32', 'gb18030')),
            MIN(CASE WHEN SUBSTRING_INDEX(table_collation, '_', 1)
                NOT IN ('utf8mb4', 'uca1400', 'binary', 'utf16', 'utf16le', 'utf32', 'gb18030')
                THEN CONCAT(table_name, ' (', SUBSTRING_INDEX(table_collation, '_', 1), ')') END),
            COUNT(DISTINCT table_collation), SUM(engine IS NULL)
       FROM information_schema.tables
      WHERE table_schema = DATABASE() AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED'))
    UNION ALL
    (SELECT 'table', table_rows, data_length + index_length, NULL, table_name, NULL, NULL, NULL, NULL
       FROM information_schema.tables
      WHERE table_schema = DATABASE() AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND data_length IS NOT NULL
      ORDER BY 3 DESC LIMIT 5)";

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    for row in look.rows {
        if row.text(0) == "table" {
            let (size, name) = (row.number(2).unwrap_or(0.0), row.text(4));
            let rows = row.number(1).map_or(String::new(), |rows| format!(", about {} rows", humanize::number(rows)));
            measured.fact("table", format!("{name}: {}{rows}", humanize::bytes(size)));
            continue;
        }
        let count = row.number(1).unwrap_or(0.0);
        measured.sample(Sample::count("tables", count));
        match row.number(8).filter(|unread| *unread > 0.0) {
            // A table that is locked, or whose file is broken, has no figures, and the sum none.
            Some(unread) => {
                let why = format!("{} of its tables cannot be read now", humanize::number(unread));
                CHECK.gauges.iter().for_each(|gauge| measured.hide(gauge, why.clone(), None));
            }
            None => whole(row, &mut measured),
        }
    }
    measured
}

/// What is known when every table could be read.
fn whole(row: &crate::database::row::Row, measured: &mut Measured) {
    measured.sample(Sample::bytes("size", row.whole(2).unwrap_or(0)));
    let oddities = [
        (
            "not_transactional",
            3,
            "without transactions",
            "a crash can damage it, and no backup is one moment for it: ALTER TABLE … ENGINE = InnoDB",
        ),
        (
            "narrow_charset",
            5,
            "that cannot hold every character",
            "what does not fit is refused, or becomes a question mark: ALTER TABLE … CONVERT TO CHARACTER SET utf8mb4",
        ),
    ];
    for (key, column, what, advice) in oddities {
        let odd = row.number(column).unwrap_or(0.0);
        measured.sample(Sample::count(key, odd));
        let which = row.text(column + 1);
        let text = format!("{} {what}, {which} among them", humanize::count(odd as usize, "table"));
        if odd > 0.0 {
            measured.fact(what.to_owned(), text.clone());
        }
        measured.remark(Remark::new(key, text).advice(advice));
    }
    if let Some(collations) = row.whole(7).filter(|collations| *collations > 1) {
        let text = format!("{collations} in one database: comparing texts across them can fail, and uses no index");
        measured.fact("collations", text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::check::Question;
    use crate::database::mysql::server::tests::{blind, server};
    use crate::database::row::Row;

    fn read_rows(rows: &[Row]) -> Measured {
        read(&Look { server: &server(), rows, past: &[] })
    }

    #[test]
    fn the_size_is_measured_and_what_is_odd_is_named() {
        let all = ["all", "12", "48000000", "2", "log (MyISAM)", "1", "staff (latin1)", "2", "0"];
        let table =
            [Some("table"), Some("12000"), Some("16384"), None, Some("staff\u{1b}[31m"), None, None, None, None];
        let measured = read_rows(&[Row::new(all.map(Some)), Row::new(table)]);
        let expected = [
            Sample::count("tables", 12.0),
            Sample::bytes("size", 48_000_000),
            Sample::count("not_transactional", 2.0),
            Sample::count("narrow_charset", 1.0),
        ];
        assert_eq!(measured.samples, expected);
        assert_eq!(measured.remarks[0].text, "2 tables without transactions, log (MyISAM) among them");
        assert_eq!(measured.facts.last(), Some(&("table".into(), "staff: 16.4 kB, about 12 000 rows".to_owned())));
    }

    #[test]
    fn tables_that_cannot_be_read_or_seen_leave_no_figure_that_is_too_small() {
        let all = [Some("all"), Some("2"), Some("1"), Some("0"), None, Some("0"), None, Some("1"), Some("1")];
        let measured = read_rows(&[Row::new(all)]);
        assert_eq!(measured.hidden.len(), 3);
        assert!(measured.samples.iter().all(|sample| sample.key != "size"));
        assert!(matches!((CHECK.ask)(&blind()), Question::Hidden { .. }));
    }

    #[test]
    fn an_empty_database_is_empty_and_not_unknown() {
        let all = [Some("all"), Some("0"), None, None, None, None, None, Some("0"), None];
        assert_eq!(read_rows(&[Row::new(all)]).samples[1], Sample::bytes("size", 0));
    }
}

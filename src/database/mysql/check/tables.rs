//! How large the database is, its largest tables and which of them grows fastest, and what is odd
//! about some of them: no transactions, or a character set that cannot hold every character.

use crate::database::check::{Check, LaneKind, Look, Past};
use crate::database::mysql::server::Server;
use crate::database::row::Row;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::{Sample, Unit};
use crate::domain::vitals::Measured;

pub(in crate::database::mysql) const CHECK: Check<Server> = Check {
    gauges: &["size", "table_growth", "not_transactional", "narrow_charset"],
    lane: LaneKind::Slow,
    remembers: true,
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
      ORDER BY 3 DESC LIMIT 50)";

/// So many are told of; the others are there to be compared.
const TOLD: usize = 5;
/// A few minutes say nothing of a day.
const EVIDENCE_S: f64 = 600.0;

/// How much a table has grown since the earliest answer that knows it, and in how many seconds.
pub(in crate::database::mysql) fn grown(name: &str, bytes: f64, past: &[Past]) -> Option<(f64, f64)> {
    past.iter().rev().find_map(|past| {
        let then = past.rows.iter().find(|row| row.text(0) == "table" && row.text(4) == name)?.number(2)?;
        Some((bytes - then, past.ago.as_secs_f64()))
    })
}

/// The table that grows fastest, once there is evidence.
fn growth(look: &Look<'_, Server>, measured: &mut Measured) {
    let tables = look.rows.iter().filter(|row| row.text(0) == "table");
    let growth = |row: &Row| grown(row.text(4), row.number(2)?, look.past).filter(|(_, within)| *within >= EVIDENCE_S);
    let grows = tables.filter_map(|row| Some((row, growth(row)?)));
    let worst = grows.max_by(|(_, one), (_, other)| (one.0 / one.1).total_cmp(&(other.0 / other.1)));
    let Some((row, (bytes, within))) = worst else { return };
    measured.sample(Sample::gauge("table_growth", bytes / within * 86_400.0, Unit::BytesPerDay));
    let text = format!(
        "{} grew by {} within {}, to {}",
        row.text(4),
        humanize::bytes(bytes.max(0.0)),
        humanize::seconds(within),
        humanize::bytes(row.number(2).unwrap_or(0.0))
    );
    measured.remark(Remark::new("table_growth", text));
}

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let mut told = 0;
    for row in look.rows {
        if row.text(0) == "table" {
            told += 1;
            if told > TOLD {
                continue;
            }
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
    if measured.hidden.is_empty() {
        growth(look, &mut measured);
    }
    measured
}

/// What is known when every table could be read.
fn whole(row: &Row, measured: &mut Measured) {
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
    use std::time::Duration;

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
    fn the_table_that_grows_fastest_is_named_once_there_is_evidence() {
        let row =
            |name, bytes| Row::new([Some("table"), Some("9"), Some(bytes), None, Some(name), None, None, None, None]);
        let past = |ago, one, two| Past { ago: Duration::from_secs(ago), rows: vec![row("a", one), row("b", two)] };
        let now = [row("a", "3000000"), row("b", "9000000"), row("new", "1")];
        let of = |past: &[Past]| read(&Look { server: &server(), rows: &now, past });
        let measured = of(&[past(60, "2999999", "9000000"), past(864, "1000000", "8000000")]);
        assert_eq!(measured.samples, [Sample::gauge("table_growth", 2e8, Unit::BytesPerDay)]);
        assert_eq!(measured.remarks[0].text, "a grew by 2.0 MB within 14 m 24 s, to 3.0 MB");
        assert!(of(&[past(60, "1", "1")]).samples.is_empty(), "a minute is no evidence");
    }

    #[test]
    fn tables_that_cannot_be_read_or_seen_leave_no_figure_that_is_too_small() {
        let all = [Some("all"), Some("2"), Some("1"), Some("0"), None, Some("0"), None, Some("1"), Some("1")];
        let measured = read_rows(&[Row::new(all)]);
        assert_eq!(measured.hidden.len(), CHECK.gauges.len());
        assert!(measured.samples.iter().all(|sample| sample.key != "size"));
        assert!(matches!((CHECK.ask)(&blind()), Question::Hidden { .. }));
    }

    #[test]
    fn an_empty_database_is_empty_and_not_unknown() {
        let all = [Some("all"), Some("0"), None, None, None, None, None, Some("0"), None];
        assert_eq!(read_rows(&[Row::new(all)]).samples[1], Sample::bytes("size", 0));
    }
}

//! The audit log for other eyes: JSON and CSV, proof fields included, so that the chain can
//! be followed without this program.

use std::borrow::Cow;

use serde::Serialize;

use crate::domain::audit::AuditRecord;
use crate::domain::job::JobResult;
use crate::domain::time::rfc3339;

/// One record as documents show it: flat, in the words of the contract.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    pub seq: u64,
    pub at: String,
    pub phase: &'static str,
    pub correlation: &'a str,
    pub operator: &'a str,
    pub os_user: &'a str,
    pub host: &'a str,
    pub origin: &'a str,
    pub action: &'a str,
    pub target: &'a str,
    pub risk: &'a str,
    pub reason: &'a str,
    pub plan: &'a str,
    pub outcome: Option<&'static str>,
    pub detail: &'a str,
    pub took_s: Option<f64>,
    pub prev: &'a str,
    pub hash: &'a str,
}

impl<'a> From<&'a AuditRecord> for Line<'a> {
    fn from(record: &'a AuditRecord) -> Self {
        let entry = &record.entry;
        Self {
            seq: record.seq,
            at: rfc3339(entry.at),
            phase: entry.phase.word(),
            correlation: &entry.correlation,
            operator: &entry.actor.operator,
            os_user: &entry.actor.os_user,
            host: &entry.actor.host,
            origin: &entry.actor.origin,
            action: &entry.action,
            target: &entry.target,
            risk: &entry.risk,
            reason: &entry.reason,
            plan: &entry.plan,
            outcome: entry.outcome.map(JobResult::word),
            detail: &entry.detail,
            took_s: entry.took_s,
            prev: &record.prev,
            hash: &record.hash,
        }
    }
}

/// One record as a line of JSON, without the line's end.
pub fn jsonl(record: &AuditRecord) -> String {
    serde_json::to_string(&Line::from(record)).expect("text and finite numbers are always JSON")
}

/// The names of the columns, in the order of [`csv`]; ends like every row.
pub const CSV_HEADER: &str = "seq,at,phase,correlation,operator,os_user,host,origin,action,target,risk,reason,plan,\
                              outcome,detail,took_s,prev,hash\r\n";

/// One record as a row of CSV (RFC 4180), with its line end.
pub fn csv(record: &AuditRecord) -> String {
    let line = Line::from(record);
    let seq = line.seq.to_string();
    let took = line.took_s.map_or_else(String::new, |took| took.to_string());
    let cells = [
        &seq,
        &line.at,
        line.phase,
        line.correlation,
        line.operator,
        line.os_user,
        line.host,
        line.origin,
        line.action,
        line.target,
        line.risk,
        line.reason,
        line.plan,
        line.outcome.unwrap_or_default(),
        line.detail,
        &took,
        line.prev,
        line.hash,
    ];
    let mut row = cells.map(cell).join(",");
    row.push_str("\r\n");
    row
}

/// One cell, always quoted. Spreadsheets run what begins like a formula (OWASP, "CSV
/// Injection"), so such text gets an apostrophe in front, which they show as text.
fn cell(text: &str) -> String {
    const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    let text = if text.starts_with(FORMULA) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) };
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit::{Actor, AuditEntry, Phase};
    use crate::domain::time::Timestamp;

    fn record(reason: &str) -> AuditRecord {
        let entry = AuditEntry {
            at: Timestamp::from_timestamp_micros(1_772_442_252_000_042).expect("time"),
            phase: Phase::Intent,
            correlation: "j1".into(),
            actor: Actor { operator: "ada".into(), os_user: "ada".into(), host: "db1".into(), origin: "cron".into() },
            action: "backup".into(),
            target: "backup:rota-db".into(),
            risk: "routine".into(),
            reason: reason.into(),
            plan: "copy a\nto b".into(),
            outcome: None,
            detail: String::new(),
            took_s: None,
        };
        AuditRecord { seq: 7, entry, prev: "aa".repeat(32), hash: "bb".repeat(32) }
    }

    #[test]
    fn json_is_one_flat_line_with_microseconds_and_proof() {
        let line = jsonl(&record("why \"now\""));
        assert!(!line.contains('\n'));
        let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(value["at"], "2026-03-02T09:04:12.000042+00:00");
        assert_eq!(value["reason"], "why \"now\"");
        assert_eq!(value["outcome"], serde_json::Value::Null);
        assert_eq!(value["prev"], "aa".repeat(32));
        assert_eq!(value.as_object().expect("object").len(), CSV_HEADER.split(',').count());
    }

    #[test]
    fn no_cell_of_csv_is_a_formula_and_none_breaks_out() {
        for (text, expected) in [
            ("plain", "\"plain\""),
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(1)", "\"'@SUM(1)\""),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("＝1", "\"'＝1\""),
            ("a\",\"=1", "\"a\"\",\"\"=1\""),
            ("two\nlines", "\"two\nlines\""),
            ("", "\"\""),
        ] {
            assert_eq!(cell(text), expected);
        }
        let row = csv(&record("a,b"));
        assert!(row.starts_with("\"7\",\"2026-03-02") && row.ends_with("\"\r\n"), "{row}");
        assert_eq!(row.split("\",\"").count(), CSV_HEADER.split(',').count(), "{row}");
    }
}

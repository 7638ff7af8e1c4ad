//! An incident as it is told: as text, as a document, and as the record that is filed.

use serde_json::{Map, Value, json};

use crate::cli::Session;
use crate::domain::audit::AuditRecord;
use crate::domain::incident::{Field, Incident, Note};
use crate::domain::time::{Timestamp, rfc3339};

/// One incident, as a document.
pub(super) fn document(one: &Incident) -> Map<String, Value> {
    let mut document = Map::new();
    let mut put = |key: &str, value: Value| document.insert(key.to_owned(), value);
    put("number", json!(one.number));
    put("state", json!(if one.is_open() { "open" } else { "closed" }));
    put("title", json!(one.title));
    put("target", json!(one.target));
    put("opened_at", json!(rfc3339(one.opened_at)));
    put("opened_by", json!(one.opened_by));
    for field in Field::ALL {
        put(field.key(), json!(one.fields.get(&field)));
    }
    let note = |note: &Note| json!({ "at": rfc3339(note.at), "by": note.by, "text": note.text });
    put("notes", one.notes.iter().map(note).collect());
    put("closed_at", json!(one.closed.as_ref().map(|closed| rfc3339(closed.at))));
    put("closed_by", json!(one.closed.as_ref().map(|closed| &closed.by)));
    document
}

pub(super) fn text_of(one: &Incident, session: &Session) -> String {
    let state = match &one.closed {
        None => "open".to_owned(),
        Some(closed) => format!("closed {} by {}", written(closed.at, session), closed.by),
    };
    let mut text = format!(
        "incident {}  {state}  {}\n  opened {} by {}\n",
        one.number,
        one.title,
        written(one.opened_at, session),
        one.opened_by
    );
    if !one.target.is_empty() {
        text.push_str(&format!("  about {}\n", one.target));
    }
    for field in Field::ALL {
        let said = one.fields.get(&field).cloned();
        let said = said.unwrap_or_else(|| format!("to be written: {} TEXT", field.flag()));
        text.push_str(&format!("  {:<16} {said}\n", field.label()));
    }
    for note in &one.notes {
        text.push_str(&format!("  {}  {}: {}\n", written(note.at, session), note.by, note.text));
    }
    text
}

pub(super) fn row(record: &AuditRecord, session: &Session) -> Vec<String> {
    let entry = &record.entry;
    let outcome = entry.outcome.map_or_else(String::new, |outcome| format!("{}: ", outcome.word()));
    vec![
        String::new(),
        record.seq.to_string(),
        written(entry.at, session),
        entry.actor.operator.clone(),
        entry.phase.word().to_owned(),
        format!("{} {}{}", entry.action, outcome, entry.detail).trim_end().to_owned(),
    ]
}

/// The record that is filed. What people wrote is quoted, so that it stays what it is.
pub(super) fn markdown(one: &Incident, acts: &[AuditRecord], session: &Session) -> String {
    let mut text = format!("# Incident {}: {}\n\n", one.number, one.title);
    text.push_str(&format!("- Opened: {} by {}\n", written(one.opened_at, session), one.opened_by));
    match &one.closed {
        Some(closed) => text.push_str(&format!("- Closed: {} by {}\n", written(closed.at, session), closed.by)),
        None => text.push_str("- Not closed yet\n"),
    }
    if !one.target.is_empty() {
        text.push_str(&format!("- About: `{}`\n", one.target));
    }
    for field in Field::ALL {
        let heading = match field {
            Field::FailedAt => "Date and time of failure",
            Field::Cause => "Cause",
            Field::BackupUsed => "Backup used",
            Field::DataLost => "Data lost",
            Field::Lessons => "Lessons learned",
        };
        let said = one.fields.get(&field).map_or("(to be written)", String::as_str);
        text.push_str(&format!("\n## {heading}\n\n> {said}\n"));
    }
    let mut happened: Vec<(Timestamp, String)> =
        one.notes.iter().map(|note| (note.at, format!("{}: {}", note.by, note.text))).collect();
    happened.extend(acts.iter().map(|record| {
        let entry = &record.entry;
        let words = entry.outcome.map_or(entry.phase.word(), |outcome| outcome.word());
        (
            entry.at,
            format!("{}: {} {words} (record {}) {}", entry.actor.operator, entry.action, record.seq, entry.detail),
        )
    }));
    happened.sort_by_key(|(at, _)| *at);
    if !happened.is_empty() {
        text.push_str("\n## What happened\n\n");
    }
    for (at, what) in happened {
        text.push_str(&format!("- {}\n  > {}\n", written(at, session), what.trim_end()));
    }
    text
}

/// A moment as it is still understood in years.
pub(super) fn written(at: Timestamp, session: &Session) -> String {
    session.zone.local(at).format("%Y-%m-%d %H:%M:%S").to_string()
}

//! Entries of the journal of systemd, as `journalctl -o json` prints them.

use serde_json::Value;

use crate::domain::sanitize;
use crate::domain::time::Timestamp;

/// What it printed, entry by entry; what is none is passed over.
pub(super) fn entries(printed: &[u8]) -> impl Iterator<Item = Value> {
    let lines = printed.split(|byte| *byte == b'\n').filter(|line| line.first() == Some(&b'{'));
    lines.filter_map(|line| serde_json::from_slice(line).ok())
}

/// When an entry was written: by whoever wrote it, where that is told. The journal takes in what
/// comes on different ways in an order of its own.
pub(super) fn instant(entry: &Value) -> Option<Timestamp> {
    let at = entry["_SOURCE_REALTIME_TIMESTAMP"].as_str().or_else(|| entry["__REALTIME_TIMESTAMP"].as_str());
    Timestamp::from_timestamp_micros(at?.parse().ok()?)
}

/// A field that is text, safe to show.
pub(super) fn field(entry: &Value, name: &str) -> Option<String> {
    text(&entry[name]).map(|bytes| sanitize::bytes(&bytes))
}

/// A field of the journal: text, the bytes of what is no text, or the last of several.
pub(super) fn text(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.clone().into_bytes()),
        Value::Array(items) if items.iter().all(Value::is_u64) => {
            items.iter().map(|byte| u8::try_from(byte.as_u64()?).ok()).collect()
        }
        Value::Array(items) => text(items.last()?),
        _ => None,
    }
}

/// What keeps the journal from telling whoever asked, and what mends it.
pub(super) fn denied(complaint: &[u8]) -> Option<&'static str> {
    let complaint = String::from_utf8_lossy(complaint);
    let denied = complaint.contains("not seeing messages") || complaint.contains("insufficient permissions");
    denied.then_some("the journal shows this user no messages of the system; join the group systemd-journal (or adm)")
}

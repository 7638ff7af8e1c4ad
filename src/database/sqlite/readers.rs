//! Who keeps a write-ahead log from being emptied: whoever reads an older state of the database
//! holds a lock on one of the read marks beside it.

use std::ops::RangeInclusive;
use std::path::Path;

use super::open;
use crate::domain::finding::Remark;
use crate::domain::{humanize, sanitize};
use crate::platform::locks;

/// The bytes of the `-shm` file whose locks are read marks, but for the first, whose reader needs
/// nothing of the log. Part of the file format: sqlite.org/walformat.html, section 2.3.
const READ_MARKS: RangeInclusive<u64> = 124..=127;

/// A smaller log worries nobody.
const WORTH_ASKING: u64 = 1 << 20;

/// How a log past its limit is told, with who reads it. `None` where nobody does, or nobody can
/// tell.
pub(super) fn remark(path: &Path, wal_bytes: u64) -> Option<Remark> {
    if wal_bytes < WORTH_ASKING {
        return None;
    }
    let mut readers: Vec<(u32, String)> = locks::of(&open::sidecar(path, "-shm"))?
        .into_iter()
        .filter(|lock| !lock.exclusive && READ_MARKS.contains(&lock.from))
        .map(|lock| (lock.pid, sanitize::line(&lock.name)))
        .collect();
    readers.sort();
    readers.dedup();
    let (first, _) = readers.first()?;
    let named: Vec<String> = readers.iter().take(3).map(|(pid, name)| format!("{name} (pid {pid})")).collect();
    let named: Vec<&str> = named.iter().map(String::as_str).collect();
    let more = readers.len().saturating_sub(named.len());
    let more = if more > 0 { format!(" and {}", humanize::count(more, "other")) } else { String::new() };
    let text = format!(
        "the write-ahead log has {}, and {}{more} read from it, which keeps it from being emptied",
        humanize::bytes(wal_bytes as f64),
        humanize::listed(&named),
    );
    let advice = format!("if pid {first} still reads when you look again, end its transaction");
    Some(Remark::new("wal", text).advice(advice))
}

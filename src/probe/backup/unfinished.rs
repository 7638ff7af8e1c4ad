//! What gives away a file that was never finished, from a few bytes of its beginning or its end.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::archive::shelf::Seen;
use crate::archive::sql_end;
use crate::domain::backup::Compression;
use crate::domain::humanize;

/// How packed files begin.
const MAGIC: [(Compression, &[u8]); 2] =
    [(Compression::Zstd, &[0x28, 0xb5, 0x2f, 0xfd]), (Compression::Gzip, &[0x1f, 0x8b])];
/// The last lines of a dump.
const TAIL: u64 = 512;

/// What gives away a copy of another tool that was never finished.
pub(super) fn why(seen: &Seen) -> Option<String> {
    let journal = format!("{}-journal", seen.path.display());
    if seen.size == 0 {
        Some("the file is empty".to_owned())
    } else if Path::new(&journal).exists() {
        // It would open, be sound, and hold nothing.
        Some("a journal lies beside it: its copy was interrupted".to_owned())
    } else if let Err(why) = super::look::readable(&seen.path) {
        Some(why)
    } else if let Some((name, magic)) = MAGIC.iter().find(|(packing, _)| *packing == Compression::of_name(&seen.path)) {
        (!begins_with(&seen.path, magic)).then(|| {
            let size = humanize::bytes(seen.size as f64);
            format!("{size} that are not packed by {}", name.word())
        })
    } else {
        let ending = seen.path.extension().and_then(|ending| ending.to_str());
        match ending {
            Some("sqlite" | "sqlite3" | "db") => not_sqlite(&seen.path, seen.size),
            Some("sql") => cut_off(&seen.path, seen.size),
            _ => None,
        }
    }
}

/// What the first hundred bytes give away: another header, or a length that is not the one
/// they tell (SQLite file format, sections 1.3.2 and 1.3.8).
fn not_sqlite(path: &Path, size: u64) -> Option<String> {
    let mut header = [0; 100];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut header));
    if read.is_err() || !header.starts_with(b"SQLite format 3\0") {
        return Some(format!("{} that are no SQLite database", humanize::bytes(size as f64)));
    }
    let page = match u64::from(u16::from_be_bytes([header[16], header[17]])) {
        1 => 65_536,
        page => page,
    };
    let pages = u64::from(u32::from_be_bytes([header[28], header[29], header[30], header[31]]));
    // An older writer leaves the count out of date, and says so by the two counters.
    let counted = header[24..28] == header[92..96] && pages > 0;
    (counted && page * pages > size).then(|| {
        let whole = humanize::bytes((page * pages) as f64);
        format!("cut off: {} of {whole}", humanize::bytes(size as f64))
    })
}

fn begins_with(path: &Path, magic: &[u8]) -> bool {
    let mut head = vec![0; magic.len()];
    File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == magic
}

/// A dump of a known writer that does not end as that one's do.
fn cut_off(path: &Path, size: u64) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let (mut head, mut tail) = (Vec::new(), Vec::new());
    Read::by_ref(&mut file).take(TAIL).read_to_end(&mut head).ok()?;
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL))).ok()?;
    file.take(TAIL).read_to_end(&mut tail).ok()?;
    sql_end(&head, &tail).err()
}

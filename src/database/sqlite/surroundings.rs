//! What a SQLite file says of itself beside its tables, and whether it lies where it can be
//! trusted.

use std::path::Path;

use rusqlite::Connection;

use super::open;
use crate::domain::finding::Finding;
use crate::domain::status::Status;
use crate::domain::vitals::Measured;
use crate::platform::{file, network};

pub(super) fn read(path: &Path, connection: &Connection, wal: bool) -> rusqlite::Result<Measured> {
    let mut measured = Measured::default();
    let number = |question: &str| connection.query_row(question, [], |row| row.get::<_, i64>(0));
    let (application, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    if application != 0 {
        measured.fact("application id", format!("{application:#010x}"));
    }
    // Many programs count their migrations there.
    if version != 0 {
        measured.fact("user version", version.to_string());
    }
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let directory = real.parent().unwrap_or(Path::new("/"));
    if let Some(kind) = network::kind(directory).filter(|kind| wal && *kind != "FUSE") {
        let text = format!("it is in WAL mode on a network file system ({kind}), whose locks it cannot rely on");
        let advice = "move it to a local disk, or `PRAGMA journal_mode = DELETE` while one machine alone uses it: two \
                      machines would corrupt it";
        measured.findings.push(Finding::new(Status::Critical, "network", text).advice(advice));
    }
    for (which, place) in [("the file", real.as_path()), ("its write-ahead log", &open::sidecar(path, "-wal"))] {
        let mode = std::fs::metadata(place).ok().and_then(|found| file::mode(&found));
        if let Some(mode) = mode.filter(|mode| mode & 0o002 != 0) {
            let text = format!("anybody on this machine can write {which} (mode {:04o})", mode & 0o7777);
            let finding = Finding::new(Status::Warning, "mode", text);
            measured.findings.push(finding.advice(format!("chmod o-w {}", place.display())));
            break;
        }
    }
    Ok(measured)
}

//! Verification: whether a backup file is still what it was when it was made.
//!
//! The hash in its manifest notices every changed bit; SQLite's own check notices about a fifth.
//! Without a manifest only the structure can be looked at, and the verdict says so.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio_util::sync::CancellationToken;

use super::manifest::{Counts, Manifest, ManifestError};
use super::sqlite::{difference, structure_fault, tables};
use super::{ArchiveError, Cancellable, aside, failed, hash};
use crate::database::{DatabaseError, sqlite};
use crate::domain::{humanize, sanitize};

/// The verdict on one file, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub ok: bool,
    pub detail: String,
}

/// Verifies one backup file: its hash against its manifest, then its structure, and the rows
/// of the tables that `rows` names, all when it is empty.
///
/// An error means that there is no verdict: the file cannot be read, or nothing is known of
/// its kind.
pub async fn verify(file: PathBuf, rows: Vec<String>, cancel: CancellationToken) -> Result<Verified, ArchiveError> {
    aside(cancel, move |cancel| {
        // What is found wrong is a verdict, wherever on the way it is found.
        match examine(&file, &rows, cancel) {
            Ok(found) => Ok(Verified { ok: true, detail: found }),
            Err(Verdict::Damaged(why)) => Ok(Verified { ok: false, detail: why }),
            Err(Verdict::None(error)) => Err(error),
        }
    })
    .await
}

/// Why the examination ended early.
enum Verdict {
    Damaged(String),
    None(ArchiveError),
}

impl From<ArchiveError> for Verdict {
    fn from(error: ArchiveError) -> Self {
        Verdict::None(error)
    }
}

impl From<DatabaseError> for Verdict {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Malformed(why) => Verdict::Damaged(why),
            other => Verdict::None(other.into()),
        }
    }
}

fn damaged<T>(why: impl Into<String>) -> Result<T, Verdict> {
    Err(Verdict::Damaged(why.into()))
}

fn examine(file: &Path, rows: &[String], cancel: &CancellationToken) -> Result<String, Verdict> {
    let meta = std::fs::metadata(file).map_err(failed("look at", file))?;
    if !meta.is_file() {
        return damaged("not a file");
    }
    if meta.len() == 0 {
        return damaged("the file is empty");
    }
    let manifest = match Manifest::of(file) {
        Ok(manifest) => Ok(manifest),
        Err(ManifestError::Damaged(why)) => return damaged(format!("its manifest is damaged: {why}")),
        Err(ManifestError::Unreadable(error)) => return Err(failed("read the manifest of", file)(error).into()),
        Err(newer @ ManifestError::Newer(_)) => {
            let why = format!("{}: {newer}: a version that knows it can verify it", file.display());
            return Err(Verdict::None(ArchiveError::Unsupported(why)));
        }
        Err(absent @ ManifestError::Absent) => Err(absent),
    };
    let hashed = match &manifest {
        Ok(manifest) => {
            same_bytes(file, meta.len(), manifest, cancel)?;
            "hash as in the manifest".to_owned()
        }
        Err(why) => format!("{why}, so only the structure could be checked"),
    };
    let manifest = manifest.ok();
    let structure = match Form::of(file, manifest.as_ref())? {
        Form::Sqlite => sqlite_structure(file, manifest.as_ref().map(|manifest| &manifest.counts), rows, cancel)?,
        Form::Json => json_structure(file, cancel)?,
        Form::Other if manifest.is_some() => "its structure is not one this program knows".to_owned(),
        Form::Other => {
            return Err(Verdict::None(ArchiveError::Unsupported(format!(
                "{}: it has no manifest, and is neither SQLite nor JSON: nothing to check it against",
                file.display()
            ))));
        }
    };
    Ok(format!("{hashed}; {structure}"))
}

fn same_bytes(file: &Path, size: u64, manifest: &Manifest, cancel: &CancellationToken) -> Result<(), Verdict> {
    let Some(entry) = manifest.data() else { return damaged("its manifest names no file") };
    if entry.bytes != size {
        let shown = |bytes: u64| humanize::bytes(bytes as f64);
        return damaged(format!(
            "{} where the manifest says {} ({size} bytes instead of {})",
            shown(size),
            shown(entry.bytes),
            entry.bytes
        ));
    }
    let (sha256, _) = hash(file, cancel)?;
    if sha256 != entry.sha256 {
        return damaged("its SHA-256 is not the manifest's: its content has changed since it was made");
    }
    Ok(())
}

/// What a backup file is.
enum Form {
    Sqlite,
    Json,
    Other,
}

impl Form {
    /// By what the manifest says, else by what the file is called, else by how it begins.
    fn of(file: &Path, manifest: Option<&Manifest>) -> Result<Self, Verdict> {
        if let Some(manifest) = manifest {
            return Ok(if manifest.engine == sqlite::ENGINE.card.name { Form::Sqlite } else { Form::Other });
        }
        let extension = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        Ok(match extension.as_str() {
            "sqlite" | "sqlite3" | "db" | "db3" | "s3db" | "sl3" => Form::Sqlite,
            "json" => Form::Json,
            _ if starts_as_sqlite(file).map_err(failed("read", file))? => Form::Sqlite,
            _ => Form::Other,
        })
    }
}

fn starts_as_sqlite(file: &Path) -> std::io::Result<bool> {
    let mut head = Vec::new();
    File::open(file)?.take(16).read_to_end(&mut head)?;
    Ok(head == b"SQLite format 3\0")
}

fn sqlite_structure(
    file: &Path,
    expected: Option<&Counts>,
    rows: &[String],
    cancel: &CancellationToken,
) -> Result<String, Verdict> {
    let explain = |error: rusqlite::Error| Verdict::from(sqlite::explain(file, &error));
    for suffix in ["-wal", "-journal"] {
        let beside = sqlite::sidecar(file, suffix);
        if beside.metadata().is_ok_and(|meta| meta.len() > 0) {
            return damaged(format!(
                "{} lies beside it: it is not one finished copy, or something has it open",
                sanitize::line(&beside.display().to_string())
            ));
        }
    }
    let copy = sqlite::finished(file)?;
    sqlite::cancellable(&copy, cancel).map_err(explain)?;
    if let Some(fault) = structure_fault(&copy).map_err(explain)? {
        return damaged(format!("its structure is damaged: {fault}"));
    }
    let found = tables(&copy, rows).map_err(explain)?;
    if found.tables.is_empty() && expected.is_none_or(|expected| !expected.tables.is_empty()) {
        // A copy that was killed opens fine, is sound, and has nothing in it.
        return damaged("it has no tables");
    }
    if let Some(difference) = expected.and_then(|expected| difference(expected, &found)) {
        return damaged(format!("it is not what its manifest says: {difference}"));
    }
    let counted: u64 = found.tables.values().flatten().sum();
    Ok(format!(
        "structure sound, {} with {} rows{}",
        humanize::count(found.tables.len(), "table"),
        humanize::number(counted as f64),
        if expected.is_some() { " as in the manifest" } else { "" }
    ))
}

/// Reads the document from end to end without keeping it.
fn json_structure(file: &Path, cancel: &CancellationToken) -> Result<String, Verdict> {
    let source = File::open(file).map_err(failed("read", file))?;
    let mut document = serde_json::Deserializer::from_reader(BufReader::new(Cancellable { source, cancel }));
    match IgnoredAny::deserialize(&mut document).and_then(|_| document.end()) {
        Ok(()) => Ok("one whole JSON document".to_owned()),
        Err(_) if cancel.is_cancelled() => Err(Verdict::None(ArchiveError::Cancelled)),
        Err(error) => damaged(format!("not one whole JSON document: {}", sanitize::line(&error.to_string()))),
    }
}

//! Verification: whether a backup file is still what it was when it was made.
//!
//! The hash in its manifest notices every changed bit; SQLite's own check notices about a fifth.
//! Without a manifest only the structure can be looked at, and the verdict says so.

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::content::Content;
use super::counts::Counts;
use super::manifest::{self, Manifest, ManifestError};
use super::method::{Form, Found, Method, Wanted};
use super::{ArchiveError, aside, failed, hash, tree};
use crate::config::{Address, SecretRef};
use crate::database::DatabaseError;
use crate::domain::{humanize, sanitize};

/// The verdict on one file, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub ok: bool,
    pub detail: String,
    /// What was counted in it, where that can be.
    pub counts: Option<Counts>,
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
            Ok(found) => Ok(Verified { ok: true, detail: found.sentence, counts: found.counts }),
            Err(Verdict::Damaged(why)) => Ok(Verified { ok: false, detail: why, counts: None }),
            Err(Verdict::None(error)) => Err(error),
        }
    })
    .await
}

/// Counts the rows of the tables that are named, as they are in the database now.
pub async fn count(
    source: Address,
    password: Option<SecretRef>,
    rows: Vec<String>,
    cancel: CancellationToken,
) -> Result<Counts, ArchiveError> {
    aside(cancel, move |cancel| {
        let engine = source.engine().name;
        let method = Method::of(engine).ok_or_else(|| {
            ArchiveError::Unsupported(format!("the rows of {engine} are not counted by this version"))
        })?;
        (method.count)(&source, password.as_ref(), &rows, cancel)
    })
    .await
}

/// Why the examination ended early.
pub(super) enum Verdict {
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

pub(super) fn damaged<T>(why: impl Into<String>) -> Result<T, Verdict> {
    Err(Verdict::Damaged(why.into()))
}

fn examine(file: &Path, rows: &[String], cancel: &CancellationToken) -> Result<Found, Verdict> {
    let meta = std::fs::metadata(file).map_err(failed("look at", file))?;
    let directory = meta.is_dir() && Form::of_name(file).is_some_and(|form| form.endings.contains(&"dir"));
    if !meta.is_file() && !directory {
        return damaged("not a file");
    }
    match tree::bytes(file, &meta) {
        Ok(0) if directory => return damaged("nothing is in the directory"),
        Ok(0) => return damaged("the file is empty"),
        Ok(_) => {}
        Err(error) => return damaged(error.to_string()),
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
    let content = Content::new(file, manifest.as_ref().and_then(Manifest::data), cancel);
    let form = match &manifest {
        Some(manifest) => Method::of(&manifest.engine).map(|method| method.form),
        None => Form::of(&content)?,
    };
    let wanted = Wanted { counts: manifest.as_ref().map(|manifest| &manifest.counts), rows };
    let structure = match form {
        Some(form) => (form.examine)(&content, &wanted)?,
        None if manifest.is_some() || content.is_packed() => {
            content.read(|_| Ok(()))?;
            Found { sentence: "its structure is not one this program knows".to_owned(), counts: None }
        }
        None => {
            return Err(Verdict::None(ArchiveError::Unsupported(format!(
                "{}: it has no manifest, and is of no sort that is known here: nothing to check it against",
                file.display()
            ))));
        }
    };
    // What was made here without that table was made so: its manifest says it.
    let absent = structure.counts.as_ref().filter(|_| manifest.is_none()).map(|counts| counts.not_there(rows));
    if let Some(absent) = absent.as_ref().and_then(|absent| absent.first()) {
        return damaged(format!("{absent}: it may be of another database"));
    }
    Ok(Found { sentence: format!("{hashed}; {}", structure.sentence), ..structure })
}

fn same_bytes(file: &Path, size: u64, manifest: &Manifest, cancel: &CancellationToken) -> Result<(), Verdict> {
    let Some(entry) = manifest.data() else { return damaged("its manifest names no file") };
    if file.is_dir() {
        if let Some(why) = tree::difference(file, manifest, cancel)? {
            return damaged(why);
        }
    } else {
        same(file, size, entry, cancel)?;
    }
    let inside = format!("{}/", entry.name);
    for other in manifest.files.iter().skip(1).filter(|other| !other.name.starts_with(&inside)) {
        let name = sanitize::line(&other.name);
        let path = manifest.beside(file).into_iter().find(|path| path.ends_with(&other.name));
        let meta = path.as_ref().and_then(|path| std::fs::metadata(path).ok());
        let Some((path, meta)) = path.zip(meta) else {
            return damaged(format!("{name}, which belongs to it, is missing"));
        };
        same(&path, meta.len(), other, cancel).map_err(|verdict| match verdict {
            Verdict::Damaged(why) => Verdict::Damaged(format!("{name}, which belongs to it: {why}")),
            none @ Verdict::None(_) => none,
        })?;
    }
    Ok(())
}

fn same(file: &Path, size: u64, entry: &manifest::File, cancel: &CancellationToken) -> Result<(), Verdict> {
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

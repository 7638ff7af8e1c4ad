//! Drills: a backup is restored into a scratch, as it would have to be one day, and asked whether
//! everything is there. How long that takes is how long it would take.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::content::Content;
use super::manifest::{Counts, File, Manifest, ManifestError};
use super::method::{Form, Method};
use super::partial::{self, Partial};
use super::verify::{Verdict, damaged};
use super::{ArchiveError, aside, failed, shelf, sqlite};
use crate::config::{Address, SecretRef};
use crate::database::scratch::Answer;
use crate::database::{room, sqlite as database};
use crate::domain::{humanize, sanitize};

/// A drill to be held.
#[derive(Clone, Debug)]
pub struct DrillRequest {
    /// The backup's id in the configuration.
    pub backup: String,
    pub file: PathBuf,
    /// The database it is of, where one is configured, and where its password is to be had: the
    /// scratch of one on a server is made beside it.
    pub source: Option<Address>,
    pub password: Option<SecretRef>,
    /// What databases on servers are called that are configured: none of them is ever touched.
    pub live: Vec<String>,
    /// Who holds it: `asha@db1`.
    pub by: String,
    /// What is asked of the restored database: each question's answer must be true.
    pub queries: Vec<String>,
    /// Where scratches are made, and nothing else lies.
    pub place: PathBuf,
    /// Unique among all drills.
    pub id: String,
    /// Where what its programs say is kept, where they have anything to say.
    pub log: Option<PathBuf>,
}

/// How a file of one form is restored into a scratch, and what is found there.
pub(super) type Drill = fn(&Rehearsal<'_>) -> Result<String, Verdict>;

/// A drill, as a method sees it.
pub(super) struct Rehearsal<'a> {
    pub(super) request: &'a DrillRequest,
    pub(super) content: &'a Content<'a>,
    pub(super) manifest: Option<&'a Manifest>,
    pub(super) cancel: &'a CancellationToken,
}

/// How a drill went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drilled {
    pub ok: bool,
    /// What was found, in one sentence.
    pub detail: String,
    pub took: Duration,
}

/// Restores one backup file into a scratch of its own, which is removed whatever comes of it; what
/// a killed drill left is removed first. An error means that there was no drill.
pub async fn drill(request: DrillRequest, cancel: CancellationToken) -> Result<Drilled, ArchiveError> {
    aside(cancel, move |cancel| {
        let started = Instant::now();
        let told = |ok, detail| Ok(Drilled { ok, detail, took: started.elapsed() });
        match hold(&request, cancel) {
            Ok(found) => {
                let took = humanize::duration(started.elapsed());
                told(true, format!("restored into a scratch and proven in {took}: {found}"))
            }
            Err(Verdict::Damaged(why)) => told(false, why),
            Err(Verdict::None(error)) => Err(error),
        }
    })
    .await
}

fn hold(request: &DrillRequest, cancel: &CancellationToken) -> Result<String, Verdict> {
    let file = &request.file;
    let manifest = match Manifest::of(file) {
        Ok(manifest) => Some(manifest),
        Err(ManifestError::Absent) => None,
        Err(ManifestError::Unreadable(error)) => return Err(failed("read the manifest of", file)(error).into()),
        Err(ManifestError::Damaged(why)) => return damaged(format!("its manifest is damaged: {why}")),
        Err(newer @ ManifestError::Newer(_)) => {
            return Err(ArchiveError::Unsupported(format!("{}: {newer}", file.display())).into());
        }
    };
    let content = Content::new(file, manifest.as_ref().and_then(Manifest::data), cancel);
    let form = match &manifest {
        Some(manifest) => Method::of(&manifest.engine).map(|method| method.form),
        None => Form::of(&content)?,
    };
    let refused = |why: String| Err(ArchiveError::Unsupported(format!("{}: {why}", file.display())).into());
    let Some(form) = form else {
        return refused("it is of no sort that can be restored by this version".to_owned());
    };
    let method = match &request.source {
        Some(source) => Method::of(source.engine().name),
        // A file needs no server.
        None => Method::of(sqlite::METHOD.engine),
    };
    let Some(method) = method.filter(|method| method.form.name == form.name) else {
        let into = request.source.as_ref().map_or("nowhere: the backup names no `database`", |one| one.engine().name);
        return refused(format!("it is of the sort {}, which cannot be restored into {into}", form.name));
    };
    (method.drill)(&Rehearsal { request, content: &content, manifest: manifest.as_ref(), cancel })
}

/// Restores a file that is a database into a scratch file, and asks it.
pub(super) fn of_file(rehearsal: &Rehearsal<'_>) -> Result<String, Verdict> {
    let Rehearsal { request, content, manifest, cancel } = *rehearsal;
    let DrillRequest { file, place, .. } = request;
    shelf::prepare(place)?;
    for dead in shelf::debris(place, |_, _| false).map_err(failed("look through", place))? {
        let _ = partial::remove_dead(&dead);
    }
    let entry = manifest.and_then(Manifest::data);
    let bytes = entry.map_or_else(|| std::fs::metadata(file).map_or(0, |meta| meta.len()), File::plain_bytes);
    let free = room::free_bytes(place).map_err(failed("ask for free space in", place))?;
    room::require("the drill", place, bytes.saturating_add(bytes / 5), free).map_err(ArchiveError::NoRoom)?;

    let scratch = Partial::create(place, &format!("drill-{}", request.id))?;
    let mut out = scratch.open_data()?;
    content.read(|piece| out.write_all(piece).map_err(failed("write", place)))?;
    out.sync_all().map_err(failed("bring to disk", place))?;
    drop(out);
    prove(&scratch.data(), manifest, &request.queries, cancel)
}

/// Whether an unpacked backup is what its manifest says, and what is in it.
pub(super) fn sound(path: &Path, manifest: Option<&Manifest>, cancel: &CancellationToken) -> Result<Counts, Verdict> {
    let explain = |error: rusqlite::Error| Verdict::from(database::explain(path, &error));
    let db = opened(path, cancel)?;
    let counts = compared(&db, path, manifest)?;
    // It is to be one file.
    db.execute_batch("PRAGMA journal_mode = DELETE").map_err(explain)?;
    Ok(counts)
}

fn opened(path: &Path, cancel: &CancellationToken) -> Result<Connection, Verdict> {
    let explain = |error: rusqlite::Error| Verdict::from(database::explain(path, &error));
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(explain)?;
    database::cancellable(&db, cancel).map_err(explain)?;
    Ok(db)
}

fn compared(db: &Connection, path: &Path, manifest: Option<&Manifest>) -> Result<Counts, Verdict> {
    let explain = |error: rusqlite::Error| Verdict::from(database::explain(path, &error));
    if let Some(fault) = sqlite::structure_fault(db).map_err(explain)? {
        return damaged(format!("restored, its structure is damaged: {fault}"));
    }
    let found = sqlite::tables(db, &[]).map_err(explain)?;
    if found.tables.is_empty() {
        return damaged("restored, it has no tables");
    }
    match manifest.and_then(|manifest| manifest.counts.difference(&found)) {
        Some(difference) => damaged(format!("restored, it is not what its manifest says: {difference}")),
        None => Ok(found),
    }
}

/// Opens what was restored as its application would, and asks it.
fn prove(
    path: &Path,
    manifest: Option<&Manifest>,
    queries: &[String],
    cancel: &CancellationToken,
) -> Result<String, Verdict> {
    let explain = |error: rusqlite::Error| Verdict::from(database::explain(path, &error));
    let db = opened(path, cancel)?;
    if let Some(mode) = manifest.map(|manifest| manifest.source.journal_mode.as_str()).filter(|mode| !mode.is_empty()) {
        let set: String = db.pragma_update_and_check(None, "journal_mode", mode, |row| row.get(0)).map_err(explain)?;
        if !set.eq_ignore_ascii_case(mode) {
            return damaged(format!("it cannot be given the journal mode of its source: {set} instead of {mode}"));
        }
    }
    let found = compared(&db, path, manifest)?;
    for query in queries {
        answered(&db, query, cancel)?;
    }
    Ok(told(&found, manifest, queries.len()))
}

/// What was found, for people.
pub(super) fn told(found: &Counts, manifest: Option<&Manifest>, questions: usize) -> String {
    let asked = match questions {
        0 => String::new(),
        count => format!(", {} answered as expected", humanize::count(count, "question")),
    };
    let told = match manifest {
        Some(_) => " as in the manifest",
        None => ", and no manifest to compare them with",
    };
    format!(
        "{} with {} rows{told}{asked}",
        humanize::count(found.tables.len(), "table"),
        humanize::number(found.rows() as f64)
    )
}

/// Whether a question to a server was answered as it should be.
pub(super) fn judged(answer: &Answer, query: &str) -> Result<(), Verdict> {
    let shown = sanitize::line(query);
    match answer {
        Answer::Nothing => damaged(format!("restored, `{shown}` finds nothing")),
        Answer::Changes => damaged(format!("`{shown}` would change what it asks; write a SELECT")),
        Answer::Fails(why) => damaged(format!("restored, `{shown}` fails: {why}")),
        Answer::Value(value) if is_true(value.as_deref()) => Ok(()),
        Answer::Value(value) => damaged(format!("restored, `{shown}` answers {}", value.as_deref().unwrap_or("NULL"))),
    }
}

/// Neither nothing, nor false, nor 0, nor empty.
fn is_true(value: Option<&str>) -> bool {
    value.is_some_and(|value| !matches!(value, "" | "f") && value.parse::<f64>() != Ok(0.0))
}

/// A question is answered when the first value of its first row is neither nothing, nor 0, nor empty.
fn answered(db: &Connection, query: &str, cancel: &CancellationToken) -> Result<(), Verdict> {
    let shown = sanitize::line(query);
    let failed = |error: rusqlite::Error| {
        if cancel.is_cancelled() {
            return Verdict::None(ArchiveError::Cancelled);
        }
        Verdict::Damaged(format!("restored, `{shown}` fails: {}", sanitize::line(&error.to_string())))
    };
    let mut statement = db.prepare(query).map_err(failed)?;
    if !statement.readonly() {
        return damaged(format!("`{shown}` would change what it asks; write a SELECT"));
    }
    let mut rows = statement.query([]).map_err(failed)?;
    let Some(row) = rows.next().map_err(failed)? else { return damaged(format!("restored, `{shown}` finds nothing")) };
    let (truth, told) = match row.get_ref(0).map_err(failed)? {
        ValueRef::Null => (false, "NULL".to_owned()),
        ValueRef::Integer(number) => (number != 0, number.to_string()),
        ValueRef::Real(number) => (number != 0.0, number.to_string()),
        ValueRef::Text(text) => (!text.is_empty(), sanitize::bytes(text)),
        ValueRef::Blob(blob) => (!blob.is_empty(), humanize::bytes(blob.len() as f64)),
    };
    if truth { Ok(()) } else { damaged(format!("restored, `{shown}` answers {told}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_true_that_is_neither_nothing_nor_false_nor_zero() {
        for (value, truth) in [("t", true), ("f", false), ("0", false), ("0.00", false), ("17", true), ("", false)] {
            assert_eq!(is_true(Some(value)), truth, "{value}");
        }
        assert!(is_true(Some("yes")) && !is_true(None));
    }
}

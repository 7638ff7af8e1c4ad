//! Restoring a SQLite database: the backup is unpacked and proven beside it, and then takes its
//! place in one transaction of SQLite's own.
//!
//! Copying through SQLite into the file that is there leaves it what it was or what it shall be,
//! whoever is killed and whoever has it open: its own journal sees to that, and a stale log is
//! never replayed over it. Only where there is no file yet the proven one gets the name by a
//! rename. A file that is no database any more is first moved aside with all that lies beside it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::content::Content;
use super::drill;
use super::manifest::{Counts, Manifest, ManifestError};
use super::partial::Partial;
use super::verify::Verdict;
use super::{ArchiveError, aside, failed, hash, shelf, sqlite};
use crate::database::sqlite::{self as database, Patience};
use crate::database::{DatabaseError, room};
use crate::domain::{humanize, sanitize};
use crate::platform::file;

/// How the reason begins for which a copy was made of what a restore replaced.
pub const BEFORE: &str = "before a restore";

/// What lies beside a database that is, or was, in use.
const SIDECARS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// What is to be restored, and over what.
#[derive(Clone, Debug)]
pub struct RestoreRequest {
    /// The backup file.
    pub file: PathBuf,
    /// The hash it was chosen by; another file of its name is refused.
    pub sha256: Option<String>,
    /// The database. It need not exist.
    pub database: PathBuf,
    /// Unique among all restores.
    pub id: String,
}

/// A database that is what its backup was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    pub took: Duration,
    /// What was achieved, for people.
    pub sentence: String,
}

/// Restores a database from a backup file. Whatever goes wrong, the database is then what it was;
/// one that somebody holds is left alone.
pub async fn restore(request: RestoreRequest, cancel: CancellationToken) -> Result<Restored, ArchiveError> {
    aside(cancel, move |cancel| match restore_now(&request, cancel) {
        Ok(restored) => Ok(restored),
        Err(Verdict::Damaged(why)) => {
            Err(ArchiveError::Unsound(format!("the backup would not restore, nothing was changed: {why}")))
        }
        Err(Verdict::None(error)) => Err(error),
    })
    .await
}

fn restore_now(request: &RestoreRequest, cancel: &CancellationToken) -> Result<Restored, Verdict> {
    let started = Instant::now();
    let RestoreRequest { file, database: live, .. } = request;
    let dir = live.parent().unwrap_or(Path::new("/"));
    let manifest = chosen(&request.file, request.sha256.as_deref())?;
    let entry = manifest.as_ref().and_then(Manifest::data);
    let content = Content::new(file, entry, cancel);
    let bytes =
        entry.map_or_else(|| fs::metadata(file).map_or(0, |meta| meta.len()), super::manifest::File::plain_bytes);
    let free = room::free_bytes(dir).map_err(failed("ask for free space in", dir))?;
    // Unpacked beside it, and once more in its log.
    room::require("the restore", dir, bytes.saturating_mul(2), free).map_err(ArchiveError::NoRoom)?;

    let scratch = Partial::create(dir, &format!("restore-{}", request.id))?;
    let mut out = scratch.open_data()?;
    content.read(|piece| out.write_all(piece).map_err(failed("write", dir)))?;
    out.sync_all().map_err(failed("bring to disk", dir))?;
    drop(out);
    let counts = drill::sound(&scratch.data(), manifest.as_ref(), cancel)?;
    if cancel.is_cancelled() {
        return Err(Verdict::None(ArchiveError::Cancelled));
    }
    let mode = manifest.as_ref().map(|manifest| manifest.source.journal_mode.clone()).unwrap_or_default();
    let in_place = "in one transaction";
    let how = match database::read_write(live, Patience::Long) {
        Ok(mut connection) => {
            over(&scratch.data(), &mut connection, live, cancel)?;
            settle(&connection, live, &mode);
            compare(&connection, live, &counts, cancel).map_err(halfway)?;
            in_place
        }
        Err(DatabaseError::Missing(_)) => {
            place(&scratch, live)?;
            "where there was none"
        }
        Err(DatabaseError::Malformed(why)) => {
            let kept = set_aside(live, &request.id)?;
            if let Err(error) = place(&scratch, live) {
                put_back(&kept);
                return Err(error.into());
            }
            tracing::warn!(%why, "what was restored over is no database; it was moved aside");
            "in place of what was no database, which lies beside it"
        }
        Err(error) => return Err(error.into()),
    };
    if how != in_place {
        let connection = database::read_write(live, Patience::Long).map_err(|why| halfway(why.into()))?;
        settle(&connection, live, &mode);
        compare(&connection, live, &counts, cancel).map_err(halfway)?;
    }
    let took = started.elapsed();
    let name = sanitize::line(&file.display().to_string());
    Ok(Restored {
        took,
        sentence: format!(
            "restored from {name} {how} in {}: {} with {} rows, compared",
            humanize::duration(took),
            humanize::count(counts.tables.len(), "table"),
            humanize::number(counts.rows() as f64)
        ),
    })
}

/// Whatever fails once the database is another one: it is not what it was, and has to be put back.
fn halfway(why: Verdict) -> Verdict {
    let told = match why {
        Verdict::None(halfway @ ArchiveError::Halfway(_)) => return halfway.into(),
        Verdict::None(error) => error.to_string(),
        Verdict::Damaged(why) => why,
    };
    ArchiveError::Halfway(format!("restored, and not proven: {told}")).into()
}

/// The manifest of a backup that is still the one that was chosen, by the hash its manifest told then.
pub(super) fn chosen(file: &Path, sha256: Option<&str>) -> Result<Option<Manifest>, Verdict> {
    let manifest = match Manifest::of(file) {
        Ok(manifest) => Some(manifest),
        Err(ManifestError::Absent) => None,
        Err(ManifestError::Unreadable(error)) => return Err(failed("read the manifest of", file)(error).into()),
        Err(other) => return Err(ArchiveError::Unsupported(format!("{}: {other}", file.display())).into()),
    };
    let found = manifest.as_ref().and_then(Manifest::data).map(|data| data.sha256.as_str());
    if sha256 != found {
        let why = format!("{} is not the file that was chosen; nothing was done", file.display());
        return Err(ArchiveError::Changed(why).into());
    }
    Ok(manifest)
}

/// Copies the proven scratch into the database that is there: all of it, or nothing.
fn over(scratch: &Path, live: &mut Connection, place: &Path, cancel: &CancellationToken) -> Result<(), Verdict> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(scratch, flags).map_err(|error| database::explain(scratch, &error))?;
    let explain = |error: rusqlite::Error| Verdict::from(ArchiveError::from(database::explain(place, &error)));
    // A database in WAL mode keeps its page size: the copy takes it on.
    let size = |db: &Connection| db.query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0));
    let (wanted, own) = (size(live).map_err(explain)?, size(&source).map_err(explain)?);
    if wanted != own {
        let sql = format!("PRAGMA journal_mode = DELETE; PRAGMA page_size = {wanted}; VACUUM");
        source.execute_batch(&sql).map_err(|error| database::explain(scratch, &error))?;
    }
    let backup = Backup::new(&source, live).map_err(explain)?;
    if cancel.is_cancelled() {
        return Err(ArchiveError::Cancelled.into());
    }
    match backup.step(-1) {
        Ok(StepResult::Done) => Ok(()),
        Ok(_) => Err(ArchiveError::Busy(format!(
            "{} is held by somebody: nothing was changed; stop its application and try again, `fuser -v {0}` names it",
            place.display()
        ))
        .into()),
        // What failed to reach the disk at the very end may be there or not.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) => Err(halfway(explain(error))),
        Err(error) => Err(explain(error)),
    }
}

/// Gives the database the journal mode of its source again. Where somebody has it open that may
/// have to wait; it changes nothing of what is in it.
fn settle(live: &Connection, place: &Path, mode: &str) {
    if !mode.is_empty() {
        let set = live.pragma_update_and_check(None, "journal_mode", mode, |row| row.get::<_, String>(0));
        if !matches!(&set, Ok(set) if set.eq_ignore_ascii_case(mode)) {
            tracing::warn!(place = %place.display(), ?set, mode, "the journal mode of the source could not be set");
        }
    }
}

/// What is there now is what was proven beside it.
fn compare(live: &Connection, place: &Path, counts: &Counts, cancel: &CancellationToken) -> Result<(), Verdict> {
    let explain = |error: rusqlite::Error| Verdict::from(ArchiveError::from(database::explain(place, &error)));
    database::cancellable(live, cancel).map_err(explain)?;
    if let Some(fault) = sqlite::structure_fault(live).map_err(explain)? {
        return Err(ArchiveError::Halfway(format!("restored, but its structure is damaged: {fault}")).into());
    }
    let found = sqlite::tables(live, &[]).map_err(explain)?;
    match counts.lacking(&found) {
        Some(difference) => Err(ArchiveError::Halfway(format!("restored, but {difference}")).into()),
        None => Ok(()),
    }
}

/// Gives the scratch the name of a database that is not there. What lies there of an earlier one
/// would be replayed over it, and goes first.
fn place(scratch: &Partial, live: &Path) -> Result<(), ArchiveError> {
    let dir = live.parent().unwrap_or(Path::new("/"));
    for suffix in SIDECARS {
        let beside = database::sidecar(live, suffix);
        if beside.symlink_metadata().is_ok() {
            let why = format!("{} lies where a database would be restored to; move it away", beside.display());
            return Err(ArchiveError::Destination(why));
        }
    }
    file::rename_new(&scratch.data(), live).map_err(failed("rename to", live))?;
    shelf::sync(dir).map_err(|why| match halfway(why.into()) {
        Verdict::None(error) => error,
        Verdict::Damaged(why) => ArchiveError::Halfway(why),
    })
}

/// Moves a file that is no database, and what lies beside it, to names of their own. Answers the
/// moves, the file itself last.
fn set_aside(live: &Path, id: &str) -> Result<Vec<(PathBuf, PathBuf)>, ArchiveError> {
    let mut moved: Vec<(PathBuf, PathBuf)> = Vec::new();
    let beside = SIDECARS.iter().map(|suffix| database::sidecar(live, suffix));
    let itself = live.canonicalize().unwrap_or_else(|_| live.to_owned());
    for from in beside.chain([itself]) {
        let mut name = from.clone().into_os_string();
        name.push(format!(".before-{id}"));
        let to = PathBuf::from(name);
        match file::rename_new(&from, &to) {
            Ok(()) => moved.push((from, to)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                put_back(&moved);
                return Err(failed("move aside", &from)(error));
            }
        }
    }
    shelf::sync(live.parent().unwrap_or(Path::new("/")))?;
    Ok(moved)
}

fn put_back(moved: &[(PathBuf, PathBuf)]) {
    for (from, to) in moved.iter().rev() {
        let _ = file::rename_new(to, from);
    }
}

/// Copies what cannot be backed up, because it is no sound database any more: byte by byte, with
/// all that lies beside it, each read back. Answers where the copies lie.
pub async fn save_raw(live: PathBuf, to: PathBuf, cancel: CancellationToken) -> Result<Vec<PathBuf>, ArchiveError> {
    aside(cancel, move |cancel| {
        file::private_directory().recursive(true).create(&to).map_err(failed("make the directory", &to))?;
        let beside = SIDECARS.iter().map(|suffix| database::sidecar(&live, suffix));
        let mut copies = Vec::new();
        for from in beside.chain([live.clone()]).filter(|path| path.exists()) {
            let copy = to.join(from.file_name().unwrap_or_default());
            let mut out = file::private().write(true).create_new(true).open(&copy).map_err(failed("make", &copy))?;
            let mut source = fs::File::open(&from).map_err(failed("read", &from))?;
            io::copy(&mut source, &mut out).map_err(failed("copy", &from))?;
            out.sync_all().map_err(failed("bring to disk", &copy))?;
            if hash(&from, cancel)? != hash(&copy, cancel)? {
                let why = format!("{} changes while it is copied; stop its application first", from.display());
                return Err(ArchiveError::Busy(why));
            }
            copies.push(copy);
        }
        shelf::sync(&to)?;
        Ok(copies)
    })
    .await
}

/// Takes back what was put in the place of something that was no database, or of nothing: what is
/// there gets a name of its own, and the copies their old ones, the file itself last.
pub async fn take_back(live: PathBuf, copies: Vec<PathBuf>, id: String) -> Result<(), ArchiveError> {
    aside(CancellationToken::new(), move |_| {
        let itself = live.canonicalize().unwrap_or_else(|_| live.clone());
        let dir = itself.parent().unwrap_or(Path::new("/")).to_owned();
        let beside = SIDECARS.iter().map(|suffix| database::sidecar(&live, suffix));
        for from in beside.chain([itself.clone()]).filter(|path| path.symlink_metadata().is_ok()) {
            let mut name = from.clone().into_os_string();
            name.push(format!(".failed-{id}"));
            file::rename_new(&from, Path::new(&name)).map_err(failed("move aside", &from))?;
        }
        for copy in copies {
            let to = dir.join(copy.file_name().unwrap_or_default());
            let mut out = file::private().write(true).create_new(true).open(&to).map_err(failed("make", &to))?;
            let mut source = fs::File::open(&copy).map_err(failed("read", &copy))?;
            io::copy(&mut source, &mut out).map_err(failed("put back", &copy))?;
            out.sync_all().map_err(failed("bring to disk", &to))?;
        }
        shelf::sync(&dir)
    })
    .await
}

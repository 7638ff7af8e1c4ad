//! Copies of a SQLite database that is in use: one consistent moment, compared with its
//! source, hashed, and published whole or not at all.

mod pages;
mod proof;
mod tables;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::manifest::{self, Check, Manifest, Source};
use super::partial::{self, Partial};
use super::{ArchiveError, aside, shelf};
use crate::database::room;
use crate::database::sqlite::{self, Patience};
use crate::domain::time::Timestamp;
use crate::domain::{humanize, sanitize};

use proof::{Expected, Proof};
pub(super) use tables::{difference, structure_fault, tables};

/// A copy to be made.
#[derive(Clone, Debug)]
pub struct CopyRequest {
    /// The backup's id in the configuration.
    pub backup: String,
    pub source: PathBuf,
    /// Absolute, in a directory that need not exist yet; must not exist itself.
    pub destination: PathBuf,
    /// Tables whose rows are counted and compared; all when empty.
    pub rows: Vec<String>,
    /// When the copy begins.
    pub at: Timestamp,
    pub host: String,
    /// Who wants it, and why; for the manifest.
    pub by: String,
    pub why: String,
}

/// A copy that was made, proven, and published.
#[derive(Clone, Debug, PartialEq)]
pub struct Copied {
    pub path: PathBuf,
    pub size_bytes: u64,
    pub sha256: String,
    pub tables: usize,
    /// Of the tables that were counted.
    pub rows: u64,
    pub took: Duration,
    /// What was achieved, for people.
    pub sentence: String,
}

/// Makes one backup of a SQLite database.
///
/// Writers with a write-ahead log never wait; without one they wait up to two seconds at a
/// time. `progress` is told pages: done, and of how many. Nothing that exists is changed, and
/// what is cancelled or fails leaves nothing behind.
pub async fn copy(
    request: CopyRequest,
    progress: impl FnMut(u64, u64) + Send + 'static,
    cancel: CancellationToken,
) -> Result<Copied, ArchiveError> {
    aside(cancel, move |cancel| copy_now(&request, progress, cancel)).await
}

fn copy_now(
    request: &CopyRequest,
    progress: impl FnMut(u64, u64),
    cancel: &CancellationToken,
) -> Result<Copied, ArchiveError> {
    let started = Instant::now();
    let dir = shelf_of(&request.destination)?;
    shelf::prepare(dir)?;
    if request.destination.symlink_metadata().is_ok() {
        return Err(ArchiveError::Exists(sanitize::line(&request.destination.display().to_string())));
    }
    let cleared = clear(dir, &request.backup);
    let source = open_source(&request.source, cancel)?;
    let facts = SourceFacts::of(&source, &request.source)?;
    let free = room::free_bytes(dir).map_err(super::failed("ask for free space in", dir))?;
    room::require("the copy", dir, facts.room_needed(), free).map_err(ArchiveError::NoRoom)?;

    let id = new_id(request.at);
    let partial = Partial::create(dir, &id)?;
    let mut target = open_target(&partial.data())?;
    let pace = facts.pace();
    let held =
        pages::copy(&source, &mut target, &pace, progress, cancel).map_err(|fault| fault.explain(&request.source))?;
    let count = || {
        let counted = held.map(|held| held.ask(|source| tables(source, &request.rows))).transpose();
        counted.map_err(|error| ArchiveError::from(sqlite::explain(&request.source, &error)))
    };
    // Where writers wait for the moment to be let go of, it is not held for as long as a proof takes.
    let expected: Expected<'_> = if pace.keeps_writers_waiting() {
        let counted = count()?;
        Box::new(move || Ok(counted))
    } else {
        Box::new(count)
    };
    settle(&target, &partial.data())?;
    drop(target);
    let Proof { counts, sha256, size_bytes, mut warnings } = proof::prove(&partial, expected, &request.rows, cancel)?;
    let clock_suspect = shelf::has_newer(dir, &request.backup, request.at);
    if clock_suspect {
        warnings.push("an earlier backup is stamped later than this one: a clock went back".to_owned());
    }

    let took = started.elapsed();
    let manifest = Manifest {
        format: manifest::FORMAT,
        id,
        tool: concat!("rounds ", env!("CARGO_PKG_VERSION")).to_owned(),
        target: request.backup.clone(),
        engine: sqlite::ENGINE.card.name.to_owned(),
        engine_version: rusqlite::version().to_owned(),
        host: request.host.clone(),
        started: request.at,
        finished: request.at + crate::domain::time::span(took),
        took_s: took.as_secs_f64(),
        clock_suspect,
        by: request.by.clone(),
        why: request.why.clone(),
        source: facts.source,
        files: vec![manifest::File {
            name: file_name(&request.destination),
            bytes: size_bytes,
            sha256: sha256.clone(),
        }],
        checks: ["tables", "integrity", "reread"].map(|name| Check { name: name.to_owned(), ok: true }).into(),
        counts,
        warnings,
    };
    let bytes = manifest.to_bytes().map_err(|error| ArchiveError::Panicked(error.to_string()))?;
    if cancel.is_cancelled() {
        return Err(ArchiveError::Cancelled);
    }
    partial.publish(&request.destination, &bytes)?;

    let rows = manifest.counts.tables.values().flatten().sum();
    Ok(Copied {
        path: request.destination.clone(),
        size_bytes,
        tables: manifest.counts.tables.len(),
        rows,
        took,
        sentence: sentence(&manifest, rows, took, cleared),
        sha256,
    })
}

fn shelf_of(destination: &Path) -> Result<&Path, ArchiveError> {
    destination.parent().filter(|dir| dir.is_absolute()).ok_or_else(|| {
        ArchiveError::Destination(format!("{} is not an absolute path of a file", destination.display()))
    })
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Removes what interrupted copies of this target left. What cannot be removed stays debris.
fn clear(dir: &Path, backup: &str) -> usize {
    let debris = shelf::debris(dir, |_, manifest| manifest.target == backup).unwrap_or_default();
    debris.iter().filter(|path| partial::remove_dead(path).is_ok()).count()
}

/// Sorts by time, and differs from every other: `20260302T020000Z-1f0a9c37b2d4`.
fn new_id(at: Timestamp) -> String {
    let clock = uuid::Timestamp::from_unix(uuid::NoContext, at.timestamp().unsigned_abs(), at.timestamp_subsec_nanos());
    let unique = uuid::Uuid::new_v7(clock).simple().to_string();
    format!("{}-{}", at.format("%Y%m%dT%H%M%SZ"), &unique[20..])
}

fn open_source(path: &Path, cancel: &CancellationToken) -> Result<Connection, ArchiveError> {
    let source = sqlite::read_only(path, Patience::Long)?;
    sqlite::cancellable(&source, cancel).map_err(|error| sqlite::explain(path, &error))?;
    Ok(source)
}

/// The copy needs no journal of its own: until it is published, it may as well be lost.
fn open_target(path: &Path) -> Result<Connection, ArchiveError> {
    let explain = |error: rusqlite::Error| ArchiveError::from(sqlite::explain(path, &error));
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    // Links on the way to the shelf are the operator's business; in it there are none.
    let real = path.canonicalize().map_err(super::failed("find", path))?;
    let target = Connection::open_with_flags(real, flags).map_err(explain)?;
    target.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").map_err(explain)?;
    Ok(target)
}

/// Makes the copy one file: a write-ahead log of the source is a setting of the source.
fn settle(target: &Connection, path: &Path) -> Result<(), ArchiveError> {
    let mode: String = target
        .query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))
        .map_err(|error| sqlite::explain(path, &error))?;
    if mode == "delete" {
        Ok(())
    } else {
        Err(ArchiveError::Unsound(format!("the copy keeps a log of its own ({mode}), and would not be one file")))
    }
}

/// What the source says of itself before the copy.
#[derive(Debug)]
struct SourceFacts {
    source: Source,
    pages: u64,
}

impl SourceFacts {
    fn of(connection: &Connection, path: &Path) -> Result<Self, ArchiveError> {
        let ask = || -> rusqlite::Result<(String, i64, i64, i64)> {
            let number = |question: &str| connection.query_row(question, [], |row| row.get::<_, i64>(0));
            let mode = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
            Ok((mode, number("PRAGMA page_size")?, number("PRAGMA page_count")?, number("PRAGMA user_version")?))
        };
        let (journal_mode, page_size, pages, user_version) = ask().map_err(|error| sqlite::explain(path, &error))?;
        let source = Source {
            path: sanitize::line(&path.display().to_string()),
            size: sqlite::size_with_sidecars(path).map_err(super::failed("look at", path))?,
            journal_mode,
            page_size: page_size.unsigned_abs(),
            user_version,
        };
        Ok(Self { source, pages: pages.unsigned_abs() })
    }

    /// A fifth more than the source: it may grow while it is copied.
    fn room_needed(&self) -> u64 {
        self.source.size.saturating_add(self.source.size / 5)
    }

    fn pace(&self) -> pages::Pace {
        pages::Pace::new(self.source.journal_mode.eq_ignore_ascii_case("wal"), self.pages, self.source.page_size)
    }
}

fn sentence(manifest: &Manifest, rows: u64, took: Duration, cleared: usize) -> String {
    let size = manifest.data().map_or(0, |data| data.bytes);
    let mut text = format!(
        "{} copied in {}: {} and {} rows as in the source, structure sound, SHA-256 {:.12}…",
        humanize::bytes(size as f64),
        humanize::duration(took),
        humanize::count(manifest.counts.tables.len(), "table"),
        humanize::number(rows as f64),
        manifest.data().map_or("", |data| &data.sha256),
    );
    let cleared =
        (cleared > 0).then(|| format!("{} of interrupted copies removed", humanize::count(cleared, "leftover")));
    for note in manifest.warnings.iter().chain(&cleared) {
        text.push_str("; ");
        text.push_str(note);
    }
    text
}

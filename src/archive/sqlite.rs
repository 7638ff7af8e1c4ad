//! Copies of a SQLite database that is in use: one consistent moment, compared with its
//! source, hashed, and packed when that is asked for.
//!
//! Writers with a write-ahead log never wait; without one they wait up to two seconds at a time.

mod examine;
mod pages;
mod proof;
mod tables;

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use tokio_util::sync::CancellationToken;

use super::counts::Counts;
use super::manifest::Source;
use super::method::{Form, Making, Method, Written};
use super::{ArchiveError, drill};
use crate::config::{Address, SecretRef};
use crate::database::room;
use crate::database::sqlite::{self, Patience};
use crate::domain::backup::Compression;
use crate::domain::{humanize, sanitize};

use proof::{Expected, Proof, Work};

pub(super) use tables::{structure_fault, tables};

pub(super) const METHOD: Method =
    Method { engine: sqlite::ENGINE.card.name, form: &FORM, write, count, drill: drill::of_file };

pub(super) const FORM: Form = Form {
    name: "SQLite",
    endings: &["sqlite", "sqlite3", "db", "db3", "s3db", "sl3"],
    magic: b"SQLite format 3\0",
    examine: examine::examine,
};

fn write(making: &mut Making<'_>) -> Result<Written, ArchiveError> {
    let Making { request, partial, cancel, .. } = *making;
    let Address::File(path) = &request.source else {
        return Err(ArchiveError::Unsupported("a SQLite database is a file".to_owned()));
    };
    let packing = request.compress;
    let source = open_source(path, cancel)?;
    let facts = SourceFacts::of(&source, path)?;
    let dir = request.destination.parent().unwrap_or(Path::new("/"));
    let free = room::free_bytes(dir).map_err(super::failed("ask for free space in", dir))?;
    room::require("the copy", dir, facts.room_needed(packing), free).map_err(ArchiveError::NoRoom)?;

    let copy = if packing == Compression::None { partial.data() } else { partial.make_file("plain")?.0 };
    let mut target = open_target(&copy)?;
    let pace = facts.pace();
    let page_size = facts.source.page_size;
    let whole = facts.pages * page_size;
    let of = if packing == Compression::None { whole } else { whole * 2 };
    let progress = &mut *making.progress;
    let told = |done: u64, pages: u64| progress((done * page_size).min(whole), of.max(pages * page_size));
    let held = pages::copy(&source, &mut target, &pace, told, cancel).map_err(|fault| fault.explain(path, dir))?;
    let count = || {
        let counted = held.map(|held| held.ask(|source| tables(source, &request.rows))).transpose();
        counted.map_err(|error| ArchiveError::from(sqlite::explain(path, &error)))
    };
    // Where writers wait for the moment to be let go of, it is not held for as long as a proof takes.
    let expected: Expected<'_> = if pace.keeps_writers_waiting() {
        let counted = count()?;
        Box::new(move || Ok(counted))
    } else {
        Box::new(count)
    };
    settle(&target, &copy)?;
    drop(target);
    let mut packed = |done: u64| (making.progress)((whole + done).min(of), of);
    let work = Work { partial, copy: &copy, packing, progress: &mut packed };
    let Proof { counts, data, warnings } = proof::prove(work, expected, &request.rows, cancel)?;
    Ok(Written {
        engine_version: rusqlite::version().to_owned(),
        source: facts.source,
        data,
        packing,
        inside: Vec::new(),
        beside: Vec::new(),
        checks: &["tables", "integrity", "reread"],
        found: format!(
            "{} and {} rows as in the source, structure sound",
            humanize::count(counts.tables.len(), "table"),
            humanize::number(counts.rows() as f64)
        ),
        counts,
        warnings,
    })
}

fn count(
    address: &Address,
    _: Option<&SecretRef>,
    rows: &[String],
    cancel: &CancellationToken,
) -> Result<Counts, ArchiveError> {
    let path = address.file().unwrap_or(Path::new(""));
    let source = open_source(path, cancel)?;
    tables(&source, rows).map_err(|error| sqlite::explain(path, &error).into())
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

    /// A fifth more than the source: it may grow while it is copied. What is packed lies beside
    /// the copy for a while, and is half of it at most more often than not.
    fn room_needed(&self, packing: Compression) -> u64 {
        let packed = if packing == Compression::None { 0 } else { self.source.size / 2 };
        self.source.size.saturating_add(self.source.size / 5).saturating_add(packed)
    }

    fn pace(&self) -> pages::Pace {
        pages::Pace::new(self.source.journal_mode.eq_ignore_ascii_case("wal"), self.pages, self.source.page_size)
    }
}

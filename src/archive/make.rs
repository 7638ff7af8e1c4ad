//! Making a backup: what every method has in common. The shelf is made ready and cleared, the
//! method writes and proves, and what is proven is published whole or not at all.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::manifest::{self, Check, Manifest};
use super::method::{Making, Method, Written};
use super::partial::{self, Partial};
use super::{ArchiveError, aside, shelf, tree};
use crate::config::{Address, SecretRef};
use crate::domain::backup::Compression;
use crate::domain::time::Timestamp;
use crate::domain::{humanize, sanitize};

/// A backup to be made.
#[derive(Clone, Debug)]
pub struct Request {
    /// The backup's id in the configuration.
    pub backup: String,
    /// The database.
    pub source: Address,
    /// Where its password is to be had, when it wants one.
    pub password: Option<SecretRef>,
    /// Absolute, in a directory that need not exist yet; must not exist itself.
    pub destination: PathBuf,
    pub compress: Compression,
    /// Tables whose rows are counted and compared; all when empty.
    pub rows: Vec<String>,
    /// When the copy begins.
    pub at: Timestamp,
    pub host: String,
    /// Who wants it, and why; for the manifest.
    pub by: String,
    pub why: String,
    /// Where what its programs say is kept, where they have anything to say.
    pub log: Option<PathBuf>,
}

/// A backup that was made, proven, and published.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
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

/// Makes one backup of a database that is in use, by the method of its engine.
///
/// `progress` is told bytes: done, and of how many; of 0 when nobody knows. Nothing that exists
/// is changed, and what is cancelled or fails leaves nothing behind.
pub async fn make(
    request: Request,
    progress: impl FnMut(u64, u64) + Send + 'static,
    cancel: CancellationToken,
) -> Result<Made, ArchiveError> {
    aside(cancel, move |cancel| make_now(&request, progress, cancel)).await
}

fn make_now(
    request: &Request,
    mut progress: impl FnMut(u64, u64) + Send,
    cancel: &CancellationToken,
) -> Result<Made, ArchiveError> {
    let started = Instant::now();
    let engine = request.source.engine().name;
    let method = Method::of(engine)
        .ok_or_else(|| ArchiveError::Unsupported(format!("no backup of {engine} is made by this version")))?;
    let dir = shelf_of(&request.destination)?;
    shelf::prepare(dir)?;
    if request.destination.symlink_metadata().is_ok() {
        return Err(ArchiveError::Exists(sanitize::line(&request.destination.display().to_string())));
    }
    let cleared = clear(dir, &request.backup);
    let id = new_id(request.at);
    let partial = Partial::create(dir, &id)?;
    let mut making = Making { request, partial: &partial, progress: &mut progress, cancel };
    let written = (method.write)(&mut making).map_err(|error| partial.cause_of(error))?;

    let took = started.elapsed();
    let manifest = manifest(request, engine, id, dir, &written, took);
    let bytes = manifest.to_bytes().map_err(|error| ArchiveError::Panicked(error.to_string()))?;
    if cancel.is_cancelled() {
        return Err(ArchiveError::Cancelled);
    }
    partial.publish(&request.destination, &bytes, &written.beside)?;
    Ok(Made {
        path: request.destination.clone(),
        size_bytes: written.data.bytes,
        tables: manifest.counts.tables.len(),
        rows: manifest.counts.rows(),
        took,
        sentence: sentence(&manifest, &written, took, cleared),
        sha256: written.data.sha256,
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

fn manifest(request: &Request, engine: &str, id: String, dir: &Path, written: &Written, took: Duration) -> Manifest {
    let mut warnings = written.warnings.clone();
    let clock_suspect = shelf::has_newer(dir, &request.backup, request.at);
    if clock_suspect {
        warnings.push("an earlier backup is stamped later than this one: a clock went back".to_owned());
    }
    let name = file_name(&request.destination);
    let beside = written
        .beside
        .iter()
        .map(|one| manifest::File::new(format!("{name}{}", one.suffix), &one.seal, Compression::None));
    Manifest {
        format: manifest::FORMAT,
        id,
        tool: concat!("rounds ", env!("CARGO_PKG_VERSION")).to_owned(),
        target: request.backup.clone(),
        engine: engine.to_owned(),
        engine_version: written.engine_version.clone(),
        host: request.host.clone(),
        started: request.at,
        finished: request.at + crate::domain::time::span(took),
        took_s: took.as_secs_f64(),
        clock_suspect,
        by: request.by.clone(),
        why: request.why.clone(),
        source: written.source.clone(),
        files: std::iter::once(manifest::File::new(name.clone(), &written.data, written.packing))
            .chain(beside)
            .chain(tree::entries(&name, &written.inside))
            .collect(),
        checks: written.checks.iter().map(|name| Check { name: (*name).to_owned(), ok: true }).collect(),
        counts: written.counts.clone(),
        warnings,
    }
}

fn sentence(manifest: &Manifest, written: &Written, took: Duration, cleared: usize) -> String {
    let size = |bytes: u64| humanize::bytes(bytes as f64);
    let unpacked = match written.packing {
        Compression::None => String::new(),
        packing => format!(" by {} from {}", packing.word(), size(written.data.plain_bytes)),
    };
    let mut text = format!(
        "{}{unpacked} copied in {}: {}, SHA-256 {:.12}…",
        size(written.data.bytes),
        humanize::duration(took),
        written.found,
        written.data.sha256,
    );
    let cleared =
        (cleared > 0).then(|| format!("{} of interrupted copies removed", humanize::count(cleared, "leftover")));
    for note in manifest.warnings.iter().chain(&cleared) {
        text.push_str("; ");
        text.push_str(note);
    }
    text
}

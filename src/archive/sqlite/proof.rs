//! The proof of a finished copy: that it is sound, holds the tables and rows of its source, and
//! has a hash by which every later change is noticed.
//!
//! All of it only reads, so it is done at the same time, on as many threads as there are
//! questions, while the copy is brought to disk. Nothing is kept of a file beyond a page.

use std::path::Path;
use std::thread::{self, ScopedJoinHandle};

use tokio_util::sync::CancellationToken;

use super::tables::{structure_fault, tables};
use crate::archive::manifest::Counts;
use crate::archive::pack::{self, Seal};
use crate::archive::partial::Partial;
use crate::archive::{ArchiveError, failed, hash};
use crate::database::sqlite;
use crate::domain::backup::Compression;
use crate::platform::file;

/// What the source held at the moment of the copy; `None` when asking would have kept writers
/// waiting. Asked while the copy is being examined.
pub(super) type Expected<'a> = Box<dyn FnOnce() -> Result<Option<Counts>, ArchiveError> + 'a>;

/// What was found of a copy that is as it should be.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) counts: Counts,
    pub(super) data: Seal,
    pub(super) warnings: Vec<String>,
}

/// What is proven, and packed meanwhile.
pub(super) struct Work<'a> {
    pub(super) partial: &'a Partial,
    /// The finished copy: the data itself, or what is packed into it.
    pub(super) copy: &'a Path,
    pub(super) packing: Compression,
    /// Is told the bytes that were packed.
    pub(super) progress: &'a mut (dyn FnMut(u64) + Send),
}

/// Checks the finished copy's structure, compares it with its source, packs it and reads what
/// was packed, and brings it to disk.
pub(super) fn prove(
    work: Work<'_>,
    expected: Expected<'_>,
    rows: &[String],
    cancel: &CancellationToken,
) -> Result<Proof, ArchiveError> {
    let path = work.copy.to_owned();
    let left = ["-wal", "-shm", "-journal"].map(|suffix| sqlite::sidecar(&path, suffix));
    if let Some(left) = left.iter().find(|path| path.exists()) {
        return Err(ArchiveError::Unsound(format!("{} is left beside the copy; it was not kept", left.display())));
    }
    // Whoever finds a fault stops the others.
    let stop = cancel.child_token();
    let (expected, counts, sealed, on_disk) = thread::scope(|scope| {
        let counts = scope.spawn(|| stopping(&stop, || examine(&path, rows, &stop)));
        let packing = work.packing;
        let sealed = scope.spawn(|| stopping(&stop, || seal(work, &stop)));
        let on_disk = scope.spawn({
            let path = &path;
            move || if packing == Compression::None { bring_to_disk(path) } else { Ok(()) }
        });
        let expected = stopping(&stop, expected);
        (expected, joined(counts), joined(sealed), joined(on_disk))
    });
    let (expected, counts, data, ()) = all_of(expected, counts, sealed, on_disk)?;

    let mut warnings = Vec::new();
    match expected {
        Some(expected) => {
            if let Some(difference) = expected.difference(&counts) {
                return Err(ArchiveError::Unsound(format!(
                    "the copy is not its source, and was not kept: {difference}"
                )));
            }
        }
        None => warnings.push("rows were counted in the copy only, so as not to keep writers waiting".to_owned()),
    }
    warnings.extend(counts.not_there(rows));
    Ok(Proof { counts, data, warnings })
}

/// The hash of the data as it is read anew. What is packed also unpacked to what went in.
fn seal(work: Work<'_>, cancel: &CancellationToken) -> Result<Seal, ArchiveError> {
    if work.packing == Compression::None {
        let (sha256, bytes) = hash(work.copy, cancel)?;
        return Ok(Seal { bytes, plain_bytes: bytes, plain_sha256: sha256.clone(), sha256 });
    }
    let data = (&*work.partial.data(), work.partial.open_data()?);
    pack::pack(work.copy, data, work.packing, work.progress, cancel)
}

/// The structure of the copy, and then what is in it.
fn examine(path: &Path, rows: &[String], cancel: &CancellationToken) -> Result<Counts, ArchiveError> {
    let copy = sqlite::finished(path)?;
    let explain = |error: rusqlite::Error| ArchiveError::from(sqlite::explain(path, &error));
    sqlite::cancellable(&copy, cancel).map_err(explain)?;
    if let Some(fault) = structure_fault(&copy).map_err(explain)? {
        return Err(ArchiveError::Unsound(format!(
            "the copy is as damaged as its source, and was not kept: {fault}; check the source's integrity"
        )));
    }
    tables(&copy, rows).map_err(explain)
}

/// Publishing does it again, and then has little left to do. The kernel tells of a failed write
/// once, so it counts here as well.
fn bring_to_disk(path: &Path) -> Result<(), ArchiveError> {
    file::sync(path).map_err(failed("bring to disk", path))
}

fn stopping<T>(stop: &CancellationToken, work: impl FnOnce() -> Result<T, ArchiveError>) -> Result<T, ArchiveError> {
    work().inspect_err(|_| stop.cancel())
}

fn joined<T>(thread: ScopedJoinHandle<'_, Result<T, ArchiveError>>) -> Result<T, ArchiveError> {
    thread.join().unwrap_or_else(|_| Err(ArchiveError::Panicked("a thread of the proof panicked".to_owned())))
}

/// All four answers, or the fault: of several the first that is more than having been stopped.
fn all_of<A, B, C, D>(
    a: Result<A, ArchiveError>,
    b: Result<B, ArchiveError>,
    c: Result<C, ArchiveError>,
    d: Result<D, ArchiveError>,
) -> Result<(A, B, C, D), ArchiveError> {
    match (a, b, c, d) {
        (Ok(a), Ok(b), Ok(c), Ok(d)) => Ok((a, b, c, d)),
        (a, b, c, d) => {
            let mut faults = [a.err(), b.err(), c.err(), d.err()].into_iter().flatten();
            let told = faults.find(|fault| !matches!(fault, ArchiveError::Cancelled));
            Err(told.unwrap_or(ArchiveError::Cancelled))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_faults_the_one_is_told_that_stopped_the_others() {
        let stop = CancellationToken::new();
        let fault = || ArchiveError::Unsound("damaged".to_owned());
        let damaged = stopping(&stop, || Err::<(), _>(fault()));
        assert!(stop.is_cancelled(), "the others go on for nothing");
        let stopped = || Err::<(), _>(ArchiveError::Cancelled);
        let told = all_of(stopped(), stopped(), damaged, Ok(())).expect_err("there is a fault");
        assert!(matches!(told, ArchiveError::Unsound(_)), "{told}");
        let told = all_of(stopped(), Ok(()), stopped(), Ok(())).expect_err("it was stopped");
        assert!(matches!(told, ArchiveError::Cancelled), "{told}");
    }
}

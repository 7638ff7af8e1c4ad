//! The proof of a finished copy: that it is sound, holds the tables and rows of its source, and
//! has a hash by which every later change is noticed.
//!
//! All of it only reads, so it is done at the same time, on as many threads as there are
//! questions, while the copy is brought to disk. Nothing is kept of a file beyond a page.

use std::path::Path;
use std::thread::{self, ScopedJoinHandle};

use tokio_util::sync::CancellationToken;

use super::tables::{difference, structure_fault, tables};
use crate::archive::manifest::Counts;
use crate::archive::partial::Partial;
use crate::archive::{ArchiveError, failed, hash};
use crate::database::sqlite;
use crate::platform::file;

/// What the source held at the moment of the copy; `None` when asking would have kept writers
/// waiting. Asked while the copy is being examined.
pub(super) type Expected<'a> = Box<dyn FnOnce() -> Result<Option<Counts>, ArchiveError> + 'a>;

/// What was found of a copy that is as it should be.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) counts: Counts,
    pub(super) sha256: String,
    pub(super) size_bytes: u64,
    pub(super) warnings: Vec<String>,
}

/// Checks the finished copy's structure, compares it with its source, and reads its hash.
pub(super) fn prove(
    partial: &Partial,
    expected: Expected<'_>,
    rows: &[String],
    cancel: &CancellationToken,
) -> Result<Proof, ArchiveError> {
    if let Some(left) = partial.sidecars().first() {
        return Err(ArchiveError::Unsound(format!("{} is left beside the copy; it was not kept", left.display())));
    }
    let path = partial.data();
    // Whoever finds a fault stops the others.
    let stop = cancel.child_token();
    let (expected, counts, hashed, on_disk) = thread::scope(|scope| {
        let counts = scope.spawn(|| stopping(&stop, || examine(&path, rows, &stop)));
        let hashed = scope.spawn(|| stopping(&stop, || hash(&path, &stop)));
        let on_disk = scope.spawn(|| bring_to_disk(&path));
        let expected = stopping(&stop, expected);
        (expected, joined(counts), joined(hashed), joined(on_disk))
    });
    let (expected, counts, (sha256, size_bytes), ()) = all_of(expected, counts, hashed, on_disk)?;

    let mut warnings = Vec::new();
    match expected {
        Some(expected) => {
            if let Some(difference) = difference(&expected, &counts) {
                return Err(ArchiveError::Unsound(format!(
                    "the copy is not its source, and was not kept: {difference}"
                )));
            }
        }
        None => warnings.push("rows were counted in the copy only, so as not to keep writers waiting".to_owned()),
    }
    for missing in rows.iter().filter(|name| !counts.tables.contains_key(*name)) {
        warnings.push(format!("there is no table `{missing}`, which `rows` names"));
    }
    Ok(Proof { counts, sha256, size_bytes, warnings })
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

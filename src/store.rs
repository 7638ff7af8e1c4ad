//! The store: what the program remembers from one run to the next, in one SQLite file that
//! several instances may share.
//!
//! A [`Store`] exists only while it is open. Whoever has none (no right, no space, a newer
//! schema) goes on without: the dashboard in memory, acts refused. All statements live in
//! `sqlite`, all promises about transactions in `sqlite/link`.

mod checklist;
mod error;
mod held;
mod job;
mod log;
mod open;
mod place;
mod pruning;
mod sqlite;
mod thinning;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub use error::StoreError;
pub use job::{Holder, OpenJob};
pub use open::Limits;

use crate::domain::board::Change;
use crate::domain::drift::Acceptance;
use crate::domain::hold::Freeze;
use crate::domain::observation::{Observation, ProbeId};
use crate::domain::sample::Key;
use crate::domain::status::Status;
use crate::domain::task::TaskRun;
use crate::domain::time::Timestamp;
use crate::domain::trend::Point;
use crate::domain::update::Memory;
use crate::domain::vitals::{Proof, ProofKind};
use crate::ledger::{BoxFuture, Ledger, LedgerError, Recorded};
use sqlite::link::Link;
use thinning::{LOADED_FINE_FOR, LOADED_FOR, LastKept};

/// An open store. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    path: Arc<PathBuf>,
    writers: Option<Writers>,
    read: Link,
    kept: Arc<Mutex<LastKept>>,
    /// How many bytes it may have before its oldest observations go.
    roomy: u64,
}

/// Two connections that write: a record of an act is on the disk before the act begins, an
/// observation may wait for the next checkpoint.
#[derive(Clone, Debug)]
struct Writers {
    durable: Link,
    relaxed: Link,
}

/// How many records of each sort a dashboard is given at the start.
const REMEMBERED: i64 = 200;
/// How many freezes of a task are looked at.
const FREEZES: usize = 50;

impl Store {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it was opened for reading only.
    pub fn is_read_only(&self) -> bool {
        self.writers.is_none()
    }

    /// Closes it in good order. Not needed for safety: a store that is killed is whole.
    pub async fn close(self) {
        if let Some(writers) = &self.writers {
            writers.durable.close().await;
            writers.relaxed.close().await;
        }
        self.read.close().await;
    }

    // What was seen.

    /// Keeps what is worth keeping of what probes saw: one observation per probe in five
    /// minutes, and each that changed between an answer and none. Cheap when nothing is.
    /// Answers how many were kept.
    pub async fn record(&self, observations: &[Observation]) -> Result<u64, StoreError> {
        let mut kept = self.last_kept().clone();
        let rows: Vec<_> =
            observations.iter().filter(|one| kept.take(one)).map(sqlite::observation::Stored::from).collect();
        if rows.is_empty() {
            return Ok(0);
        }
        let written = self.relaxed()?.write(|c| Box::pin(sqlite::observation::insert(c, rows))).await?;
        *self.last_kept() = kept;
        Ok(written)
    }

    /// The gauges of one probe since an instant, each oldest first.
    pub async fn series(&self, probe: &ProbeId, since: Timestamp) -> Result<Vec<(Key, Vec<Point>)>, StoreError> {
        let probe = probe.to_string();
        self.read.read(move |c| Box::pin(sqlite::observation::series(c, probe, since))).await
    }

    /// Records changes of status; one that another instance has recorded is left out.
    pub async fn record_changes(&self, changes: &[Change]) -> Result<u64, StoreError> {
        if changes.is_empty() {
            return Ok(0);
        }
        let changes = changes.to_vec();
        self.relaxed()?.write(|c| Box::pin(sqlite::change::insert(c, changes))).await
    }

    /// The latest status of every probe, and since when.
    pub async fn statuses(&self) -> Result<Vec<(ProbeId, Status, Timestamp)>, StoreError> {
        self.read.read(|c| Box::pin(sqlite::change::statuses(c))).await
    }

    /// The latest changes since an instant, newest first.
    pub async fn changes(&self, since: Timestamp, limit: usize) -> Result<Vec<Change>, StoreError> {
        self.read.read(move |c| Box::pin(sqlite::change::latest(c, since, rows(limit)))).await
    }

    pub async fn record_proof(&self, proof: &Proof) -> Result<(), StoreError> {
        let proof = proof.clone();
        self.relaxed()?.write(|c| Box::pin(sqlite::proof::insert(c, proof))).await
    }

    /// The latest proof of every subject that begins with `prefix`.
    pub async fn proofs(&self, kind: ProofKind, prefix: &str) -> Result<Vec<Proof>, StoreError> {
        let prefix = prefix.to_owned();
        self.read.read(move |c| Box::pin(sqlite::proof::latest(c, kind, prefix))).await
    }

    /// Takes runs of tasks, each once; one that came without an end is completed when it
    /// comes with one. Answers how many were news.
    pub async fn import_runs(&self, runs: &[TaskRun]) -> Result<u64, StoreError> {
        if runs.is_empty() {
            return Ok(0);
        }
        let runs = runs.to_vec();
        self.durable()?.write(|c| Box::pin(sqlite::run::import(c, runs))).await
    }

    /// Every name that runs are recorded under.
    pub async fn tasks(&self) -> Result<Vec<String>, StoreError> {
        self.read.read(|c| Box::pin(sqlite::run::tasks(c))).await
    }

    /// The latest runs of a task, newest first.
    pub async fn runs(&self, task: &str, limit: usize) -> Result<Vec<TaskRun>, StoreError> {
        let task = task.to_owned();
        self.read.read(move |c| Box::pin(sqlite::run::latest(c, task, rows(limit)))).await
    }

    /// The latest runs and freezes of every task and what was found right of them, in three looks.
    pub async fn recorded(&self, limit: usize) -> Result<Recorded, StoreError> {
        let look = self.read.read(move |c| {
            Box::pin(async move {
                let runs = sqlite::run::of_all(c, rows(limit)).await?;
                let freezes = sqlite::freeze::of_all(c, rows(FREEZES)).await?;
                let accepted = sqlite::accepted::get(c, None).await?;
                let accepted = accepted.into_iter().map(|one| (one.scope.clone(), one)).collect();
                Ok(Recorded { runs, freezes, accepted })
            })
        });
        look.await
    }

    /// Everything a dashboard wants to know when it starts; `periods` are the checklists and
    /// periods that are still shown.
    pub async fn memory(&self, now: Timestamp, periods: &[(String, String)]) -> Result<Memory, StoreError> {
        let periods = periods.to_vec();
        let memory = self.read.read(move |c| {
            Box::pin(async move {
                let mut memory = Memory {
                    series: sqlite::observation::all_series(c, now - LOADED_FOR, now - LOADED_FINE_FOR).await?,
                    statuses: sqlite::change::statuses(c).await?,
                    audit: sqlite::audit::latest(c, Timestamp::UNIX_EPOCH, REMEMBERED).await?,
                    incidents: sqlite::audit::incidents(c).await?,
                    changes: sqlite::change::latest(c, Timestamp::UNIX_EPOCH, REMEMBERED).await?,
                    ..Memory::default()
                };
                for (checklist, period) in &periods {
                    memory.marks.extend(sqlite::checklist::marks(c, checklist, period).await?);
                    memory.signatures.extend(sqlite::checklist::signatures(c, checklist, period).await?);
                }
                Ok(memory)
            })
        });
        memory.await
    }

    fn durable(&self) -> Result<&Link, StoreError> {
        self.writers.as_ref().map(|writers| &writers.durable).ok_or_else(|| self.read_only())
    }

    fn relaxed(&self) -> Result<&Link, StoreError> {
        self.writers.as_ref().map(|writers| &writers.relaxed).ok_or_else(|| self.read_only())
    }

    fn read_only(&self) -> StoreError {
        StoreError::ReadOnly { path: self.path.to_path_buf() }
    }

    /// A map of what was kept; whole whatever became of a thread that held it.
    fn last_kept(&self) -> std::sync::MutexGuard<'_, LastKept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for Store {
    fn runs<'a>(&'a self, task: &'a str, limit: usize) -> BoxFuture<'a, Result<Vec<TaskRun>, LedgerError>> {
        Box::pin(async move { self.runs(task, limit).await.map_err(|error| LedgerError(error.to_string())) })
    }

    fn recorded(&self, limit: usize) -> BoxFuture<'_, Result<Option<Recorded>, LedgerError>> {
        Box::pin(async move { self.recorded(limit).await.map(Some).map_err(|error| LedgerError(error.to_string())) })
    }

    fn freezes<'a>(&'a self, task: &'a str) -> BoxFuture<'a, Result<Vec<Freeze>, LedgerError>> {
        Box::pin(async move { self.freezes(task, FREEZES).await.map_err(|error| LedgerError(error.to_string())) })
    }

    fn accepted<'a>(&'a self, scope: Option<&'a str>) -> BoxFuture<'a, Result<Vec<Acceptance>, LedgerError>> {
        Box::pin(async move { self.accepted(scope).await.map_err(|error| LedgerError(error.to_string())) })
    }

    fn proofs<'a>(&'a self, kind: ProofKind, prefix: &'a str) -> BoxFuture<'a, Result<Vec<Proof>, LedgerError>> {
        Box::pin(async move { self.proofs(kind, prefix).await.map_err(|error| LedgerError(error.to_string())) })
    }
}

/// A limit as SQL counts.
fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

//! The ledger: what the program itself has recorded about the world, as probes may ask it.
//! A port: probes know this trait, the runtime gives it a store.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use crate::domain::drift::Acceptance;
use crate::domain::hold::Freeze;
use crate::domain::task::TaskRun;
use crate::domain::vitals::{Proof, ProofKind};

/// A boxed future, as every trait of ours returns it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The ledger could not be read; the text says why.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct LedgerError(pub String);

/// What is recorded of tasks, by their names; each newest first.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    pub runs: BTreeMap<String, Vec<TaskRun>>,
    pub freezes: BTreeMap<String, Vec<Freeze>>,
    /// What was found right of what is installed, by its scope.
    pub accepted: BTreeMap<String, Acceptance>,
}

/// What was recorded: runs of tasks, and proofs.
pub trait Ledger: Debug + Send + Sync {
    /// The latest runs of a task, newest first, at most `limit`.
    fn runs<'a>(&'a self, task: &'a str, limit: usize) -> BoxFuture<'a, Result<Vec<TaskRun>, LedgerError>>;

    /// What is recorded of every task, at most `limit` runs of each; `None` where it is as well to ask for
    /// one after the other. What all but the latest two runs printed stays [`TaskRun::UNREAD`].
    fn recorded(&self, _limit: usize) -> BoxFuture<'_, Result<Option<Recorded>, LedgerError>> {
        Box::pin(async { Ok(None) })
    }

    /// The latest freezes of a task, newest first.
    fn freezes<'a>(&'a self, _task: &'a str) -> BoxFuture<'a, Result<Vec<Freeze>, LedgerError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// What was found right of what is installed: all of it, or that of one scope.
    fn accepted<'a>(&'a self, _scope: Option<&'a str>) -> BoxFuture<'a, Result<Vec<Acceptance>, LedgerError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// The latest proof of this kind for every subject that starts with `prefix`.
    fn proofs<'a>(&'a self, kind: ProofKind, prefix: &'a str) -> BoxFuture<'a, Result<Vec<Proof>, LedgerError>>;

    /// Whether the ledger is kept in the file at `path`. If so, the answer comes when it is open or
    /// cannot be: whoever looked at that file before may have seen it half made.
    fn is_kept_in<'a>(&'a self, _path: &'a Path) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(false))
    }
}

/// The ledger of a program without a store: it remembers nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoLedger;

impl Ledger for NoLedger {
    fn runs<'a>(&'a self, _task: &'a str, _limit: usize) -> BoxFuture<'a, Result<Vec<TaskRun>, LedgerError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn proofs<'a>(&'a self, _kind: ProofKind, _prefix: &'a str) -> BoxFuture<'a, Result<Vec<Proof>, LedgerError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

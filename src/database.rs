//! Databases: vital signs and upkeep, two verbs for every engine.

use std::fmt::Debug;

use crate::domain::inventory::Maintenance;
use crate::domain::vitals::Vitals;
pub use crate::ledger::BoxFuture;

/// Why a database gave no answer. The text names the cause and, where there is one, the mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// Not there, not reachable, locked by somebody else.
    #[error("{0}")]
    Unreachable(String),
    #[error("{0}")]
    Denied(String),
    /// It answers, and what it is or says is wrong: not a database, corrupt.
    #[error("{0}")]
    Malformed(String),
    #[error("cancelled")]
    Cancelled,
}

/// What upkeep achieved, in one sentence, and whether what it looked at is sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upkeep {
    pub ok: bool,
    pub detail: String,
}

/// A database of any engine.
pub trait Database: Debug + Send + Sync {
    /// Reads the vital signs, without changing a byte.
    fn vitals(&self) -> BoxFuture<'_, Result<Vitals, DatabaseError>>;

    /// Does upkeep; stops soon after `cancel` is triggered.
    fn maintain(
        &self,
        operation: Maintenance,
        cancel: tokio_util::sync::CancellationToken,
    ) -> BoxFuture<'_, Result<Upkeep, DatabaseError>>;
}

//! Databases: vital signs and upkeep, two verbs for every engine.

pub mod ident;
pub mod room;
pub mod sqlite;

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use crate::domain::inventory::Maintenance;
use crate::domain::vitals::Vitals;
pub use crate::ledger::BoxFuture;

/// Why a database gave no answer. The text names the cause and, where there is one, the mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// Not reachable, locked by somebody else: nothing is known of it.
    #[error("{0}")]
    Unreachable(String),
    /// It is known not to be there.
    #[error("{0}")]
    Missing(String),
    #[error("{0}")]
    Denied(String),
    /// It answers, and what it is or says is wrong: not a database, corrupt.
    #[error("{0}")]
    Malformed(String),
    /// Upkeep was not begun: there is not enough room for it.
    #[error("{0}")]
    Refused(String),
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

/// An engine: one file, one line in [`ENGINES`].
#[derive(Debug)]
pub struct Engine {
    /// `sqlite`, as JSON, manifests and [`Vitals::engine`] say it.
    pub name: &'static str,
    /// The schemes of its addresses: `sqlite` of `sqlite:/srv/rota/db.sqlite3`.
    pub schemes: &'static [&'static str],
    /// The upkeep it can do; panes grey out the rest.
    pub can: &'static [Maintenance],
    /// Makes a handle. Nothing is opened before the first question, so a database that is
    /// down never delays the start.
    pub open: fn(&Path) -> Arc<dyn Database>,
}

/// Every engine there is.
pub const ENGINES: &[Engine] = &[sqlite::ENGINE];

impl Engine {
    /// The engine that answers to a scheme.
    pub fn of_scheme(scheme: &str) -> Option<&'static Engine> {
        ENGINES.iter().find(|engine| engine.schemes.contains(&scheme))
    }
}

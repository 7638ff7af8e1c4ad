//! Databases: vital signs and upkeep, two verbs for every engine.

pub mod check;
pub use crate::domain::ident;
pub mod lane;
mod lease;
mod lookup;
pub mod mysql;
pub mod postgresql;
pub mod room;
pub mod row;
pub mod scratch;
pub mod secret;
pub mod sqlite;
mod statements;

use std::fmt::Debug;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::config::spec::DatabaseSpec;
use crate::domain::engine::EngineCard;
use crate::domain::explain::{Explanation, Subject};
use crate::domain::insight::{Statements, Tables};
use crate::domain::session::Activity;
use crate::domain::upkeep::Maintenance;
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

impl DatabaseError {
    /// The same with more said about it.
    #[must_use]
    pub fn with(self, more: &str) -> Self {
        let longer = |text: String| text + more;
        match self {
            DatabaseError::Unreachable(text) => DatabaseError::Unreachable(longer(text)),
            DatabaseError::Missing(text) => DatabaseError::Missing(longer(text)),
            DatabaseError::Denied(text) => DatabaseError::Denied(longer(text)),
            DatabaseError::Malformed(text) => DatabaseError::Malformed(longer(text)),
            DatabaseError::Refused(text) => DatabaseError::Refused(longer(text)),
            DatabaseError::Cancelled => DatabaseError::Cancelled,
        }
    }
}

/// What upkeep achieved, in one sentence, and whether that is proven by what is true afterwards:
/// an engine that said nothing against it is not enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upkeep {
    pub ok: bool,
    pub detail: String,
}

/// Upkeep that is to be done now.
pub struct Assignment {
    pub work: Maintenance,
    /// Triggered when nobody wants it done any more.
    pub cancel: CancellationToken,
    /// Takes what is to be told meanwhile; it never waits.
    pub tell: Box<dyn FnMut(News) + Send>,
}

/// What upkeep says while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A clean line.
    Line(String),
    Progress {
        done: u64,
        of: u64,
    },
}

impl Assignment {
    /// One that tells nobody.
    pub fn quiet(work: Maintenance, cancel: CancellationToken) -> Self {
        Self { work, cancel, tell: Box::new(|_| {}) }
    }
}

impl Debug for Assignment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assignment").field("work", &self.work).finish_non_exhaustive()
    }
}

/// Something that stands against an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hindrance {
    pub text: String,
    /// The act would only be slow or useless: whoever gives a reason may do it all the same.
    pub soft: bool,
}

impl Hindrance {
    pub fn hard(text: impl Into<String>) -> Self {
        Self { text: text.into(), soft: false }
    }

    pub fn soft(text: impl Into<String>) -> Self {
        Self { text: text.into(), soft: true }
    }
}

/// A lease that a server keeps for us, until this is dropped.
pub trait Held: Debug + Send + Sync {}

/// What came of asking for a server's lease.
#[derive(Debug)]
pub enum Grip {
    /// The database has no server: whoever acts on it is on this machine.
    NotNeeded,
    Held(Box<dyn Held>),
    /// Somebody else has it; the text says who.
    Taken(String),
}

/// One of our acts, as a table of the database shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operation {
    pub job: String,
    pub kind: String,
    pub table: Option<String>,
    pub by: String,
    pub host: String,
    pub reason: String,
}

/// A database of any engine.
pub trait Database: Debug + Send + Sync {
    /// Reads the vital signs, without changing a byte.
    fn vitals(&self) -> BoxFuture<'_, Result<Vitals, DatabaseError>>;

    /// Does upkeep; stops soon after its `cancel` is triggered.
    fn maintain(&self, job: Assignment) -> BoxFuture<'_, Result<Upkeep, DatabaseError>>;

    /// What stands against some upkeep now.
    fn hindrances<'a>(&'a self, _work: &'a Maintenance) -> BoxFuture<'a, Result<Vec<Hindrance>, DatabaseError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Takes the lease that keeps others, on whatever machine, from acting on it; never waits for
    /// them. `holder` is who we are, for whoever is turned away.
    fn lease<'a>(&'a self, _holder: &'a str) -> BoxFuture<'a, Result<Grip, DatabaseError>> {
        Box::pin(async { Ok(Grip::NotNeeded) })
    }

    /// Writes an act that begins where the database's own people look; `false` where they look at
    /// no such table.
    fn begun<'a>(&'a self, _operation: &'a Operation) -> BoxFuture<'a, Result<bool, DatabaseError>> {
        Box::pin(async { Ok(false) })
    }

    /// Writes how it ended. The error says what whoever looks there must know.
    fn ended<'a>(
        &'a self,
        _operation: &'a Operation,
        _status: &'a str,
        _detail: &'a str,
    ) -> BoxFuture<'a, Result<(), DatabaseError>> {
        Box::pin(async { Ok(()) })
    }

    /// Asks a question of the operator's own, which can only read; answers the first value of its
    /// first row as text.
    fn first_value<'a>(&'a self, query: &'a str) -> BoxFuture<'a, Result<Option<String>, DatabaseError>>;

    /// What its sessions do now. It changes nothing, and waits for nobody.
    fn activity(&self) -> BoxFuture<'_, Result<Activity, DatabaseError>> {
        let nobody = "a database that is a file has no sessions to list";
        Box::pin(async move { Err(DatabaseError::Refused(nobody.to_owned())) })
    }

    /// The largest tables, for an operator who looks by hand.
    fn tables(&self) -> BoxFuture<'_, Result<Tables, DatabaseError>> {
        Box::pin(async { Err(DatabaseError::Refused("this engine lists no tables".to_owned())) })
    }

    /// The statements that take the most time, likewise.
    fn statements(&self) -> BoxFuture<'_, Result<Statements, DatabaseError>> {
        Box::pin(async { Err(DatabaseError::Refused("this engine counts no statements".to_owned())) })
    }

    /// How a statement would be run, without running it.
    fn explain<'a>(&'a self, _subject: &'a Subject) -> BoxFuture<'a, Result<Explanation, DatabaseError>> {
        Box::pin(async { Err(DatabaseError::Refused("this engine is not asked for plans".to_owned())) })
    }
}

/// An engine: one file, one line in [`ENGINES`], and its card in [`crate::domain::engine`].
#[derive(Debug)]
pub struct Engine {
    pub card: &'static EngineCard,
    /// Whether its reads may hang in the kernel, and want a thread of their own.
    pub blocks: bool,
    /// Makes a handle. Nothing is opened before the first question, so a database that is
    /// down never delays the start.
    pub open: fn(&DatabaseSpec) -> Arc<dyn Database>,
}

/// Every engine there is.
pub const ENGINES: &[Engine] = &[sqlite::ENGINE, postgresql::ENGINE, mysql::ENGINE];

impl Engine {
    /// The engine of a configured database; SQLite's for an address no engine answers to, which
    /// no configuration lets through.
    pub fn of(spec: &DatabaseSpec) -> &'static Engine {
        let name = spec.address.engine().name;
        ENGINES.iter().find(|engine| engine.card.name == name).unwrap_or(&ENGINES[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::engine;

    #[test]
    fn every_card_has_its_engine() {
        let cards: Vec<&str> = engine::ENGINES.iter().map(|card| card.name).collect();
        let engines: Vec<&str> = ENGINES.iter().map(|engine| engine.card.name).collect();
        assert_eq!(cards, engines);
    }
}

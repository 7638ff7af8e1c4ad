//! Probes: active checks of one target each, turning the world into observations.
//!
//! A probe only reads. Its caller gives it a deadline, never runs it twice at once, and
//! tells it what time it is.

pub mod backup;
pub mod blocking;
pub mod command;
pub mod database;
pub mod disk;
pub mod file;
pub mod host;
mod lacking;
mod program;
pub mod task;

use std::fmt::Debug;

pub use crate::ledger::BoxFuture;

use crate::domain::inventory::TaskCard;
use crate::domain::observation::{ProbeError, Reading};
use crate::domain::time::Timestamp;

/// An active check of one target.
pub trait Probe: Debug + Send {
    /// Takes one reading. May take as long as the caller's deadline allows; after that the
    /// future is dropped. `&mut self` because some measurements are differences.
    fn read(&mut self, now: Timestamp) -> BoxFuture<'_, Result<Reading, ProbeError>>;

    /// How what it looks at is started, where it is a task of which the machine says that.
    fn card(&self) -> Option<TaskCard> {
        None
    }
}

/// What a kind of probe may use to build its probes.
#[derive(Clone, Debug)]
pub struct Context {
    pub ledger: std::sync::Arc<dyn crate::ledger::Ledger>,
    /// The system's name, which groups what is watched.
    pub system: String,
    pub zone: crate::domain::time::Zone,
    /// How schedulers are asked which tasks they have, before anything is read of them.
    pub at_start: crate::scheduler::source::Ask,
    /// Where leftovers, locks and the spool lie.
    pub state_dir: std::path::PathBuf,
}

/// A probe, and how the board shall see it.
#[derive(Debug)]
pub struct Watched {
    pub watch: crate::domain::board::Watch,
    pub probe: Box<dyn Probe>,
}

/// A kind of probe: one file, one line in [`KINDS`].
#[derive(Debug)]
pub struct Kind {
    /// The first part of its probes' ids.
    pub name: &'static str,
    pub summary: &'static str,
    /// Builds every probe of this kind that the configuration asks for. Cheap and without
    /// waiting: nothing is opened before the first reading, but for what says which tasks there
    /// are, and that is not waited for.
    pub build: fn(&crate::config::Config, &Context) -> Vec<Watched>,
}

/// Every kind there is, in the order the overview shows them.
pub const KINDS: &[Kind] =
    &[host::KIND, disk::KIND, database::KIND, backup::KIND, task::KIND, command::KIND, file::KIND];

//! All tasks of one sort together: what is installed of them, and what failed besides.

use crate::domain::drift::Drift;
use crate::domain::plan::Invocation;
use crate::domain::time::Timestamp;

/// The names that stand for all crontabs, and for all timers.
pub const SORTS: [&str; 2] = ["cron", "systemd"];

/// All crontabs, or all timers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Together {
    pub drift: Drift,
    /// Services that no timer starts.
    pub failed: Vec<Service>,
    /// What the configuration does not name, where it says which there should be.
    pub others: Vec<Other>,
}

/// A task that no configuration names: nothing is expected of it but by its scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    pub name: String,
    /// When it is due, in words.
    pub schedule: String,
    pub next_due: Option<Timestamp>,
    pub command: String,
}

/// A service that failed, and what starts it anew.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// `web.service`
    pub name: String,
    pub restart: Invocation,
    /// Its manager obeys root alone.
    pub as_root: bool,
}

impl Together {
    pub fn of(drift: Drift) -> Self {
        Self { drift, ..Self::default() }
    }
}

impl Service {
    /// Whether it is what somebody calls by this name, with its ending or without.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.name.strip_suffix(".service") == Some(name)
    }
}

//! All tasks of one sort together: what is installed of them, and what failed besides.

use crate::domain::drift::Drift;
use crate::domain::plan::Invocation;

/// The names that stand for all crontabs, for all timers, and for all tasks of Windows.
pub const SORTS: [&str; 3] = ["cron", "systemd", "schtasks"];

/// All tasks of one sort.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Together {
    pub drift: Drift,
    /// Services that no timer starts.
    pub failed: Vec<Service>,
    /// Which there are was not told when the program started, so that nothing is known of each.
    pub unwatched: bool,
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

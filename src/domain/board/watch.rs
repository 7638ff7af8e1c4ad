//! What is expected of one probe: how often it reads, and what its values may be.

use std::sync::Arc;
use std::time::Duration;

use super::JudgedSample;
use crate::domain::finding::Finding;
use crate::domain::inventory::Target;
use crate::domain::limit::Rule;
use crate::domain::observation::{ProbeId, Reading};
use crate::domain::time::Timestamp;
use crate::domain::trend::Trend;

/// One probe as the board sees it: how often it reads, and what its values may be.
#[derive(Clone, Debug)]
pub struct Watch {
    pub id: ProbeId,
    /// The system it belongs to; groups, and names the environment.
    pub system: Arc<str>,
    pub every: Duration,
    /// The deadline of one reading; no longer than the interval.
    pub timeout: Duration,
    pub rules: Vec<Rule>,
    pub trends: Vec<Trend>,
    /// What limits on samples cannot say: freshness against a schedule, slots of a task.
    pub judge: Option<Arc<dyn Judge>>,
    /// What can be done about it, if anything.
    pub target: Option<Target>,
    /// The cause under which this one is folded while both are not ok.
    pub folds_under: Option<ProbeId>,
}

impl Watch {
    pub fn new(id: ProbeId, system: &str, every: Duration, timeout: Duration) -> Self {
        Self {
            id,
            system: system.into(),
            every,
            timeout,
            rules: Vec::new(),
            trends: Vec::new(),
            judge: None,
            target: None,
            folds_under: None,
        }
    }

    /// How old a reading may be before it is stale, and what it says is not known any more: two
    /// intervals. Readings begin an interval apart and take no longer than one, so one that
    /// comes when it should is there by then.
    pub fn stale_after(&self) -> Duration {
        self.every * 2
    }
}

/// Facts to verdict, for kinds whose verdict depends on more than one number: pure, and
/// asked anew at every `now`.
pub trait Judge: std::fmt::Debug + Send + Sync {
    fn judge(&self, reading: &Reading, now: Timestamp) -> Verdict;
}

/// What a judge says at one moment.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Samples that only exist at a moment, already judged: an age against a schedule.
    pub samples: Vec<JudgedSample>,
    pub findings: Vec<Finding>,
    /// Nothing is wrong, because nothing has happened yet: no evidence either way.
    pub premature: bool,
}

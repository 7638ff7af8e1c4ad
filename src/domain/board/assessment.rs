//! What one probe's target is like at a given moment, with the bounds its values were held
//! against.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::finding::Finding;
use crate::domain::inventory::Target;
use crate::domain::limit::Limit;
use crate::domain::observation::ProbeId;
use crate::domain::sample::{Sample, Value};
use crate::domain::status::Status;
use crate::domain::time::Timestamp;

/// What one probe's target is like at a given moment.
#[derive(Clone, Debug)]
pub struct Assessment {
    pub id: ProbeId,
    pub system: Arc<str>,
    pub status: Status,
    /// Since when the status has been what it is, as far as is known.
    pub since: Option<Timestamp>,
    /// When the values were read; `None` before the first reading.
    pub observed_at: Option<Timestamp>,
    pub age: Option<Duration>,
    pub took: Option<Duration>,
    /// The values are older than two intervals.
    pub stale: bool,
    /// Nothing has been heard yet.
    pub waiting: bool,
    /// It was read, and nothing has happened yet that could be judged: ok, and no evidence.
    pub premature: bool,
    /// Worst first; empty when ok.
    pub findings: Vec<Finding>,
    pub samples: Vec<JudgedSample>,
    pub folded_under: Option<ProbeId>,
    pub target: Option<Target>,
}

impl Assessment {
    pub fn sample(&self, key: &str) -> Option<&JudgedSample> {
        self.samples.iter().find(|judged| judged.sample.key == key)
    }

    /// The number of a gauge, or `None` where it was not measured.
    pub fn gauge(&self, key: &str) -> Option<f64> {
        match self.sample(key)?.sample.value {
            Value::Gauge(value, _) => Some(value),
            _ => None,
        }
    }
}

/// A sample with the bounds it was held against.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedSample {
    pub sample: Sample,
    pub status: Status,
    pub warning: Option<Limit>,
    pub critical: Option<Limit>,
    /// It is ok only because its limit has not been passed for long enough yet.
    pub pending: Option<Box<Pending>>,
}

/// A limit that is passed, and not yet for as long as its rule wants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pending {
    pub limit: Limit,
    pub since: Timestamp,
    /// How long it must be passed before it counts.
    pub hold: Duration,
}

impl JudgedSample {
    pub fn plain(sample: Sample) -> Self {
        Self { sample, status: Status::Ok, warning: None, critical: None, pending: None }
    }
}

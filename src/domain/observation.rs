//! What one probe saw at one instant. Failure is data here, never an absence.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::backup::Catalogue;
use crate::domain::drift::Drift;
use crate::domain::finding::{Finding, Remark};
use crate::domain::host::Host;
use crate::domain::sample::Sample;
use crate::domain::task::{TaskFacts, Together};
use crate::domain::time::Timestamp;
use crate::domain::vitals::Vitals;

/// What a probe is called: `kind:name`, or the kind alone where there is only one (`host`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProbeId(Arc<str>);

impl ProbeId {
    pub fn new(kind: &str, name: &str) -> Self {
        if kind == "host" { Self("host".into()) } else { Self(format!("{kind}:{name}").into()) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `disk` of `disk:/var`.
    pub fn kind(&self) -> &str {
        self.0.split_once(':').map_or(&*self.0, |(kind, _)| kind)
    }

    /// Whether it is of this kind; a long list is asked this of every row, in every frame.
    pub fn is_of(&self, kind: &str) -> bool {
        self.0.strip_prefix(kind).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    }

    /// `/var` of `disk:/var`.
    pub fn name(&self) -> &str {
        self.0.split_once(':').map_or(&*self.0, |(_, name)| name)
    }
}

impl From<&str> for ProbeId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for ProbeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What one probe saw at one instant.
#[derive(Clone, Debug)]
pub struct Observation {
    pub probe: ProbeId,
    pub at: Timestamp,
    pub took: Duration,
    pub outcome: Result<Reading, ProbeError>,
}

/// The values of one reading, with the table behind them where a pane shows one.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    pub samples: Vec<Sample>,
    pub detail: Detail,
    /// What the target says of itself beyond limits on samples: a plugin's own verdict, a
    /// read-only remount. Empty when it says it is well.
    pub findings: Vec<Finding>,
    /// How samples are told when they are beyond their limits.
    pub remarks: Vec<Remark>,
}

/// The facts behind the samples, for the panes and judges that need more than numbers.
#[derive(Clone, Debug, Default)]
pub enum Detail {
    #[default]
    None,
    Host(Host),
    Vitals(Vitals),
    Backups(Catalogue),
    /// Shared, because thousands of them are seen, kept and told at once.
    Task(Arc<TaskFacts>),
    /// What is installed of all tasks of one sort, or of one that is not there.
    Tasks(Box<Together>),
    /// Lines a plugin printed after its first.
    Lines(Vec<String>),
}

impl Detail {
    pub fn task(facts: TaskFacts) -> Self {
        Detail::Task(Arc::new(facts))
    }

    /// What is installed of scheduled tasks, where that can be found right.
    pub fn drift(&self) -> Option<&Drift> {
        match self {
            Detail::Task(facts) => facts.drift.as_deref(),
            Detail::Tasks(together) => Some(&together.drift),
            _ => None,
        }
    }
}

impl Reading {
    pub fn of(samples: Vec<Sample>) -> Self {
        Self { samples, ..Self::default() }
    }

    #[must_use]
    pub fn with(mut self, detail: Detail) -> Self {
        self.detail = detail;
        self
    }
}

/// Why a probe brought no reading. The texts finish the sentence "… is unknown: ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    #[error("no answer within {}", crate::domain::humanize::duration(*.0))]
    Timeout(Duration),
    #[error("{0}")]
    Unreachable(String),
    /// The text names the right that is missing, and how to give it.
    #[error("{0}")]
    Denied(String),
    #[error("{0}")]
    Malformed(String),
    /// An earlier read has not come back; no second one was started.
    #[error("the read that began {} ago has not come back", crate::domain::humanize::duration(*.0))]
    Stuck(Duration),
    #[error("the probe itself failed, please report it: {0}")]
    Panicked(String),
    /// It has done so too often to be read again unasked.
    #[error(
        "the probe itself failed {panics} times in a row and is not read again until you ask (r), please report it: {text}"
    )]
    GivenUp { panics: u32, text: String },
}

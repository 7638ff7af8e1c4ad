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
#[serde(from = "String", into = "String")]
pub struct ProbeId {
    text: Arc<str>,
    /// How its kind begins: see [`OfKind`].
    stem: u64,
}

const STEM: usize = size_of::<u64>();

/// The first bytes of a kind, filled up with zeroes.
fn stem(kind: &str) -> u64 {
    let mut stem = [0; STEM];
    stem.iter_mut().zip(kind.bytes()).for_each(|(to, from)| *to = from);
    u64::from_le_bytes(stem)
}

/// Tells the probes of a kind from others. In every frame each row of a long list is asked for its
/// kind, and most can answer without a walk to their text.
#[derive(Clone, Copy, Debug)]
pub struct OfKind<'a> {
    kind: &'a str,
    stem: u64,
}

impl<'a> OfKind<'a> {
    pub fn new(kind: &'a str) -> Self {
        Self { kind, stem: stem(kind) }
    }

    #[inline]
    pub fn is(&self, id: &ProbeId) -> bool {
        self.stem == id.stem && (self.kind.len() < STEM || id.kind() == self.kind)
    }
}

impl ProbeId {
    pub fn new(kind: &str, name: &str) -> Self {
        if kind == "host" { Self::from("host") } else { Self::from(&*format!("{kind}:{name}")) }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `disk` of `disk:/var`.
    pub fn kind(&self) -> &str {
        kind(&self.text)
    }

    /// `/var` of `disk:/var`.
    pub fn name(&self) -> &str {
        self.text.split_once(':').map_or(&*self.text, |(_, name)| name)
    }
}

fn kind(text: &str) -> &str {
    text.split_once(':').map_or(text, |(kind, _)| kind)
}

impl From<&str> for ProbeId {
    fn from(id: &str) -> Self {
        Self { text: id.into(), stem: stem(kind(id)) }
    }
}

impl From<String> for ProbeId {
    fn from(id: String) -> Self {
        Self::from(&*id)
    }
}

impl From<ProbeId> for String {
    fn from(id: ProbeId) -> Self {
        id.text.as_ref().to_owned()
    }
}

impl fmt::Display for ProbeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
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
    /// Shared, as those of the tasks are: there may be tens of thousands of files.
    Backups(Arc<Catalogue>),
    /// Shared, because thousands of them are seen, kept and told at once.
    Task(Arc<TaskFacts>),
    /// What is installed of all tasks of one sort, or of one that is not there.
    Tasks(Box<Together>),
    /// Lines a plugin printed after its first.
    Lines(Vec<String>),
}

impl Detail {
    pub fn backups(catalogue: Catalogue) -> Self {
        Detail::Backups(Arc::new(catalogue))
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_of_its_kind_and_of_no_other_that_begins_alike() {
        for (id, is, is_not) in [
            ("task:rota", "task", ["tas", "tasks", "rota", ""]),
            ("host", "host", ["hos", "hosts", "disk", ""]),
            ("database:rota", "database", ["databas", "databases", "data", ""]),
            ("repository:far", "repository", ["reposito", "repositories", "repo", ""]),
            (":odd", "", ["odd", "o", "task", "database"]),
        ] {
            let id = ProbeId::from(id);
            assert!(OfKind::new(is).is(&id), "{id} is of {is:?}");
            assert_eq!(id.kind(), is);
            assert!(is_not.iter().all(|kind| !OfKind::new(kind).is(&id)), "{id} is none of {is_not:?}");
        }
    }

    #[test]
    fn a_probe_is_kept_as_its_name_alone() {
        let id = ProbeId::new("disk", "/var");
        assert_eq!(serde_json::to_string(&id).expect("a text"), r#""disk:/var""#);
        assert_eq!(serde_json::from_str::<ProbeId>(r#""disk:/var""#).expect("a probe"), id);
    }
}

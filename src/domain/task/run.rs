//! One run of a task: when it began, and how it ended as far as anybody tells.

use serde::{Deserialize, Serialize};

use crate::domain::time::Timestamp;

/// One run of a task, as `rounds exec` recorded it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskRun {
    /// Sorts by time; a record is imported once.
    pub id: String,
    pub task: String,
    pub started_at: Timestamp,
    pub ended: Option<RunEnd>,
    /// Whether the process that started it still lives; only meaningful without an end.
    pub alive: bool,
    /// The tail of its output, clean of escapes.
    pub tail: String,
    /// Nobody tells how it ended: a scheduler's log has its start alone.
    pub untold: bool,
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunEnd {
    pub at: Timestamp,
    pub took_s: f64,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub timed_out: bool,
    #[serde(default)]
    pub kind: EndKind,
}

/// What is known of an end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndKind {
    /// Who waited for it tells.
    #[default]
    Seen,
    /// What it left behind proves that it went well; its exit code is told by nobody.
    Proven,
    /// It did not begin: another run of the task was not over.
    Skipped,
}

impl TaskRun {
    /// What stands for an output that was left in the store, when the runs of all tasks were read at once.
    pub const UNREAD: &str = "…";

    /// Whether it only came to see that another one was not over.
    pub fn is_skipped(&self) -> bool {
        self.ended.as_ref().is_some_and(|end| end.kind == EndKind::Skipped)
    }

    /// How many seconds it took, when it succeeded.
    pub fn succeeded_after(&self) -> Option<f64> {
        self.ended.as_ref().filter(|end| end.is_success()).map(|end| end.took_s)
    }
}

impl RunEnd {
    pub fn is_success(&self) -> bool {
        match self.kind {
            EndKind::Seen => self.exit_code == Some(0) && !self.timed_out,
            EndKind::Proven => true,
            EndKind::Skipped => false,
        }
    }
}

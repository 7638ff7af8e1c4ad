//! Scheduled tasks: what ran, and what should have.

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
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunEnd {
    pub at: Timestamp,
    pub took_s: f64,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub timed_out: bool,
}

/// What is known of a task at one moment.
#[derive(Clone, Debug, Default)]
pub struct TaskFacts {
    /// Newest first.
    pub runs: Vec<TaskRun>,
}

//! Scheduled tasks: what ran, and what should have.

mod memo;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::domain::schedule::Schedule;
use crate::domain::slot::{Band, History, Slot, TaskState};
use crate::domain::time::{Timestamp, Zone};
use memo::Memo;

pub use verdict::TaskJudge;

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

impl TaskRun {
    /// How many seconds it took, when it succeeded.
    pub fn succeeded_after(&self) -> Option<f64> {
        self.ended.as_ref().filter(|end| end.is_success()).map(|end| end.took_s)
    }
}

impl RunEnd {
    pub fn is_success(&self) -> bool {
        self.exit_code == Some(0) && !self.timed_out
    }
}

/// What is expected of a task.
#[derive(Clone, Debug, Default)]
pub struct TaskPolicy {
    pub id: String,
    pub source: Source,
    /// `None` when it has none, or none that can be read.
    pub schedule: Option<Schedule>,
    /// Of the times people are shown.
    pub zone: Zone,
    /// How long after its instant a run may begin.
    pub grace: Duration,
    pub min_duration: Option<Duration>,
    pub max_duration: Option<Duration>,
    /// Why nothing records its runs; `None` when something does.
    pub blind: Option<String>,
    /// Whether it can be run by hand from here.
    pub runnable: bool,
}

/// Where a task is scheduled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    #[default]
    Cron,
    /// Somewhere else; `rounds exec` tells when it ran.
    Exec,
}

/// What is known of a task at one moment. Facts that have been asked about are not changed any
/// more, but in a clone.
#[derive(Clone, Debug, Default)]
pub struct TaskFacts {
    /// Newest first.
    pub runs: Vec<TaskRun>,
    pub policy: Arc<TaskPolicy>,
    /// Since when every run would be known. Earlier slots without a run say nothing.
    pub since: Option<Timestamp>,
    /// When the machine started, which may be why a slot was missed.
    pub booted_at: Option<Timestamp>,
    memo: Memo,
}

/// A task as lists show it.
#[derive(Clone, Debug, Serialize)]
pub struct TaskView {
    pub id: String,
    pub source: Source,
    /// As it was written; `None` for a task without a schedule.
    pub schedule: Option<String>,
    /// The schedule in words.
    #[serde(skip)]
    pub words: Option<String>,
    pub timezone: String,
    pub state: TaskState,
    /// The newest run began while the one before it still ran.
    pub overlap: bool,
    pub last: Option<LastRun>,
    #[serde(serialize_with = "crate::domain::time::serialize_option")]
    pub next_due: Option<Timestamp>,
    /// How many seconds a good run takes.
    pub usual_s: Option<f64>,
    /// Of the last 24 hours, oldest first.
    #[serde(skip)]
    pub slots: Vec<Slot>,
}

/// The newest run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LastRun {
    #[serde(serialize_with = "crate::domain::time::serialize")]
    pub started_at: Timestamp,
    #[serde(serialize_with = "crate::domain::time::serialize_option")]
    pub ended_at: Option<Timestamp>,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub took_s: Option<f64>,
}

/// What a strip shows.
const STRIP: TimeDelta = TimeDelta::hours(24);

impl TaskFacts {
    /// Of runs, newest first, since when every one would be known.
    pub fn new(policy: Arc<TaskPolicy>, runs: Vec<TaskRun>, since: Option<Timestamp>) -> Self {
        Self { runs, policy, since, ..Self::default() }
    }

    /// With the time the machine started at.
    #[must_use]
    pub fn booted_at(mut self, at: Option<Timestamp>) -> Self {
        self.booted_at = at;
        self
    }

    /// What the facts come to at `now`.
    pub fn view(&self, now: Timestamp) -> TaskView {
        let policy = &*self.policy;
        let slots = self.slots(now);
        let state = self.state(&slots, now);
        let slots = slots.iter().rev().filter(|slot| slot.at > now - STRIP).copied().collect();
        TaskView {
            id: policy.id.clone(),
            source: policy.source,
            schedule: policy.schedule.as_ref().map(|schedule| schedule.text.clone()),
            words: policy.schedule.as_ref().map(Schedule::describe),
            timezone: policy.schedule.as_ref().map_or(&policy.zone, |schedule| &schedule.zone).name().to_owned(),
            state,
            overlap: self.overlap(),
            last: self.runs.first().map(LastRun::of),
            next_due: policy.schedule.as_ref().and_then(|schedule| schedule.next(now)),
            usual_s: self.band().usual,
            slots,
        }
    }

    /// The decided slots, newest first: of the last 24 hours, and back to the latest with a run.
    fn slots(&self, now: Timestamp) -> Arc<[Slot]> {
        let Some(schedule) = self.policy.schedule.as_ref().filter(|_| self.policy.blind.is_none()) else {
            return Arc::default();
        };
        let history = || History {
            schedule,
            grace: self.policy.grace,
            band: self.band(),
            runs: &self.runs,
            since: self.since.unwrap_or(now),
        };
        // Without a beginning the answer is about this moment alone.
        match self.since {
            Some(_) => self.memo.slots(now, || history().slots(now, STRIP)),
            None => history().slots(now, STRIP).slots.into(),
        }
    }

    /// The state as a whole, given the slots newest first: that of a run that still goes on,
    /// else of the newest slot, else of the newest run.
    fn state(&self, slots: &[Slot], now: Timestamp) -> TaskState {
        if self.policy.blind.is_some() {
            return TaskState::Unknown;
        }
        let newest = self.runs.first();
        match newest.map(|run| self.band().judge(run, now)) {
            Some(state) if newest.is_some_and(|run| run.ended.is_none() && run.alive) => state,
            state => slots.first().map(|slot| slot.state).or(state).unwrap_or(TaskState::New),
        }
    }

    fn band(&self) -> Band {
        self.memo.band(|| Band::of(&self.runs, self.policy.min_duration, self.policy.max_duration))
    }

    fn overlap(&self) -> bool {
        let [newest, before, ..] = &self.runs[..] else { return false };
        match &before.ended {
            Some(end) => newest.started_at < end.at,
            None => before.alive,
        }
    }
}

impl LastRun {
    fn of(run: &TaskRun) -> Self {
        let end = run.ended.as_ref();
        Self {
            started_at: run.started_at,
            ended_at: end.map(|end| end.at),
            exit_code: end.and_then(|end| end.exit_code),
            signal: end.and_then(|end| end.signal),
            took_s: end.map(|end| end.took_s),
        }
    }
}

//! A task as lists and documents show it.

use serde::Serialize;

use super::{STRIP, Source, TaskFacts, TaskRun};
use crate::domain::schedule::Schedule;
use crate::domain::slot::{Slot, TaskState};
use crate::domain::time::Timestamp;

/// A task as lists show it.
#[derive(Clone, Debug, Serialize)]
pub struct TaskView {
    pub id: String,
    pub source: Source,
    /// No configuration names it, and nothing is expected of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub extra: bool,
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
    #[serde(skip)]
    pub untold: bool,
}

impl TaskFacts {
    /// What the facts come to at `now`.
    pub fn view(&self, now: Timestamp) -> TaskView {
        let policy = &*self.policy;
        let (told, schedule) = (self.told.as_ref(), policy.schedule.as_ref());
        let slots = self.slots(now);
        let state = self.state(&slots, now);
        let slots = slots.iter().rev().filter(|slot| slot.at > now - STRIP).copied().collect();
        TaskView {
            id: policy.id.clone(),
            source: policy.source,
            extra: policy.extra,
            schedule: told.and_then(|told| told.schedule.clone()).or_else(|| schedule.map(|one| one.text.clone())),
            words: told.and_then(|told| told.schedule.clone()).or_else(|| schedule.map(Schedule::describe)),
            timezone: schedule.map_or(&policy.zone, |schedule| &schedule.zone).name().to_owned(),
            state,
            overlap: self.overlap(),
            last: self.runs.first().map(LastRun::of),
            next_due: match told {
                _ if self.held.is_some() => None,
                Some(told) => told.next.filter(|_| told.disabled.is_none()),
                None => schedule.and_then(|schedule| schedule.next(now)),
            },
            usual_s: self.band().usual,
            slots,
        }
    }
}

impl LastRun {
    /// A run as lists show it.
    pub fn of(run: &TaskRun) -> Self {
        let end = run.ended.as_ref();
        Self {
            started_at: run.started_at,
            ended_at: end.map(|end| end.at),
            exit_code: end.and_then(|end| end.exit_code),
            signal: end.and_then(|end| end.signal),
            took_s: end.map(|end| end.took_s).filter(|took| took.is_finite()),
            untold: run.untold,
        }
    }
}

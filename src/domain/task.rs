//! Scheduled tasks: what ran, and what should have.

mod extra;
mod frozen;
mod held;
mod memo;
mod past;
mod run;
mod together;
mod verdict;
mod view;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde::Serialize;

use crate::domain::drift::Drift;
use crate::domain::hold::{Freeze, Handle, Held};
use crate::domain::schedule::Schedule;
use crate::domain::slot::{Band, Gap, History, Slot, TaskState};
use crate::domain::time::{Timestamp, Zone, span};
use memo::Memo;

pub use extra::{NOTHING_EXPECTED, of_extra};
pub use frozen::frozen;
pub use past::Past;
pub use run::{EndKind, RunEnd, TaskRun};
pub use together::{SORTS, Service, Together};
pub use verdict::TaskJudge;
pub use view::{LastRun, TaskView};

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
    /// Why nothing records how its runs end; `None` when something does.
    pub blind: Option<String>,
    /// What starts it, where that is not what its source is called.
    pub scheduler: Option<&'static str>,
    /// Of a run nobody records, when it was over is known, and not when it began.
    pub known_by_end: bool,
    /// Whether it can be run by hand from here.
    pub runnable: bool,
    /// No configuration names it, though one says which tasks there should be.
    pub extra: bool,
}

/// Where a task is scheduled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    #[default]
    Cron,
    /// A timer of systemd.
    Systemd,
    /// The Task Scheduler of Windows.
    Schtasks,
    /// Somewhere else; `rounds exec` tells when it ran.
    Exec,
    /// Somewhere else; the files it writes prove that it ran.
    File,
    /// The same of the lines it writes into a log.
    Log,
    /// The same of the rows it writes into a database.
    Sql,
}

impl Source {
    /// As `source` of a `[[task]]` names it.
    pub const fn word(self) -> &'static str {
        match self {
            Source::Cron => "cron",
            Source::Systemd => "systemd",
            Source::Schtasks => "schtasks",
            Source::Exec => "exec",
            Source::File => "file",
            Source::Log => "log",
            Source::Sql => "sql",
        }
    }

    /// Whether only what it leaves behind tells of it.
    pub const fn is_proven(self) -> bool {
        matches!(self, Source::File | Source::Log | Source::Sql)
    }

    /// Whether its scheduler tells of it by itself.
    pub const fn is_told(self) -> bool {
        matches!(self, Source::Systemd | Source::Schtasks)
    }
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
    /// When nothing could have run.
    pub gaps: Vec<Gap>,
    /// Whether every start is known, though nothing may record how it ended.
    pub starts_known: bool,
    /// What its scheduler says, where that is asked.
    pub told: Option<Told>,
    /// How it is held back and let go; `None` where nothing here can.
    pub handle: Option<Box<Handle>>,
    /// Why it does not run now, where an operator holds it back.
    pub held: Option<Box<Held>>,
    /// When it was frozen, newest first.
    pub freezes: Vec<Freeze>,
    /// What is installed of it, where that can be another than it should.
    pub drift: Option<Box<Drift>>,
    memo: Memo,
}

/// What a scheduler says of its task by itself. Where it does, nothing is reckoned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// When it is due, in the scheduler's words: `*-*-* 02:00:00`.
    pub schedule: Option<String>,
    pub next: Option<Timestamp>,
    /// How much later the scheduler may begin on purpose.
    pub delay: Duration,
    /// Why it is not run at all.
    pub disabled: Option<String>,
    /// When it said so, where that was not just now: in a file that another machine wrote.
    pub as_of: Option<Timestamp>,
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

    /// The decided slots, newest first: of the last 24 hours, and back to the latest with a run.
    fn slots(&self, now: Timestamp) -> Arc<[Slot]> {
        let Some(schedule) = self.policy.schedule.as_ref().filter(|_| !self.is_dark()) else {
            return self.begun(now, STRIP).into();
        };
        let history = || History {
            schedule,
            grace: self.policy.grace,
            band: self.band(),
            runs: &self.runs,
            since: self.since.unwrap_or(now),
            gaps: &self.gaps,
        };
        // Without a beginning the answer is about this moment alone.
        match self.since {
            Some(_) => self.memo.slots(now, || history().slots(now, STRIP)),
            None => history().slots(now, STRIP).slots.into(),
        }
    }

    /// Of a task whose scheduler tells of it, the runs of a window in the place of slots: when it was
    /// due is not reckoned here. Newest first.
    fn begun(&self, now: Timestamp, window: TimeDelta) -> Vec<Slot> {
        if self.told.is_none() || self.is_dark() {
            return Vec::new();
        }
        let within = |run: &&TaskRun| run.started_at <= now && run.started_at > now - window;
        let slot = |run: &TaskRun| Slot { at: run.started_at, state: self.band().judge(run, now) };
        self.runs.iter().filter(within).map(slot).collect()
    }

    /// The state as a whole, given the slots newest first: that of a run that still goes on,
    /// else of the newest slot, else of the newest run.
    fn state(&self, slots: &[Slot], now: Timestamp) -> TaskState {
        let newest = self.runs.first();
        let runs_now = newest.is_some_and(|run| run.ended.is_none() && run.alive);
        if let Some(held) = self.held.as_ref().filter(|_| !runs_now) {
            return held.state();
        }
        if self.is_dark() {
            return TaskState::Unknown;
        }
        if let Some(told) = self.told.as_ref().filter(|_| !runs_now) {
            if told.disabled.is_some() {
                return TaskState::Disabled;
            }
            if self.overdue(now).is_some() {
                return TaskState::Missed;
            }
        }
        match newest.map(|run| self.band().judge(run, now)) {
            Some(state) if runs_now => state,
            // What was due while it was frozen says nothing of how it is since then.
            state => {
                let slot = slots.iter().map(|slot| slot.state).find(|state| *state != TaskState::Frozen);
                slot.or(state).unwrap_or(TaskState::New)
            }
        }
    }

    /// When it was due by its scheduler's own word, and is not begun though all its time is over.
    fn overdue(&self, now: Timestamp) -> Option<Timestamp> {
        let told = self.told.as_ref().filter(|told| told.disabled.is_none())?;
        let now = told.as_of.map_or(now, |as_of| as_of.min(now));
        told.next.filter(|next| now > *next + span(self.policy.grace) + span(told.delay))
    }

    /// Whether not even its starts are known.
    fn is_dark(&self) -> bool {
        self.policy.blind.is_some() && !self.starts_known
    }

    fn band(&self) -> Band {
        self.memo.band(|| Band::of(&self.runs, self.policy.min_duration, self.policy.max_duration))
    }

    fn overlap(&self) -> bool {
        let mut runs = self.runs.iter().filter(|run| !run.is_skipped());
        let (Some(newest), Some(before)) = (runs.next(), runs.next()) else { return false };
        match &before.ended {
            Some(end) => newest.started_at < end.at,
            None => before.alive,
        }
    }
}

//! Slots: every instant a task was due, and what became of it.
//!
//! A run belongs to the slot of its start, so a success never repairs an earlier slot. A slot
//! begins a little before its instant, for clocks that differ, and lasts until the next begins.

use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::domain::schedule::Schedule;
use crate::domain::status::Status;
use crate::domain::task::{EndKind, TaskRun};
use crate::domain::time::{Timestamp, seconds_between, span};

/// What became of a slot, or of a task as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskState {
    Ok,
    /// It ran well, but began after its grace.
    Late,
    /// Its grace is over and nothing ran.
    Missed,
    Failed,
    Running,
    /// It runs, or ran, longer than it may.
    Overrun,
    /// It began, and its process is gone without a word.
    Lost,
    /// It ended well, and too soon to have done its work.
    TooShort,
    /// It could not begin: the machine was off, or it was told to let others end first.
    Skipped,
    /// Its scheduler holds it back until somebody lets it go on.
    Frozen,
    /// Its scheduler has it, and does not run it.
    Disabled,
    /// No slot has passed since it is known.
    New,
    /// Nothing records how it went.
    #[default]
    Unknown,
}

impl TaskState {
    pub const fn word(self) -> &'static str {
        match self {
            TaskState::Ok => "ok",
            TaskState::Late => "late",
            TaskState::Missed => "missed",
            TaskState::Failed => "failed",
            TaskState::Running => "running",
            TaskState::Overrun => "overrun",
            TaskState::Lost => "lost",
            TaskState::TooShort => "too-short",
            TaskState::Skipped => "skipped",
            TaskState::Frozen => "frozen",
            TaskState::Disabled => "disabled",
            TaskState::New => "new",
            TaskState::Unknown => "unknown",
        }
    }

    /// Whether nothing ran.
    pub const fn is_absent(self) -> bool {
        matches!(self, TaskState::Missed | TaskState::Skipped | TaskState::Frozen)
    }

    pub const fn status(self) -> Status {
        match self {
            TaskState::Ok | TaskState::Running | TaskState::New | TaskState::Frozen | TaskState::Disabled => Status::Ok,
            TaskState::Late | TaskState::Overrun | TaskState::TooShort | TaskState::Skipped => Status::Warning,
            TaskState::Missed | TaskState::Failed | TaskState::Lost => Status::Critical,
            TaskState::Unknown => Status::Unknown,
        }
    }
}

impl std::fmt::Display for TaskState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// An instant a task was due, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Slot {
    #[serde(serialize_with = "crate::domain::time::serialize")]
    pub at: Timestamp,
    pub state: TaskState,
}

/// A time in which nothing could run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub from: Timestamp,
    pub until: Timestamp,
    /// `the machine was off`
    pub why: &'static str,
    /// What a slot in it was: skipped, or frozen.
    pub state: TaskState,
}

impl Gap {
    /// What is due as the machine comes up may still be passed over: its scheduler is not the
    /// first that it starts.
    const WAKING: TimeDelta = TimeDelta::minutes(1);

    pub fn covers(&self, at: Timestamp) -> bool {
        self.from <= at && at <= self.until + Self::WAKING
    }
}

/// How long a run takes when all is well, in seconds: as configured, or learnt from the last
/// good runs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Band {
    /// The median.
    pub usual: Option<f64>,
    pub shortest: Option<Bound>,
    pub longest: Option<Bound>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    Configured(f64),
    Learnt(f64),
}

/// Keeps arithmetic with dates within their range.
const LONGEST_BOUND: TimeDelta = TimeDelta::days(100 * 366);

impl Bound {
    pub fn seconds(self) -> f64 {
        match self {
            Bound::Configured(seconds) | Bound::Learnt(seconds) => seconds,
        }
    }

    /// The same, no longer than it is.
    fn span(self) -> TimeDelta {
        Duration::try_from_secs_f64(self.seconds()).map_or(TimeDelta::zero(), |bound| span(bound).min(LONGEST_BOUND))
    }
}

impl Band {
    /// How many good runs are looked at, and how few are too few to learn a bound from.
    const LEARN_FROM: usize = 20;
    const LEARN_AT_LEAST: usize = 5;

    /// `runs` are newest first.
    pub fn of(runs: &[TaskRun], shortest: Option<Duration>, longest: Option<Duration>) -> Self {
        let mut took: Vec<f64> =
            runs.iter().filter_map(TaskRun::succeeded_after).take(Self::LEARN_FROM).filter(|s| s.is_finite()).collect();
        took.sort_by(f64::total_cmp);
        let median = took.get(took.len() / 2).copied();
        let enough = took.len() >= Self::LEARN_AT_LEAST;
        // The nearest rank; of fewer than twenty runs, the longest.
        let high = took.get((took.len() * 19).div_ceil(20).saturating_sub(1)).copied();
        let learnt_longest = high.filter(|_| enough).map(|seconds| Bound::Learnt((3.0 * seconds).max(600.0)));
        // Work that takes seconds varies too much to say that it was too short.
        let learnt_shortest = median.filter(|usual| enough && *usual >= 30.0).map(|usual| Bound::Learnt(usual / 10.0));
        let configured = |bound: Duration| Bound::Configured(bound.as_secs_f64());
        Self {
            usual: median,
            shortest: shortest.map(configured).or(learnt_shortest),
            longest: longest.map(configured).or(learnt_longest),
        }
    }

    /// What a run came to by itself, whenever it was due.
    pub fn judge(&self, run: &TaskRun, now: Timestamp) -> TaskState {
        match &run.ended {
            None if run.untold => TaskState::Unknown,
            None if !run.alive => TaskState::Lost,
            None => {
                let elapsed = seconds_between(run.started_at, now);
                let over = self.longest.is_some_and(|longest| elapsed > longest.seconds());
                if over { TaskState::Overrun } else { TaskState::Running }
            }
            Some(end) if end.kind == EndKind::Skipped => TaskState::Skipped,
            Some(end) if !end.is_success() => TaskState::Failed,
            Some(end) if self.shortest.is_some_and(|shortest| end.took_s < shortest.seconds()) => TaskState::TooShort,
            // A learnt bound is for what hangs; what came to its end is judged by what was asked.
            Some(end) => match self.longest {
                Some(Bound::Configured(longest)) if end.took_s > longest => TaskState::Overrun,
                _ => TaskState::Ok,
            },
        }
    }
}

/// What slots are made from.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    pub schedule: &'a Schedule,
    pub grace: Duration,
    pub band: Band,
    /// Newest first.
    pub runs: &'a [TaskRun],
    /// Earlier slots without a run are not judged: nobody was looking.
    pub since: Timestamp,
    /// What is due in one of these and does not run is skipped, not missed.
    pub gaps: &'a [Gap],
}

/// More missed slots in a row than this are counted as this many.
pub const MOST_MISSED: usize = 100;

/// Slots, and how long they stay what they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Newest first.
    pub slots: Vec<Slot>,
    /// From the moment that was asked about through this one, the answer is the same; `None` when
    /// it is so for good.
    pub through: Option<Timestamp>,
}

impl History<'_> {
    /// The slots that are decided or running at `now`, newest first: those of the last
    /// `window`, and further back as far as it takes to find the latest that had a run.
    pub fn slots(&self, now: Timestamp, window: TimeDelta) -> Decided {
        let mut slots = Vec::new();
        let mut horizon = Horizon::default();
        let mut runs = self.runs.iter().filter(|run| run.started_at <= now).peekable();
        for run in self.runs.iter().take_while(|run| run.started_at > now) {
            horizon.before(run.started_at);
        }
        let mut ends = None;
        let next = self.schedule.next(now);
        let mut due = next.or_else(|| self.schedule.prev(now));
        if let Some(first) = due {
            horizon.before(next.unwrap_or(first));
        }
        while let Some(at) = due {
            let before = self.schedule.prev(at);
            let begins = at - early(at, before);
            let mut own = Vec::new();
            while let Some(run) = runs.next_if(|run| run.started_at >= begins) {
                own.push(run);
            }
            slots.extend(self.decide(at, ends, &own, now, &mut horizon).map(|state| Slot { at, state }));

            let nothing_older = at < self.since && runs.peek().is_none();
            let settled = slots.len() >= MOST_MISSED || slots.iter().any(|slot| !slot.state.is_absent());
            let out_of_sight = at < now - window;
            if nothing_older || (settled && out_of_sight) {
                break;
            }
            if !out_of_sight {
                horizon.through(at + window);
            }
            (ends, due) = (Some(begins), before);
        }
        Decided { slots, through: horizon.0 }
    }

    /// The state of one slot with its runs, newest first; `None` while it may still begin, and
    /// where nobody was looking.
    fn decide(
        &self,
        at: Timestamp,
        ends: Option<Timestamp>,
        runs: &[&TaskRun],
        now: Timestamp,
        horizon: &mut Horizon,
    ) -> Option<TaskState> {
        let deadline = at + span(self.grace);
        let (Some(newest), Some(oldest)) = (runs.first(), runs.last()) else {
            // A grace that is longer than the slot ends with it.
            let last = ends.map_or(deadline, |ends| ends.min(deadline));
            if now <= last {
                horizon.through(last);
            }
            // What was held on purpose is that, whatever else kept it from running.
            let gaps = || self.gaps.iter().filter(|gap| gap.covers(at)).map(|gap| gap.state);
            let absent = gaps().find(|state| *state == TaskState::Frozen).or_else(|| gaps().next());
            let absent = absent.unwrap_or(TaskState::Missed);
            return (now > last && at >= self.since).then_some(absent);
        };
        // One that was skipped says less than one that ran.
        let newest = runs.iter().find(|run| !run.is_skipped()).unwrap_or(newest);
        Some(match self.band.judge(newest, now) {
            TaskState::Ok if oldest.started_at > deadline => TaskState::Late,
            TaskState::Running => {
                self.band.longest.into_iter().for_each(|longest| horizon.through(newest.started_at + longest.span()));
                TaskState::Running
            }
            state => state,
        })
    }
}

/// How far one answer reaches: the nearest moment at which something may become different.
#[derive(Debug, Default)]
struct Horizon(Option<Timestamp>);

impl Horizon {
    fn through(&mut self, at: Timestamp) {
        self.0 = Some(self.0.map_or(at, |nearest| nearest.min(at)));
    }

    fn before(&mut self, at: Timestamp) {
        self.through(at - TimeDelta::nanoseconds(1));
    }
}

/// How much before its instant a slot begins.
fn early(at: Timestamp, before: Option<Timestamp>) -> TimeDelta {
    let most = TimeDelta::seconds(90);
    before.map_or(most, |before| most.min((at - before) / 4))
}

#[cfg(test)]
mod tests;

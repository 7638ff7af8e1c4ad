//! Schedulers that tell of their tasks themselves: what each is asked, and how its answer is
//! read, from this machine or from a file that another one wrote.
//!
//! A new one is a file with a `SOURCE` and a line in [`SOURCES`].

use chrono::TimeDelta;

use super::cron_log::Calendar;
use super::{schtasks, systemd};
use crate::domain::hold::{Handle, Lever};
use crate::domain::plan::Invocation;
use crate::domain::task::{RunEnd, TaskRun, Told};
use crate::domain::time::{Timestamp, seconds_between};
use crate::exec::Captured;

/// Every scheduler that is asked.
pub const SOURCES: &[&SourceKind] = &[&systemd::SOURCE, &schtasks::SOURCE];

/// Asks a scheduler's own program.
pub type Ask = fn(&Invocation) -> Result<Captured, String>;

/// A scheduler that tells of its tasks.
#[derive(Debug)]
pub struct SourceKind {
    /// As `source` names it.
    pub name: &'static str,
    /// Asks it on this machine.
    pub read: fn(Ask, &Calendar) -> Result<Vec<Listed>, String>,
    /// Reads what it printed into a file.
    pub parse: fn(&[u8], &Calendar) -> Result<Vec<Listed>, String>,
    /// How one of its tasks is acted upon; `None` for what it cannot do.
    pub acts: fn(&str) -> Acts,
}

/// What a scheduler is told about a task.
#[derive(Clone, Debug)]
pub struct Acts {
    pub run: Invocation,
    pub stop: Invocation,
    pub enable: Invocation,
    pub disable: Invocation,
    /// Holds it back until it is thawed; whether it is enabled stays as it is where the two differ.
    pub freeze: Invocation,
    pub thaw: Invocation,
}

/// One task as its scheduler tells of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listed {
    /// `rota-backup.timer`, `\Zoom Auto Launch`
    pub name: String,
    pub told: Told,
    pub last: Option<Last>,
    /// What it runs.
    pub command: String,
    /// Its scheduler would forget it once it is stopped.
    pub fleeting: bool,
}

/// The last run as a scheduler tells of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Last {
    pub started_at: Timestamp,
    pub outcome: Outcome,
    /// In words, where a number alone says little.
    pub words: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Running,
    /// It began; nobody tells how it ended.
    Untold,
    Ended {
        at: Option<Timestamp>,
        exit_code: Option<i32>,
        signal: Option<i32>,
        timed_out: bool,
    },
}

impl Listed {
    /// How its scheduler holds it back and lets it go.
    pub fn handle(&self, kind: &SourceKind) -> Option<Handle> {
        let Acts { run: _, stop, enable, disable, freeze, thaw } = (kind.acts)(&self.name);
        let active = self.told.disabled.is_none();
        let (source, name) = (kind.name, self.name.clone());
        let lever = Lever { source, name, freeze, thaw, disable, enable, stop, active, fleeting: self.fleeting };
        Some(Handle::Scheduler(Box::new(lever)))
    }

    /// Its last run as a record of a task.
    pub fn run(&self, task: &str) -> Option<TaskRun> {
        let last = self.last.as_ref()?;
        let ended = match last.outcome {
            Outcome::Ended { at, exit_code, signal, timed_out } => Some(RunEnd {
                at: at.unwrap_or(last.started_at),
                // Without an end there is no length, and nothing is learnt from none.
                took_s: at.map_or(f64::NAN, |at| seconds_between(last.started_at, at)),
                exit_code,
                signal,
                timed_out,
                ..RunEnd::default()
            }),
            _ => None,
        };
        Some(TaskRun {
            id: format!("told-{}", last.started_at.timestamp_micros()),
            task: task.to_owned(),
            started_at: last.started_at,
            ended,
            alive: last.outcome == Outcome::Running,
            tail: last.words.clone(),
            untold: last.outcome == Outcome::Untold,
        })
    }

    /// Whether it is the one that `match` names: by its whole name, without what every name of
    /// its kind has, or by a pattern.
    pub fn is_called(&self, name: &str) -> bool {
        let plain = |name: &str| name.trim_start_matches('\\').trim_end_matches(".timer").to_lowercase();
        if plain(&self.name) == plain(name) {
            return true;
        }
        name.contains(['*', '?'])
            && glob::Pattern::new(&plain(name)).is_ok_and(|pattern| pattern.matches(&plain(&self.name)))
    }
}

/// The kind a name stands for.
pub fn named(name: &str) -> Option<&'static SourceKind> {
    SOURCES.iter().copied().find(|kind| kind.name == name)
}

/// A point in time that a scheduler tells as "never" or "not yet" is none.
pub(super) fn real(at: Timestamp) -> Option<Timestamp> {
    // Windows says 1899 or 1999, systemd the epoch.
    let first = Timestamp::from_timestamp(0, 0)? + TimeDelta::days(365 * 31);
    (at > first).then_some(at)
}

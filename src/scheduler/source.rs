//! Schedulers that tell of their tasks themselves: what each is asked, and how its answer is
//! read, from this machine or from a file that another one wrote.
//!
//! A new one is a file with a `SOURCE` and a line in [`SOURCES`].

use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;

use super::cron_log::Calendar;
use super::crontab::Parts;
use super::systemd::Journal;
use super::{anacron, schtasks, systemd};
use crate::domain::drift::Installed;
use crate::domain::hold::{Handle, Lever};
use crate::domain::plan::Invocation;
use crate::domain::redact;
use crate::domain::task::{EndKind, RunEnd, TaskRun, Told};
use crate::domain::time::{Timestamp, seconds_between};
use crate::exec::Captured;

/// Every scheduler that is asked.
pub const SOURCES: &[&SourceKind] = &[&systemd::SOURCE, &schtasks::SOURCE, &anacron::SOURCE];

/// Asks a scheduler's own program.
pub type Ask = fn(&Invocation) -> Result<Captured, String>;

/// A scheduler that tells of its tasks.
#[derive(Debug)]
pub struct SourceKind {
    /// As `source` names it.
    pub name: &'static str,
    /// What its tasks are called where all of them are held against what was found right: `the timers`;
    /// `None` where they are not.
    pub together: Option<&'static str>,
    /// How often it is asked.
    pub every: Duration,
    /// Whether it manages the machine whose files lie below a root.
    pub is_here: fn(&Path) -> bool,
    /// Whether a task of this name came with the system: there are hundreds, and they are nobody's.
    pub is_of_system: fn(&str) -> bool,
    /// Which tasks it has, by their names: as quickly as it can tell.
    pub names: fn(Ask, &Calendar, &Path) -> Result<Vec<Listed>, String>,
    /// Asks it on this machine, whose files lie below a root.
    pub read: fn(Ask, &Calendar, &Path) -> Result<Vec<Listed>, String>,
    /// Adds the runs before the last, where something of this machine remembers them.
    pub recall: fn(&mut Journal, Ask, &Calendar, &mut [Listed]),
    /// Reads what it printed into a file.
    pub parse: fn(&[u8], &Calendar) -> Result<Vec<Listed>, String>,
    /// How one of its tasks is acted upon, by its name and what it runs; that is empty where nobody told.
    pub acts: fn(&str, &str) -> Acts,
}

/// What a scheduler is told about a task.
#[derive(Clone, Debug)]
pub struct Acts {
    pub run: Invocation,
    /// `None` where it only ever starts its tasks.
    pub hold: Option<Holding>,
}

/// How what a scheduler runs is ended, held back and let go.
#[derive(Clone, Debug)]
pub struct Holding {
    /// Ends what runs of it.
    pub stop: Invocation,
    /// Ends what runs of it, and starts it anew; `None` where its scheduler has no such word.
    pub restart: Option<Invocation>,
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
    /// What it runs; of systemd, the service.
    pub command: String,
    /// What that runs in its turn, and as whom; empty where it is not told.
    pub runs: String,
    pub user: String,
    /// Its scheduler would forget it once it is stopped.
    pub fleeting: bool,
    /// Once it is let go it makes up at once for what was due meanwhile.
    pub catches_up: bool,
    /// It is active, and none of its times is still to come.
    pub spent: bool,
    /// What its scheduler calls the last run; empty where it has no name.
    pub invocation: String,
    /// The main process of the last run.
    pub main_pid: Option<String>,
    /// The runs that are remembered, newest first.
    pub ran: Vec<Ran>,
    /// Since when every run is remembered.
    pub remembered_since: Option<Timestamp>,
    /// So many runs were missed since the last, as its scheduler counts them.
    pub missed: u64,
    /// Why no run before the last is known, where something can be done about it.
    pub forgetful: Option<String>,
    /// The scripts it runs, where it runs those of a folder.
    pub parts: Option<Parts>,
}

/// A run that is remembered.
#[derive(Clone, Debug, PartialEq)]
pub struct Ran {
    /// What its scheduler calls it.
    pub invocation: String,
    pub last: Last,
    /// The end of what it printed.
    pub output: String,
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
    /// It is over without an end: the machine stopped.
    Lost,
    /// It was to begin, and a condition of its own kept it from that.
    Skipped,
    Ended {
        at: Option<Timestamp>,
        exit_code: Option<i32>,
        signal: Option<i32>,
        timed_out: bool,
    },
}

impl Listed {
    /// What of it says what runs, when and as whom.
    pub fn installed(&self) -> Installed {
        let command = [self.command.as_str(), &self.runs].into_iter().filter(|text| !text.is_empty());
        Installed {
            when: self.told.schedule.clone().unwrap_or_default(),
            user: self.user.clone(),
            command: redact::text(&command.collect::<Vec<_>>().join(": ")).into_owned(),
            disabled: self.told.disabled.is_some(),
            place: String::new(),
        }
    }

    /// How its scheduler holds it back and lets it go.
    pub fn handle(&self, kind: &SourceKind) -> Option<Handle> {
        let Holding { stop, restart, enable, disable, freeze, thaw } = (kind.acts)(&self.name, &self.command).hold?;
        let active = self.told.disabled.is_none();
        let (source, name) = (kind.name, self.name.clone());
        let lever = Lever {
            source,
            name,
            freeze,
            thaw,
            disable,
            enable,
            stop,
            restart,
            active,
            fleeting: self.fleeting,
            catches_up: self.catches_up,
            as_root: kind.name == systemd::SOURCE.name && !self.name.starts_with(systemd::OF_USER),
        };
        Some(Handle::Scheduler(Box::new(lever)))
    }

    /// Its runs as records of a task, newest first: those that are remembered, and the last as its
    /// scheduler tells of it.
    pub fn runs(&self, task: &str) -> Vec<TaskRun> {
        let mut runs: Vec<TaskRun> = self.ran.iter().map(|ran| ran.record(task)).collect();
        let told = self.last.as_ref().map(|last| {
            let invocation = self.invocation.clone();
            Ran { invocation, last: last.clone(), output: String::new() }.record(task)
        });
        if let Some(told) = told {
            let near = |run: &TaskRun| (run.started_at - told.started_at).abs() <= TimeDelta::seconds(2);
            let alike = |run: &TaskRun| told.untold || told.is_skipped() && run.is_skipped();
            let known = runs.iter_mut().find(|run| run.id == told.id || (alike(run) && near(run)));
            match known {
                // When it was is remembered better, and how it ended is told better.
                Some(known) => *known = corrected(known.clone(), told),
                // A scheduler may take for a run that its timer was started.
                None if told.untold && self.remembered_since.is_some_and(|since| since <= told.started_at) => {}
                None => runs.push(told),
            }
        }
        runs.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
        runs
    }

    /// Whether it is the one that `match` names: by its whole name, without what every name of
    /// its kind has, or by a pattern.
    pub fn is_called(&self, name: &str) -> bool {
        let plain = |name: &str| name.trim_start_matches('\\').trim_end_matches(".timer").to_lowercase();
        let (own, wanted) = (plain(&self.name), plain(name));
        let of_user = own.strip_prefix(systemd::OF_USER);
        if own == wanted || of_user == Some(&wanted) {
            return true;
        }
        let matches = |pattern: glob::Pattern| pattern.matches(&own) || of_user.is_some_and(|own| pattern.matches(own));
        name.contains(['*', '?']) && glob::Pattern::new(&wanted).is_ok_and(matches)
    }
}

impl Ran {
    fn record(&self, task: &str) -> TaskRun {
        let Last { started_at, outcome, words } = &self.last;
        let ended = match *outcome {
            Outcome::Ended { at, exit_code, signal, timed_out } => Some(RunEnd {
                at: at.unwrap_or(*started_at),
                // Without an end there is no length, and nothing is learnt from none.
                took_s: at.map_or(f64::NAN, |at| seconds_between(*started_at, at)),
                exit_code,
                signal,
                timed_out,
                ..RunEnd::default()
            }),
            Outcome::Skipped => Some(RunEnd { at: *started_at, kind: EndKind::Skipped, ..RunEnd::default() }),
            Outcome::Running | Outcome::Untold | Outcome::Lost => None,
        };
        let id = match self.invocation.as_str() {
            // What did not begin got no name.
            _ if *outcome == Outcome::Skipped => format!("told-skipped-{}", started_at.timestamp()),
            "" => format!("told-{}", started_at.timestamp_micros()),
            invocation => format!("told-{invocation}"),
        };
        // What it printed says more than a word about its end, but where it did not even begin.
        let output = self.output.trim_end();
        let tail = if output.is_empty() || *outcome == Outcome::Skipped { words.clone() } else { output.to_owned() };
        TaskRun {
            id,
            task: task.to_owned(),
            started_at: *started_at,
            ended,
            alive: *outcome == Outcome::Running,
            tail,
            untold: *outcome == Outcome::Untold,
        }
    }
}

/// What is remembered of a run, with what its scheduler tells of the same.
fn corrected(run: TaskRun, told: TaskRun) -> TaskRun {
    if told.untold {
        return run;
    }
    let tail = if run.tail.is_empty() { told.tail } else { run.tail };
    let ended = match (run.ended, told.ended) {
        (Some(own), Some(told)) => Some(RunEnd { at: own.at, took_s: own.took_s, ..told }),
        (own, told) => told.or(own),
    };
    TaskRun { alive: told.alive && ended.is_none(), ended, tail, ..run }
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

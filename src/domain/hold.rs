//! Tasks that an operator holds back: what says so, how it is changed, and what is remembered of it.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::humanize;
use crate::domain::plan::Invocation;
use crate::domain::sanitize;
use crate::domain::time::{Timestamp, Zone};

/// How a task is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hold {
    /// For an incident: until a moment that was named.
    Frozen,
    /// Until somebody enables it again.
    Disabled,
}

impl Hold {
    pub const fn word(self) -> &'static str {
        match self {
            Hold::Frozen => "frozen",
            Hold::Disabled => "disabled",
        }
    }
}

/// What stands before a line of a crontab that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub hold: Hold,
    /// When a freeze ends.
    pub until: Option<Timestamp>,
    /// The job that put it there.
    pub job: String,
}

/// A crontab that lines are held in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tab {
    /// Of the user this program runs as: changed by `crontab` alone.
    Own { user: String },
    /// A file of the system.
    File { path: PathBuf },
}

impl fmt::Display for Tab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tab::Own { user } => write!(f, "the crontab of {user}"),
            Tab::File { path } => write!(f, "{}", path.display()),
        }
    }
}

/// A line of a crontab, whatever its number is by now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TabLine {
    pub task: String,
    /// To the byte, as it stands when it is not held; without its line end.
    pub bytes: Vec<u8>,
    /// How many equal ones stand before it.
    pub nth: usize,
}

impl TabLine {
    /// The line, clean of escapes.
    pub fn shown(&self) -> String {
        sanitize::bytes(&self.bytes).trim().to_owned()
    }
}

/// How a task is held and let go, as it was last seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Handle {
    Line { tab: Tab, line: TabLine, mark: Option<Mark> },
    Scheduler(Box<Lever>),
}

/// The words by which a scheduler's own program holds and lets go.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and all sixteen happen")]
pub struct Lever {
    pub source: &'static str,
    /// What the task is called there.
    pub name: String,
    /// Holds it until it is let go or the machine starts anew.
    pub freeze: Invocation,
    pub thaw: Invocation,
    pub disable: Invocation,
    pub enable: Invocation,
    /// Ends a run of it.
    pub stop: Invocation,
    /// Ends it and starts it anew, where its scheduler can.
    pub restart: Option<Invocation>,
    /// It starts its task when that is due.
    pub active: bool,
    /// It would be forgotten once it is stopped.
    pub fleeting: bool,
    /// Once it is let go it makes up at once for what was due meanwhile.
    pub catches_up: bool,
    /// Its scheduler obeys root alone.
    pub as_root: bool,
}

/// Why a task does not run now, and since and until when.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub hold: Hold,
    pub until: Option<Timestamp>,
    /// `ann: the disk is being replaced`, where that was recorded.
    pub by: Option<String>,
}

impl Held {
    /// Whether it should have been let go already.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.hold == Hold::Frozen && self.until.is_some_and(|until| until <= now)
    }

    /// `frozen until 16:00 by ann: the disk is being replaced`
    pub fn says(&self, now: Timestamp, zone: &Zone) -> String {
        let until = self.until.map_or_else(String::new, |at| format!(" until {}", humanize::clock(at, now, zone)));
        let by = self.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        format!("{}{until}{by}", self.hold.word())
    }
}

/// One task that was frozen, as the store remembers it.
#[derive(Clone, Debug, PartialEq)]
pub struct Freeze {
    /// The job that froze it, and others with it.
    pub job: String,
    pub task: String,
    pub at: Timestamp,
    /// When it is to be thawed.
    pub until: Timestamp,
    pub operator: String,
    pub reason: String,
    pub thawed_at: Option<Timestamp>,
}

/// One change of what is held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// Writes down what is about to be frozen, before it is.
    Remember { tasks: Vec<String>, until: Timestamp },
    /// Puts a mark before lines.
    Mark { tab: Tab, hold: Hold, until: Option<Timestamp>, lines: Vec<TabLine> },
    /// Takes it away again.
    Unmark { tab: Tab, hold: Hold, lines: Vec<TabLine> },
    /// Tells a scheduler.
    Tell { task: String, command: Invocation },
    /// Looks whether the tasks are what they were to become.
    Prove { tasks: Vec<String>, held: Option<Hold> },
    /// Writes down that they are thawed.
    Forget { tasks: Vec<String> },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = |lines: &[TabLine]| lines.iter().map(TabLine::shown).collect::<Vec<_>>().join("; ");
        let number = |lines: &[TabLine]| humanize::count(lines.len(), "line");
        match self {
            Change::Remember { tasks, .. } => {
                write!(f, "remember that {} are frozen, and until when", humanize::count(tasks.len(), "task"))
            }
            Change::Mark { tab, hold, lines: all, .. } => {
                write!(f, "comment out {} of {tab} with the word {}: {}", number(all), hold.word(), lines(all))
            }
            Change::Unmark { tab, lines: all, .. } => {
                write!(f, "restore {} of {tab} to the byte: {}", number(all), lines(all))
            }
            Change::Tell { command, .. } => write!(f, "$ {command}"),
            Change::Prove { tasks, held } => {
                let word = held.map_or("neither frozen nor disabled", Hold::word);
                write!(f, "read the schedulers again: {} are {word}", humanize::count(tasks.len(), "task"))
            }
            Change::Forget { tasks } => write!(f, "remember that {} are thawed", humanize::count(tasks.len(), "task")),
        }
    }
}

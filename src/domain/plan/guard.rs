//! What is looked at just before an act begins, and stands in its way.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::backup::ShelfState;
use crate::domain::humanize;
use crate::domain::upkeep::{Maintenance, Scope};

/// What must hold before an act may start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "guard", rename_all = "kebab-case")]
pub enum Guard {
    /// The newest usable backup is no older than this.
    BackupWithin { backup: String, within: Duration },
    /// No other act runs on this target.
    Idle { target: String },
    /// At `at` there is room for another `file`, and a fifth more.
    RoomFor { file: PathBuf, at: PathBuf },
    /// Nothing on the database's server stands against it; a reason overrides what would only
    /// make it slow or useless.
    Unhindered { database: String, work: Maintenance },
    /// The task is not running already.
    NotRunning { task: String },
    /// The newest run of the task is not of today; a reason overrides it.
    NotRunToday { task: String },
    /// This run of the task goes on, and whoever began it can be told to end it; `ours` where that
    /// is `rounds exec`.
    Runs { task: String, run: String, ours: bool },
    /// This program runs as root.
    Root,
    /// A reason is given.
    Reason,
    /// Every crontab and every scheduler of the plan can be changed by us, and each line is there as it
    /// was planned.
    MayHold { as_root: bool },
    /// The files of a backup are those the plan was made of, and nothing speaks against deleting.
    Unchanged { backup: String, state: ShelfState },
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Guard::BackupWithin { backup, within } => {
                write!(f, "backup `{backup}` is no older than {}", humanize::duration(*within))
            }
            Guard::Idle { target } => write!(f, "nothing else runs on `{target}`"),
            Guard::RoomFor { file, at } => {
                write!(f, "{} has room for another {}", at.display(), file.display())
            }
            Guard::Unhindered { work: Maintenance { scope: Scope::Session(session), .. }, .. } => {
                write!(f, "pid {} is still the session that was looked at", session.pid)
            }
            Guard::Unhindered { .. } => f.write_str(
                "the server is no standby; and no old transaction, dump or other vacuum is in the way, or a reason is \
                 given",
            ),
            Guard::NotRunning { task } => write!(f, "`{task}` is not running"),
            Guard::NotRunToday { task } => write!(f, "`{task}` has not run today, or a reason is given"),
            Guard::Runs { task, .. } => write!(f, "this run of `{task}` still goes on"),
            Guard::Root => f.write_str("this is root"),
            Guard::Reason => f.write_str("a reason is given"),
            Guard::MayHold { as_root: true } => f.write_str("this is root, and every line is there as planned"),
            Guard::MayHold { as_root: false } => {
                f.write_str("the crontabs are ours to change, and every line is there as planned")
            }
            Guard::Unchanged { backup, state } => {
                write!(f, "the files of backup `{backup}` are still as planned ({})", state.short())
            }
        }
    }
}

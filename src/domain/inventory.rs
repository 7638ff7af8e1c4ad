//! What there is to act upon. Built once from the configuration; actions and panes see
//! this, never the configuration.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::action_name::ActionName;
use crate::domain::backup::{Compression, KeepPolicy, StampPattern};
use crate::domain::observation::ProbeId;
use crate::domain::plan::{Guard, Invocation, Postcondition, Risk};
use crate::domain::schedule::Schedule;
use crate::domain::time::Zone;
use crate::domain::upkeep::{Verb, Way};

/// What an act is aimed at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    pub kind: TargetKind,
    pub id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    Database,
    Backup,
    Task,
    /// A configured action, which is its own target.
    Action,
}

impl Target {
    pub fn new(kind: TargetKind, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }

    pub fn database(id: impl Into<String>) -> Self {
        Self::new(TargetKind::Database, id)
    }

    pub fn backup(id: impl Into<String>) -> Self {
        Self::new(TargetKind::Backup, id)
    }

    pub fn task(id: impl Into<String>) -> Self {
        Self::new(TargetKind::Task, id)
    }

    pub fn action(id: impl Into<String>) -> Self {
        Self::new(TargetKind::Action, id)
    }

    /// The probe that tells how this target is.
    pub fn probe(&self) -> ProbeId {
        ProbeId::new(self.kind.word(), &self.id)
    }
}

impl TargetKind {
    pub const fn word(self) -> &'static str {
        match self {
            TargetKind::Database => "database",
            TargetKind::Backup => "backup",
            TargetKind::Task => "task",
            TargetKind::Action => "action",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.word(), self.id)
    }
}

/// Every target with what can be done to it.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// The host's name, shown in every confirmation.
    pub host: String,
    pub system: SystemCard,
    /// The zone of the system's calendar.
    pub zone: Zone,
    pub databases: BTreeMap<String, DatabaseCard>,
    pub backups: BTreeMap<String, BackupCard>,
    pub tasks: BTreeMap<String, TaskCard>,
    pub actions: BTreeMap<String, ActionCard>,
}

/// The system everything in one configuration belongs to.
#[derive(Clone, Debug, Default)]
pub struct SystemCard {
    pub name: String,
    pub title: String,
    /// `production` raises every confirmation by one level.
    pub environment: String,
    pub owner: Option<String>,
}

impl SystemCard {
    pub fn is_production(&self) -> bool {
        self.environment.eq_ignore_ascii_case("production")
    }
}

/// What can be done to a database.
#[derive(Clone, Debug)]
pub struct DatabaseCard {
    pub id: String,
    /// `sqlite`.
    pub engine: &'static str,
    /// Where it is, with any password masked.
    pub location: String,
    /// The file, for engines that are one.
    pub path: Option<PathBuf>,
    /// The name inside its server; empty for one that is a file.
    pub name: String,
    /// The upkeep its engine can do, and how.
    pub can: &'static [Way],
    pub timeout: Duration,
}

impl DatabaseCard {
    /// How its engine does this, if it can.
    pub fn way(&self, verb: Verb) -> Option<&'static Way> {
        self.can.iter().find(|way| way.verb == verb)
    }
}

/// How a backup is made and where it lies.
#[derive(Clone, Debug)]
pub struct BackupCard {
    pub id: String,
    /// The database it copies, when we make it.
    pub database: Option<String>,
    /// The command that makes it, when a command does.
    pub command: Option<Invocation>,
    /// Where its files lie, with the stamp in their name.
    pub files: Option<StampPattern>,
    /// How those made of a database are packed.
    pub compress: Compression,
    /// Tables whose rows are compared with the source after the copy; all when empty.
    pub rows: Vec<String>,
    /// Which are kept; all of them without it.
    pub keep: Option<KeepPolicy>,
    /// Where its second copies go.
    pub copy: Option<SecondPlace>,
    /// What a drill asks of what it restored.
    pub drill_queries: Vec<String>,
    /// When one is due.
    pub schedule: Option<Schedule>,
    pub restore: RestoreCard,
}

impl BackupCard {
    /// Whether pressing a key can make one.
    pub fn can_run(&self) -> bool {
        self.database.is_some() || self.command.is_some()
    }
}

/// Where second copies go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecondPlace {
    /// A directory of this machine, such as that of a drive.
    Directory(PathBuf),
    /// Wherever a command takes each file, and what prints the SHA-256 of what lies there then.
    Command { command: Invocation, hash: Option<Invocation> },
}

/// What belongs to a restore: the application that must not write meanwhile, and how it is known
/// that all is well again.
#[derive(Clone, Debug, Default)]
pub struct RestoreCard {
    /// The configured actions that stop and start it.
    pub stop: Option<String>,
    pub start: Option<String>,
    /// What must be ok afterwards.
    pub verify: Vec<ProbeId>,
}

/// How a task is started by hand.
#[derive(Clone, Debug)]
pub struct TaskCard {
    pub id: String,
    /// What runs it now; `Err` says why nothing here can.
    pub run: Result<Invocation, String>,
    pub repeat: Repeat,
}

/// Whether a second run on one day does harm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Repeat {
    /// Running it again is harmless.
    #[default]
    Free,
    /// It asks first when it already ran today.
    Ask,
}

/// A configured action.
#[derive(Clone, Debug)]
pub struct ActionCard {
    pub name: ActionName,
    pub title: String,
    pub risk: Risk,
    pub command: Invocation,
    pub params: Vec<Param>,
    pub timeout: Duration,
    pub guards: Vec<Guard>,
    /// What must hold afterwards for the act to have succeeded.
    pub verify: Option<Postcondition>,
    /// How to undo it, or `none`.
    pub undo: Option<String>,
}

/// A value the operator gives, used as `{name}` inside one argument and never split again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    pub name: String,
    pub kind: ParamKind,
    pub default: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParamKind {
    Text,
    Integer,
    Date,
}

//! What a valid configuration says, in the program's own types: no text that still has to be
//! parsed, no name that does not resolve.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use regex::bytes::Regex;
use serde::Deserialize;

use super::address::Address;
use super::secret::SecretRef;
use crate::domain::backup::{Compression, KeepPolicy, StampPattern};
use crate::domain::checklist::Checklist;
use crate::domain::inventory::{ActionCard, Repeat, RestoreCard, SecondPlace, SystemCard};
use crate::domain::limit::{Limit, Rule};
use crate::domain::observation::ProbeId;
use crate::domain::plan::Invocation;
use crate::domain::schedule::Schedule;
pub use crate::domain::task::Source as TaskSource;
use crate::domain::time::{Timestamp, Zone};
use crate::domain::upkeep::TableName;

/// A whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The files it was read from; empty for the built-in round.
    pub files: Vec<PathBuf>,
    /// The machine's name, shown in every confirmation.
    pub host_name: String,
    pub system: SystemCard,
    /// The zone of times of day: `system.timezone`, or the machine's.
    pub zone: Zone,
    pub store: StoreSpec,
    pub acts: ActsSpec,
    pub host: HostSpec,
    pub databases: Vec<DatabaseSpec>,
    pub backups: Vec<BackupSpec>,
    pub tasks: Vec<TaskSpec>,
    /// What the tasks of this machine are that no `[[task]]` names.
    pub unnamed: Unnamed,
    pub checks: Vec<CheckSpec>,
    pub actions: Vec<ActionCard>,
    pub checklists: Vec<Checklist>,
}

/// The scheduled tasks of this machine that no `[[task]]` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unnamed {
    /// Nobody wrote down which there should be, so each of them should.
    Expected,
    /// They are watched and listed, and nothing is expected of them.
    Extra,
    /// They are left out: `tasks = false` in `[host]`.
    Ignored,
}

/// `[store]`
#[derive(Clone, Debug)]
pub struct StoreSpec {
    /// The SQLite file of the store. The state directory is the folder it lies in.
    pub path: PathBuf,
    pub keep_observations: Duration,
    pub keep_audit: Duration,
}

impl StoreSpec {
    /// The folder of the store: locks, spool and job logs lie beside it.
    pub fn state_dir(&self) -> PathBuf {
        self.path.parent().map_or_else(PathBuf::new, PathBuf::from)
    }
}

/// `[actions]`
#[derive(Clone, Debug)]
pub struct ActsSpec {
    pub read_only: bool,
    pub log_directory: PathBuf,
}

/// Bounds on one sample: `{ warn = "> 70 %", crit = "> 90 %", for = "5m", hint = "…" }`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bounds {
    pub warning: Option<Limit>,
    pub critical: Option<Limit>,
    pub hold: Duration,
    pub hint: Option<String>,
}

impl Bounds {
    /// The rule these bounds make for a sample; `None` when nothing is bounded. `label` is what
    /// the sample is called in a sentence.
    pub fn rule(&self, key: &'static str, label: &'static str) -> Option<Rule> {
        (self.warning.is_some() || self.critical.is_some()).then(|| Rule {
            warning: self.warning,
            critical: self.critical,
            hold: self.hold,
            hint: self.hint.clone(),
            ..Rule::new(key, label)
        })
    }
}

/// `[host]`; defaults where the configuration says nothing.
#[derive(Clone, Debug)]
pub struct HostSpec {
    pub every: Duration,
    pub cpu: Bounds,
    pub memory: Bounds,
    pub swap: Bounds,
    /// Per core, 5 minutes.
    pub load: Bounds,
    pub disk_free: Bounds,
    pub disk_inodes_free: Bounds,
    pub disk_full_in: Bounds,
    /// Mount points that are left out; glob patterns.
    pub disk_exclude: Vec<String>,
}

/// `[[database]]`
#[derive(Clone, Debug)]
pub struct DatabaseSpec {
    pub id: String,
    pub address: Address,
    /// Where its password is to be had, when it wants one.
    pub password: Option<SecretRef>,
    pub every: Duration,
    pub timeout: Duration,
    /// The table of its own in which our acts are shown, too.
    pub operations_table: Option<TableName>,
    /// The limits of every gauge its engine has.
    pub limits: BTreeMap<&'static str, Bounds>,
    /// How old the last integrity check may be; `None` when it is not asked for.
    pub integrity_every: Option<Duration>,
}

impl DatabaseSpec {
    /// The rules its limits make. Nothing is bounded, no rule.
    pub fn rules(&self) -> Vec<Rule> {
        let gauges = self.address.engine().gauges.iter();
        gauges.filter_map(|gauge| self.limits.get(gauge.key)?.rule(gauge.key, gauge.label)).collect()
    }
}

/// `[[backup]]`
#[derive(Clone, Debug)]
pub struct BackupSpec {
    pub id: String,
    /// The database it copies.
    pub database: Option<String>,
    pub command: Option<Invocation>,
    pub files: StampPattern,
    /// How those we make are packed.
    pub compress: Compression,
    /// A second file that must exist with the same stamp.
    pub pair: Option<StampPattern>,
    /// What tells of backups instead of the files themselves.
    pub manifest: Option<ManifestSpec>,
    /// The tool that keeps them, and tells of them.
    pub tool: Option<ToolSpec>,
    pub schedule: Option<Schedule>,
    pub grace: Duration,
    pub rpo: Option<Duration>,
    pub min_size: Option<u64>,
    /// Change of size against the median of the last ten, in percent either way.
    pub size_change: Bounds,
    /// How old the last verification may be.
    pub verify_every: Option<Duration>,
    /// Tables whose rows are compared; all when empty.
    pub rows: Vec<String>,
    /// Which are kept; all of them without it.
    pub keep: Option<KeepPolicy>,
    /// How long recovery may take.
    pub rto: Option<Duration>,
    pub copy: Option<CopySpec>,
    pub drill: DrillSpec,
    pub restore: RestoreCard,
}

/// `copy` of `[[backup]]`
#[derive(Clone, Debug)]
pub struct CopySpec {
    pub place: SecondPlace,
    /// How old the newest backup there may be.
    pub max_age: Option<Duration>,
}

/// `drill` of `[[backup]]`
#[derive(Clone, Debug, Default)]
pub struct DrillSpec {
    /// How old the last drill may be.
    pub every: Option<Duration>,
    /// What is asked of what was restored.
    pub queries: Vec<String>,
}

/// Manifests that another tool writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestSpec {
    /// A full file pattern.
    pub pattern: String,
    /// Whether `files` says where what they tell of lies.
    pub has_files: bool,
}

/// `tool` of `[[backup]]`, and what it needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolSpec {
    pub tool: Tool,
    /// Where its repository is, as the tool itself wants to be told.
    pub repository: Option<String>,
    /// What pgBackRest calls a cluster.
    pub stanza: Option<String>,
    pub password: Option<SecretRef>,
    /// Only what matches this pattern.
    pub matches: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tool {
    Restic,
    Borg,
    Pgbackrest,
}

impl Tool {
    /// As `tool` names it.
    pub const fn word(self) -> &'static str {
        match self {
            Tool::Restic => "restic",
            Tool::Borg => "borg",
            Tool::Pgbackrest => "pgbackrest",
        }
    }
}

impl BackupSpec {
    /// The files of this backup on this machine, where it is known where they lie.
    pub fn own_files(&self) -> Option<&StampPattern> {
        let ours = self.manifest.as_ref().is_none_or(|manifest| manifest.has_files) && self.tool.is_none();
        Some(&self.files).filter(|_| ours)
    }

    /// The second file that belongs to one of them, where it is there.
    pub fn pair_of(&self, file: &Path) -> Option<PathBuf> {
        self.pairs_of(file)?.1.into_iter().find(|path| path.exists())
    }

    /// The same, or what it should be called where it is not there; `None` where none belongs to it.
    pub fn pair_due(&self, file: &Path) -> Option<PathBuf> {
        let (plain, pairs) = self.pairs_of(file)?;
        Some(pairs.into_iter().find(|path| path.exists()).unwrap_or(plain))
    }

    /// What the second file may be called: as nothing packs it, and in every way.
    fn pairs_of(&self, file: &Path) -> Option<(PathBuf, Vec<PathBuf>)> {
        let name = file.file_name()?.to_string_lossy();
        let pair = self.pair.as_ref().filter(|_| !StampPattern::is_replaced(&name))?;
        let stamp = self.files.stamp_of(&name)?;
        Some((pair.path_of(stamp), pair.paths_of(stamp).collect()))
    }

    /// What a backup that is taken at `at` is called.
    pub fn name_for(&self, at: Timestamp) -> PathBuf {
        self.files.packed(self.compress, &self.files.name_for(at))
    }
}

/// `[[task]]`
#[derive(Clone, Debug)]
pub struct TaskSpec {
    pub id: String,
    pub source: TaskSource,
    /// What its line in the crontab contains, or what its scheduler calls it; for `exec` tasks
    /// nothing.
    pub matches: Option<String>,
    /// The file that is read instead of asking this machine.
    pub export: Option<PathBuf>,
    /// Overrides, or for `exec` tasks is, the schedule.
    pub schedule: Option<Schedule>,
    pub grace: Duration,
    pub min_duration: Option<Duration>,
    pub max_duration: Option<Duration>,
    pub run: Option<Invocation>,
    pub repeat: Repeat,
    /// What shows that it ran, where no scheduler and no wrapper tells.
    pub proof: Option<ProofSpec>,
}

/// What proves a run.
#[derive(Clone, Debug)]
pub enum ProofSpec {
    /// A file of a pattern, by when it was written.
    Files(String),
    /// One with the time in its name.
    Stamped(StampPattern),
    /// A line of a log.
    Log { path: PathBuf, pattern: Regex },
    /// The time a query answers with.
    Row { database: String, query: String },
}

impl TaskSpec {
    /// Whether its own scheduler, on this machine, is how it is started by hand.
    pub fn is_ours_to_start(&self) -> bool {
        self.run.is_none() && self.export.is_none()
    }
}

/// `[[check]]`
#[derive(Clone, Debug)]
pub struct CheckSpec {
    pub id: String,
    pub form: CheckForm,
    pub every: Duration,
    pub timeout: Duration,
    /// The check it is folded under while both are bad.
    pub depends_on: Option<ProbeId>,
}

#[derive(Clone, Debug)]
pub enum CheckForm {
    /// A Monitoring Plugin.
    Command(Invocation),
    /// The newest file of a glob pattern.
    File { newest: String, age: Bounds, size: Bounds },
}

impl CheckSpec {
    /// The probe's id: `command:ssh`, `file:report`.
    pub fn probe(&self) -> ProbeId {
        let kind = match self.form {
            CheckForm::Command(_) => "command",
            CheckForm::File { .. } => "file",
        };
        ProbeId::new(kind, &self.id)
    }
}

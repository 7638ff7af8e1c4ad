//! What the probes of all tasks look at: read once for all of them, because there may be
//! thousands, and kept for as long as one round of them takes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;

use super::heard::{Ear, Heard};
use crate::domain::plan::Invocation;
use crate::domain::slot::Gap;
use crate::domain::task::TaskRun;
use crate::domain::time::{Timestamp, Zone};
use crate::platform::lacks;
use crate::scheduler::cron_log::Calendar;
use crate::scheduler::crontab::{self, Account, Crontabs, Place};
use crate::scheduler::source::{Ask, Listed, SourceKind};
use crate::scheduler::{spool, uptime};

/// For how long what was seen is good enough for the next probe.
const GOOD_FOR: TimeDelta = TimeDelta::seconds(5);

/// Where tasks are looked for. Its clones share what they have seen.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) place: Place,
    pub(super) account: Account,
    pub(super) list: fn() -> Result<Vec<u8>, String>,
    pub(super) ask: Ask,
    /// Why there are no crontabs on this system, if there are none.
    pub(super) lacks: Option<&'static str>,
    /// The file that stands for the crontabs.
    pub(super) export: Option<PathBuf>,
    pub(super) memory: Arc<Mutex<Memory>>,
}

/// What stays from one look to the next.
#[derive(Debug, Default)]
pub(super) struct Memory {
    latest: Option<(Timestamp, Arc<Sight>)>,
    ear: Ear,
    /// What each scheduler told, by its name.
    told: BTreeMap<&'static str, (Timestamp, Result<Vec<Listed>, String>)>,
}

/// What one look brought.
#[derive(Debug, Default)]
pub(super) struct Sight {
    pub(super) crontabs: Crontabs,
    /// By the name they are recorded under, newest first.
    spooled: BTreeMap<String, Vec<TaskRun>>,
    pub(super) booted_at: Option<Timestamp>,
    /// When the configuration was last written.
    pub(super) configured_at: Option<Timestamp>,
    pub(super) gaps: Vec<Gap>,
    pub(super) heard: Heard,
}

impl Sight {
    pub(super) fn spooled(&self, key: &str) -> &[TaskRun] {
        self.spooled.get(key).map_or(&[], Vec::as_slice)
    }
}

impl Scene {
    /// A scene in which nobody answers but files, and `list` for the user's own crontab.
    pub(super) fn new(root: &Path, zone: Zone, list: fn() -> Result<Vec<u8>, String>) -> Self {
        let account = Account::effective(root);
        let place = Place { root: root.to_owned(), user: account.name.clone(), zone };
        let ask = |_: &Invocation| Err("nobody is asked".to_owned());
        Self { place, account, list, ask, lacks: lacks::CRONTABS, export: None, memory: Arc::default() }
    }

    /// The same, in which programs answer.
    pub(super) fn asking(self, ask: Ask) -> Self {
        Self { ask, ..self }
    }

    pub(super) fn crontabs(&self) -> Crontabs {
        match &self.export {
            Some(export) => crontab::exported(export, &self.place.zone),
            None if self.lacks.is_some() => Crontabs::default(),
            None => crontab::read(&self.place, self.list),
        }
    }

    /// Everything there is to see, unless somebody has just looked.
    pub(super) fn look(&self, now: Timestamp, spool: &Path, configuration: &[PathBuf]) -> Arc<Sight> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, sight)) = &memory.latest
            && (now - *at).abs() < GOOD_FOR
        {
            return Arc::clone(sight);
        }
        let sight = Arc::new(self.sight(now, spool, configuration, &mut memory.ear));
        memory.latest = Some((now, Arc::clone(&sight)));
        sight
    }

    /// What a scheduler of this machine tells, unless somebody has just asked.
    pub(super) fn listed(&self, kind: &SourceKind, now: Timestamp) -> Result<Vec<Listed>, String> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, told)) = memory.told.get(kind.name)
            && (now - *at).abs() < GOOD_FOR
        {
            return told.clone();
        }
        let told = (kind.read)(self.ask, &Calendar { zone: self.place.zone.clone(), now });
        memory.told.insert(kind.name, (now, told.clone()));
        told
    }

    /// Whether systemd manages this machine.
    pub(super) fn has_systemd(&self) -> bool {
        self.place.root.join("run/systemd/system").is_dir()
    }

    /// The same place, whose crontabs are one that another machine wrote into a file.
    pub(super) fn exported(&self, export: &Path) -> Self {
        Self { export: Some(export.to_owned()), memory: Arc::default(), ..self.clone() }
    }

    fn sight(&self, now: Timestamp, spool: &Path, configuration: &[PathBuf], ear: &mut Ear) -> Sight {
        let crontabs = self.crontabs();
        let heard = if self.export.is_none() && crontabs.entries.iter().any(|line| line.wrapped_as.is_none()) {
            let calendar = Calendar { zone: self.place.zone.clone(), now };
            ear.listen(&self.place.root, &calendar, self.ask)
        } else {
            Heard::default()
        };
        let mut spooled: BTreeMap<String, Vec<TaskRun>> = BTreeMap::new();
        for run in spool::read(spool) {
            spooled.entry(run.task.clone()).or_default().push(run);
        }
        let signs: Vec<Timestamp> =
            heard.instants().chain(spooled.values().flatten().map(|run| run.started_at)).collect();
        let booted_at = self.booted_at();
        let records = std::fs::read(self.place.root.join("var/log/wtmp")).unwrap_or_default();
        let configured_at = configuration.iter().filter_map(|path| path.metadata().ok()?.modified().ok()).max();
        Sight {
            gaps: uptime::gaps(&records, booted_at, &signs),
            crontabs,
            spooled,
            booted_at,
            configured_at: configured_at.map(Timestamp::from),
            heard,
        }
    }

    /// When the machine started.
    fn booted_at(&self) -> Option<Timestamp> {
        let stat = std::fs::read_to_string(self.place.root.join("proc/stat")).ok()?;
        let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
        Timestamp::from_timestamp(seconds.trim().parse().ok()?, 0)
    }
}

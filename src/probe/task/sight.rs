//! What the probes of all tasks look at: read once for all of them, because there may be
//! thousands, and kept for as long as one round of them takes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::OnceCell;

use super::heard::{Ear, Heard};
use super::{Blocking, RUNS, RUNS_AT_FIRST};
use crate::domain::drift::Acceptance;
use crate::domain::finding::Finding;
use crate::domain::hold::Freeze;
use crate::domain::humanize;
use crate::domain::observation::ProbeError;
use crate::domain::plan::Invocation;
use crate::domain::slot::Gap;
use crate::domain::status::Status;
use crate::domain::task::TaskRun;
use crate::domain::time::{Timestamp, Zone};
use crate::ledger::{Ledger, Recorded};
use crate::platform::lacks;
use crate::scheduler::asleep::Asleep;
use crate::scheduler::cron_log::Calendar;
use crate::scheduler::crontab::{self, Account, Crontabs, Place};
use crate::scheduler::source::{Ask, Listed, SourceKind};
use crate::scheduler::spool::{self, Unheard};
use crate::scheduler::systemd::{self, Journal};
use crate::scheduler::uptime;

/// For how long what was seen is good enough for the next probe.
const GOOD_FOR: TimeDelta = TimeDelta::seconds(5);

/// Where tasks are looked for. Its clones share what they have seen.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) place: Place,
    pub(super) account: Account,
    pub(super) list: fn() -> Result<Vec<u8>, String>,
    pub(super) ask: Ask,
    /// The same for which tasks there are, before the first look.
    pub(super) at_start: Ask,
    /// The same for what is not worth a long wait, because other questions follow.
    pub(super) ask_soon: Ask,
    /// Why there are no crontabs on this system, if there are none.
    pub(super) lacks: Option<&'static str>,
    /// The file that stands for the crontabs.
    pub(super) export: Option<PathBuf>,
    /// What is scheduled on this machine is nobody's question, nor whether it was on.
    pub(super) elsewhere: bool,
    /// For how long the machine was asleep since its start.
    pub(super) slept: fn() -> Option<Duration>,
    pub(super) memory: Arc<Mutex<Memory>>,
    /// Held by the one of many that looks. A look that does not come back is nobody's second one.
    pub(super) gate: Arc<tokio::sync::Mutex<Blocking>>,
    /// What the store had of all tasks when the first of many asked; each takes its own.
    pub(super) recorded: Arc<OnceCell<Option<Mutex<FirstLook>>>>,
}

/// What is recorded of each task, until that takes it.
#[derive(Debug, Default)]
pub(super) struct FirstLook {
    runs: BTreeMap<String, Option<Vec<TaskRun>>>,
    freezes: BTreeMap<String, Vec<Freeze>>,
    accepted: BTreeMap<String, Acceptance>,
}

/// From so many probes on the store is asked once for all of them.
const MANY: usize = 30;

/// What one scheduler told, or why it did not.
type ToldOf = Result<Arc<[Listed]>, String>;

/// What stays from one look to the next.
#[derive(Debug, Default)]
pub(super) struct Memory {
    latest: Option<(Timestamp, Arc<Sight>)>,
    ear: Ear,
    asleep: Asleep,
    /// What each scheduler told, by its name.
    told: BTreeMap<&'static str, (Timestamp, ToldOf)>,
    journal: Journal,
}

impl Memory {
    /// What was seen just now.
    fn fresh(&self, now: Timestamp) -> Option<Arc<Sight>> {
        self.latest.as_ref().filter(|(at, _)| (now - *at).abs() < GOOD_FOR).map(|(_, sight)| Arc::clone(sight))
    }
}

/// What one look brought.
#[derive(Debug, Default)]
pub(super) struct Sight {
    pub(super) crontabs: Crontabs,
    /// By the name they are recorded under, newest first.
    spooled: BTreeMap<String, Vec<TaskRun>>,
    /// By task: whose last heartbeat nobody heard.
    unheard: BTreeMap<String, Unheard>,
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

    /// That nobody heard how the last run went of what is recorded as `key`.
    pub(super) fn heartbeat(&self, key: &str, now: Timestamp, zone: &Zone) -> Option<Finding> {
        let Unheard { at, why, .. } = self.unheard.get(key)?;
        let text =
            format!("the heartbeat of the run that ended at {} was not sent: {why}", humanize::clock(*at, now, zone));
        Some(Finding::new(Status::Warning, "heartbeat", text).since(*at))
    }
}

impl Scene {
    /// A scene in which nobody answers but files, and `list` for the user's own crontab.
    pub(super) fn new(root: &Path, zone: Zone, list: fn() -> Result<Vec<u8>, String>) -> Self {
        let account = Account::effective(root);
        let place = Place { root: root.to_owned(), user: account.name.clone(), zone };
        let ask = |_: &Invocation| Err("nobody is asked".to_owned());
        Self {
            place,
            account,
            list,
            ask,
            at_start: ask,
            ask_soon: ask,
            lacks: lacks::CRONTABS,
            export: None,
            elsewhere: false,
            slept: || None,
            memory: Arc::default(),
            gate: Arc::default(),
            recorded: Arc::default(),
        }
    }

    /// The same, in which programs answer.
    pub(super) fn asking(self, ask: Ask) -> Self {
        Self { ask, at_start: ask, ask_soon: ask, ..self }
    }

    pub(super) fn crontabs(&self) -> Crontabs {
        match &self.export {
            Some(export) => crontab::exported(export, &self.place.zone),
            None if self.lacks.is_some() => Crontabs::default(),
            None => crontab::read(&self.place, self.list),
        }
    }

    /// Everything there is to see: of those who ask at the same time one looks, on a thread of its own.
    pub(super) async fn seen(
        &self,
        now: Timestamp,
        spool: &Path,
        configuration: &[PathBuf],
    ) -> Result<Arc<Sight>, ProbeError> {
        let mut blocking = self.gate.lock().await;
        if let Some(sight) = self.memory.try_lock().ok().and_then(|memory| memory.fresh(now)) {
            return Ok(sight);
        }
        let (scene, spool, configuration) = (self.clone(), spool.to_owned(), configuration.to_owned());
        blocking.run(move || scene.look(now, &spool, &configuration)).await
    }

    /// The latest runs of a task. Where many look for the first time, the store is asked once for all.
    pub(super) async fn runs(&self, ledger: &dyn Ledger, task: &str, first: bool) -> Result<Vec<TaskRun>, ProbeError> {
        if let Some(all) = self.first_look(ledger, first).await? {
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            match all.runs.get_mut(task).map(Option::take) {
                None => return Ok(Vec::new()),
                Some(Some(runs)) => return Ok(runs),
                // Two of one name.
                Some(None) => {}
            }
        }
        ledger.runs(task, RUNS).await.map_err(|error| ProbeError::Unreachable(error.to_string()))
    }

    /// The latest freezes of a task, likewise.
    pub(super) async fn freezes(
        &self,
        ledger: &dyn Ledger,
        task: &str,
        first: bool,
    ) -> Result<Vec<Freeze>, ProbeError> {
        if let Some(all) = self.first_look(ledger, first).await? {
            let all = all.lock().unwrap_or_else(PoisonError::into_inner);
            return Ok(all.freezes.get(task).cloned().unwrap_or_default());
        }
        ledger.freezes(task).await.map_err(|error| ProbeError::Unreachable(error.to_string()))
    }

    /// What was found right of what is installed under a name, likewise.
    pub(super) async fn accepted(
        &self,
        ledger: &dyn Ledger,
        scope: &str,
        first: bool,
    ) -> Result<Option<Acceptance>, ProbeError> {
        if let Some(all) = self.first_look(ledger, first).await? {
            let all = all.lock().unwrap_or_else(PoisonError::into_inner);
            return Ok(all.accepted.get(scope).cloned());
        }
        let found = ledger.accepted(Some(scope)).await;
        found.map(|found| found.into_iter().next()).map_err(|error| ProbeError::Unreachable(error.to_string()))
    }

    async fn first_look(&self, ledger: &dyn Ledger, first: bool) -> Result<Option<&Mutex<FirstLook>>, ProbeError> {
        let many = self.recorded.initialized() || Arc::strong_count(&self.recorded) >= MANY;
        if !first || !many {
            return Ok(None);
        }
        let ask = async {
            let all =
                ledger.recorded(RUNS_AT_FIRST).await.map_err(|error| ProbeError::Unreachable(error.to_string()))?;
            Ok::<_, ProbeError>(all.map(|Recorded { runs, freezes, accepted }| {
                let runs = runs.into_iter().map(|(task, runs)| (task, Some(runs))).collect();
                Mutex::new(FirstLook { runs, freezes, accepted })
            }))
        };
        Ok(self.recorded.get_or_try_init(|| ask).await?.as_ref())
    }

    /// Everything there is to see, unless somebody has just looked.
    pub(super) fn look(&self, now: Timestamp, spool: &Path, configuration: &[PathBuf]) -> Arc<Sight> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sight) = memory.fresh(now) {
            return sight;
        }
        let sight = Arc::new(self.sight(now, spool, configuration, &mut memory));
        memory.latest = Some((now, Arc::clone(&sight)));
        sight
    }

    /// What a scheduler of this machine tells, and what is remembered of it, unless somebody has just
    /// asked.
    pub(super) fn listed(&self, kind: &SourceKind, now: Timestamp) -> ToldOf {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, told)) = memory.told.get(kind.name)
            && (now - *at).abs() < GOOD_FOR
        {
            return told.clone();
        }
        let calendar = Calendar { zone: self.place.zone.clone(), now };
        let told = (kind.read)(self.ask, &calendar, &self.place.root).map(|mut listed| {
            (kind.recall)(&mut memory.journal, self.ask, &calendar, &mut listed);
            Arc::from(listed)
        });
        memory.told.insert(kind.name, (now, told.clone()));
        told
    }

    /// What the tasks of a scheduler are called.
    pub(super) fn names(&self, kind: &SourceKind) -> Result<Vec<Listed>, String> {
        let calendar = Calendar { zone: self.place.zone.clone(), now: Timestamp::default() };
        (kind.names)(self.at_start, &calendar, &self.place.root)
    }

    /// Whether a scheduler manages this machine.
    pub(super) fn has(&self, kind: &SourceKind) -> bool {
        (kind.is_here)(&self.place.root)
    }

    /// The same place, whose crontabs are one that another machine wrote into a file.
    pub(super) fn exported(&self, export: &Path) -> Self {
        Self { export: Some(export.to_owned()), memory: Arc::default(), gate: Arc::default(), ..self.clone() }
    }

    fn sight(&self, now: Timestamp, spool: &Path, configuration: &[PathBuf], memory: &mut Memory) -> Sight {
        let crontabs = self.crontabs();
        let heard = if self.export.is_none() && crontabs.entries.iter().any(|line| line.wrapped_as.is_none()) {
            let calendar = Calendar { zone: self.place.zone.clone(), now };
            memory.ear.listen(&self.place.root, &calendar, self.ask)
        } else {
            Heard::default()
        };
        let mut spooled: BTreeMap<String, Vec<TaskRun>> = BTreeMap::new();
        for run in spool::read(spool) {
            spooled.entry(run.task.clone()).or_default().push(run);
        }
        let signs: Vec<Timestamp> =
            heard.instants().chain(spooled.values().flatten().map(|run| run.started_at)).collect();
        let booted_at = uptime::booted_at(&self.place.root).filter(|_| !self.elsewhere);
        let records = std::fs::read(self.place.root.join("var/log/wtmp")).unwrap_or_default();
        let mut gaps = Vec::new();
        if !self.elsewhere {
            let journal = self.has(&systemd::SOURCE).then_some(self.ask_soon);
            gaps.extend(uptime::gaps(&records, booted_at, &signs));
            gaps.extend(memory.asleep.gaps((self.slept)(), now, journal));
        }
        let configured_at = configuration.iter().filter_map(|path| path.metadata().ok()?.modified().ok()).max();
        Sight {
            gaps,
            crontabs,
            unheard: spool::unheard(spool).into_iter().map(|one| (one.task.clone(), one)).collect(),
            spooled,
            booted_at,
            configured_at: configured_at.map(Timestamp::from),
            heard,
        }
    }
}

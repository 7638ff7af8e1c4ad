//! Scheduled tasks: what should run by the configuration and the crontabs, and what the records
//! of `rounds exec` say of it.
//!
//! Which crontab lines there are has to be known before the first reading, so [`KIND`] reads
//! the crontabs once when it builds; every probe reads them again each time.

mod crontabs;
mod expected;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::blocking::Blocking;
use super::{BoxFuture, Context, Kind, Probe, Watched};
use crate::config::Config;
use crate::config::spec::TaskSource;
use crate::domain::board::Watch;
use crate::domain::inventory::{Repeat, Target, TaskCard};
use crate::domain::observation::{Detail, ProbeError, ProbeId, Reading};
use crate::domain::task::{TaskFacts, TaskJudge, TaskRun};
use crate::domain::time::{Timestamp, Zone};
use crate::ledger::Ledger;
use crate::platform::lacks;
use crate::scheduler::crontab::{self, Account, Crontabs, Place};
use crate::scheduler::spool;
use crontabs::CrontabsProbe;
use expected::Expected;

/// The `task` kind.
pub const KIND: Kind = Kind { name: "task", summary: "scheduled tasks: did every run come, in time, and well", build };

const EVERY: Duration = Duration::from_mins(1);
const TIMEOUT: Duration = Duration::from_secs(10);
/// How many runs of a task are looked at.
const RUNS: usize = 50;

fn build(config: &Config, context: &Context) -> Vec<Watched> {
    let scene = Scene::new(Path::new("/"), context.zone.clone(), crontab::list);
    watched(config, context, &scene)
}

/// How tasks that are not configured with `run` are started by hand: those found in the
/// crontabs, and configured ones by their line.
pub fn cards(config: &Config) -> Vec<TaskCard> {
    cards_in(config, &Scene::new(Path::new("/"), config.zone.clone(), crontab::list))
}

/// Where tasks are looked for.
#[derive(Clone, Debug)]
struct Scene {
    place: Place,
    account: Account,
    list: fn() -> Result<Vec<u8>, String>,
    /// Why there are no crontabs on this system, if there are none.
    lacks: Option<&'static str>,
}

impl Scene {
    fn new(root: &Path, zone: Zone, list: fn() -> Result<Vec<u8>, String>) -> Self {
        let account = Account::effective(root);
        let place = Place { root: root.to_owned(), user: account.name.clone(), zone };
        Self { place, account, list, lacks: lacks::CRONTABS }
    }

    fn crontabs(&self) -> Crontabs {
        if self.lacks.is_some() { Crontabs::default() } else { crontab::read(&self.place, self.list) }
    }

    /// When the machine started.
    fn booted_at(&self) -> Option<Timestamp> {
        let stat = std::fs::read_to_string(self.place.root.join("proc/stat")).ok()?;
        let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
        Timestamp::from_timestamp(seconds.trim().parse().ok()?, 0)
    }
}

fn watched(config: &Config, context: &Context, scene: &Scene) -> Vec<Watched> {
    let has_crontabs = scene.lacks.is_none();
    let looks_at_crontabs =
        has_crontabs && (config.discover_tasks || config.tasks.iter().any(|task| task.source == TaskSource::Cron));
    let found = if looks_at_crontabs { scene.crontabs() } else { Crontabs::default() };
    let crontabs_id = ProbeId::new(KIND.name, "cron");
    let mut watched: Vec<Watched> = expected::all(config, &found)
        .into_iter()
        .map(|expected| {
            let id = expected.id().to_owned();
            let mut watch = Watch::new(ProbeId::new(KIND.name, &id), &context.system, EVERY, TIMEOUT);
            watch.judge = Some(Arc::new(TaskJudge));
            watch.target = Some(Target::task(id));
            watch.folds_under = expected.is_blind().then(|| crontabs_id.clone());
            let probe = TaskProbe {
                expected,
                scene: scene.clone(),
                ledger: Arc::clone(&context.ledger),
                spool: spool::directory(&context.state_dir),
                configuration: config.files.clone(),
                blocking: Blocking::new(),
                first_read: None,
            };
            Watched { watch, probe: Box::new(probe) }
        })
        .collect();
    if looks_at_crontabs {
        let watch = Watch::new(crontabs_id, &context.system, EVERY, TIMEOUT);
        watched.push(Watched { watch, probe: Box::new(CrontabsProbe::new(scene.clone(), &found)) });
    }
    watched
}

fn cards_in(config: &Config, scene: &Scene) -> Vec<TaskCard> {
    let found = scene.crontabs();
    let card = |expected: Expected| {
        let run = expected.line(&found)?.by_hand(&scene.account);
        let repeat = expected.spec().map_or(Repeat::default(), |spec| spec.repeat);
        Some(TaskCard { id: expected.id().to_owned(), run, repeat })
    };
    let unconfigured = |expected: &Expected| expected.spec().is_none_or(|spec| spec.run.is_none());
    expected::all(config, &found).into_iter().filter(unconfigured).filter_map(card).collect()
}

/// Reads what is known of one task.
#[derive(Debug)]
struct TaskProbe {
    expected: Expected,
    scene: Scene,
    ledger: Arc<dyn Ledger>,
    spool: PathBuf,
    /// The files that name the task: it is no younger than the last change of them.
    configuration: Vec<PathBuf>,
    blocking: Blocking,
    first_read: Option<Timestamp>,
}

impl Probe for TaskProbe {
    fn read(&mut self, now: Timestamp) -> BoxFuture<'_, Result<Reading, ProbeError>> {
        Box::pin(async move {
            if let Some(why) = self.scene.lacks.filter(|_| self.expected.is_of_crontabs()) {
                let mend = "put `rounds exec` before its command, and write `source = \"exec\"`";
                return Err(ProbeError::Unreachable(format!("its line cannot be looked for: {why}; {mend}")));
            }
            let first_read = *self.first_read.get_or_insert(now);
            let (scene, spool, configuration) = (self.scene.clone(), self.spool.clone(), self.configuration.clone());
            let look = move || {
                let written = configuration.iter().filter_map(|path| path.metadata().ok()?.modified().ok()).max();
                (scene.crontabs(), spool::read(&spool), scene.booted_at(), written.map(Timestamp::from))
            };
            let (found, spooled, booted_at, configured_at) = self.blocking.run(look).await?;
            self.expected.refresh(&found);
            let (mut policy, findings) = self.expected.policy(&found, &self.scene);
            let key = self.expected.recorded_as(&found);
            let recorded = self.ledger.runs(&key, RUNS).await;
            let recorded = recorded.map_err(|error| ProbeError::Unreachable(error.to_string()))?;
            let runs = merged(recorded, spooled, &key);

            if runs.is_empty() && policy.blind.is_none() {
                policy.blind = self.expected.recorded_by_another(&found, &self.scene);
            }

            let written_at = match self.expected.line(&found) {
                Some(line) => line.written_at,
                None => configured_at,
            };
            let since = Some(known_since(&runs, written_at, first_read));
            let facts = TaskFacts::new(Arc::new(policy), runs, since).booted_at(booted_at);
            Ok(Reading { detail: Detail::Task(facts), findings, ..Reading::default() })
        })
    }
}

/// The runs of the store and of the spool, newest first. What both have is newer in the spool:
/// a run is imported before it ends, and removed from the spool after.
fn merged(recorded: Vec<TaskRun>, spooled: Vec<TaskRun>, key: &str) -> Vec<TaskRun> {
    let mut runs: Vec<TaskRun> = spooled.into_iter().filter(|run| run.task == key).collect();
    for run in recorded {
        if runs.iter().all(|spooled| spooled.id != run.id) {
            runs.push(run);
        }
    }
    runs.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
    runs.truncate(RUNS);
    runs
}

/// Since when every run would be known: since the schedule was last written, or where nobody
/// tells when that was, since the first run; and no further back than the runs that are looked
/// at.
fn known_since(runs: &[TaskRun], written_at: Option<Timestamp>, first_read: Timestamp) -> Timestamp {
    let oldest = runs.last().map(|run| run.started_at);
    let known = written_at.or(oldest).map_or(first_read, |at| at.min(first_read));
    match oldest {
        Some(oldest) if runs.len() >= RUNS => known.max(oldest),
        _ => known,
    }
}

#[cfg(all(test, unix))]
mod tests;

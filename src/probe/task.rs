//! Scheduled tasks: what should run by the configuration and the crontabs, and what the records
//! of `rounds exec` say of it.
//!
//! Which crontab lines there are has to be known before the first reading, so [`KIND`] reads
//! the crontabs once when it builds; every probe reads them again each time.

mod crontabs;
mod drifting;
mod expected;
mod heard;
mod proof;
mod sight;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::blocking::Blocking;
use super::{BoxFuture, Context, Kind, Probe, Watched};
use crate::config::Config;
use crate::config::spec::{TaskSource, TaskSpec};
use crate::domain::board::Watch;
use crate::domain::hold::{Freeze, Held, Mark};
use crate::domain::inventory::{Repeat, Target, TaskCard};
use crate::domain::observation::{Detail, ProbeError, ProbeId, Reading};
use crate::domain::sample::Sample;
use crate::domain::task::{SORTS, TaskFacts, TaskJudge, TaskRun};
use crate::domain::time::Timestamp;
use crate::ledger::Ledger;
use crate::scheduler::source::{self, Listed, SourceKind};
use crate::scheduler::{self, anacron, crontab, spool, systemd};
use crontabs::CrontabsProbe;
use expected::Expected;
use proof::ProofProbe;
use sight::Scene;
use told::{ToldProbe, UnitsProbe};

/// The `task` kind.
pub const KIND: Kind = Kind { name: "task", summary: "scheduled tasks: did every run come, in time, and well", build };

const EVERY: Duration = Duration::from_mins(1);
const TIMEOUT: Duration = Duration::from_secs(10);
/// How many runs of a task are looked at.
const RUNS: usize = 50;
/// How many at the first look of many tasks, when all their runs are read at once: what is usual is
/// learnt from twenty. What was before so many is nobody's news.
const RUNS_AT_FIRST: usize = 24;

fn build(config: &Config, context: &Context) -> Vec<Watched> {
    let scene = Scene::new(Path::new("/"), context.zone.clone(), crontab::list).asking(scheduler::ask);
    watched(config, context, &scene)
}

/// How tasks that are not configured with `run` are started by hand: those found in the
/// crontabs, and configured ones by their line.
pub fn cards(config: &Config) -> Vec<TaskCard> {
    cards_in(config, &Scene::new(Path::new("/"), config.zone.clone(), crontab::list).asking(scheduler::ask))
}

fn watched(config: &Config, context: &Context, scene: &Scene) -> Vec<Watched> {
    let has_crontabs = scene.lacks.is_none();
    let looks_at_crontabs =
        has_crontabs && (config.discover_tasks || config.tasks.iter().any(|task| task.source == TaskSource::Cron));
    let found = if looks_at_crontabs { scene.crontabs() } else { crontab::Crontabs::default() };
    let crontabs_id = ProbeId::new(KIND.name, "cron");
    let all = expected::all(config, &found);
    let taken: BTreeSet<String> = all.iter().map(|expected| expected.id().to_owned()).collect();
    let mut watched: Vec<Watched> = all
        .into_iter()
        .map(|expected| {
            let id = expected.id().to_owned();
            let mut watch = Watch::new(ProbeId::new(KIND.name, &id), &context.system, EVERY, TIMEOUT);
            watch.judge = Some(Arc::new(TaskJudge));
            watch.target = Some(Target::task(id));
            watch.folds_under = expected.is_blind().then(|| crontabs_id.clone());
            let export = expected.spec().and_then(|spec| spec.export.as_deref());
            let scene = export.map_or_else(|| scene.clone(), |export| scene.exported(export));
            let probe = TaskProbe {
                expected,
                scene,
                ledger: Arc::clone(&context.ledger),
                spool: spool::directory(&context.state_dir),
                configuration: config.files.clone(),
                first_read: None,
            };
            Watched { watch, probe: Box::new(probe) }
        })
        .collect();
    let told = told(config, scene, |id| !taken.contains(id));
    // What is known of a script is known of the job that runs its folder.
    let job_of = |name: &str| {
        let job = name.split_once('/')?.0;
        let (id, ..) = told.iter().find(|(_, kind, name, _)| kind.name == "anacron" && name == job)?;
        Some(ProbeId::new(KIND.name, id))
    };
    watched.extend(told.iter().cloned().map(|(id, kind, name, spec)| {
        let mut watch = Watch::new(ProbeId::new(KIND.name, &id), &context.system, EVERY, TIMEOUT);
        watch.judge = Some(Arc::new(TaskJudge));
        watch.target = Some(Target::task(&id));
        watch.folds_under = Some(kind).filter(|kind| kind.name == "anacron").and_then(|_| job_of(&name));
        let probe = ToldProbe::new(id, kind, name, spec.cloned(), scene.clone(), Arc::clone(&context.ledger));
        Watched { watch, probe: Box::new(probe) }
    }));
    watched.extend(config.tasks.iter().filter_map(|spec| {
        let spool = spool::directory(&context.state_dir);
        let probe = ProofProbe::new(spec, config, scene, &context.ledger, spool)?;
        let mut watch = Watch::new(ProbeId::new(KIND.name, &spec.id), &context.system, EVERY, TIMEOUT);
        watch.judge = Some(Arc::new(TaskJudge));
        watch.target = Some(Target::task(&spec.id));
        Some(Watched { watch, probe: Box::new(probe) })
    }));
    let is_here = |spec: &TaskSpec| spec.source == TaskSource::Systemd && spec.export.is_none();
    if (config.discover_tasks || config.tasks.iter().any(is_here)) && scene.has_systemd() {
        let mut watch = Watch::new(ProbeId::new(KIND.name, "systemd"), &context.system, EVERY, TIMEOUT);
        watch.target = Some(Target::task("systemd"));
        let probe = UnitsProbe::new(scene.clone(), Arc::clone(&context.ledger), config);
        watched.push(Watched { watch, probe: Box::new(probe) });
    }
    if looks_at_crontabs {
        let mut watch = Watch::new(crontabs_id, &context.system, EVERY, TIMEOUT);
        watch.target = Some(Target::task("cron"));
        let probe = CrontabsProbe::new(scene.clone(), &found, Arc::clone(&context.ledger), config);
        watched.push(Watched { watch, probe: Box::new(probe) });
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
    let all = expected::all(config, &found);
    let free = |id: &str| all.iter().all(|expected| expected.id() != id);
    let told = told(config, scene, free).into_iter().filter(|(.., spec)| spec.is_none_or(TaskSpec::is_ours_to_start));
    // Each scheduler is asked once.
    let mut listed: BTreeMap<&str, Result<Vec<Listed>, String>> = BTreeMap::new();
    let told: Vec<TaskCard> = told
        .map(|(id, kind, name, spec)| {
            let listed = listed.entry(kind.name).or_insert_with(|| scene.names(kind));
            told_card(id, kind, &name, spec, listed)
        })
        .collect();
    let unconfigured = |expected: &Expected| expected.spec().is_none_or(|spec| spec.run.is_none());
    all.into_iter().filter(unconfigured).filter_map(card).chain(told).collect()
}

/// The tasks whose scheduler tells of them itself, each with its id and the name it has there: the
/// configured ones, and the timers of this machine where the configuration wants those.
fn told<'a>(
    config: &'a Config,
    scene: &Scene,
    free: impl Fn(&str) -> bool,
) -> Vec<(String, &'static SourceKind, String, Option<&'a TaskSpec>)> {
    let configured = config.tasks.iter().filter_map(|spec| {
        let kind = source::named(spec.source.word())?;
        Some((spec.id.clone(), kind, spec.matches.clone()?, Some(spec)))
    });
    let mut all: Vec<_> = configured.collect();
    let has = |kind: &SourceKind| match kind.name {
        "systemd" => scene.has_systemd(),
        "anacron" => scene.lacks.is_none() && anacron::is_here(&scene.place.root),
        _ => false,
    };
    for kind in source::SOURCES.iter().filter(|kind| config.discover_tasks && has(kind)) {
        // Whatever keeps it from telling is told when it is asked the next time.
        for one in scene.names(kind).unwrap_or_default() {
            let plain = one.name.trim_start_matches(systemd::OF_USER).trim_end_matches(".timer").to_owned();
            let is_known = |id: &str| all.iter().any(|(known, ..)| known == id);
            let taken = SORTS.contains(&&*plain) || is_known(&plain) || !free(&plain);
            let id = match one.name.starts_with(systemd::OF_USER) {
                _ if !taken => plain,
                true => format!("user-{plain}"),
                false if kind.name == "anacron" => format!("anacron-{plain}"),
                false => one.name.clone(),
            };
            all.push((id, kind, one.name, None));
        }
    }
    all
}

/// The names that a timer may have as a task.
fn ids_of_timer(name: &str) -> [String; 3] {
    let plain = name.trim_start_matches(systemd::OF_USER).trim_end_matches(".timer");
    [plain.to_owned(), format!("user-{plain}"), name.to_owned()]
}

/// How a told task is started; `listed` are all that its scheduler has, where it told.
fn told_card(
    id: String,
    kind: &SourceKind,
    name: &str,
    spec: Option<&TaskSpec>,
    listed: &Result<Vec<Listed>, String>,
) -> TaskCard {
    let is_pattern = name.contains(['*', '?']);
    let found = listed.iter().flatten().find(|one| one.is_called(name));
    let run = match found {
        Some(one) => Ok((kind.acts)(&one.name, &one.command).run),
        None if is_pattern => Err(format!("{} has none called `{name}`", kind.name)),
        None => Ok((kind.acts)(name, "").run),
    };
    TaskCard { id, run, repeat: spec.map_or(Repeat::default(), |spec| spec.repeat) }
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
    first_read: Option<Timestamp>,
}

impl Probe for TaskProbe {
    fn read(&mut self, now: Timestamp) -> BoxFuture<'_, Result<Reading, ProbeError>> {
        Box::pin(async move {
            if let Some(why) = self.scene.lacks.filter(|_| self.expected.is_of_crontabs()) {
                let mend = "put `rounds exec` before its command, and write `source = \"exec\"`";
                return Err(ProbeError::Unreachable(format!("its line cannot be looked for: {why}; {mend}")));
            }
            let is_first = self.first_read.is_none();
            let first_read = *self.first_read.get_or_insert(now);
            let sight = self.scene.seen(now, &self.spool, &self.configuration).await?;
            let found = &sight.crontabs;
            self.expected.refresh(found);
            let (mut policy, mut findings, drifted) = self.expected.policy(found, &self.scene);
            let key = self.expected.recorded_as(found);
            let recorded = self.scene.runs(&*self.ledger, &key, is_first).await?;
            let mut runs = merged(recorded, sight.spooled(&key), &key);

            let line = self.expected.line(found);
            let parts = line.and_then(|line| line.parts.as_ref());
            findings.extend(parts.and_then(expected::passed_over));
            findings.extend(sight.heartbeat(&key, now, &self.scene.place.zone));
            let mut drift = self.expected.drift(found);
            if let Some(drift) = &mut drift {
                findings.extend(drifting::settled(drift, drifted, &self.scene, &*self.ledger, is_first, now).await?);
            }
            let samples = parts.map(|parts| Sample::text("scripts", parts.scripts.join(", "))).into_iter().collect();
            let written_at = match line {
                Some(line) => line.written_at,
                None => sight.configured_at,
            };
            let mut since = known_since(&runs, written_at, first_read);
            let mut starts_known = false;
            let blind = line.filter(|line| policy.blind.is_some() && heard::Heard::tells_of(line));
            match (blind, &sight.heard.since) {
                (Some(line), Ok(heard_since)) => {
                    starts_known = true;
                    runs.extend(sight.heard.runs(line, &key));
                    runs.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
                    runs.truncate(RUNS);
                    since = written_at.map_or(*heard_since, |written| written.max(*heard_since));
                    if let Some(oldest) = runs.last().filter(|_| runs.len() >= RUNS) {
                        since = since.max(oldest.started_at);
                    }
                }
                (Some(_), Err(Some(why))) => policy.blind = policy.blind.map(|blind| format!("{blind}; {why}")),
                _ => {}
            }
            if runs.is_empty() && policy.blind.is_none() {
                policy.blind = self.expected.recorded_by_another(found, &self.scene);
            }
            let mut facts = TaskFacts::new(Arc::new(policy), runs, Some(since)).booted_at(sight.booted_at);
            facts.gaps.clone_from(&sight.gaps);
            facts.starts_known = starts_known;
            let freezes = self.scene.freezes(&*self.ledger, self.expected.id(), is_first).await?;
            let held = line.and_then(|line| line.mark.as_ref()).map(|mark| held(mark, &freezes));
            facts.handle = line.and_then(|line| line.handle(self.expected.id())).map(Box::new);
            facts.drift = drift.map(Box::new);
            let facts = facts.held(freezes, held, written_at, now);
            Ok(Reading { samples, detail: Detail::task(facts), findings, ..Reading::default() })
        })
    }
}

/// What a mark before its line says of a task, with who put it there and why.
fn held(mark: &Mark, freezes: &[Freeze]) -> Held {
    let known = freezes.iter().find(|freeze| freeze.job == mark.job);
    Held { hold: mark.hold, until: mark.until, by: known.map(by) }
}

/// `ann: the disk is being replaced`
fn by(freeze: &Freeze) -> String {
    format!("{}: {}", freeze.operator, freeze.reason)
}

/// The runs of the store and of the spool, newest first. What both have is newer in the spool:
/// a run is imported before it ends, and removed from the spool after.
fn merged(recorded: Vec<TaskRun>, spooled: &[TaskRun], key: &str) -> Vec<TaskRun> {
    if spooled.is_empty() {
        return recorded;
    }
    let mut runs: Vec<TaskRun> = spooled.iter().filter(|run| run.task == key).cloned().collect();
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
        Some(oldest) if runs.len() >= RUNS_AT_FIRST => known.max(oldest),
        _ => known,
    }
}

#[cfg(all(test, unix))]
mod tests;

//! Scheduled tasks: what should run by the configuration and the crontabs, and what the records
//! of `rounds exec` say of it.
//!
//! Which tasks there are has to be known before the first reading, so [`KIND`] reads the crontabs
//! and asks the schedulers once when it builds; every probe does so again each time.

mod crontabs;
mod drifting;
mod expected;
mod heard;
mod line;
mod named;
mod proof;
mod sight;
mod together;
mod told;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::blocking::Blocking;
use super::{BoxFuture, Context, Kind, Probe, Watched};
use crate::config::Config;
use crate::config::spec::Unnamed;
use crate::domain::board::Watch;
use crate::domain::inventory::Target;
use crate::domain::observation::{ProbeError, ProbeId, Reading};
use crate::domain::task::TaskJudge;
use crate::platform::asleep;
use crate::scheduler::crontab::{self, Crontabs};
use crate::scheduler::source;
use crate::scheduler::{self, spool};
use crontabs::CrontabsProbe;
use line::LineProbe;
use proof::ProofProbe;
use sight::Scene;
use together::TogetherProbe;
use told::ToldProbe;

/// The `task` kind.
pub const KIND: Kind = Kind { name: "task", summary: "scheduled tasks: did every run come, in time, and well", build };

const EVERY: Duration = Duration::from_mins(1);
const TIMEOUT: Duration = Duration::from_secs(10);
/// The name that stands for all crontabs.
const CRON: &str = "cron";
/// How many runs of a task are looked at.
const RUNS: usize = 50;
/// How many at the first look of many tasks, when all their runs are read at once: what is usual is
/// learnt from twenty. What was before so many is nobody's news.
const RUNS_AT_FIRST: usize = 24;

fn build(config: &Config, context: &Context) -> Vec<Watched> {
    watched(config, context, &here(config, context))
}

/// This machine.
fn here(config: &Config, context: &Context) -> Scene {
    let scene = Scene::new(Path::new("/"), context.zone.clone(), crontab::list).asking(scheduler::ask);
    let (at_start, ask_soon) = (context.at_start, scheduler::ask_soon);
    Scene { elsewhere: config.unnamed == Unnamed::Ignored, slept: asleep::since_start, at_start, ask_soon, ..scene }
}

fn watched(config: &Config, context: &Context, scene: &Scene) -> Vec<Watched> {
    let looks_around = config.unnamed != Unnamed::Ignored;
    let names_some = |source: &str| config.tasks.iter().any(|spec| spec.source.word() == source);
    let looks_at_crontabs = scene.lacks.is_none() && (looks_around || names_some(CRON));
    let found = if looks_at_crontabs { scene.crontabs() } else { Crontabs::default() };
    let crontabs_id = ProbeId::new(KIND.name, CRON);
    let watch = |id: &str, every: Duration| {
        let mut watch = Watch::new(ProbeId::new(KIND.name, id), &context.system, every, TIMEOUT);
        watch.judge = Some(Arc::new(TaskJudge));
        watch.target = Some(Target::task(id));
        watch
    };
    let ledger = || Arc::clone(&context.ledger);
    let spool = spool::directory(&context.state_dir);
    // What nobody named comes after everything that somebody did.
    let (mut watched, mut extra) = (Vec::new(), Vec::new());

    let lines = expected::all(config, &found);
    let taken: BTreeSet<String> = lines.iter().map(|expected| expected.id().to_owned()).collect();
    for expected in lines {
        let mut watch = watch(expected.id(), EVERY);
        watch.folds_under = expected.is_blind().then(|| crontabs_id.clone());
        let list = if expected.is_extra() { &mut extra } else { &mut watched };
        let probe = LineProbe::new(expected, scene, ledger(), &spool, config).found_in(&found);
        list.push(Watched { watch, probe: Box::new(probe) });
    }
    let answers = named::Answers::of(config, scene);
    let told = named::all(config, &answers, |id| !taken.contains(id));
    // What is known of a script is known of the job that runs its folder.
    let job_of = |name: &str| {
        let job = name.split_once('/')?.0;
        let found = told.iter().find(|one| one.kind.name == "anacron" && one.name == job)?;
        Some(ProbeId::new(KIND.name, &found.id))
    };
    for one in &told {
        let is_extra = one.spec.is_none() && config.unnamed == Unnamed::Extra;
        let mut watch = watch(&one.id, one.kind.every);
        watch.folds_under = Some(one.kind).filter(|kind| kind.name == "anacron").and_then(|_| job_of(&one.name));
        let probe = ToldProbe::new(one.clone(), is_extra, scene.clone(), ledger());
        let list = if is_extra { &mut extra } else { &mut watched };
        list.push(Watched { watch, probe: Box::new(probe) });
    }
    watched.extend(config.tasks.iter().filter_map(|spec| {
        let probe = ProofProbe::new(spec, config, scene, &context.ledger, spool.clone())?;
        Some(Watched { watch: watch(&spec.id, EVERY), probe: Box::new(probe) })
    }));
    // All of one sort together are no task, and have no verdict of one.
    let together = |id: &str, every| Watch { judge: None, ..watch(id, every) };
    for kind in source::SOURCES.iter().filter(|kind| scene.has(kind)) {
        let is_wanted = looks_around || config.tasks.iter().any(|spec| named::is_here(spec, kind));
        let Some(place) = kind.together.filter(|_| is_wanted) else { continue };
        let probe = TogetherProbe::new((kind, place), scene.clone(), ledger(), config).after(answers.silence(kind));
        watched.push(Watched { watch: together(kind.name, kind.every), probe: Box::new(probe) });
    }
    if looks_at_crontabs {
        let probe = CrontabsProbe::new(scene.clone(), &found, ledger(), config);
        watched.push(Watched { watch: together(CRON, EVERY), probe: Box::new(probe) });
    }
    watched.append(&mut extra);
    watched
}

#[cfg(all(test, unix))]
mod tests;

//! The crontabs as a whole: lines that cannot run, lines that leave no evidence, lines that
//! came and went, and whether anything runs them.

use std::collections::BTreeMap;
use std::path::Path;

use super::sight::Scene;
use super::{Blocking, BoxFuture, Probe, ProbeError, Reading};
use crate::domain::finding::Finding;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::status::Status;
use crate::domain::time::Timestamp;
use crate::scheduler::crontab::Crontabs;

/// Reads the crontabs as a whole.
#[derive(Debug)]
pub(super) struct CrontabsProbe {
    scene: Scene,
    /// The lines there were when the program started, by id, each with its place.
    at_start: BTreeMap<String, String>,
    blocking: Blocking,
}

impl CrontabsProbe {
    pub(super) fn new(scene: Scene, found: &Crontabs) -> Self {
        Self { scene, at_start: lines(found), blocking: Blocking::new() }
    }
}

impl Probe for CrontabsProbe {
    fn read(&mut self, _now: Timestamp) -> BoxFuture<'_, Result<Reading, ProbeError>> {
        Box::pin(async {
            let scene = self.scene.clone();
            let look = move || (scene.crontabs(), daemon_runs(&scene.place.root));
            let (found, daemon) = self.blocking.run(look).await?;
            Ok(reading(&found, daemon, &self.at_start))
        })
    }
}

fn lines(found: &Crontabs) -> BTreeMap<String, String> {
    found.entries.iter().map(|entry| (entry.id.clone(), entry.place())).collect()
}

fn reading(found: &Crontabs, daemon: Option<bool>, at_start: &BTreeMap<String, String>) -> Reading {
    let blind = found.entries.iter().filter(|entry| entry.wrapped_as.is_none()).count();
    let broken: Vec<Finding> = found
        .entries
        .iter()
        .filter_map(|entry| {
            let error = entry.schedule.as_ref().err().filter(|_| entry.mark.is_none())?;
            let text = format!("{}: {error}; cron may leave out the whole file", entry.place());
            Some(Finding::new(Status::Warning, "lines", text))
        })
        .collect();
    let samples = vec![
        Sample::count("lines", found.entries.len() as f64),
        Sample::count("broken", broken.len() as f64),
        Sample::count("unrecorded", blind as f64),
    ];
    let mut findings = broken;
    findings.extend(found.problems.iter().map(|problem| Finding::new(Status::Warning, "crontabs", problem.clone())));
    if daemon == Some(false) && !found.entries.is_empty() {
        let text =
            format!("no cron daemon seems to run, and {} wait for one", humanize::count(found.entries.len(), "line"));
        findings.push(Finding::new(Status::Warning, "daemon", text).advice("start cron, or take the lines out"));
    }
    if blind > 0 {
        let text =
            format!("{blind} of {} leave no evidence of how they went", humanize::count(found.entries.len(), "line"));
        let advice = "put `rounds exec --task ID --` before their commands";
        findings.push(Finding::new(Status::Unknown, "evidence", text).advice(advice));
    }
    findings.extend(changes(&lines(found), at_start));
    Reading { samples, findings, ..Reading::default() }
}

/// What came and went since the start.
fn changes(now: &BTreeMap<String, String>, at_start: &BTreeMap<String, String>) -> Vec<Finding> {
    let only_in = |one: &BTreeMap<String, String>, other: &BTreeMap<String, String>| -> Vec<String> {
        one.iter().filter(|(id, _)| !other.contains_key(*id)).map(|(id, place)| format!("{id} ({place})")).collect()
    };
    let (gone, new) = (only_in(at_start, now), only_in(now, at_start));
    let told = |names: &[String], what: &str| {
        let text = format!("{what} since this program started: {}", names.join("; "));
        (!names.is_empty()).then(|| Finding::new(Status::Warning, "changes", text))
    };
    let new = told(&new, "new in the crontabs").map(|finding| finding.advice("start the program again to watch them"));
    told(&gone, "gone from the crontabs").into_iter().chain(new).collect()
}

/// Whether something runs crontabs; `None` where processes cannot be listed.
fn daemon_runs(root: &Path) -> Option<bool> {
    const DAEMONS: [&str; 6] = ["cron", "crond", "fcron", "dcron", "cronie", "supercronic"];
    // Under systemd-cron there is no daemon: its generator turns lines into timers.
    let generated = ["run/systemd/generator/cron.target.wants", "run/systemd/generator/cron.target"];
    if generated.iter().any(|path| root.join(path).exists()) {
        return Some(true);
    }
    let processes = std::fs::read_dir(root.join("proc")).ok()?;
    let mut names = processes.filter_map(|process| {
        let process = process.ok()?;
        process.file_name().to_str()?.parse::<u32>().ok()?;
        std::fs::read_to_string(process.path().join("comm")).ok()
    });
    let mut any = false;
    let found = names.any(|name| {
        any = true;
        DAEMONS.contains(&name.trim())
    });
    // Not even our own process: this is not how processes are listed here.
    any.then_some(found)
}

//! The crontabs as a whole: lines that cannot run, lines that leave no evidence, lines that came,
//! went, or are others now, two that do the same, and whether anything runs them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::drifting::{self, All};
use super::expected;
use super::sight::Scene;
use super::{Blocking, BoxFuture, Probe, ProbeError, Reading};
use crate::config::Config;
use crate::config::spec::{TaskSource, Unnamed};
use crate::domain::drift::Set;
use crate::domain::finding::Finding;
use crate::domain::humanize;
use crate::domain::observation::Detail;
use crate::domain::sample::Sample;
use crate::domain::schedule::Schedule;
use crate::domain::status::Status;
use crate::domain::task::Together;
use crate::domain::time::Timestamp;
use crate::ledger::Ledger;
use crate::scheduler::crontab::{Crontabs, Entry};

/// Reads the crontabs as a whole.
#[derive(Debug)]
pub(super) struct CrontabsProbe {
    scene: Scene,
    ledger: Arc<dyn Ledger>,
    /// The lines there were when the program started.
    at_start: Set,
    config: Config,
    blocking: Blocking,
}

impl CrontabsProbe {
    pub(super) fn new(scene: Scene, found: &Crontabs, ledger: Arc<dyn Ledger>, config: &Config) -> Self {
        Self { scene, ledger, at_start: lines(found), config: config.clone(), blocking: Blocking::new() }
    }
}

impl Probe for CrontabsProbe {
    fn read(&mut self, now: Timestamp) -> BoxFuture<'_, Result<Reading, ProbeError>> {
        Box::pin(async move {
            let scene = self.scene.clone();
            let look = move || (scene.crontabs(), daemon_runs(&scene.place.root));
            let (found, daemon) = self.blocking.run(look).await?;
            let known = (&self.scene, &*self.ledger, now);
            let All { mut drift, changes } =
                drifting::all("cron", "the crontabs", lines(&found), &self.at_start, known).await?;
            let (extra, expected) = self.split(&found);
            let mut reading = reading(&found, &expected, daemon);
            let extra = extra.iter().filter(|_| self.names_lines()).map(|line| &*line.id);
            let extra = drifting::extra("the crontabs' lines", extra);
            let drifted = doubles(&found).into_iter().chain(extra).chain(changes).collect();
            reading.findings.extend(drift.settle(drifted, |at| humanize::clock(at, now, &self.scene.place.zone)));
            Ok(reading.with(Detail::Tasks(Box::new(Together::of(drift)))))
        })
    }
}

impl CrontabsProbe {
    /// The lines of which nothing is expected, because the configuration names others, and the rest.
    fn split<'a>(&self, found: &'a Crontabs) -> (Vec<&'a Entry>, Vec<&'a Entry>) {
        let lines = found.entries.iter().filter(|line| line.part_of.is_none() && !line.leaves_to_anacron);
        let is_claimed = |line: &Entry| self.config.tasks.iter().any(|task| expected::claims(task, line));
        lines.partition(|line| self.config.unnamed == Unnamed::Extra && !is_claimed(line))
    }

    /// Whether the configuration says which lines there should be.
    fn names_lines(&self) -> bool {
        self.config.tasks.iter().any(|task| task.source == TaskSource::Cron && task.export.is_none())
    }
}

fn lines(found: &Crontabs) -> Set {
    found.entries.iter().map(|entry| (entry.id.clone(), Some(entry.installed()))).collect()
}

/// What there is to say of the lines; how they go is asked of those that are `expected` alone.
fn reading(found: &Crontabs, expected: &[&Entry], daemon: Option<bool>) -> Reading {
    let count = found.entries.iter().filter(|entry| entry.part_of.is_none()).count();
    let blind = expected.iter().filter(|entry| entry.wrapped_as.is_none()).count();
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
        Sample::count("lines", count as f64),
        Sample::count("broken", broken.len() as f64),
        Sample::count("unrecorded", blind as f64),
    ];
    let odd = found.entries.iter().filter(|entry| entry.mark.is_none() && entry.part_of.is_none()).flat_map(|entry| {
        let oddities = entry.schedule.as_ref().map_or(&[][..], |schedule| &schedule.oddities);
        oddities.iter().map(|odd| Finding::new(Status::Warning, "lines", format!("{}: {odd}", entry.place())))
    });
    let mut findings: Vec<Finding> = broken.into_iter().chain(odd).collect();
    findings.extend(found.problems.iter().map(|problem| Finding::new(Status::Warning, "crontabs", problem.clone())));
    if daemon == Some(false) && !expected.is_empty() {
        let wait = if expected.len() == 1 { "waits" } else { "wait" };
        let lines = humanize::count(expected.len(), "line");
        let text = format!("no cron daemon seems to run, and {lines} {wait} for one");
        findings.push(Finding::new(Status::Warning, "daemon", text).advice("start cron, or take the lines out"));
    }
    if blind > 0 {
        let of = humanize::count(expected.len(), "line");
        let (leave, they) = if blind == 1 { ("leaves", "it") } else { ("leave", "they") };
        let text = format!("{blind} of {of} {leave} no evidence of how {they} went");
        let advice = "put `rounds exec --task ID --` before their commands";
        findings.push(Finding::new(Status::Unknown, "evidence", text).advice(advice));
    }
    Reading { samples, findings, ..Reading::default() }
}

/// A line that runs, and when.
type Live<'a> = (&'a Entry, &'a Schedule);

/// Lines that do the same: at the same times, or in two places of which nobody may know both.
fn doubles(found: &Crontabs) -> Vec<Finding> {
    let live: Vec<Live<'_>> = found
        .entries
        .iter()
        .filter(|entry| entry.mark.is_none() && entry.part_of.is_none())
        .filter_map(|entry| Some((entry, entry.schedule.as_ref().ok()?)))
        .collect();
    let mut by_work: BTreeMap<(&str, Option<&str>), Vec<Live<'_>>> = BTreeMap::new();
    for (entry, schedule) in live {
        by_work.entry((entry.command.as_str(), entry.input.as_deref())).or_default().push((entry, schedule));
    }
    let twice = by_work.into_values().filter(|all| {
        all.iter().skip(1).any(|(entry, schedule)| {
            let (first, its) = all[0];
            entry.origin != first.origin || entry.user != first.user || schedule.agrees_with(its)
        })
    });
    let finding = |all: Vec<Live<'_>>| {
        let places: Vec<String> =
            all.iter().map(|(entry, schedule)| format!("{} ({})", entry.place(), schedule.text)).collect();
        let command = all[0].0.shown();
        let text = format!("{} lines run the same, `{command}`: {}", all.len(), places.join("; "));
        Finding::new(Status::Warning, "twice", text).advice("take out the one that is not meant")
    };
    twice.map(finding).collect()
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

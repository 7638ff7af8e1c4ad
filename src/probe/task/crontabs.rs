//! The crontabs as a whole: lines that cannot run, lines that leave no evidence, lines that came,
//! went, or are others now, two that do the same, and whether anything runs them.

use std::collections::BTreeMap;
use std::path::Path;

use super::sight::Scene;
use super::{Blocking, BoxFuture, Probe, ProbeError, Reading};
use crate::domain::finding::Finding;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::schedule::Schedule;
use crate::domain::status::Status;
use crate::domain::time::Timestamp;
use crate::scheduler::crontab::{Crontabs, Entry};

/// Reads the crontabs as a whole.
#[derive(Debug)]
pub(super) struct CrontabsProbe {
    scene: Scene,
    /// The lines there were when the program started, by id.
    at_start: BTreeMap<String, Line>,
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

/// What is looked at of a line to see whether it is still the same.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    place: String,
    when: String,
    user: String,
    command: String,
}

impl Line {
    fn of(entry: &Entry) -> Self {
        let when = entry.schedule.as_ref().map_or_else(ToString::to_string, |schedule| schedule.text.clone());
        Self { place: entry.place(), when, user: entry.user.clone(), command: entry.shown() }
    }

    /// What differs from what it was; nothing where only its place does.
    fn differs(&self, was: &Self) -> Option<String> {
        let pairs =
            [("due", &self.when, &was.when), ("user", &self.user, &was.user), ("command", &self.command, &was.command)];
        let differences = pairs.iter().filter(|(_, now, was)| now != was);
        let told: Vec<String> = differences.map(|(what, now, was)| format!("{what} `{now}`, was `{was}`")).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }
}

fn lines(found: &Crontabs) -> BTreeMap<String, Line> {
    found.entries.iter().map(|entry| (entry.id.clone(), Line::of(entry))).collect()
}

fn reading(found: &Crontabs, daemon: Option<bool>, at_start: &BTreeMap<String, Line>) -> Reading {
    let count = found.entries.iter().filter(|entry| entry.part_of.is_none()).count();
    let blind = |entry: &&Entry| entry.wrapped_as.is_none() && entry.part_of.is_none() && !entry.leaves_to_anacron;
    let blind = found.entries.iter().filter(blind).count();
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
    if daemon == Some(false) && count > 0 {
        let text = format!("no cron daemon seems to run, and {} wait for one", humanize::count(count, "line"));
        findings.push(Finding::new(Status::Warning, "daemon", text).advice("start cron, or take the lines out"));
    }
    if blind > 0 {
        let text = format!("{blind} of {} leave no evidence of how they went", humanize::count(count, "line"));
        let advice = "put `rounds exec --task ID --` before their commands";
        findings.push(Finding::new(Status::Unknown, "evidence", text).advice(advice));
    }
    findings.extend(doubles(found));
    findings.extend(changes(&lines(found), at_start));
    Reading { samples, findings, ..Reading::default() }
}

/// What came, went, and became another since the start.
fn changes(now: &BTreeMap<String, Line>, at_start: &BTreeMap<String, Line>) -> Vec<Finding> {
    let only_in = |one: &BTreeMap<String, Line>, other: &BTreeMap<String, Line>| -> Vec<String> {
        let only = one.iter().filter(|(id, _)| !other.contains_key(*id));
        only.map(|(id, line)| format!("{id} ({})", line.place)).collect()
    };
    let (gone, new) = (only_in(at_start, now), only_in(now, at_start));
    let edited = now.iter().filter_map(|(id, line)| {
        let how = line.differs(at_start.get(id)?)?;
        Some(format!("{id} ({}): {how}", line.place))
    });
    let told = |names: &[String], what: &str| {
        let text = format!("{what} since this program started: {}", names.join("; "));
        (!names.is_empty()).then(|| Finding::new(Status::Warning, "changes", text))
    };
    let new = told(&new, "new in the crontabs").map(|finding| finding.advice("start the program again to watch them"));
    let edited = told(&edited.collect::<Vec<_>>(), "edited in the crontabs");
    told(&gone, "gone from the crontabs").into_iter().chain(edited).chain(new).collect()
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

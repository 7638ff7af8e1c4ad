//! Which tasks there are, and what is expected of each: the configuration held against the
//! crontabs.

use std::collections::BTreeSet;
use std::time::Duration;

use super::sight::Scene;
use crate::config::Config;
use crate::config::spec::{TaskSource, TaskSpec, Unnamed};
use crate::domain::drift::{CONFIGURATION, Drift, Installed, Set};
use crate::domain::finding::Finding;
use crate::domain::schedule::Schedule;
use crate::domain::status::Status;
use crate::domain::task::{Source, TaskPolicy};
use crate::scheduler::crontab::{Crontabs, Entry, Parts};

/// How long after its instant the run of a task that nobody configured may begin.
pub(super) const GRACE: Duration = Duration::from_mins(2);

/// A task that should run.
#[derive(Clone, Debug)]
pub(super) enum Expected {
    Configured(Box<TaskSpec>),
    /// A line of a crontab, as it was last seen.
    Found {
        id: String,
        line: Box<Entry>,
        /// The configuration says which tasks there should be, and does not name it.
        extra: bool,
    },
}

/// The configured tasks, and those of the crontabs that no configured one stands for.
pub(super) fn all(config: &Config, crontabs: &Crontabs) -> Vec<Expected> {
    let mut all: Vec<Expected> = config
        .tasks
        .iter()
        .filter(|task| !task.source.is_told() && !task.source.is_proven())
        .map(|task| Expected::Configured(Box::new(task.clone())))
        .collect();
    if config.unnamed != Unnamed::Ignored {
        let extra = config.unnamed == Unnamed::Extra;
        let taken: BTreeSet<&str> = config.tasks.iter().map(|task| task.id.as_str()).chain(["cron"]).collect();
        // What anacron has in its place is a task of anacron.
        let own = crontabs.entries.iter().filter(|line| !line.leaves_to_anacron);
        let unclaimed = own.filter(|line| !config.tasks.iter().any(|task| claims(task, line)));
        all.extend(unclaimed.map(|line| {
            let id = if taken.contains(line.id.as_str()) { format!("{}-line", line.id) } else { line.id.clone() };
            Expected::Found { id, line: Box::new(line.clone()), extra }
        }));
    }
    all
}

/// Whether a configured task is about this line.
pub(super) fn claims(task: &TaskSpec, line: &Entry) -> bool {
    if task.export.is_some() {
        // It is about a crontab of another machine.
        return false;
    }
    stands_for(task, line)
}

/// Whether a line is what a configured task names, in whichever crontab.
fn stands_for(task: &TaskSpec, line: &Entry) -> bool {
    let wrapped = line.wrapped_as.as_ref() == Some(&task.id);
    wrapped || task.source == TaskSource::Cron && task.matches.as_ref().is_some_and(|text| line.command.contains(text))
}

impl Expected {
    pub(super) fn id(&self) -> &str {
        match self {
            Expected::Configured(spec) => &spec.id,
            Expected::Found { id, .. } => id,
        }
    }

    pub(super) fn spec(&self) -> Option<&TaskSpec> {
        match self {
            Expected::Configured(spec) => Some(spec),
            Expected::Found { .. } => None,
        }
    }

    pub(super) fn is_extra(&self) -> bool {
        matches!(self, Expected::Found { extra: true, .. })
    }

    /// Whether a crontab is where it stands.
    pub(super) fn is_of_crontabs(&self) -> bool {
        self.spec().is_none_or(|spec| spec.source == TaskSource::Cron)
    }

    /// Whether nothing will ever record how it went.
    pub(super) fn is_blind(&self) -> bool {
        matches!(self, Expected::Found { line, .. } if line.wrapped_as.is_none())
    }

    /// Its lines, as the crontabs have them now. What names a folder means the line that runs it, and
    /// not each of its scripts.
    fn lines<'a>(&'a self, crontabs: &'a Crontabs) -> impl Iterator<Item = &'a Entry> {
        let is_it = move |line: &&Entry| match self {
            Expected::Configured(spec) => spec.source == TaskSource::Cron && stands_for(spec, line),
            Expected::Found { line: known, .. } => known.id == line.id,
        };
        let has_line = crontabs.entries.iter().any(|line| line.part_of.is_none() && is_it(&line));
        crontabs.entries.iter().filter(is_it).filter(move |line| line.part_of.is_none() || !has_line)
    }

    pub(super) fn line<'a>(&'a self, crontabs: &'a Crontabs) -> Option<&'a Entry> {
        self.lines(crontabs).next()
    }

    /// Takes a found line as it is now.
    pub(super) fn refresh(&mut self, crontabs: &Crontabs) {
        let now = self.line(crontabs).cloned();
        if let (Expected::Found { line, .. }, Some(now)) = (self, now) {
            **line = now;
        }
    }

    /// The name its runs are recorded under.
    pub(super) fn recorded_as(&self, crontabs: &Crontabs) -> String {
        let wrapped = self.line(crontabs).and_then(|line| line.wrapped_as.clone());
        wrapped.unwrap_or_else(|| self.id().to_owned())
    }

    /// Why there may be records of it that are not ours: `rounds exec` leaves them with the user
    /// it runs as.
    pub(super) fn recorded_by_another(&self, crontabs: &Crontabs, scene: &Scene) -> Option<String> {
        let line = self.line(crontabs).filter(|line| line.user != scene.account.name)?;
        Some(format!(
            "it runs as user {}, and no run of it is recorded here; give `rounds exec` in {} the `--store` of this program",
            line.user,
            line.place()
        ))
    }

    /// What is installed of it: of a configured one all lines that are it, of a found one its line once that
    /// is gone. What else becomes of a found line is told of the crontabs.
    pub(super) fn drift(&self, crontabs: &Crontabs) -> Option<Drift> {
        match self {
            Expected::Configured(spec) if spec.source == TaskSource::Cron => {
                let lines = self.lines(crontabs).map(|line| (line.id.clone(), Some(line.installed())));
                Some(Drift::new(&spec.id, lines.chain([configuration(spec)]).collect(), None))
            }
            Expected::Found { line, .. } if self.line(crontabs).is_none() => {
                let drift = Drift::new(&line.id, Set::from([(line.id.clone(), None)]), None);
                Some(Drift { within: Some("cron"), ..drift })
            }
            _ => None,
        }
    }

    /// What is expected of it, what is wrong with the expectation itself, and what of that somebody may
    /// find right.
    pub(super) fn policy(&self, crontabs: &Crontabs, scene: &Scene) -> (TaskPolicy, Vec<Finding>, Vec<Finding>) {
        let line = self.line(crontabs);
        let mut policy = TaskPolicy {
            id: self.id().to_owned(),
            source: Source::Cron,
            zone: scene.place.zone.clone(),
            grace: GRACE,
            runnable: line.is_some_and(|line| line.by_hand(&scene.account).is_ok()),
            blind: line.filter(|line| line.wrapped_as.is_none()).map(|line| self.why_blind(line)),
            extra: self.is_extra(),
            ..TaskPolicy::default()
        };
        let (mut findings, mut drift) = (Vec::new(), Vec::new());
        match self {
            Expected::Configured(spec) => {
                policy.grace = spec.grace;
                policy.min_duration = spec.min_duration;
                policy.max_duration = spec.max_duration;
                policy.runnable |= spec.run.is_some();
                policy.schedule.clone_from(&spec.schedule);
                if spec.source == TaskSource::Exec {
                    policy.source = Source::Exec;
                } else {
                    drift.extend(self.lines_as_expected(spec, crontabs));
                }
            }
            Expected::Found { line: known, .. } => {
                policy.schedule = known.schedule.as_ref().ok().cloned();
                if line.is_none() {
                    let (status, text) = match known.part_of {
                        None => {
                            (Status::Critical, format!("its line is gone from the crontab; it was {}", known.place()))
                        }
                        Some(_) => (
                            Status::Warning,
                            format!("nothing runs `{}` any more; {} did", known.shown(), known.place()),
                        ),
                    };
                    drift.push(Finding::new(status, "line", text));
                }
            }
        }
        if let Some(line) = line {
            match &line.schedule {
                // What cron does is what can be expected; a difference has its own finding.
                Ok(schedule) => {
                    let odd = |odd| Finding::new(Status::Warning, "line", format!("{}: {odd}", line.place()));
                    let own = schedule.oddities.iter().filter(|_| line.part_of.is_none());
                    findings.extend(own.map(odd));
                    policy.schedule = Some(schedule.clone());
                }
                Err(_) if line.mark.is_some() => {}
                Err(error) => {
                    let text = format!("cron does not run it: {}, {error}", line.place());
                    findings.push(Finding::new(Status::Critical, "line", text));
                    // Without a schedule that runs, records are not what is missing.
                    policy.blind = None;
                }
            }
        }
        policy.grace += policy.schedule.as_ref().map_or_else(Duration::default, Schedule::spread);
        (policy, findings, drift)
    }

    fn why_blind(&self, line: &Entry) -> String {
        let id = self.id();
        if line.part_of.is_some() {
            let folder = id.split('/').next().unwrap_or(id);
            return format!(
                "nothing records how a single script went; put `rounds exec --task {folder} --` before the command in {}, which runs its folder",
                line.place()
            );
        }
        format!("cron records no result; put `rounds exec --task {id} --` before the command in {}", line.place())
    }

    /// What a configured cron task finds in the crontabs instead of its one line.
    fn lines_as_expected(&self, spec: &TaskSpec, crontabs: &Crontabs) -> Vec<Finding> {
        let lines: Vec<&Entry> = self.lines(crontabs).collect();
        let Some(first) = lines.first() else {
            let text = format!(
                "its line is gone from the crontab: none contains `{}`",
                spec.matches.as_deref().unwrap_or(&spec.id)
            );
            let advice = "put the line back, or take the task out of the configuration";
            return vec![Finding::new(Status::Critical, "line", text).advice(advice)];
        };
        let mut findings = Vec::new();
        if lines.len() > 1 {
            let places: Vec<String> = lines.iter().map(|line| line.place()).collect();
            let text = format!(
                "{} lines of the crontabs are it: {}; only the first is watched",
                lines.len(),
                places.join("; ")
            );
            findings.push(Finding::new(Status::Warning, "line", text));
        }
        if let (Some(wanted), Ok(actual)) = (&spec.schedule, &first.schedule)
            && !wanted.agrees_with(actual)
        {
            let text = format!(
                "the crontab says {}, the configuration {} ({})",
                in_words(actual),
                in_words(wanted),
                first.place()
            );
            findings.push(Finding::new(Status::Warning, "drift", text));
        }
        findings
    }
}

/// What the configuration says of a task, as part of what is found right.
pub(super) fn configuration(spec: &TaskSpec) -> (String, Option<Installed>) {
    let when = spec.schedule.as_ref().map_or_else(String::new, |schedule| schedule.text.clone());
    let installed = Installed { when, command: spec.matches.clone().unwrap_or_default(), ..Installed::default() };
    (CONFIGURATION.to_owned(), Some(installed))
}

/// The scripts of a folder that look as if they ran, and do not.
pub(super) fn passed_over(parts: &Parts) -> Option<Finding> {
    let text = format!("in {} run-parts passes over {}", parts.folder, parts.passed_over.join("; "));
    (!parts.passed_over.is_empty()).then(|| Finding::new(Status::Warning, "scripts", text))
}

/// `0 2 * * * (daily at 02:00, Europe/London)`
fn in_words(schedule: &Schedule) -> String {
    format!("`{}` ({}, {})", schedule.text, schedule.describe(), schedule.zone.name())
}

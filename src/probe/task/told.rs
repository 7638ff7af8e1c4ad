//! Tasks whose scheduler tells of them itself: here, or in a file that another machine wrote.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::TimeDelta;

use super::drifting;
use super::expected::configuration;
use super::named::Named;
use super::sight::Scene;
use super::{Blocking, BoxFuture, Probe, ProbeError, RUNS, Reading};
use crate::config::spec::TaskSpec;
use crate::domain::drift::{Drift, Installed, Set};
use crate::domain::finding::Finding;
use crate::domain::hold::{Held, Hold};
use crate::domain::humanize;
use crate::domain::inventory::TaskCard;
use crate::domain::observation::Detail;
use crate::domain::sample::Sample;
use crate::domain::status::Status;
use crate::domain::task::{NOTHING_EXPECTED, Source, TaskFacts, TaskPolicy, TaskRun, Together, of_extra};
use crate::domain::time::{Timestamp, seconds_between, span};
use crate::ledger::Ledger;
use crate::scheduler::cron_log::Calendar;
use crate::scheduler::source::{Listed, SourceKind};

/// What another machine wrote is believed for so long.
const FRESH: TimeDelta = TimeDelta::hours(26);
/// So many runs are looked at: a week of what is due every hour.
const KEPT: usize = 200;
/// More than this is no export.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// Reads what a scheduler tells of one task.
#[derive(Debug)]
pub(super) struct ToldProbe {
    id: String,
    kind: &'static SourceKind,
    /// What its scheduler calls it.
    name: String,
    spec: Option<TaskSpec>,
    card: Option<TaskCard>,
    /// The configuration says which tasks there should be, and does not name it.
    extra: bool,
    scene: Scene,
    ledger: Arc<dyn Ledger>,
    blocking: Blocking,
    /// The runs it was seen to have, newest first: a scheduler tells of the last alone.
    seen: Vec<TaskRun>,
}

impl ToldProbe {
    pub(super) fn new(one: Named, extra: bool, scene: Scene, ledger: Arc<dyn Ledger>) -> Self {
        let Named { id, kind, name, spec, card } = one;
        Self { id, kind, name, spec, card, extra, scene, ledger, blocking: Blocking::new(), seen: Vec::new() }
    }

    /// What is known, and what is wrong with it.
    fn facts(&mut self, listed: &Listed, as_of: Option<Timestamp>, recorded: &[TaskRun]) -> TaskFacts {
        let told = listed.runs(&self.id);
        self.seen.retain(|seen| told.iter().all(|run| run.id != seen.id && run.started_at != seen.started_at));
        self.seen.extend(told);
        self.seen.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
        self.seen.truncate(KEPT);
        let mut policy = TaskPolicy {
            id: self.id.clone(),
            source: match self.kind.name {
                "systemd" => Source::Systemd,
                "anacron" => Source::Cron,
                _ => Source::Schtasks,
            },
            zone: self.scene.place.zone.clone(),
            grace: super::expected::GRACE,
            extra: self.extra,
            scheduler: (self.kind.name == "anacron").then_some("anacron"),
            known_by_end: self.kind.name == "anacron",
            runnable: as_of.is_none() || self.spec.as_ref().is_some_and(|spec| spec.run.is_some()),
            ..TaskPolicy::default()
        };
        if let Some(spec) = &self.spec {
            policy.grace = spec.grace;
            policy.min_duration = spec.min_duration;
            policy.max_duration = spec.max_duration;
        }
        // What `rounds exec` recorded of a run says more than its scheduler. But whoever only told that to
        // start it knows nothing of what came after.
        let near = |a: &TaskRun, b: &TaskRun| (a.started_at - b.started_at).abs() <= TimeDelta::seconds(10);
        let again = |seen: &TaskRun, own: &TaskRun| near(seen, own) && !outlasts(seen, own);
        let over = |seen: &TaskRun, own: &TaskRun| near(seen, own) && outlasts(seen, own);
        let seen = self.seen.iter().filter(|seen| !recorded.iter().any(|own| again(seen, own)));
        let own = recorded.iter().filter(|own| !self.seen.iter().any(|seen| over(seen, own)));
        let mut runs: Vec<TaskRun> = seen.chain(own).cloned().collect();
        runs.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
        if let Some(newest) = runs.first().filter(|run| run.untold) {
            let words = newest.tail.lines().last().filter(|words| !words.is_empty());
            policy.blind = Some(words.unwrap_or("how it ended is not told").to_owned());
        }
        let mut facts = TaskFacts::new(Arc::new(policy), runs, None);
        facts.starts_known = true;
        let mut told = listed.told.clone();
        told.as_of = as_of;
        facts.told = Some(told);
        facts.handle = if as_of.is_none() { listed.handle(self.kind).map(Box::new) } else { None };
        facts
    }

    /// What is installed of it, and what of that is to be told.
    async fn settled(
        &self,
        installed: Option<Installed>,
        drifted: Vec<Finding>,
        now: Timestamp,
    ) -> Result<(Vec<Finding>, Drift), ProbeError> {
        // One that nobody configured is known by its own name where all are told of.
        let (scope, within) = match &self.spec {
            None if self.kind.together.is_some() => (self.name.as_str(), Some(self.kind.name)),
            _ => (self.id.as_str(), None),
        };
        let set = Set::from([(self.name.clone(), installed)]).into_iter().chain(self.spec.as_ref().map(configuration));
        let mut drift = Drift { within, ..Drift::new(scope, set.collect(), None) };
        let told = drifting::settled(&mut drift, drifted, &self.scene, &*self.ledger, false, now).await?;
        Ok((told, drift))
    }

    /// What is not as the configuration has it, and may be right all the same.
    fn drifted(&self, listed: &Listed, as_of: Option<Timestamp>, now: Timestamp) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let (Some(why), Some(_)) = (&listed.told.disabled, &self.spec) {
            let text = format!("{why}: it does not run");
            findings.push(Finding::new(Status::Warning, "disabled", text));
        }
        let schedule = self.spec.as_ref().and_then(|spec| spec.schedule.as_ref());
        let reckoned = schedule.and_then(|schedule| Some((schedule, schedule.next(as_of.unwrap_or(now))?)));
        if let (Some((schedule, wanted)), Some(next), None) = (reckoned, listed.told.next, &listed.told.disabled)
            && (next - wanted).abs() > span(listed.told.delay) + TimeDelta::minutes(2)
        {
            let zone = &self.scene.place.zone;
            let text = format!(
                "{} starts it next at {}, and by the configuration (`{}`) it is due at {}",
                self.kind.name,
                humanize::clock(next, now, zone),
                schedule.text,
                humanize::clock(wanted, now, zone)
            );
            findings.push(Finding::new(Status::Warning, "drift", text));
        }
        findings
    }
}

impl Probe for ToldProbe {
    fn card(&self) -> Option<TaskCard> {
        self.card.clone()
    }

    fn read(&mut self, now: Timestamp) -> BoxFuture<'_, Result<Reading, ProbeError>> {
        Box::pin(async move {
            let (scene, kind) = (self.scene.clone(), self.kind);
            let export = self.spec.as_ref().and_then(|spec| spec.export.clone());
            let listed = self.blocking.run(move || match export {
                Some(path) => exported(&path, kind, &Calendar { zone: scene.place.zone, now })
                    .map(|(listed, at)| (Arc::from(listed), Some(at)))
                    .map_err(|why| format!("{}: {why}", path.display())),
                None => scene.listed(kind, now).map(|listed| (listed, None)),
            });
            let (all, as_of) = listed.await?.map_err(ProbeError::Unreachable)?;
            let Some(listed) = all.iter().find(|one| one.is_called(&self.name)) else {
                let text = format!("{} has none called `{}`", kind.name, self.name);
                let near = all.iter().map(|one| (strsim::jaro_winkler(&one.name, &self.name), &one.name));
                let near = near.filter(|(near, _)| *near > 0.8).max_by(|a, b| a.0.total_cmp(&b.0));
                let advice = near.map_or_else(|| "it was removed".to_owned(), |(_, name)| format!("`{name}` is near"));
                let finding = Finding::new(Status::Critical, "line", text).advice(advice);
                let (findings, drift) = self.settled(None, vec![finding], now).await?;
                return Ok(
                    Reading { findings, ..Reading::default() }.with(Detail::Tasks(Box::new(Together::of(drift))))
                );
            };
            let recorded = self.ledger.runs(&self.id, RUNS).await;
            let recorded = recorded.map_err(|error| ProbeError::Unreachable(error.to_string()))?;
            let freezes = self.ledger.freezes(&self.id).await;
            let freezes = freezes.map_err(|error| ProbeError::Unreachable(error.to_string()))?;
            let facts = self.facts(listed, as_of, &recorded);
            // A timer that is stopped says nothing of who stopped it; our own record does.
            let open = freezes.iter().find(|freeze| freeze.thawed_at.is_none());
            let held = open.filter(|_| listed.told.disabled.is_some() && as_of.is_none()).map(|freeze| Held {
                hold: Hold::Frozen,
                until: Some(freeze.until),
                by: Some(super::line::by(freeze)),
            });
            let is_held = held.is_some();
            let mut facts = facts.held(freezes, held, None, now);
            let mut findings = if is_held { Vec::new() } else { findings(listed, as_of, now) };
            if self.spec.is_some() {
                let mut installed = listed.installed();
                // Who froze it has said why.
                installed.disabled &= !is_held;
                let drifted = if is_held { Vec::new() } else { self.drifted(listed, as_of, now) };
                let (drifted, drift) = self.settled(Some(installed), drifted, now).await?;
                findings.extend(drifted);
                facts.drift = Some(Box::new(drift));
            }
            let scripts = listed.parts.as_ref().map(|parts| Sample::text("scripts", parts.scripts.join(", ")));
            let samples = scripts.into_iter().collect();
            if self.extra {
                findings = findings.into_iter().map(of_extra).collect();
                findings.push(Finding::new(Status::Ok, "configuration", NOTHING_EXPECTED));
            }
            Ok(Reading { samples, detail: Detail::task(facts), findings, ..Reading::default() })
        })
    }
}

/// Whether a run as its scheduler tells of it went on after our own record of it was closed.
fn outlasts(seen: &TaskRun, own: &TaskRun) -> bool {
    match (&seen.ended, &own.ended) {
        (None, Some(_)) => seen.alive,
        (Some(seen), Some(own)) => seen.at - own.at > TimeDelta::seconds(2),
        _ => false,
    }
}

/// What is wrong with it, whatever the configuration says.
fn findings(listed: &Listed, as_of: Option<Timestamp>, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    if listed.spent && as_of.is_none() {
        let text = format!("{} is active, and none of its times is still to come", listed.name);
        findings.push(Finding::new(Status::Warning, "spent", text).advice("mend its OnCalendar, or disable it"));
    }
    if let Some(as_of) = as_of.filter(|as_of| now - *as_of > FRESH) {
        let ago = humanize::seconds(seconds_between(as_of, now));
        let text = format!("the export was written {ago} ago, and nothing newer is known");
        findings.push(Finding::new(Status::Unknown, "export", text).advice("export it again, every day"));
    }
    if listed.missed > 0 && listed.told.disabled.is_none() {
        let runs = humanize::count(usize::try_from(listed.missed).unwrap_or(usize::MAX), "run");
        let text =
            format!("{runs} missed since the last one, as its scheduler counts: the machine was not ready for it");
        findings.push(Finding::new(Status::Warning, "missed", text));
    }
    findings.extend(listed.parts.as_ref().and_then(super::expected::passed_over));
    findings
}

/// What a file says, and when it was written.
fn exported(path: &PathBuf, kind: &SourceKind, calendar: &Calendar) -> Result<(Vec<Listed>, Timestamp), String> {
    use std::io::Read as _;
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let at = file.metadata().and_then(|found| found.modified()).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    let at = Timestamp::from(at);
    let calendar = Calendar { now: at, ..calendar.clone() };
    Ok(((kind.parse)(&bytes, &calendar)?, at))
}

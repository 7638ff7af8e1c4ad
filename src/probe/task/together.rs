//! All tasks of a scheduler that tells of them: which came, went, or are others now, and which units of
//! systemd failed besides.

use std::sync::Arc;

use super::drifting::{self, All};
use super::named;
use super::sight::Scene;
use super::{Blocking, BoxFuture, Probe, ProbeError, Reading};
use crate::config::Config;
use crate::config::spec::Unnamed;
use crate::domain::action_name::ActionName;
use crate::domain::drift::Set;
use crate::domain::finding::Finding;
use crate::domain::humanize;
use crate::domain::observation::Detail;
use crate::domain::sample::Sample;
use crate::domain::status::Status;
use crate::domain::task::{Service, Together};
use crate::domain::time::Timestamp;
use crate::ledger::Ledger;
use crate::scheduler::source::{Listed, SourceKind};
use crate::scheduler::systemd::{self, Failed};

/// Reads everything that a scheduler has.
#[derive(Debug)]
pub(super) struct TogetherProbe {
    kind: &'static SourceKind,
    /// What its tasks are called: `the timers`.
    place: &'static str,
    scene: Scene,
    ledger: Arc<dyn Ledger>,
    /// The tasks there were at the first look.
    at_start: Option<Set>,
    config: Config,
    /// Why it did not tell its tasks when the program started.
    silence: Option<String>,
    blocking: Blocking,
}

impl TogetherProbe {
    pub(super) fn new(
        (kind, place): (&'static SourceKind, &'static str),
        scene: Scene,
        ledger: Arc<dyn Ledger>,
        config: &Config,
    ) -> Self {
        let (config, blocking) = (config.clone(), Blocking::new());
        Self { kind, place, scene, ledger, at_start: None, config, silence: None, blocking }
    }

    /// After a start at which its scheduler did not tell which tasks it has: so none of them is watched.
    pub(super) fn after(self, silence: Option<String>) -> Self {
        Self { silence, ..self }
    }

    /// Whether it is of those whose coming and going is told: what its manager forgets by itself, or came
    /// with the system, is not.
    fn is_lasting(&self, one: &Listed) -> bool {
        !one.fleeting && (!(self.kind.is_of_system)(&one.name) || named::is_claimed(&self.config, self.kind, one))
    }

    async fn installed(&self, listed: &[Listed]) -> Result<Set, ProbeError> {
        let mut set = Set::new();
        for one in listed.iter().filter(|one| self.is_lasting(one)) {
            let mut installed = one.installed();
            if installed.disabled {
                // Who froze it has said why.
                installed.disabled = !self.is_frozen(&one.name).await?;
            }
            set.insert(one.name.clone(), Some(installed));
        }
        Ok(set)
    }

    async fn is_frozen(&self, name: &str) -> Result<bool, ProbeError> {
        for id in named::ids(name) {
            let freezes = self.ledger.freezes(&id).await;
            let freezes = freezes.map_err(|error| ProbeError::Unreachable(error.to_string()))?;
            if freezes.iter().any(|freeze| freeze.thawed_at.is_none()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is installed and not named, where the configuration says which of them there should be.
    fn extra(&self, listed: &[Listed]) -> Option<Finding> {
        let some_are_named = self.config.tasks.iter().any(|spec| named::is_here(spec, self.kind));
        let names_some = self.config.unnamed == Unnamed::Extra && some_are_named;
        let unnamed = listed.iter().filter(|one| names_some && self.is_lasting(one));
        let unnamed = unnamed.filter(|one| !named::is_claimed(&self.config, self.kind, one));
        drifting::extra(self.place, unnamed.map(|one| &*one.name))
    }
}

impl Probe for TogetherProbe {
    fn read(&mut self, now: Timestamp) -> BoxFuture<'_, Result<Reading, ProbeError>> {
        Box::pin(async move {
            let (scene, kind) = (self.scene.clone(), self.kind);
            let look = move || {
                let listed = scene.listed(kind, now)?;
                let has_units = kind.name == systemd::SOURCE.name;
                let failed = has_units.then(|| systemd::failed(scene.ask, &scene.place.root, &listed, now));
                Ok::<_, String>((failed.transpose()?, listed))
            };
            let (failed, listed) = self.blocking.run(look).await?.map_err(ProbeError::Unreachable)?;
            let mut reading = Reading::default();
            reading.samples.push(Sample::count(if failed.is_some() { "timers" } else { "tasks" }, listed.len() as f64));
            reading.samples.extend(failed.as_ref().map(|failed| Sample::count("failed", failed.len() as f64)));
            reading.findings.extend(failed.iter().flatten().map(about));
            reading.findings.extend(self.silence.as_ref().map(|why| {
                let text = format!("{} did not tell its tasks when this program started: {why}", self.kind.name);
                Finding::new(Status::Unknown, "start", text).advice("start it again to watch them")
            }));
            reading.findings.extend(listed.iter().find_map(|one| one.forgetful.as_deref()).map(forgetful));

            let installed = self.installed(&listed).await?;
            let at_start = self.at_start.get_or_insert_with(|| installed.clone());
            let known = (&self.scene, &*self.ledger, now);
            let All { mut drift, changes } =
                drifting::all(self.kind.name, self.place, installed, at_start, known).await?;
            let drifted = self.extra(&listed).into_iter().chain(changes).collect();
            let clock = |at| humanize::clock(at, now, &self.scene.place.zone);
            reading.findings.extend(drift.settle(drifted, clock));
            let failed: Vec<Service> = failed.into_iter().flatten().map(|unit| unit.service).collect();
            let unwatched = self.silence.is_some();
            Ok(reading.with(Detail::Tasks(Box::new(Together { drift, failed, unwatched }))))
        })
    }
}

fn about(unit: &Failed) -> Finding {
    let advice = format!("look at `{}`", unit.look);
    let finding = Finding::new(Status::Warning, "units", unit.text.clone()).advice(advice);
    let finding = finding.mend(ActionName::RESTART_TASK);
    unit.since.map_or(finding.clone(), |since| finding.since(since))
}

fn forgetful(why: &str) -> Finding {
    let (why, mend) = why.split_once("; ").unwrap_or((why, ""));
    let text = format!("what timers ran before the last time, and what they printed, is unknown: {why}");
    Finding::new(Status::Unknown, "journal", text).advice(mend)
}

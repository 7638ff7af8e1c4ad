//! Tasks of which a line of a crontab or the configuration tells when they are due, and the records of
//! `rounds exec` or cron's log what they did.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::drifting;
use super::expected::{self, Expected};
use super::heard::Heard;
use super::sight::Scene;
use super::{BoxFuture, Probe, RUNS, RUNS_AT_FIRST};
use crate::config::Config;
use crate::domain::finding::Finding;
use crate::domain::hold::{Freeze, Held, Mark};
use crate::domain::inventory::{Repeat, TaskCard};
use crate::domain::observation::{Detail, ProbeError, Reading};
use crate::domain::sample::Sample;
use crate::domain::status::Status;
use crate::domain::task::{NOTHING_EXPECTED, TaskFacts, TaskRun, of_extra};
use crate::domain::time::Timestamp;
use crate::ledger::Ledger;
use crate::scheduler::crontab::Crontabs;

/// Reads what is known of one task.
#[derive(Debug)]
pub(super) struct LineProbe {
    expected: Expected,
    scene: Scene,
    ledger: Arc<dyn Ledger>,
    spool: PathBuf,
    /// The files that name the task: it is no younger than the last change of them.
    configuration: Vec<PathBuf>,
    first_read: Option<Timestamp>,
    card: Option<TaskCard>,
}

impl LineProbe {
    pub(super) fn new(
        expected: Expected,
        scene: &Scene,
        ledger: Arc<dyn Ledger>,
        spool: &Path,
        config: &Config,
    ) -> Self {
        let export = expected.spec().and_then(|spec| spec.export.as_deref());
        let scene = export.map_or_else(|| scene.clone(), |export| scene.exported(export));
        let (spool, configuration) = (spool.to_owned(), config.files.clone());
        Self { expected, scene, ledger, spool, configuration, first_read: None, card: None }
    }

    /// With how it is started by hand: as its line says, where the configuration does not.
    pub(super) fn found_in(mut self, crontabs: &Crontabs) -> Self {
        let spec = self.expected.spec();
        let says_itself = spec.is_some_and(|spec| spec.run.is_some() || spec.export.is_some());
        let repeat = spec.map_or(Repeat::default(), |spec| spec.repeat);
        let line = self.expected.line(crontabs).filter(|_| !says_itself);
        let run = line.map(|line| line.by_hand(&self.scene.account));
        self.card = run.map(|run| TaskCard { id: self.expected.id().to_owned(), run, repeat });
        self
    }
}

impl Probe for LineProbe {
    fn card(&self) -> Option<TaskCard> {
        self.card.clone()
    }

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
            let blind = line.filter(|line| policy.blind.is_some() && Heard::tells_of(line));
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
            if self.expected.is_extra() {
                findings = findings.into_iter().map(of_extra).collect();
                findings.push(Finding::new(Status::Ok, "configuration", NOTHING_EXPECTED));
            }
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
pub(super) fn by(freeze: &Freeze) -> String {
    format!("{}: {}", freeze.operator, freeze.reason)
}

/// The runs of the store and of the spool, newest first. What both have is newer in the spool:
/// a run is imported before it ends, and removed from the spool after.
pub(super) fn merged(recorded: Vec<TaskRun>, spooled: &[TaskRun], key: &str) -> Vec<TaskRun> {
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
pub(super) fn known_since(runs: &[TaskRun], written_at: Option<Timestamp>, first_read: Timestamp) -> Timestamp {
    let oldest = runs.last().map(|run| run.started_at);
    let known = written_at.or(oldest).map_or(first_read, |at| at.min(first_read));
    match oldest {
        Some(oldest) if runs.len() >= RUNS_AT_FIRST => known.max(oldest),
        _ => known,
    }
}

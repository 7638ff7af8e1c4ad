//! Tasks whose work proves itself: a file, a line of a log or a row says that they ran. When that
//! was is told by them, and nothing else: not how long it took, nor with which exit code it ended.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use tokio::runtime::Handle;

use super::line::{known_since, merged};
use super::sight::Scene;
use super::{Blocking, BoxFuture, Probe, ProbeError, RUNS, Reading};
use crate::config::Config;
use crate::config::spec::{ProofSpec, TaskSpec};
use crate::database::{Database, Engine};
use crate::domain::backup::StampPattern;
use crate::domain::finding::Finding;
use crate::domain::humanize;
use crate::domain::observation::Detail;
use crate::domain::sanitize;
use crate::domain::status::Status;
use crate::domain::task::{EndKind, RunEnd, TaskFacts, TaskPolicy, TaskRun};
use crate::domain::time::{Timestamp, Zone, seconds_between, written};
use crate::ledger::Ledger;
use crate::probe::file::walk::Walk;
use crate::scheduler::cron_log::{Calendar, LogTail};
use crate::scheduler::proof_log::ProofLog;

/// Clocks of file servers and databases differ from ours by a little.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(1);
/// A run that was recorded proves itself as long before its start, and after its end.
const NEAR: TimeDelta = TimeDelta::minutes(1);

/// Where the proof is looked for.
#[derive(Debug)]
enum Witness {
    Files(String),
    Stamped(StampPattern),
    Log(Arc<Mutex<LogTail<ProofLog>>>),
    Row { database: Arc<dyn Database>, blocks: bool, query: String },
}

/// What was found.
#[derive(Debug, Default)]
struct Found {
    /// When, and what says so.
    proofs: Vec<(Timestamp, String)>,
    /// Since when none was missed, where that is known.
    since: Option<Timestamp>,
    findings: Vec<Finding>,
}

/// Reads what proves the runs of one task.
#[derive(Debug)]
pub(super) struct ProofProbe {
    spec: TaskSpec,
    witness: Witness,
    zone: Zone,
    scene: Scene,
    ledger: Arc<dyn Ledger>,
    spool: PathBuf,
    configuration: Vec<PathBuf>,
    blocking: Blocking,
    /// What was proven, newest first: a file that is written over tells of its last time alone.
    seen: Vec<TaskRun>,
    first_read: Option<Timestamp>,
}

impl ProofProbe {
    /// `None` for a task that is known otherwise.
    pub(super) fn new(
        spec: &TaskSpec,
        config: &Config,
        scene: &Scene,
        ledger: &Arc<dyn Ledger>,
        spool: PathBuf,
    ) -> Option<Self> {
        let zone = spec.schedule.as_ref().map_or(&config.zone, |schedule| &schedule.zone).clone();
        let witness = match spec.proof.clone()? {
            ProofSpec::Files(pattern) => Witness::Files(pattern),
            ProofSpec::Stamped(pattern) => Witness::Stamped(pattern),
            ProofSpec::Log { path, pattern } => {
                Witness::Log(Arc::new(Mutex::new(LogTail::of(path, ProofLog::new(pattern)))))
            }
            ProofSpec::Row { database, query } => {
                let of = config.databases.iter().find(|known| known.id == database)?;
                let engine = Engine::of(of);
                Witness::Row { database: (engine.open)(of), blocks: engine.blocks, query }
            }
        };
        Some(Self {
            spec: spec.clone(),
            witness,
            zone,
            scene: scene.clone(),
            ledger: Arc::clone(ledger),
            spool,
            configuration: config.files.clone(),
            blocking: Blocking::new(),
            seen: Vec::new(),
            first_read: None,
        })
    }

    async fn look(&mut self, now: Timestamp) -> Result<Found, ProbeError> {
        let calendar = Calendar { zone: self.zone.clone(), now };
        match &self.witness {
            Witness::Files(pattern) => {
                let pattern = pattern.clone();
                self.blocking.run(move || files(&pattern, now)).await?
            }
            Witness::Stamped(pattern) => {
                let pattern = pattern.clone();
                self.blocking.run(move || stamped(&pattern, now)).await?
            }
            Witness::Log(tail) => {
                let tail = Arc::clone(tail);
                self.blocking.run(move || lines(&tail, &calendar)).await?
            }
            Witness::Row { database, blocks, query } => {
                let (database, query) = (Arc::clone(database), query.clone());
                let answer = if *blocks {
                    let runtime = Handle::current();
                    self.blocking.run(move || runtime.block_on(database.first_value(&query))).await?
                } else {
                    database.first_value(&query).await
                };
                row(answer?.as_deref(), &calendar)
            }
        }
    }

    /// What ran, newest first: each proof, with what was recorded of it, and what was recorded of
    /// runs that came to nothing.
    fn runs(&mut self, proofs: Vec<(Timestamp, String)>, recorded: &[TaskRun]) -> Vec<TaskRun> {
        for (at, what) in proofs {
            if self.seen.iter().all(|known| known.started_at != at) {
                self.seen.push(proven(&self.spec.id, at, what));
            }
        }
        sort(&mut self.seen);
        let ended = |run: &TaskRun| run.ended.as_ref().map_or(run.started_at, |end| end.at);
        let told_of = |at: Timestamp, run: &&TaskRun| at >= run.started_at - NEAR && at <= ended(run) + NEAR;
        let well = |run: &&TaskRun| run.succeeded_after().is_some();
        let mut runs: Vec<TaskRun> = recorded.iter().filter(|run| !well(run)).cloned().collect();
        for one in &self.seen {
            let record = recorded.iter().filter(well).find(|run| told_of(one.started_at, run));
            if record.is_none_or(|record| runs.iter().all(|run| run.id != record.id)) {
                runs.push(record.unwrap_or(one).clone());
            }
        }
        sort(&mut runs);
        runs
    }

    fn policy(&self) -> TaskPolicy {
        let spec = &self.spec;
        let spread = spec.schedule.as_ref().map(crate::domain::schedule::Schedule::spread);
        TaskPolicy {
            id: spec.id.clone(),
            source: spec.source,
            schedule: spec.schedule.clone(),
            zone: self.scene.place.zone.clone(),
            grace: spec.grace + spread.unwrap_or_default(),
            runnable: spec.run.is_some(),
            ..TaskPolicy::default()
        }
    }
}

impl Probe for ProofProbe {
    fn read(&mut self, now: Timestamp) -> BoxFuture<'_, Result<Reading, ProbeError>> {
        Box::pin(async move {
            let is_first = self.first_read.is_none();
            let first_read = *self.first_read.get_or_insert(now);
            let Found { proofs, since, mut findings } = self.look(now).await?;
            let sight = self.scene.seen(now, &self.spool, &self.configuration).await?;
            findings.extend(sight.heartbeat(&self.spec.id, now, &self.scene.place.zone));
            let recorded = self.scene.runs(&*self.ledger, &self.spec.id, is_first).await?;
            let recorded = merged(recorded, sight.spooled(&self.spec.id), &self.spec.id);
            let runs = self.runs(proofs, &recorded);
            // Who was never proven to run is held to its schedule since it was written down.
            let written_at = sight.configured_at.filter(|_| runs.is_empty());
            let since = match since {
                Some(since) => written_at.map_or(since, |written| since.max(written)),
                None => known_since(&runs, written_at, first_read),
            };
            let mut facts = TaskFacts::new(Arc::new(self.policy()), runs, Some(since)).booted_at(sight.booted_at);
            facts.gaps.clone_from(&sight.gaps);
            facts.starts_known = true;
            Ok(Reading { detail: Detail::task(facts), findings, ..Reading::default() })
        })
    }
}

fn sort(runs: &mut Vec<TaskRun>) {
    runs.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
    runs.truncate(RUNS);
}

/// A run of which something else tells than itself.
fn proven(task: &str, at: Timestamp, what: String) -> TaskRun {
    TaskRun {
        id: format!("proof-{}", at.timestamp_micros()),
        task: task.to_owned(),
        started_at: at,
        ended: Some(RunEnd { at, took_s: f64::NAN, kind: EndKind::Proven, ..RunEnd::default() }),
        alive: false,
        tail: what,
        untold: false,
    }
}

/// Every file of a pattern, by when it was last written.
fn files(pattern: &str, now: Timestamp) -> Result<Found, ProbeError> {
    let mut proofs = Vec::new();
    let walked = Walk::new(pattern)?.run(|path, metadata| {
        let at = metadata.modified().map_or(Timestamp::UNIX_EPOCH, crate::probe::file::timestamp);
        proofs.push((at, crate::probe::file::shown(path)));
    })?;
    if let (true, Some(trouble)) = (proofs.is_empty(), walked.troubles.first()) {
        return Err(trouble.clone());
    }
    let unread = walked.troubles.iter().map(|trouble| Finding::new(Status::Unknown, "readable", trouble.to_string()));
    let mut found = Found { findings: unread.collect(), ..Found::default() };
    if let Some(place) = walked.missing.filter(|_| proofs.is_empty()) {
        let text = format!("{} does not exist", crate::probe::file::shown(&place));
        found.findings.push(Finding::new(Status::Warning, "files", text));
    }
    found.keep(proofs, now, &Zone::utc());
    Ok(found)
}

/// Every file of a pattern, by the time in its name. Where that is only a day, the time of that
/// day at which it was written.
fn stamped(pattern: &StampPattern, now: Timestamp) -> Result<Found, ProbeError> {
    let glob = format!("{}/*", glob::Pattern::escape(&pattern.dir().to_string_lossy()));
    let day_alone = pattern.precision() >= TimeDelta::days(1);
    let mut proofs = Vec::new();
    let walked = Walk::new(&glob)?.run(|path, metadata| {
        let stamp = path.file_name().and_then(|name| pattern.taken_at(name.to_str()?));
        let Some(stamp) = stamp else { return };
        let at = match metadata.modified().map(crate::probe::file::timestamp) {
            Ok(written) if day_alone => written.clamp(stamp, stamp + TimeDelta::days(1) - TimeDelta::seconds(1)),
            _ => stamp,
        };
        proofs.push((at, crate::probe::file::shown(path)));
    })?;
    if let (true, Some(trouble)) = (proofs.is_empty(), walked.troubles.first()) {
        return Err(trouble.clone());
    }
    let mut found = Found::default();
    found.keep(proofs, now, &pattern.zone);
    Ok(found)
}

/// Every line of a log that matches.
fn lines(tail: &Mutex<LogTail<ProofLog>>, calendar: &Calendar) -> Result<Found, ProbeError> {
    let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
    let path = crate::probe::file::shown(tail.path());
    tail.follow(calendar).map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => ProbeError::Denied(format!("{path}: {error}")),
        _ => ProbeError::Unreachable(format!("{path}: {error}")),
    })?;
    let mut found = Found { since: tail.since, ..Found::default() };
    if tail.log.undated() > 0 {
        let lines = humanize::count(usize::try_from(tail.log.undated()).unwrap_or(usize::MAX), "line");
        let text = format!("{lines} of {path} match and say no time that can be read; they prove nothing");
        let advice = "a line wants its time first, such as 2026-03-02 02:00:01";
        found.findings.push(Finding::new(Status::Warning, "lines", text).advice(advice));
    }
    found.keep(tail.log.proofs().cloned().collect(), calendar.now, &calendar.zone);
    Ok(found)
}

/// The value a query answers with.
fn row(value: Option<&str>, calendar: &Calendar) -> Result<Found, ProbeError> {
    let mut found = Found::default();
    if let Some(text) = value {
        let at = written::value(text, &calendar.zone).ok_or_else(|| {
            let shown: String = sanitize::line(text).chars().take(60).collect();
            let mend = "let it answer with one time, such as max(finished_at)";
            ProbeError::Malformed(format!("the query answers `{shown}`, which is no time; {mend}"))
        })?;
        found.keep(vec![(at, format!("a row of {}", sanitize::line(text)))], calendar.now, &calendar.zone);
    }
    Ok(found)
}

impl Found {
    /// Takes what is not dated ahead: that would look fresh until then, and hide that no other is.
    fn keep(&mut self, mut proofs: Vec<(Timestamp, String)>, now: Timestamp, zone: &Zone) {
        proofs.sort_by(|a, b| b.cmp(a));
        let ahead = proofs.iter().take_while(|(at, _)| *at > now + CLOCK_SKEW).count();
        if let Some((at, what)) = proofs.first().filter(|_| ahead > 0) {
            let by = humanize::seconds(seconds_between(now, *at));
            let text = format!("{what} is dated {by} in the future ({})", humanize::clock(*at, now, zone));
            self.findings.push(Finding::new(Status::Warning, "time", text).advice("its clock or ours is wrong"));
        }
        self.proofs = proofs.split_off(ahead);
        self.proofs.truncate(RUNS);
    }
}

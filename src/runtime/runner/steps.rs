//! The steps of a job, one after the other, each judged by what is true afterwards.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Runner;
use crate::archive;
use crate::domain::audit::Actor;
use crate::domain::backup::BackupState;
use crate::domain::humanize;
use crate::domain::inventory::{Maintenance, Target, TargetKind};
use crate::domain::job::{JobEvent, JobId, JobResult, Outcome};
use crate::domain::observation::Detail;
use crate::domain::plan::{Invocation, Plan, Postcondition, Step};
use crate::domain::task::{RunEnd, TaskRun};
use crate::domain::time::Timestamp;
use crate::domain::update::Update;
use crate::domain::vitals::{Proof, ProofKind};
use crate::exec;
use crate::runtime::guard;
use crate::runtime::lease::make_private;

/// What the steps of one job share.
pub(super) struct Work<'a> {
    pub(super) plan: &'a Plan,
    pub(super) job: &'a JobId,
    pub(super) actor: &'a Actor,
    pub(super) reason: &'a str,
    pub(super) cancel: &'a CancellationToken,
    pub(super) updates: &'a mpsc::Sender<Update>,
    pub(super) log: PathBuf,
    pub(super) deadline: Instant,
}

/// How a step ended when it did not succeed.
struct Stopped {
    result: JobResult,
    detail: String,
    exit_code: Option<i32>,
}

impl Stopped {
    fn failed(detail: impl Into<String>) -> Self {
        Self { result: JobResult::Failed, detail: detail.into(), exit_code: None }
    }
}

impl Runner {
    /// Runs every step, and then waits for the check that decides.
    pub(super) async fn carry_out(&self, work: &Work<'_>) -> Outcome {
        let mut done: Vec<String> = Vec::new();
        let mut exit_code = None;
        for step in &work.plan.steps {
            match self.step(step, work).await {
                Ok((detail, code)) => {
                    done.push(detail);
                    exit_code = code.or(exit_code);
                }
                Err(stopped) => {
                    return Outcome { result: stopped.result, detail: stopped.detail, exit_code: stopped.exit_code };
                }
            }
        }
        let proven = match &work.plan.verify {
            Some(verify) => self.wait_for(verify, work).await,
            None => Ok(None),
        };
        match proven {
            Ok(proof) => {
                done.extend(proof);
                Outcome { result: JobResult::Succeeded, detail: done.join("; "), exit_code }
            }
            Err(stopped) => Outcome { result: stopped.result, detail: stopped.detail, exit_code },
        }
    }

    async fn step(&self, step: &Step, work: &Work<'_>) -> Result<(String, Option<i32>), Stopped> {
        match step {
            Step::Run { command } => self.run(command, work).await,
            Step::CopyDatabase { backup, source, destination, rows, .. } => {
                let request = archive::sqlite::CopyRequest {
                    backup: backup.clone(),
                    source: source.clone(),
                    destination: destination.clone(),
                    rows: rows.clone(),
                    at: self.0.clock.now(),
                    host: work.actor.host.clone(),
                    by: work.actor.operator.clone(),
                    why: work.reason.to_owned(),
                };
                let copied =
                    self.within(work, archive::sqlite::copy(request, progress(work), work.cancel.clone())).await?;
                self.remember(
                    ProofKind::Verify,
                    copied.path.display().to_string(),
                    true,
                    &copied.sentence,
                    copied.took,
                )
                .await;
                Ok((copied.sentence, None))
            }
            Step::VerifyBackup { backup } => self.verify(backup, work).await.map(|detail| (detail, None)),
            Step::Maintain { database, operation } => {
                self.maintain(database, *operation, work).await.map(|detail| (detail, None))
            }
        }
    }

    /// Runs a program; for a task the run is also recorded as one.
    async fn run(&self, command: &Invocation, work: &Work<'_>) -> Result<(String, Option<i32>), Stopped> {
        let shared = &self.0;
        make_private(&shared.config.acts.log_directory)
            .map_err(|error| Stopped::failed(format!("{}: {error}", shared.config.acts.log_directory.display())))?;
        let before = self.newest_backup(work.plan).await;
        let at = shared.clock.now();
        let mut record = TaskRun {
            id: work.job.0.clone(),
            task: work.plan.target.id.clone(),
            started_at: at,
            ended: None,
            alive: true,
            tail: String::new(),
        };
        if work.plan.target.kind == TargetKind::Task {
            self.import(&record).await;
        }
        let limits = exec::Limits::new(work.deadline.saturating_duration_since(Instant::now())).log(work.log.clone());
        let (updates, job) = (work.updates.clone(), work.job.clone());
        let on_line = move |line: String| {
            // A screen that is behind loses lines of the tail; the log file has them all.
            let _ = updates.try_send(Update::Job(JobEvent::Line { job: job.clone(), line }));
        };
        let finished = match exec::run(command, limits, work.cancel.clone(), on_line).await {
            Ok(finished) => finished,
            Err(error) => {
                // It never ran, and must not be believed to run still.
                if work.plan.target.kind == TargetKind::Task {
                    record.alive = false;
                    record.tail = error.to_string();
                    self.import(&record).await;
                }
                return Err(Stopped::failed(error.to_string()));
            }
        };
        if work.plan.target.kind == TargetKind::Task {
            record.alive = false;
            record.tail = finished.tail.join("\n");
            record.ended = Some(RunEnd {
                at: shared.clock.now(),
                took_s: finished.took.as_secs_f64(),
                exit_code: finished.exit_code,
                signal: finished.signal,
                timed_out: finished.ended == exec::Ended::TimedOut,
            });
            self.import(&record).await;
        }
        let last = finished
            .tail
            .iter()
            .rev()
            .find(|line| !line.trim().is_empty())
            .map_or_else(String::new, |line| format!(": {line}"));
        let took = humanize::duration(finished.took);
        match (finished.ended, finished.exit_code, finished.signal) {
            (exec::Ended::Cancelled, ..) => Err(Stopped {
                result: JobResult::Cancelled,
                detail: format!("cancelled after {took}"),
                exit_code: None,
            }),
            (exec::Ended::TimedOut, ..) => Err(Stopped {
                result: JobResult::TimedOut,
                detail: format!("stopped after {took}, its limit{last}"),
                exit_code: None,
            }),
            (_, Some(0), _) => self.judge_command(work, before, &took).await.map(|detail| (detail, Some(0))),
            (_, Some(code), _) => Err(Stopped {
                result: JobResult::Failed,
                detail: format!("exit code {code} after {took}{last}"),
                exit_code: Some(code),
            }),
            (_, None, signal) => {
                let signal = signal.map_or_else(|| "a signal".to_owned(), |signal| format!("signal {signal}"));
                Err(Stopped::failed(format!("killed by {signal} after {took}{last}")))
            }
        }
    }

    /// A backup command has succeeded when there is a new backup, not when it says so.
    async fn judge_command(&self, work: &Work<'_>, before: Option<Timestamp>, took: &str) -> Result<String, Stopped> {
        if work.plan.target.kind != TargetKind::Backup {
            return Ok(format!("exit code 0 after {took}"));
        }
        match self.newest_backup(work.plan).await {
            Some(after) if before.is_none_or(|before| after > before) => {
                Ok(format!("a new backup is there after {took}"))
            }
            _ => Err(Stopped {
                result: JobResult::NotEffective,
                detail: format!("exit code 0 after {took}, and no new complete backup appeared"),
                exit_code: Some(0),
            }),
        }
    }

    async fn newest_backup(&self, plan: &Plan) -> Option<Timestamp> {
        if plan.target.kind != TargetKind::Backup {
            return None;
        }
        let (_, detail) =
            guard::look(&plan.target.probe(), &self.0.config, &self.0.context, &self.0.clock).await.ok()?;
        guard::newest_taken_at(&detail, self.0.clock.now())
    }

    /// Verifies the newest backup that is not being written, and the file that must go with it.
    async fn verify(&self, backup: &str, work: &Work<'_>) -> Result<String, Stopped> {
        let shared = &self.0;
        let target = Target::backup(backup);
        let (_, detail) = guard::look(&target.probe(), &shared.config, &shared.context, &shared.clock)
            .await
            .map_err(Stopped::failed)?;
        let newest = match &detail {
            Detail::Backups(catalogue) => catalogue.files.iter().find(|file| file.state != BackupState::Growing),
            _ => None,
        };
        let Some(file) = newest.map(|file| file.path.clone()) else {
            return Err(Stopped::failed(format!("there is no file of backup `{backup}` to verify")));
        };
        let spec = shared.config.backups.iter().find(|spec| spec.id == backup);
        let rows = spec.map(|spec| spec.rows.clone()).unwrap_or_default();
        let pair = spec.and_then(|spec| {
            let stamp = spec.files.stamp_of(&file.file_name()?.to_string_lossy())?;
            Some(spec.pair.as_ref()?.path_of(stamp))
        });
        let started = Instant::now();
        let mut verified = self.within(work, archive::verify(file.clone(), rows, work.cancel.clone())).await?;
        if let (true, Some(pair)) = (verified.ok, pair) {
            let second = self.within(work, archive::verify(pair, Vec::new(), work.cancel.clone())).await?;
            verified.ok = second.ok;
            verified.detail = format!("{}; its pair: {}", verified.detail, second.detail);
        }
        let subject = file.display().to_string();
        self.remember(ProofKind::Verify, subject, verified.ok, &verified.detail, started.elapsed()).await;
        if verified.ok { Ok(verified.detail) } else { Err(Stopped::failed(verified.detail)) }
    }

    async fn maintain(&self, database: &str, operation: Maintenance, work: &Work<'_>) -> Result<String, Stopped> {
        let Some(spec) = self.0.config.databases.iter().find(|spec| spec.id == database) else {
            return Err(Stopped::failed(format!("there is no database called `{database}`")));
        };
        let handle = (crate::database::sqlite::ENGINE.open)(&spec.path);
        let started = Instant::now();
        let upkeep = self.within(work, handle.maintain(operation, work.cancel.clone())).await?;
        if operation == Maintenance::Integrity {
            let subject = Target::database(database).to_string();
            self.remember(ProofKind::Integrity, subject, upkeep.ok, &upkeep.detail, started.elapsed()).await;
        }
        if upkeep.ok { Ok(upkeep.detail) } else { Err(Stopped::failed(upkeep.detail)) }
    }

    /// Waits for work of ours that takes no deadline itself: past it the work is cancelled and
    /// given a moment to clean up behind itself.
    async fn within<T, E: std::fmt::Display>(
        &self,
        work: &Work<'_>,
        future: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Stopped> {
        let mut future = std::pin::pin!(future);
        let (result, timed_out) = tokio::select! {
            result = &mut future => (result, false),
            () = tokio::time::sleep_until(work.deadline) => {
                work.cancel.cancel();
                (future.await, true)
            }
        };
        result.map_err(|error| {
            let result = match (timed_out, work.cancel.is_cancelled()) {
                (true, _) => JobResult::TimedOut,
                (false, true) => JobResult::Cancelled,
                (false, false) => JobResult::Failed,
            };
            Stopped { result, detail: error.to_string(), exit_code: None }
        })
    }

    /// Waits until the check that decides is ok.
    async fn wait_for(&self, verify: &Postcondition, work: &Work<'_>) -> Result<Option<String>, Stopped> {
        let until = Instant::now() + verify.within;
        loop {
            let looked = guard::look(&verify.check, &self.0.config, &self.0.context, &self.0.clock).await;
            let text = match &looked {
                Ok((assessment, _)) if assessment.status.is_ok() => {
                    return Ok(Some(format!("{} is ok", verify.check)));
                }
                Ok((assessment, _)) => crate::domain::report::headline(assessment, self.0.clock.now()),
                Err(why) => why.clone(),
            };
            if work.cancel.is_cancelled() {
                return Err(Stopped {
                    result: JobResult::Cancelled,
                    detail: "cancelled while its effect was awaited".into(),
                    exit_code: None,
                });
            }
            if Instant::now() >= until {
                let detail =
                    format!("ran, but {} is not ok after {}: {text}", verify.check, humanize::duration(verify.within));
                return Err(Stopped { result: JobResult::NotEffective, detail, exit_code: None });
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn remember(&self, kind: ProofKind, subject: String, ok: bool, detail: &str, took: Duration) {
        let proof =
            Proof { subject, kind, at: self.0.clock.now(), ok, detail: detail.to_owned(), took_s: took.as_secs_f64() };
        if let Some(store) = &self.0.store
            && let Err(error) = store.record_proof(&proof).await
        {
            tracing::warn!(%error, "a proof was not recorded");
        }
    }

    async fn import(&self, run: &TaskRun) {
        if let Some(store) = &self.0.store
            && let Err(error) = store.import_runs(std::slice::from_ref(run)).await
        {
            tracing::warn!(%error, "a run was not recorded");
        }
    }
}

/// Tells the screen how far a step is, in at most a hundred steps.
fn progress(work: &Work<'_>) -> impl FnMut(u64, u64) + Send + 'static {
    let (updates, job) = (work.updates.clone(), work.job.clone());
    let mut told = 0;
    move |done, of| {
        let percent = (done * 100).checked_div(of).unwrap_or(0);
        if percent != told || done == of {
            told = percent;
            let _ = updates.try_send(Update::Job(JobEvent::Progress { job: job.clone(), done, of }));
        }
    }
}

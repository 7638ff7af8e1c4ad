//! The steps of a job, one after the other, each within its time.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::restore::Recovery;
use super::{Order, Runner};
use crate::archive;
use crate::config::spec::BackupSpec;
use crate::database::{Assignment, Engine};
use crate::domain::humanize;
use crate::domain::inventory::Target;
use crate::domain::job::{JobResult, Outcome};
use crate::domain::plan::Step;
use crate::domain::task::TaskRun;
use crate::domain::time::{Timestamp, span};
use crate::domain::upkeep::{Maintenance, Verb};
use crate::domain::vitals::ProofKind;
use crate::exec::Left;
use crate::runtime::stop::Stop;

/// How long work of ours that was told to stop is waited for.
const STOPPING: Duration = Duration::from_secs(10);
/// The same when somebody hurries.
const HURRYING: Duration = Duration::from_secs(1);
/// A time that is never reached, for one that would be past what a clock can count.
const NEVER: Duration = Duration::from_hours(24 * 365 * 30);

/// What the steps of one job share.
#[derive(Debug)]
pub(super) struct Work<'a> {
    pub(super) order: Order<'a>,
    pub(super) log: PathBuf,
    pub(super) begun: Instant,
    pub(super) deadline: Instant,
    /// A step did not stop when it was told to, and was left to itself.
    at_large: AtomicBool,
    /// A program that not even KILL ended.
    left: Mutex<Option<Left>>,
    /// The run of a task as it ended, for the record of the outcome.
    pub(super) run: Mutex<Option<TaskRun>>,
    /// How far a restore has come.
    pub(super) recovery: Mutex<Recovery>,
}

impl<'a> Work<'a> {
    /// The work that begins now: looking whether it may took none of its time.
    pub(super) fn new(order: Order<'a>, log: PathBuf) -> Self {
        let begun = Instant::now();
        let deadline = after(begun, order.plan.timeout);
        let at_large = AtomicBool::new(false);
        Self {
            order,
            log,
            begun,
            deadline,
            at_large,
            left: Mutex::default(),
            run: Mutex::default(),
            recovery: Mutex::default(),
        }
    }

    pub(super) fn leave(&self, left: Left) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(left);
    }

    pub(super) fn take_left(&self) -> Option<Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn take_run(&self) -> Option<TaskRun> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn is_at_large(&self) -> bool {
        self.at_large.load(Ordering::Acquire)
    }
}

/// An instant some time after another.
pub(super) fn after(start: Instant, time: Duration) -> Instant {
    start.checked_add(time).unwrap_or_else(|| start + NEVER)
}

/// How a step ended when it did not succeed.
#[derive(Debug, PartialEq)]
pub(super) struct Stopped {
    pub(super) result: JobResult,
    pub(super) detail: String,
    pub(super) exit_code: Option<i32>,
}

impl Stopped {
    pub(super) fn new(result: JobResult, detail: impl Into<String>) -> Self {
        Self { result, detail: detail.into(), exit_code: None }
    }

    pub(super) fn failed(detail: impl Into<String>) -> Self {
        Self::new(JobResult::Failed, detail)
    }
}

impl From<Stopped> for Outcome {
    fn from(stopped: Stopped) -> Self {
        Self { result: stopped.result, detail: stopped.detail, exit_code: stopped.exit_code }
    }
}

impl Runner {
    /// Runs every step, and then waits for the check that decides.
    pub(super) async fn carry_out(&self, work: &Work<'_>) -> Outcome {
        let mut done: Vec<String> = Vec::new();
        let mut exit_code = None;
        // Boxed, or every act were as large as this.
        let incident = Box::pin(self.begin_incident(work)).await;
        for step in &work.order.plan.steps {
            match self.step(step, work).await {
                Ok((detail, code)) => {
                    done.push(detail);
                    exit_code = code.or(exit_code);
                }
                Err(stopped) => {
                    let mut stopped = self.way_back(stopped, work).await;
                    if let Some(begun) = incident {
                        let (result, detail) = (stopped.result, stopped.detail.clone());
                        let told = Box::pin(self.end_incident(begun, result, &detail, work)).await;
                        stopped.detail = format!("{detail}; {told}");
                    }
                    return stopped.into();
                }
            }
        }
        if let Some(begun) = incident {
            done.push(Box::pin(self.end_incident(begun, JobResult::Succeeded, "", work)).await);
        }
        let proven = match &work.order.plan.verify {
            Some(verify) => self.wait_for(verify, work).await,
            None => Ok(None),
        };
        match proven {
            Ok(proof) => {
                done.extend(proof);
                Outcome { result: JobResult::Succeeded, detail: done.join("; "), exit_code }
            }
            Err(stopped) => stopped.into(),
        }
    }

    async fn step(&self, step: &Step, work: &Work<'_>) -> Result<(String, Option<i32>), Stopped> {
        match step {
            Step::Run { command } => self.run(command, work).await,
            Step::CopyDatabase { backup, database, rows, .. } => {
                self.copy(backup, database, rows, work).await.map(|detail| (detail, None))
            }
            Step::VerifyBackup { backup } => self.verify(backup, work).await.map(|detail| (detail, None)),
            Step::CarryBackup { backup, to } => self.carry(backup, to, work).await.map(|detail| (detail, None)),
            Step::SendBackup { backup, command, hash } => {
                self.send(backup, command, hash.as_ref(), work).await.map(|detail| (detail, None))
            }
            Step::DrillBackup { backup, queries } => {
                self.drill(backup, queries, work).await.map(|detail| (detail, None))
            }
            Step::Stop { command } => self.control(command, true, work).await.map(|detail| (detail, None)),
            Step::SaveBefore { backup, database } => {
                self.save_before(backup, database, work).await.map(|detail| (detail, None))
            }
            Step::Restore { file, sha256, to, .. } => {
                self.restore(file, sha256.as_deref(), to, work).await.map(|detail| (detail, None))
            }
            Step::RestoreBeside { backup, database, file, sha256, .. } => {
                // Boxed, or everything that may restore were as large as this.
                let restored = Box::pin(self.restore_beside(backup, database, file, sha256.as_deref(), work));
                restored.await.map(|detail| (detail, None))
            }
            Step::Start { command } => self.control(command, false, work).await.map(|detail| (detail, None)),
            Step::Expect { effect } => self.wait_for(effect, work).await.map(|proof| (proof.unwrap_or_default(), None)),
            Step::Prune { backup, files, .. } => self.prune(backup, files, work).await.map(|detail| (detail, None)),
            Step::Hold { change } => self.hold(change, work).await.map(|detail| (detail, None)),
            Step::StopRun { task, run, command } => {
                self.stop_run(task, run, command.as_ref(), work).await.map(|detail| (detail, None))
            }
            Step::RestartUnit { unit, command } => {
                self.restart_unit(unit, command, work).await.map(|detail| (detail, None))
            }
            Step::Accept { found } => self.accept(found, work).await.map(|detail| (detail, None)),
            Step::Restart { task, command } => self.restart(task, command, work).await.map(|detail| (detail, None)),
            Step::Maintain { database, work: what, .. } => {
                self.maintain(database, what, work).await.map(|detail| (detail, None))
            }
        }
    }

    /// Copies a database to the name of this very moment.
    async fn copy(&self, backup: &str, database: &str, rows: &[String], work: &Work<'_>) -> Result<String, Stopped> {
        let config = &self.0.config;
        let Some(spec) = config.backups.iter().find(|spec| spec.id == backup) else {
            return Err(Stopped::failed(format!("there is no backup called `{backup}`")));
        };
        let Some(source) = config.databases.iter().find(|spec| spec.id == database) else {
            return Err(Stopped::failed(format!("there is no database called `{database}`")));
        };
        let (at, destination) = self.name_of_now(spec, work).await;
        let request = archive::Request {
            backup: backup.to_owned(),
            source: source.address.clone(),
            password: source.password.clone(),
            destination,
            compress: spec.compress,
            rows: rows.to_vec(),
            at,
            host: work.order.actor.host.clone(),
            by: work.order.actor.operator.clone(),
            why: work.order.reason.to_owned(),
            log: Some(work.log.clone()),
        };
        let copied = within(work, archive::make(request, self.progress(work), work.order.stop.token())).await?;
        let subject = copied.path.display().to_string();
        self.remember(ProofKind::Verify, subject, true, &copied.sentence, copied.took).await;
        Ok(copied.sentence)
    }

    /// This moment, and the name a copy of it gets. Where the backup of this second is there
    /// already, that is the next second: two operators in one second both get theirs.
    pub(super) async fn name_of_now(&self, spec: &BackupSpec, work: &Work<'_>) -> (Timestamp, PathBuf) {
        let second = Duration::from_secs(1);
        let named = |at| (at, spec.name_for(at));
        let (at, name) = named(self.0.clock.now());
        let ends = spec.name_for(at + span(second)) != name;
        if ends && name.symlink_metadata().is_ok() {
            let _until_then = work.order.stop.token().run_until_cancelled(tokio::time::sleep(second)).await;
            return named(self.0.clock.now());
        }
        (at, name)
    }

    async fn maintain(&self, database: &str, what: &Maintenance, work: &Work<'_>) -> Result<String, Stopped> {
        let Some(spec) = self.0.config.databases.iter().find(|spec| spec.id == database) else {
            return Err(Stopped::failed(format!("there is no database called `{database}`")));
        };
        let handle = (Engine::of(spec).open)(spec);
        let started = Instant::now();
        let job = Assignment { work: what.clone(), cancel: work.order.stop.token(), tell: Box::new(self.news(work)) };
        let upkeep = within(work, handle.maintain(job)).await?;
        if what.verb == Verb::Integrity {
            let subject = Target::database(database).to_string();
            self.remember(ProofKind::Integrity, subject, upkeep.ok, &upkeep.detail, started.elapsed()).await;
        }
        match upkeep.ok {
            true => Ok(upkeep.detail),
            // What was found to be broken is a failure; what was to be changed and was not, is
            // an act without effect.
            false if what.verb.only_reads() => Err(Stopped::failed(upkeep.detail)),
            false => Err(Stopped::new(JobResult::NotEffective, upkeep.detail)),
        }
    }
}

/// Waits for work of ours that takes no deadline itself: past it, or when somebody asks, the
/// work is told to stop and given a moment to clean up behind itself. Work that does not is left
/// to itself, and nobody else may act on its target while this program lives.
pub(super) async fn within<T, E: std::fmt::Display>(
    work: &Work<'_>,
    future: impl Future<Output = Result<T, E>>,
) -> Result<T, Stopped> {
    let stop = work.order.stop;
    let mut future = std::pin::pin!(future);
    let why = tokio::select! {
        biased;
        result = &mut future => {
            return result.map_err(|error| {
                let result = if stop.is_asked() { JobResult::Cancelled } else { JobResult::Failed };
                Stopped::new(result, error.to_string())
            });
        }
        () = tokio::time::sleep_until(work.deadline) => JobResult::TimedOut,
        () = stop.asked() => JobResult::Cancelled,
    };
    stop.ask();
    tokio::select! {
        biased;
        // What came through all the same is as good as any.
        result = &mut future => result.map_err(|error| Stopped::new(why, error.to_string())),
        () = patience(stop) => {
            work.at_large.store(true, Ordering::Release);
            let told = if why == JobResult::TimedOut { "past its time limit" } else { "cancelled" };
            let waited = humanize::duration(work.begun.elapsed());
            let detail = format!("{told}, and still at work after {waited}: its target stays locked until this program ends");
            Err(Stopped::new(why, detail))
        }
    }
}

/// How long work that was told to stop may take to do so.
async fn patience(stop: &Stop) {
    let hurried = async {
        stop.hurried().await;
        tokio::time::sleep(HURRYING).await;
    };
    tokio::select! {
        () = tokio::time::sleep(STOPPING) => {}
        () = hurried => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::action_name::ActionName;
    use crate::domain::audit::Actor;
    use crate::domain::job::JobId;
    use crate::domain::plan::Plan;
    use crate::runtime::teller::Teller;

    /// What becomes of work that never ends, and how long it took, with a minute's limit and
    /// whatever `happens` beside it.
    async fn stuck(happens: impl AsyncFn(&Stop)) -> (Stopped, bool, Duration) {
        let plan = Plan {
            timeout: Duration::from_mins(1),
            ..Plan::new(ActionName::VACUUM, "Vacuum rota", Target::database("rota"))
        };
        let (passing, _nobody) = tokio::sync::mpsc::channel(1);
        let (teller, _inbox) = Teller::new(passing);
        let (actor, job, stop) = (Actor::default(), JobId("j".into()), Stop::default());
        let order = Order { plan: &plan, actor: &actor, reason: "", job: &job, stop: &stop, teller: &teller };
        let work = Work::new(order, PathBuf::new());
        let never = std::future::pending::<Result<(), String>>();
        let (stopped, ()) = tokio::join!(within(&work, never), happens(&stop));
        (stopped.expect_err("it never ends"), work.is_at_large(), work.begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_does_not_stop_is_left_to_itself_and_never_waited_for() {
        let (stopped, at_large, took) = stuck(async |_| {}).await;
        assert_eq!((stopped.result, at_large, took.as_secs()), (JobResult::TimedOut, true, 70));
        assert!(stopped.detail.starts_with("past its time limit, and still at work after "), "{}", stopped.detail);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_cancels_waits_ten_seconds_and_whoever_hurries_one() {
        let (stopped, at_large, took) = stuck(async |stop| stop.ask()).await;
        assert_eq!((stopped.result, at_large, took.as_secs()), (JobResult::Cancelled, true, 10));
        let (stopped, _, took) = stuck(async |stop| {
            stop.ask();
            tokio::time::sleep(Duration::from_secs(2)).await;
            stop.hurry();
        })
        .await;
        assert_eq!((stopped.result, took.as_secs()), (JobResult::Cancelled, 3));
    }

    #[test]
    fn a_limit_no_clock_can_count_is_none() {
        let now = Instant::now();
        assert!(after(now, Duration::MAX) > now);
    }
}

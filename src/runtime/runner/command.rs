//! The step that runs a program: followed line by line, recorded as a run when it is a task's,
//! and told in words.

use tokio::time::Instant;

use super::Runner;
use super::steps::{Stopped, Work};
use crate::domain::humanize;
use crate::domain::inventory::TargetKind;
use crate::domain::job::{JobEvent, JobResult};
use crate::domain::plan::{Invocation, Step};
use crate::domain::task::{RunEnd, TaskRun};
use crate::exec;
use crate::runtime::lease::make_private;
use crate::scheduler::crontab::records_itself;

impl Runner {
    /// Runs a program; for a task the run is also recorded as one.
    pub(super) async fn run(&self, command: &Invocation, work: &Work<'_>) -> Result<(String, Option<i32>), Stopped> {
        let (shared, order) = (&self.0, &work.order);
        make_private(&shared.config.acts.log_directory)
            .map_err(|error| Stopped::failed(format!("{}: {error}", shared.config.acts.log_directory.display())))?;
        let before = self.newest_backup(order.plan).await;
        if order.stop.is_asked() {
            return Err(Stopped::new(JobResult::Cancelled, "cancelled before its program was started"));
        }
        let mut record = self.run_that_begins(work);
        self.import(record.as_ref()).await;
        let limits = exec::Limits::new(work.deadline.saturating_duration_since(Instant::now()))
            .log(work.log.clone())
            .hurry(order.stop.hurry_token());
        let (teller, job) = (order.teller.clone(), order.job.clone());
        let on_line = move |line: String| teller.mention(JobEvent::Line { job: job.clone(), line });
        let finished = match exec::run(command, limits, order.stop.token(), on_line).await {
            Ok(finished) => finished,
            Err(error) => {
                // It never ran, and must not be believed to run still.
                if let Some(record) = &mut record {
                    record.alive = false;
                    record.tail = error.to_string();
                }
                self.import(record.as_ref()).await;
                return Err(Stopped::failed(error.to_string()));
            }
        };
        if let Some(record) = &mut record {
            record.alive = false;
            record.tail = finished.tail.join("\n");
            record.ended = Some(RunEnd {
                at: shared.clock.now(),
                took_s: finished.took.as_secs_f64(),
                exit_code: finished.exit_code,
                signal: finished.signal,
                timed_out: finished.ended == exec::Ended::TimedOut,
            });
        }
        self.import(record.as_ref()).await;
        if finished.succeeded() {
            return self
                .judge_command(work, before, &humanize::duration(finished.took))
                .await
                .map(|told| (told, Some(0)));
        }
        Err(told(&finished))
    }

    /// The record of a task's run; `None` for everything that is no task, and for a command
    /// that records itself: two records of one run would look like two that overlap.
    fn run_that_begins(&self, work: &Work<'_>) -> Option<TaskRun> {
        let plan = work.order.plan;
        let target = &plan.target;
        let ours = |step: &Step| matches!(step, Step::Run { command } if !records_itself(command));
        (target.kind == TargetKind::Task && plan.steps.iter().any(ours)).then(|| TaskRun {
            id: work.order.job.0.clone(),
            task: target.id.clone(),
            started_at: self.0.clock.now(),
            ended: None,
            alive: true,
            tail: String::new(),
        })
    }

    /// Records that a task's run goes on no longer and has no end.
    pub(super) async fn give_up_run(&self, work: &Work<'_>) {
        let record = self.run_that_begins(work).map(|run| TaskRun { alive: false, ..run });
        self.import(record.as_ref()).await;
    }

    async fn import(&self, run: Option<&TaskRun>) {
        if let (Ok(store), Some(run)) = (self.0.store.get(), run)
            && let Err(error) = store.import_runs(std::slice::from_ref(run)).await
        {
            tracing::warn!(%error, "a run was not recorded");
        }
    }
}

/// How a program ended that did not succeed, with the last line it said.
fn told(finished: &exec::Finished) -> Stopped {
    let last = finished
        .tail
        .iter()
        .rev()
        .find(|line| !line.trim().is_empty())
        .map_or_else(String::new, |line| format!(": {line}"));
    let took = humanize::duration(finished.took);
    match (finished.ended, finished.exit_code, finished.signal) {
        (exec::Ended::Cancelled, ..) => Stopped::new(JobResult::Cancelled, format!("cancelled after {took}")),
        (exec::Ended::TimedOut, ..) => {
            Stopped::new(JobResult::TimedOut, format!("stopped after {took}, its limit{last}"))
        }
        (exec::Ended::Exited, Some(code), _) => {
            Stopped { exit_code: Some(code), ..Stopped::failed(format!("exit code {code} after {took}{last}")) }
        }
        (exec::Ended::Exited, None, signal) => {
            let signal = signal.map_or_else(|| "a signal".to_owned(), |signal| format!("signal {signal}"));
            Stopped::failed(format!("killed by {signal} after {took}{last}"))
        }
    }
}

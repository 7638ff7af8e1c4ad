//! The step that runs a program: followed line by line, recorded as a run when it is a task's,
//! and told in words.

use std::sync::PoisonError;

use tokio::time::Instant;

use super::steps::{Stopped, Work};
use super::{Runner, TRY_AGAIN};
use crate::domain::humanize;
use crate::domain::inventory::TargetKind;
use crate::domain::job::{JobEvent, JobResult};
use crate::domain::plan::{Invocation, Step};
use crate::domain::task::{EndKind, RunEnd, TaskRun};
use crate::exec;
use crate::runtime::lease::Lease;
use crate::scheduler::crontab::records_itself;

impl Runner {
    /// Runs a program; for a task the run is also recorded as one.
    pub(super) async fn run(&self, command: &Invocation, work: &Work<'_>) -> Result<(String, Option<i32>), Stopped> {
        let order = &work.order;
        let before = tokio::select! {
            biased;
            () = order.stop.asked() => {
                return Err(Stopped::new(JobResult::Cancelled, "cancelled before its program was started"));
            }
            before = self.newest_backup(order.plan) => before,
        };
        let mut record = self.run_that_begins(work);
        self.import(record.as_ref()).await;
        let limits = exec::Limits::new(work.deadline.saturating_duration_since(Instant::now()))
            .log(work.log.clone())
            .hurry(order.stop.hurry_token());
        let (teller, job) = (order.teller.clone(), order.job.clone());
        let on_line = move |line: String| teller.mention(JobEvent::Line { job: job.clone(), line });
        let mut finished = match exec::run(command, limits, order.stop.token(), on_line).await {
            Ok(finished) => finished,
            Err(error) => {
                // It never ran, and must not be believed to run still.
                if let Some(record) = &mut record {
                    record.alive = false;
                    record.tail = error.to_string();
                }
                self.run_ended(record, work).await;
                return Err(Stopped::failed(error.to_string()));
            }
        };
        if let Some(record) = &mut record {
            record.tail = finished.tail.join("\n");
            // What not even KILL ended goes on, and its run with it.
            record.alive = finished.left.is_some();
            record.ended = finished.left.is_none().then(|| self.end_of(&finished));
        }
        self.run_ended(record, work).await;
        let noted = |told: String| match &finished.log_note {
            Some(note) => format!("{told} (its log: {note})"),
            None => told,
        };
        if finished.succeeded() {
            let judged = self.judge_command(work, before, &humanize::duration(finished.took)).await;
            return match judged {
                Ok(told) => Ok((noted(told), Some(0))),
                Err(stopped) => Err(Stopped { detail: noted(stopped.detail), ..stopped }),
            };
        }
        let stopped = told(&finished);
        let stopped = Stopped { detail: noted(stopped.detail), ..stopped };
        if let Some(left) = finished.left.take() {
            work.leave(left);
        }
        Err(stopped)
    }

    fn end_of(&self, finished: &exec::Finished) -> RunEnd {
        RunEnd {
            at: self.0.clock.now(),
            took_s: finished.took.as_secs_f64(),
            exit_code: finished.exit_code,
            signal: finished.signal,
            timed_out: finished.ended == exec::Ended::TimedOut,
            kind: EndKind::Seen,
        }
    }

    /// Keeps how a run ended for the record of the outcome, which is written whatever it takes,
    /// and shows it before where that is possible.
    async fn run_ended(&self, record: Option<TaskRun>, work: &Work<'_>) {
        self.import(record.as_ref()).await;
        *work.run.lock().unwrap_or_else(PoisonError::into_inner) = record;
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
            untold: false,
        })
    }

    /// Keeps for the record that a task's run goes on no longer and has no end.
    pub(super) async fn give_up_run(&self, work: &Work<'_>) {
        let record = self.run_that_begins(work).map(|run| TaskRun { alive: false, ..run });
        self.run_ended(record, work).await;
    }

    /// Waits until what not even KILL ended is gone, writes the end of its run, and gives its
    /// target back.
    pub(super) async fn outlive(self, left: exec::Left, run: Option<TaskRun>, begun: Instant, lease: Lease) {
        let (exit_code, signal) = left.gone().await;
        if let Some(run) = run {
            let (at, took_s) = (self.0.clock.now(), begun.elapsed().as_secs_f64());
            let end = RunEnd { at, took_s, exit_code, signal, ..RunEnd::default() };
            let record = TaskRun { alive: false, ended: Some(end), ..run };
            while !self.import(Some(&record)).await {
                tokio::time::sleep(TRY_AGAIN).await;
            }
        }
        drop(lease);
    }

    /// Whether there is nothing left to write.
    async fn import(&self, run: Option<&TaskRun>) -> bool {
        let Some(run) = run else { return true };
        let Ok(store) = self.0.store.get() else { return false };
        let written = store.import_runs(std::slice::from_ref(run)).await;
        if let Err(error) = &written {
            tracing::warn!(%error, "a run was not recorded");
        }
        written.is_ok()
    }
}

/// How a program ended that did not succeed, with the last line it said.
pub(super) fn told(finished: &exec::Finished) -> Stopped {
    let last = finished
        .tail
        .iter()
        .rev()
        .find(|line| !line.trim().is_empty())
        .map_or_else(String::new, |line| format!(": {line}"));
    let took = humanize::duration(finished.took);
    if let Some(left) = &finished.left {
        let asked = if finished.ended == exec::Ended::TimedOut { JobResult::TimedOut } else { JobResult::Cancelled };
        let pid = left.pid().map_or_else(|| "what it started".to_owned(), |pid| format!("its program (pid {pid})"));
        let detail = format!(
            "{} after {took}, and {pid} is still there: not even KILL ends it, so its target stays locked until it is gone{last}",
            if asked == JobResult::TimedOut { "past its time limit" } else { "cancelled" }
        );
        return Stopped::new(asked, detail);
    }
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

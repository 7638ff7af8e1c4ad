//! The steps that end a run of a task, or start it anew. What counts is what is there afterwards.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::{Instant, sleep};

use super::Runner;
use super::steps::{Stopped, Work};
use crate::domain::humanize;
use crate::domain::inventory::Target;
use crate::domain::job::JobResult;
use crate::domain::observation::Detail;
use crate::domain::plan::Invocation;
use crate::domain::slot::TaskState;
use crate::domain::task::{TaskFacts, TaskRun};
use crate::runtime::guard;
use crate::scheduler::spool;

/// How long a command may take to end after TERM, and how long after KILL.
const TERM: Duration = Duration::from_secs(10);
const KILL: Duration = Duration::from_secs(5);
/// How long a manager may take: it sends KILL itself after a minute and a half.
const MANAGER: Duration = Duration::from_mins(3);
/// How long it may take until what is true is also told.
const TOLD: Duration = Duration::from_secs(15);
const AGAIN: Duration = Duration::from_millis(200);

impl Runner {
    /// Ends a run, and looks that it is over.
    pub(super) async fn stop_run(
        &self,
        task: &str,
        run: &str,
        command: Option<&Invocation>,
        work: &Work<'_>,
    ) -> Result<String, Stopped> {
        let began = Instant::now();
        let hard = match command {
            Some(command) => self.tell_scheduler(task, command, MANAGER, work).await.map(|_told| false)?,
            None => self.end_wrapper(run, work).await?,
        };
        let is_over = |facts: &TaskFacts| match facts.runs.iter().find(|known| known.id == run) {
            Some(known) => known.ended.is_some() || !known.alive,
            None => !facts.runs.iter().any(|known| known.ended.is_none() && known.alive),
        };
        let facts = self.until(task, is_over, work).await?;
        let took = humanize::duration(began.elapsed());
        let ended = facts.runs.iter().find(|known| known.id == run).and_then(|run| run.ended.as_ref());
        let how = match ended.map(|end| (end.exit_code, end.signal)) {
            Some((_, Some(signal))) => format!(", by signal {signal}"),
            Some((Some(code), None)) => format!(", with exit code {code}"),
            _ => String::new(),
        };
        let killed = if hard { "; it did not obey TERM and was killed" } else { "" };
        Ok(format!("the run of {task} is over after {took}{how}{killed}"))
    }

    /// Ends the run that a `rounds exec` waits for; answers whether it had to be killed.
    async fn end_wrapper(&self, run: &str, work: &Work<'_>) -> Result<bool, Stopped> {
        let directory = spool::directory(&self.0.context.state_dir);
        let Some(holder) = spool::holder_of(&directory, run).filter(spool::Holder::is_here) else {
            return Err(Stopped::failed("it has ended meanwhile, or is no run of `rounds exec` on this machine"));
        };
        let process = holder.process;
        if let Err(error) = process.tell_to_end() {
            if !process.is_alive() {
                return Ok(false);
            }
            let mend =
                if error.kind() == std::io::ErrorKind::PermissionDenied { "; it belongs to another user" } else { "" };
            return Err(Stopped::failed(format!("pid {} cannot be told to end: {error}{mend}", process.pid)));
        }
        for (patience, then_kill) in [(TERM, true), (KILL, false)] {
            let until = Instant::now() + patience;
            while process.is_alive() && Instant::now() < until {
                tokio::select! {
                    () = sleep(AGAIN) => {}
                    // Whoever hurries does not wait for it to end by itself.
                    () = work.order.stop.hurried() => break,
                }
            }
            if !process.is_alive() {
                return Ok(!then_kill);
            }
            if then_kill && process.kill_children() == 0 {
                break;
            }
        }
        let detail = format!("told to end, and pid {} is still there", process.pid);
        Err(Stopped::new(JobResult::NotEffective, detail))
    }

    /// Restarts the service of a task, and looks that it began anew.
    pub(super) async fn restart(&self, task: &str, command: &Invocation, work: &Work<'_>) -> Result<String, Stopped> {
        let began = self.0.clock.now();
        let told = self.tell_scheduler(task, command, work.order.plan.timeout, work).await;
        // Instants of a manager may be whole seconds.
        let is_new = |run: &TaskRun| run.started_at >= began - TimeDelta::seconds(1);
        let facts = match self.until(task, |facts| facts.runs.iter().any(is_new), work).await {
            Ok(facts) => facts,
            Err(unseen) => return Err(told.err().unwrap_or(unseen)),
        };
        let state = facts.view(self.0.clock.now()).state;
        let ended = facts.runs.first().filter(|run| is_new(run)).map(|run| run.tail.lines().last().unwrap_or_default());
        let said = ended.filter(|said| !said.is_empty()).map_or_else(String::new, |said| format!(": {said}"));
        match state {
            TaskState::Failed | TaskState::Lost => {
                Err(Stopped::new(JobResult::NotEffective, format!("{task} was started anew and {state}{said}")))
            }
            _ => told.map(|_| format!("{task} was started anew and is {state}")),
        }
    }

    /// Reads a task until it is as it should be.
    async fn until(
        &self,
        task: &str,
        holds: impl Fn(&TaskFacts) -> bool,
        work: &Work<'_>,
    ) -> Result<TaskFacts, Stopped> {
        let shared = &self.0;
        let probe = Target::task(task).probe();
        let until = Instant::now() + TOLD;
        loop {
            let why = match guard::look(&probe, &shared.config, &shared.context, &shared.clock).await {
                Ok((_, Detail::Task(facts))) if holds(&facts) => return Ok(Arc::unwrap_or_clone(facts)),
                Ok((_, Detail::Task(facts))) => format!("{task} is {}", facts.view(shared.clock.now()).state),
                Ok(_) => format!("what {task} is cannot be told"),
                Err(why) => why,
            };
            if Instant::now() >= until || work.order.stop.hurry_token().is_cancelled() {
                return Err(Stopped::new(JobResult::NotEffective, format!("done, and not so: {why}")));
            }
            sleep(AGAIN).await;
        }
    }
}

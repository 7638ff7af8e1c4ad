//! The steps that hold tasks back and let them go: a crontab is replaced whole or not at all, and what
//! counts in the end is what the schedulers say when they are read again.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::Runner;
use super::command::told;
use super::steps::{Stopped, Work};
use crate::domain::hold::{Change, Freeze, Hold, Mark, Tab, TabLine};
use crate::domain::humanize;
use crate::domain::inventory::Target;
use crate::domain::job::{JobEvent, JobResult};
use crate::domain::observation::{Detail, ProbeId};
use crate::domain::plan::{Invocation, Plan, Step};
use crate::domain::redact;
use crate::domain::task::TaskFacts;
use crate::exec;
use crate::platform::user;
use crate::runtime::guard;
use crate::scheduler::crontab::{change, mark};

impl Runner {
    pub(super) async fn hold(&self, what: &Change, work: &Work<'_>) -> Result<String, Stopped> {
        if work.order.stop.is_asked() {
            return Err(Stopped::new(JobResult::Cancelled, format!("cancelled before it could {what}")));
        }
        match what {
            Change::Remember { tasks, until } => {
                let freeze = |task: &String| Freeze {
                    job: work.order.job.0.clone(),
                    task: task.clone(),
                    at: self.0.clock.now(),
                    until: *until,
                    operator: work.order.actor.operator.clone(),
                    reason: redact::text(work.order.reason).into_owned(),
                    thawed_at: None,
                };
                let freezes: Vec<Freeze> = tasks.iter().map(freeze).collect();
                let store = self.0.store.get().map_err(Stopped::failed)?;
                store.remember_freezes(&freezes).await.map_err(|error| Stopped::failed(error.to_string()))?;
                Ok(format!("until {}", humanize::clock(*until, self.0.clock.now(), &self.0.context.zone)))
            }
            Change::Mark { tab, hold, until, lines } => {
                let mark = Mark { hold: *hold, until: *until, job: work.order.job.0.clone() };
                self.rewrite(tab, lines, work, move |text, lines| {
                    let held = mark::hold(text, lines, &mark)?;
                    Ok((held, format!("{} held", humanize::count(lines.len(), "line"))))
                })
                .await
            }
            Change::Unmark { tab, hold, lines } => {
                let hold = *hold;
                self.rewrite(tab, lines, work, move |text, lines| Ok(let_go(text, lines, hold))).await
            }
            Change::Tell { task, command } => self.tell_scheduler(task, command, PATIENCE, work).await,
            Change::Prove { tasks, held } => self.prove(tasks, *held).await,
            Change::Forget { tasks } => {
                let store = self.0.store.get().map_err(Stopped::failed)?;
                let closed = store.close_freezes(tasks, self.0.clock.now()).await;
                closed.map_err(|error| Stopped::failed(error.to_string()))?;
                Ok(format!("{} thawed", humanize::count(tasks.len(), "task")))
            }
        }
    }

    /// Makes of a crontab what `edit` makes of it.
    async fn rewrite(
        &self,
        tab: &Tab,
        lines: &[TabLine],
        work: &Work<'_>,
        edit: impl FnOnce(&[u8], &[TabLine]) -> Result<(Vec<u8>, String), String> + Send + 'static,
    ) -> Result<String, Stopped> {
        let (tab, lines, scratch) = (tab.clone(), lines.to_vec(), self.0.context.state_dir.join("crontabs"));
        let place = tab.to_string();
        let rewrite = move || {
            let before = change::current(&tab)?;
            let (after, told) = edit(&before, &lines).map_err(|why| format!("{tab}: {why}"))?;
            if before != after {
                change::replace(&tab, &before, &after, &scratch)?;
            }
            Ok(format!("{tab}: {told}"))
        };
        let told: Result<String, String> = guard::in_time(&place, rewrite).await.map_err(Stopped::failed)?;
        let told = told.map_err(Stopped::failed)?;
        let event = JobEvent::Line { job: work.order.job.clone(), line: told.clone() };
        work.order.teller.mention(event);
        Ok(told)
    }

    /// Has a scheduler's own program do something, which may take this long.
    pub(super) async fn tell_scheduler(
        &self,
        task: &str,
        command: &Invocation,
        patience: Duration,
        work: &Work<'_>,
    ) -> Result<String, Stopped> {
        let order = &work.order;
        let limits = exec::Limits::new(work.deadline.saturating_duration_since(Instant::now()).min(patience))
            .log(work.log.clone())
            .hurry(order.stop.hurry_token());
        let (teller, job) = (order.teller.clone(), order.job.clone());
        let on_line = move |line: String| teller.mention(JobEvent::Line { job: job.clone(), line });
        let ran = exec::run(command, limits, order.stop.token(), on_line).await;
        let mut finished = ran.map_err(|error| Stopped::failed(error.to_string()))?;
        if finished.succeeded() {
            return Ok(format!("{task}: done"));
        }
        let stopped = told(&finished);
        if let Some(left) = finished.left.take() {
            work.leave(left);
        }
        Err(Stopped { detail: format!("{task}: {}", stopped.detail), ..stopped })
    }

    /// Reads the tasks again.
    async fn prove(&self, tasks: &[String], held: Option<Hold>) -> Result<String, Stopped> {
        let shared = &self.0;
        let wanted: BTreeSet<ProbeId> = tasks.iter().map(|task| Target::task(task).probe()).collect();
        let board = guard::read(&|id| wanted.contains(id), &shared.config, &shared.context, &shared.clock).await;
        let mut wrong = Vec::new();
        for probe in &wanted {
            match board.detail(probe) {
                Some(Detail::Task(facts)) if is(facts, held) => {}
                Some(Detail::Task(facts)) => {
                    let state = facts.view(shared.clock.now()).state;
                    wrong.push(format!("{} is {state}", probe.name()));
                }
                _ => wrong.push(format!("what {} is cannot be told", probe.name())),
            }
        }
        if wrong.is_empty() {
            return Ok(format!("{} read again, and so it is", humanize::count(wanted.len(), "task")));
        }
        Err(Stopped::new(JobResult::NotEffective, format!("done, and not so: {}", wrong.join("; "))))
    }
}

/// How long a scheduler may take to obey.
const PATIENCE: Duration = Duration::from_mins(1);

/// Whether a task is held like that, or by nothing.
fn is(facts: &TaskFacts, held: Option<Hold>) -> bool {
    let by_us = facts.held.as_ref().map(|held| held.hold);
    let by_its_scheduler = facts.told.as_ref().and_then(|told| told.disabled.as_ref()).map(|_| Hold::Disabled);
    by_us.or(by_its_scheduler) == held
}

/// The crontab without the marks, and what was found.
fn let_go(text: &[u8], lines: &[TabLine], hold: Hold) -> (Vec<u8>, String) {
    let found = mark::release(text, lines, hold);
    let mut told = format!("{} restored", humanize::count(found.restored, "line"));
    for (tasks, what) in [(&found.free, "restored by somebody already"), (&found.gone, "not there as it was")] {
        if !tasks.is_empty() {
            told.push_str(&format!(", {what}: {}", tasks.join(", ")));
        }
    }
    (found.text, told)
}

/// Why the plan cannot be carried out, looked at before anything is changed.
pub(in crate::runtime) fn hindrance(plan: &Plan, as_root: bool) -> Result<(), String> {
    let mut faults = Vec::new();
    for step in &plan.steps {
        let Step::Hold { change } = step else { continue };
        match change {
            Change::Mark { tab, hold, until, lines } => {
                faults.extend(change::hindrance(tab));
                let mark = Mark { hold: *hold, until: *until, job: "plan".to_owned() };
                let looked = change::current(tab).and_then(|text| {
                    mark::hold(&text, lines, &mark).map_err(|why| format!("{tab}: {why}; look at the plan again"))
                });
                faults.extend(looked.err().filter(|_| faults.is_empty()));
            }
            Change::Unmark { tab, .. } => faults.extend(change::hindrance(tab)),
            _ => {}
        }
    }
    if as_root && user::number() != 0 {
        faults.push("timers of systemd are stopped and started by root; run it as root".to_owned());
    }
    match &faults[..] {
        [] => Ok(()),
        [only] => Err(format!("{only}; nothing was changed")),
        many => Err(format!(
            "{} (and {} more); name tasks that are yours to hold; nothing was changed",
            many[0],
            many.len() - 1
        )),
    }
}

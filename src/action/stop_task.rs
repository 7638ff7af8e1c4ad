//! End a run of a task that goes on, or end it and start it anew.

use std::time::Duration;

use crate::action::{Action, Proposal, hold};
use crate::domain::action_name::ActionName;
use crate::domain::hold::Handle;
use crate::domain::inventory::TargetKind;
use crate::domain::observation::{Detail, ProbeId};
use crate::domain::plan::{Guard, Plan, PlanError, Risk, Step};
use crate::domain::task::{Service, Source, TaskFacts, TaskRun};

/// Ends the run that goes on.
pub(super) const STOP: Action = Action {
    name: ActionName::STOP_TASK,
    summary: "Stop the run that goes on",
    risk: Risk::Disruptive,
    aims_at: TargetKind::Task,
    plan: stop,
};

/// Restarts the service behind a task.
pub(super) const RESTART: Action = Action {
    name: ActionName::RESTART_TASK,
    summary: "Restart the service behind it",
    risk: Risk::Disruptive,
    aims_at: TargetKind::Task,
    plan: restart,
};

fn stop(proposal: &Proposal<'_>) -> Result<Plan, PlanError> {
    let (task, facts) = hold::one(proposal)?;
    let Some(run) = running(facts) else {
        return Err(PlanError::Moot(match facts.runs.first() {
            Some(newest) if newest.untold && facts.policy.source == Source::Cron => format!(
                "`{task}`: whether it still runs is not known, for cron tells of no process; put `rounds exec --task \
                 {task} --` before its command"
            ),
            _ => format!("`{task}`: it is not running"),
        }));
    };
    let mut plan = Plan::new(STOP.name, format!("Stop {task}"), proposal.target.clone());
    plan.risk = STOP.risk;
    // A service that does not obey is killed by its manager after a minute and a half.
    plan.timeout = Duration::from_mins(5);
    plan.affects = vec![proposal.target.probe()];
    let lever = match facts.handle.as_deref() {
        Some(Handle::Scheduler(lever)) => Some(lever),
        _ => None,
    };
    plan.guards.extend(lever.filter(|lever| lever.as_root).map(|_| Guard::Root));
    plan.guards.push(Guard::Runs { task: task.to_owned(), run: run.id.clone(), ours: lever.is_none() });
    let command = lever.map(|lever| lever.stop.clone());
    plan.steps.push(Step::StopRun { task: task.to_owned(), run: run.id.clone(), command });
    plan.notes.push("it is begun again when it is due the next time; freeze or disable it against that".to_owned());
    Ok(plan)
}

fn restart(proposal: &Proposal<'_>) -> Result<Plan, PlanError> {
    if let Some(service) = failed(proposal)? {
        let mut plan = Plan::new(RESTART.name, format!("Restart {}", service.name), proposal.target.clone());
        plan.risk = RESTART.risk;
        plan.affects = vec![ProbeId::new("task", "systemd")];
        plan.guards.extend(service.as_root.then_some(Guard::Root));
        plan.steps.push(Step::RestartUnit { unit: service.name.clone(), command: service.restart.clone() });
        return Ok(plan);
    }
    let (task, facts) = hold::one(proposal)?;
    let Some(Handle::Scheduler(lever)) = facts.handle.as_deref() else {
        return Err(PlanError::Moot(format!("`{task}`: there is no service behind it")));
    };
    let Some(command) = lever.restart.clone() else {
        let why = format!("`{task}`: {} cannot restart; stop it, and run it", lever.source);
        return Err(PlanError::Moot(why));
    };
    let mut plan = Plan::new(RESTART.name, format!("Restart the service of {task}"), proposal.target.clone());
    plan.risk = RESTART.risk;
    plan.affects = vec![proposal.target.probe()];
    plan.guards.extend(lever.as_root.then_some(Guard::Root));
    let runs = running(facts).map(|_| "the run that goes on is ended");
    plan.notes.extend(runs.map(str::to_owned));
    plan.steps.push(Step::Restart { task: task.to_owned(), command });
    Ok(plan)
}

/// The failed service that is meant: by its own name, or as the one of those that failed.
fn failed<'a>(proposal: &'a Proposal<'_>) -> Result<Option<&'a Service>, PlanError> {
    let id = proposal.target.id.as_str();
    let mut all = proposal.board.details().filter_map(|(probe, detail)| match detail {
        Detail::Tasks(together) => Some((probe.name(), &together.failed)),
        _ => None,
    });
    let Some((_, failed)) = all.clone().find(|(name, _)| *name == id) else {
        return Ok(all.find_map(|(_, failed)| failed.iter().find(|service| service.is_called(id))));
    };
    let names = || failed.iter().map(|service| service.name.as_str()).collect::<Vec<_>>().join(", ");
    let wrong = |why: String| PlanError::Parameter { name: "unit".to_owned(), why };
    match (proposal.params.get("unit").map(|name| name.trim()), &failed[..]) {
        (_, []) => Err(PlanError::Moot(format!("`{id}`: no unit besides the timers' failed"))),
        (None, [only]) => Ok(Some(only)),
        (None, _) => Err(wrong(format!("which unit? These failed: {}", names()))),
        (Some(name), _) => match failed.iter().find(|service| service.is_called(name)) {
            Some(service) => Ok(Some(service)),
            None => Err(wrong(format!("`{name}` did not fail; these did: {}", names()))),
        },
    }
}

fn running(facts: &TaskFacts) -> Option<&TaskRun> {
    facts.runs.iter().find(|run| run.ended.is_none() && run.alive)
}

#[cfg(test)]
mod tests;

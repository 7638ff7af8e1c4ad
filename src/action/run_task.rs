//! Run a task now, outside its schedule, by its registered command.

use crate::action::{Action, Proposal, no_target};
use crate::domain::action_name::ActionName;
use crate::domain::inventory::{Repeat, TargetKind};
use crate::domain::observation::Detail;
use crate::domain::plan::{Guard, Plan, PlanError, Risk, Step};
use crate::domain::task::TaskRun;

/// Runs a scheduled task now.
pub(super) const ACTION: Action =
    Action { name: ActionName::RUN_TASK, summary: "Run now", risk: Risk::Disruptive, aims_at: TargetKind::Task, plan };

fn plan(proposal: &Proposal<'_>) -> Result<Plan, PlanError> {
    let tasks = &proposal.inventory.tasks;
    let id = &proposal.target.id;
    let card = tasks.get(id).ok_or_else(|| no_target(TargetKind::Task, id, tasks.keys()))?;
    let command =
        card.run.clone().map_err(|why| PlanError::Impossible(format!("`{id}` cannot be run from here: {why}")))?;
    let mut plan = Plan::new(ACTION.name, format!("Run {id} now"), proposal.target.clone());
    plan.risk = ACTION.risk;
    plan.affects = vec![proposal.target.probe()];
    plan.guards.push(Guard::NotRunning { task: id.clone() });
    if card.repeat == Repeat::Ask {
        plan.guards.push(Guard::NotRunToday { task: id.clone() });
        if let Some(run) = ran_today(proposal) {
            // Who sees that is asked at once; whoever acts looks again.
            plan.guards.push(Guard::Reason);
            plan.notes.push(again(proposal, run));
        }
    }
    plan.steps.push(Step::Run { command });
    Ok(plan)
}

/// What ran today, by what was last seen.
fn ran_today<'a>(proposal: &Proposal<'a>) -> Option<&'a TaskRun> {
    match proposal.board.detail(&proposal.target.probe()) {
        Some(Detail::Task(facts)) => facts.ran_today(proposal.now, &proposal.inventory.zone),
        _ => None,
    }
}

/// `it already ran today at 08:30, and failed: run it again?`
fn again(proposal: &Proposal<'_>, run: &TaskRun) -> String {
    let at = proposal.inventory.zone.local(run.started_at).format("%H:%M");
    let how = match &run.ended {
        _ if run.untold => "; nothing tells how it ended",
        None => "",
        Some(end) if end.is_success() => ", and went well",
        Some(_) => ", and failed",
    };
    format!("it already ran today at {at}{how}: run it again?")
}

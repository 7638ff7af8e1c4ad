//! Run a task now, outside its schedule, by its registered command.

use crate::action::{Action, Proposal, no_target};
use crate::domain::action_name::ActionName;
use crate::domain::inventory::{Repeat, TargetKind};
use crate::domain::plan::{Guard, Plan, PlanError, Risk, Step};

/// Runs a scheduled task now.
#[derive(Debug)]
pub(super) struct RunTask;

impl Action for RunTask {
    fn name(&self) -> ActionName {
        ActionName::RUN_TASK
    }

    fn summary(&self) -> &'static str {
        "Run now"
    }

    fn risk(&self) -> Risk {
        Risk::Disruptive
    }

    fn aims_at(&self) -> TargetKind {
        TargetKind::Task
    }

    fn plan(&self, proposal: &Proposal<'_>) -> Result<Plan, PlanError> {
        let tasks = &proposal.inventory.tasks;
        let id = &proposal.target.id;
        let card = tasks.get(id).ok_or_else(|| no_target(TargetKind::Task, id, tasks.keys()))?;
        let command =
            card.run.clone().map_err(|why| PlanError::Impossible(format!("`{id}` cannot be run from here: {why}")))?;
        let mut plan = Plan::new(self.name(), format!("Run {id} now"), proposal.target.clone());
        plan.risk = self.risk();
        plan.affects = vec![proposal.target.probe()];
        plan.guards.push(Guard::NotRunning { task: id.clone() });
        if card.repeat == Repeat::Ask {
            plan.guards.push(Guard::NotRunToday { task: id.clone() });
        }
        plan.steps.push(Step::Run { command });
        Ok(plan)
    }
}

//! Integrity: have a database check its own structure, and remember the answer.

use crate::action::{Action, Proposal, no_target};
use crate::domain::action_name::ActionName;
use crate::domain::inventory::{Maintenance, TargetKind};
use crate::domain::plan::{Plan, PlanError, Risk, Step};

/// Checks a database's structure, read-only.
#[derive(Debug)]
pub(super) struct Integrity;

impl Action for Integrity {
    fn name(&self) -> ActionName {
        ActionName::INTEGRITY
    }

    fn summary(&self) -> &'static str {
        "Check the structure (read-only)"
    }

    fn risk(&self) -> Risk {
        Risk::Routine
    }

    fn aims_at(&self) -> TargetKind {
        TargetKind::Database
    }

    fn plan(&self, proposal: &Proposal<'_>) -> Result<Plan, PlanError> {
        let mut plan = upkeep(proposal, Maintenance::Integrity, "Check the structure of")?;
        plan.action = self.name();
        plan.risk = self.risk();
        plan.notes
            .push("finds broken structure, not every changed byte: that is what a backup's hash is for".to_owned());
        Ok(plan)
    }
}

/// The plan of one piece of upkeep, when the database's engine can do it.
pub(super) fn upkeep(proposal: &Proposal<'_>, operation: Maintenance, verb: &str) -> Result<Plan, PlanError> {
    let databases = &proposal.inventory.databases;
    let id = &proposal.target.id;
    let card = databases.get(id).ok_or_else(|| no_target(TargetKind::Database, id, databases.keys()))?;
    if !card.can.contains(&operation) {
        return Err(PlanError::Impossible(format!("{} has no {}", card.engine, operation.word())));
    }
    let mut plan = Plan::new(ActionName::INTEGRITY, format!("{verb} {id}"), proposal.target.clone());
    plan.affects = vec![proposal.target.probe()];
    plan.steps.push(Step::Maintain { database: id.clone(), operation });
    Ok(plan)
}

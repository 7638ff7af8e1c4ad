//! Copy: the newest backup, carried to its second place.

use crate::action::{Action, Proposal, no_target};
use crate::domain::action_name::ActionName;
use crate::domain::inventory::TargetKind;
use crate::domain::plan::{Plan, PlanError, Risk, Step};

/// Copies the newest backup to the second place.
pub(super) const ACTION: Action = Action {
    name: ActionName::COPY,
    summary: "Copy the newest backup to its second place",
    risk: Risk::Routine,
    aims_at: TargetKind::Backup,
    plan,
};

fn plan(proposal: &Proposal<'_>) -> Result<Plan, PlanError> {
    let Proposal { target, inventory, .. } = *proposal;
    let card = inventory
        .backups
        .get(&target.id)
        .ok_or_else(|| no_target(TargetKind::Backup, &target.id, inventory.backups.keys()))?;
    let to = card.copy_to.clone().ok_or_else(|| {
        PlanError::Impossible(format!("backup `{}` has no second place; name one with `copy`", card.id))
    })?;
    let mut plan = Plan::new(ACTION.name, format!("Copy the newest backup of {}", card.id), target.clone());
    plan.risk = ACTION.risk;
    plan.affects = vec![target.probe()];
    plan.steps.push(Step::CarryBackup { backup: card.id.clone(), to });
    plan.notes.push("nothing existing is overwritten, and nothing there is ever deleted".to_owned());
    Ok(plan)
}

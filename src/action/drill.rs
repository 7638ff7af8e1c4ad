//! Drill: the newest backup restored into a scratch, to know that it can be.

use crate::action::{Action, Proposal, no_target};
use crate::domain::action_name::ActionName;
use crate::domain::inventory::TargetKind;
use crate::domain::plan::{Plan, PlanError, Risk, Step};

/// Restores the newest backup into a scratch and asks it.
pub(super) const ACTION: Action = Action {
    name: ActionName::DRILL,
    summary: "Restore the newest backup into a scratch",
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
    let mut plan =
        Plan::new(ACTION.name, format!("Hold a drill with the newest backup of {}", card.id), target.clone());
    plan.risk = ACTION.risk;
    plan.affects = vec![target.probe()];
    plan.steps.push(Step::DrillBackup { backup: card.id.clone(), queries: card.drill_queries.clone() });
    plan.notes.push("nothing live is touched; the scratch lies beside the store and is removed in any case".to_owned());
    Ok(plan)
}

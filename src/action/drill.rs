//! Drill: the newest backup restored into a scratch, to know that it can be.

use crate::action::{Action, Proposal, about_backup, with_files};
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
    let card = with_files(proposal, "restore")?;
    let title = format!("Hold a drill with the newest backup of {}", card.id);
    let step = Step::DrillBackup { backup: card.id.clone(), queries: card.drill_queries.clone() };
    let note = "nothing live is touched; the scratch lies beside the store and is removed in any case";
    Ok(about_backup(proposal, &ACTION, title, step, note))
}

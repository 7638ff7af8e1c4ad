//! Copy: the newest backup, carried to its second place.

use crate::action::{Action, Proposal, about_backup, with_files};
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
    let card = with_files(proposal, "copy")?;
    let to = card.copy_to.clone().ok_or_else(|| {
        PlanError::Impossible(format!("backup `{}` has no second place; name one with `copy`", card.id))
    })?;
    let title = format!("Copy the newest backup of {}", card.id);
    let step = Step::CarryBackup { backup: card.id.clone(), to };
    let note = "nothing existing is overwritten, and nothing there is ever deleted";
    Ok(about_backup(proposal, &ACTION, title, step, note))
}

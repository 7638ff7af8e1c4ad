//! Verify: hash, structure and row counts of the newest backup.

use crate::action::{Action, Proposal, about_backup, with_files};
use crate::domain::action_name::ActionName;
use crate::domain::inventory::TargetKind;
use crate::domain::plan::{Plan, PlanError, Risk, Step};

/// Verifies the newest backup.
pub(super) const ACTION: Action = Action {
    name: ActionName::VERIFY,
    summary: "Verify the newest backup",
    risk: Risk::Routine,
    aims_at: TargetKind::Backup,
    plan,
};

fn plan(proposal: &Proposal<'_>) -> Result<Plan, PlanError> {
    let card = with_files(proposal, "verify")?;
    let title = format!("Verify the newest backup of {}", card.id);
    let step = Step::VerifyBackup { backup: card.id.clone() };
    Ok(about_backup(proposal, &ACTION, title, step, "reads the whole file, changes nothing"))
}

//! Copy: the newest backup, carried to its second place.

use crate::action::{Action, Proposal, about_backup, with_files};
use crate::domain::action_name::ActionName;
use crate::domain::inventory::{SecondPlace, TargetKind};
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
    let (step, note) = match card.copy.clone() {
        Some(SecondPlace::Directory(to)) => {
            let step = Step::CarryBackup { backup: card.id.clone(), to };
            (step, "nothing existing is overwritten, and nothing there is ever deleted")
        }
        Some(SecondPlace::Command { command, hash }) => {
            let note = match hash {
                Some(_) => "done when the far end says the SHA-256 of every file",
                None => "no `copy.hash`: that the far end holds the same is not proven by anybody",
            };
            (Step::SendBackup { backup: card.id.clone(), command, hash }, note)
        }
        None => {
            let why = format!("backup `{}` has no second place; name one with `copy`", card.id);
            return Err(PlanError::Impossible(why));
        }
    };
    let title = format!("Copy the newest backup of {}", card.id);
    Ok(about_backup(proposal, &ACTION, title, step, note))
}

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
    let database = card.database.as_ref().and_then(|id| proposal.inventory.databases.get(id));
    let place = match database.filter(|database| database.path.is_none()) {
        Some(server) => format!(
            "is a database of its own on the server of {}, which needs room for it and lets us make it,",
            server.id
        ),
        None => "lies beside the store".to_owned(),
    };
    let note = format!("nothing live is touched; the scratch {place} and is removed in any case");
    Ok(about_backup(proposal, &ACTION, title, step, &note))
}

//! Vacuum: give a database's dead space back to the disk.

use crate::action::{Action, Proposal};
use crate::domain::action_name::ActionName;
use crate::domain::inventory::{Maintenance, TargetKind};
use crate::domain::plan::{Guard, Plan, PlanError, Risk};

/// Gives a database's unused space back. Writers wait while it runs, so it asks.
#[derive(Debug)]
pub(super) struct Vacuum;

impl Action for Vacuum {
    fn name(&self) -> ActionName {
        ActionName::VACUUM
    }

    fn summary(&self) -> &'static str {
        "Vacuum: give unused space back"
    }

    fn risk(&self) -> Risk {
        Risk::Disruptive
    }

    fn aims_at(&self) -> TargetKind {
        TargetKind::Database
    }

    fn plan(&self, proposal: &Proposal<'_>) -> Result<Plan, PlanError> {
        let mut plan = super::integrity::upkeep(proposal, Maintenance::Vacuum, "Vacuum")?;
        plan.action = self.name();
        plan.risk = self.risk();
        let card = proposal.inventory.databases.get(&proposal.target.id);
        if let Some(file) = card.and_then(|card| card.path.clone()) {
            let at = file.parent().map_or_else(|| file.clone(), std::path::Path::to_path_buf);
            plan.guards.push(Guard::RoomFor { file, at });
        }
        let copying =
            proposal.inventory.backups.values().filter(|backup| backup.database.as_ref() == Some(&proposal.target.id));
        plan.guards.extend(copying.map(|backup| Guard::Idle { target: format!("backup:{}", backup.id) }));
        plan.notes.push("writers wait while it runs; readers in WAL mode do not".to_owned());
        plan.undo = Some("nothing to undo: no row changes".to_owned());
        Ok(plan)
    }
}

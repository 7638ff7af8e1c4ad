//! Verify: hash, structure and row counts of the newest backup.

use crate::action::{Action, Proposal, no_target};
use crate::domain::action_name::ActionName;
use crate::domain::inventory::TargetKind;
use crate::domain::plan::{Plan, PlanError, Risk, Step};

/// Verifies the newest backup.
#[derive(Debug)]
pub(super) struct Verify;

impl Action for Verify {
    fn name(&self) -> ActionName {
        ActionName::VERIFY
    }

    fn summary(&self) -> &'static str {
        "Verify the newest backup"
    }

    fn risk(&self) -> Risk {
        Risk::Routine
    }

    fn aims_at(&self) -> TargetKind {
        TargetKind::Backup
    }

    fn plan(&self, proposal: &Proposal<'_>) -> Result<Plan, PlanError> {
        let inventory = proposal.inventory;
        let card = inventory
            .backups
            .get(&proposal.target.id)
            .ok_or_else(|| no_target(TargetKind::Backup, &proposal.target.id, inventory.backups.keys()))?;
        if card.files.is_none() {
            return Err(PlanError::Impossible(format!("backup `{}` has no `files` to verify", card.id)));
        }
        let mut plan =
            Plan::new(self.name(), format!("Verify the newest backup of {}", card.id), proposal.target.clone());
        plan.risk = self.risk();
        plan.affects = vec![proposal.target.probe()];
        plan.steps.push(Step::VerifyBackup { backup: card.id.clone() });
        plan.notes.push("reads the whole file, changes nothing".to_owned());
        Ok(plan)
    }
}

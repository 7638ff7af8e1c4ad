//! Prune: deletes what no rule of `keep` keeps. The plan names every file, and holds for the
//! state of the shelf it was made of.

use crate::action::{Action, Proposal, with_files};
use crate::domain::action_name::ActionName;
use crate::domain::backup::{Catalogue, Moment, Pruning};
use crate::domain::humanize;
use crate::domain::inventory::TargetKind;
use crate::domain::observation::Detail;
use crate::domain::plan::{Guard, Plan, PlanError, Risk, Step};

/// Deletes superfluous files.
pub(super) const ACTION: Action = Action {
    name: ActionName::PRUNE,
    summary: "Delete the files no rule keeps",
    risk: Risk::Destructive,
    aims_at: TargetKind::Backup,
    plan,
};

fn plan(proposal: &Proposal<'_>) -> Result<Plan, PlanError> {
    let Proposal { target, inventory, now, .. } = *proposal;
    let card = with_files(proposal, "delete")?;
    let keep = card.keep.as_ref().ok_or_else(|| {
        PlanError::Impossible(format!("backup `{}` has no `keep`: nothing says which of its files may go", card.id))
    })?;
    let catalogue = seen(proposal)?;
    let moment = Moment { now, zone: &inventory.zone, last_prune: catalogue.last_prune };
    let retention = keep.decide(catalogue, moment);
    if !retention.guards.is_empty() {
        let why = retention.guards.join("; ");
        return Err(PlanError::Impossible(format!("nothing may be deleted now: {why}")));
    }
    let pruning = Pruning::of(catalogue, &retention);
    if pruning.doomed.is_empty() && !catalogue.is_half_pruned() {
        let all = humanize::count(pruning.kept, "file");
        return Err(PlanError::Impossible(format!("nothing is superfluous: {all}, each kept by a rule")));
    }
    let title = format!(
        "Delete {} of {} of {}, {}",
        pruning.doomed.len(),
        humanize::count(catalogue.files.len(), "file"),
        card.id,
        humanize::bytes(pruning.bytes() as f64)
    );
    let mut plan = Plan::new(ACTION.name, title, target.clone());
    if catalogue.is_half_pruned() {
        plan.notes.push("an earlier prune was interrupted: what it left of deleted files goes, too".to_owned());
    }
    plan.risk = ACTION.risk;
    plan.affects = vec![target.probe()];
    plan.undo = Some("none: what is deleted is gone".to_owned());
    for (file, decision) in catalogue.files.iter().zip(&retention.files).rev() {
        let (verb, size) = (if decision.is_kept() { "keep" } else { "DELETE" }, file.size());
        plan.notes.push(format!("{verb:<6}  {}, {size}: {}", file.name(), decision.words()));
    }
    plan.guards.push(Guard::Unchanged { backup: card.id.clone(), state: pruning.state.clone() });
    plan.steps.push(Step::Prune { backup: card.id.clone(), files: pruning.doomed, state: pruning.state });
    Ok(plan)
}

/// What was last seen of the target's files.
pub(super) fn seen<'a>(proposal: &Proposal<'a>) -> Result<&'a Catalogue, PlanError> {
    match proposal.board.detail(&proposal.target.probe()) {
        Some(Detail::Backups(catalogue)) => Ok(catalogue),
        _ => Err(PlanError::Impossible(format!(
            "what lies on the shelf of `{}` is not known at this moment",
            proposal.target.id
        ))),
    }
}

//! Find right what is installed of scheduled tasks: what differs from it later is told.

use crate::action::hold::{ALL, list};
use crate::action::{Action, Proposal};
use crate::domain::action_name::ActionName;
use crate::domain::drift::Drift;
use crate::domain::inventory::{Target, TargetKind};
use crate::domain::observation::Detail;
use crate::domain::plan::{Found, Guard, Plan, PlanError, Risk, Step};
use crate::domain::task::SORTS;

/// Accepts what is installed.
pub(super) const ACTION: Action = Action {
    name: ActionName::ACCEPT,
    summary: "Accept what is installed as right",
    risk: Risk::Routine,
    aims_at: TargetKind::Task,
    plan,
};

fn plan(proposal: &Proposal<'_>) -> Result<Plan, PlanError> {
    let chosen = chosen(proposal)?;
    let found: Vec<Found> = chosen.iter().map(found).collect();
    let title = match &found[..] {
        [only] => format!("Accept what is installed of {} as right", only.scope),
        _ => "Accept what is installed as right".to_owned(),
    };
    let mut plan = Plan::new(ACTION.name, title, proposal.target.clone());
    plan.risk = ACTION.risk;
    plan.guards.push(Guard::Reason);
    plan.affects = found.iter().flat_map(|one| [&one.scope, &one.told_by]).map(|id| Target::task(id).probe()).collect();
    plan.affects.dedup();
    for drift in &chosen {
        plan.notes.extend(drift.told.iter().map(|told| format!("{}: {told}", drift.scope)));
        let first = drift.accepted.is_none().then(|| format!("{}: nothing of it was accepted before", drift.scope));
        plan.notes.extend(first);
    }
    plan.notes.push("nothing that is scheduled is changed; what differs from it later is told".to_owned());
    plan.steps.push(Step::Accept { found });
    Ok(plan)
}

fn found(drift: &Drift) -> Found {
    Found {
        scope: drift.scope.clone(),
        told_by: drift.within.map_or_else(|| drift.scope.clone(), str::to_owned),
        tasks: drift.tasks(),
        fingerprint: drift.fingerprint(),
    }
}

/// What is meant: what is named, or all that is another than what was found right.
fn chosen(proposal: &Proposal<'_>) -> Result<Vec<Drift>, PlanError> {
    let named: Vec<String> = match list(proposal, "tasks").collect::<Vec<_>>() {
        many if !many.is_empty() => many,
        _ if proposal.target.id != ALL => vec![proposal.target.id.clone()],
        _ => {
            let all: Vec<Drift> = drifts(proposal).filter(|drift| waits(drift)).cloned().collect();
            let why = "nothing waits to be accepted: what is installed is what was accepted, or is not watched, or cannot be read";
            return if all.is_empty() { Err(PlanError::Moot(why.to_owned())) } else { Ok(all) };
        }
    };
    named.iter().map(|id| one(proposal, id)).collect()
}

fn one(proposal: &Proposal<'_>, id: &str) -> Result<Drift, PlanError> {
    let moot = |why: String| PlanError::Moot(format!("`{id}`: {why}"));
    let own = proposal.board.detail(&Target::task(id).probe()).and_then(Detail::drift).cloned();
    let of_all = || {
        // As its scheduler calls it: what every name of its kind has is left out here.
        let names = [id.to_owned(), format!("{id}.timer"), format!("\\{id}")];
        // By their names: it is asked for every frame of a selected task, of which there may be thousands.
        let (within, all, name) = SORTS.iter().find_map(|within| {
            let all = proposal.board.detail(&Target::task(*within).probe())?.drift()?;
            Some((*within, all, names.iter().find(|name| all.has(name))?))
        })?;
        Some(Drift { within: Some(within), ..all.of(name) })
    };
    let Some(drift) = own.or_else(of_all) else {
        if proposal.board.watch(&Target::task(id).probe()).is_some() {
            return Err(moot("nothing of it is installed here that could be another".to_owned()));
        }
        let known: Vec<String> = proposal.board.watches().iter().map(|watch| watch.id.name().to_owned()).collect();
        return Err(super::no_target(TargetKind::Task, id, known.iter()));
    };
    match &drift.accepted {
        Some(accepted) if drift.is_settled() => {
            Err(moot(format!("what is installed is what {} accepted: {}", accepted.operator, accepted.reason)))
        }
        _ => Ok(drift),
    }
}

fn drifts<'a>(proposal: &Proposal<'a>) -> impl Iterator<Item = &'a Drift> + use<'a> {
    proposal.board.details().filter_map(|(_, detail)| detail.drift())
}

/// Whether it is what all tasks of one sort are.
fn is_of_all(drift: &Drift) -> bool {
    SORTS.contains(&drift.scope.as_str())
}

/// Whether somebody should find it right, or say that it is not.
fn waits(drift: &Drift) -> bool {
    !drift.told.is_empty() || is_of_all(drift) && !drift.is_settled()
}

#[cfg(test)]
mod tests;

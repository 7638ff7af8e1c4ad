//! Actions: from what an operator means to the exact steps. An action only plans; it opens,
//! reads and changes nothing.
//!
//! A new action is one file and one line in [`ACTIONS`].

mod backup;
mod custom;
mod integrity;
mod run_task;
mod vacuum;
mod verify;

use std::collections::BTreeMap;

use crate::domain::action_name::ActionName;
use crate::domain::inventory::{Inventory, Target, TargetKind};
use crate::domain::plan::{Plan, PlanError, Risk};

/// What an operator asked for.
#[derive(Clone, Copy, Debug)]
pub struct Proposal<'a> {
    pub target: &'a Target,
    pub params: &'a BTreeMap<String, String>,
    pub inventory: &'a Inventory,
}

/// Something that can be done to a target.
#[derive(Debug)]
pub struct Action {
    pub name: ActionName,
    /// What it does, in a few words.
    pub summary: &'static str,
    pub risk: Risk,
    /// The kind of target it is for.
    pub aims_at: TargetKind,
    /// The steps, without what every plan has: [`propose`] adds host, environment and the
    /// raised risk of production.
    plan: fn(&Proposal<'_>) -> Result<Plan, PlanError>,
}

/// Every built-in action.
pub const ACTIONS: &[Action] = &[backup::ACTION, verify::ACTION, integrity::ACTION, vacuum::ACTION, run_task::ACTION];

/// The plan for an act on a target.
pub fn propose(
    action: &ActionName,
    target: &Target,
    params: &BTreeMap<String, String>,
    inventory: &Inventory,
) -> Result<Plan, PlanError> {
    let proposal = Proposal { target, params, inventory };
    let mut plan = match ACTIONS.iter().find(|known| known.name == *action) {
        Some(known) if known.aims_at == target.kind => (known.plan)(&proposal)?,
        Some(known) => {
            return Err(PlanError::Impossible(format!(
                "{action} is for a {}, and {target} is none",
                known.aims_at.word()
            )));
        }
        None => custom::plan(action, &proposal)?,
    };
    plan.host.clone_from(&inventory.host);
    plan.environment.clone_from(&inventory.system.environment);
    if inventory.system.is_production() {
        plan.risk = plan.risk.raised();
    }
    Ok(plan)
}

/// Something that could be done about a target, for the action menu.
#[derive(Clone, Debug)]
pub struct Offer {
    pub action: ActionName,
    pub title: String,
    pub target: Target,
    pub risk: Risk,
    /// Why it cannot be done now.
    pub possible: Result<(), String>,
}

/// Everything that can be done about a target: the actions for its kind, those for what it
/// depends on, and every configured action.
pub fn offers(target: &Target, inventory: &Inventory) -> Vec<Offer> {
    let params = BTreeMap::new();
    let offer = |action: ActionName, title: String, target: Target| {
        let planned = propose(&action, &target, &params, inventory);
        let risk = planned.as_ref().map_or(Risk::Routine, |plan| plan.risk);
        // A parameter that is still to be asked for does not make an act impossible.
        let possible = match planned {
            Ok(_) | Err(PlanError::Parameter { .. }) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        Offer { action, title, target, risk, possible }
    };
    let built_in = ACTIONS
        .iter()
        .filter(|action| action.aims_at == target.kind)
        .map(|action| offer(action.name.clone(), action.summary.to_owned(), target.clone()));
    let custom = inventory
        .actions
        .values()
        .map(|card| offer(card.name.clone(), card.title.clone(), Target::action(card.name.as_str())));
    built_in.chain(custom).collect()
}

/// The error for a name that is not in the inventory, with the nearest one that is.
fn no_target<'a>(kind: TargetKind, id: &str, known: impl Iterator<Item = &'a String>) -> PlanError {
    let nearest = known
        .map(|name| (strsim::jaro_winkler(name, id), name))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.clone());
    PlanError::NoTarget { kind: kind.word(), id: id.to_owned(), nearest }
}

#[cfg(test)]
mod tests;

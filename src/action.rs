//! Actions: from what an operator means to the exact steps. An action only plans; it opens,
//! reads and changes nothing.
//!
//! A new action is one file and one line in [`ACTIONS`]. Upkeep of a database is no line here:
//! it is a row in the card of its engine.

mod accept;
mod backup;
mod copy;
mod custom;
mod drill;
pub mod hold;
mod prune;
mod restore;
mod run_task;
mod stop_task;
mod upkeep;
mod verify;

use std::collections::BTreeMap;

use crate::domain::action_name::ActionName;
use crate::domain::board::Board;
use crate::domain::inventory::{BackupCard, Inventory, Target, TargetKind};
use crate::domain::plan::{Plan, PlanError, Risk, Step};
use crate::domain::time::Timestamp;
use crate::domain::upkeep::Verb;
pub use upkeep::TABLE;

/// What is known when something is proposed: what there is, and what was last seen of it.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    pub inventory: &'a Inventory,
    pub board: &'a Board,
    pub now: Timestamp,
}

/// What an operator asked for.
#[derive(Clone, Copy, Debug)]
pub struct Proposal<'a> {
    pub target: &'a Target,
    pub params: &'a BTreeMap<String, String>,
    pub inventory: &'a Inventory,
    /// What was last seen; whoever acts looks again.
    pub board: &'a Board,
    pub now: Timestamp,
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

/// Every built-in action but the verbs of upkeep.
pub const ACTIONS: &[Action] = &[
    backup::ACTION,
    verify::ACTION,
    drill::ACTION,
    copy::ACTION,
    restore::ACTION,
    prune::ACTION,
    run_task::ACTION,
    stop_task::STOP,
    stop_task::RESTART,
    hold::FREEZE,
    hold::THAW,
    hold::DISABLE,
    hold::ENABLE,
    accept::ACTION,
];

/// The plan for an act on a target.
pub fn propose(
    action: &ActionName,
    target: &Target,
    params: &BTreeMap<String, String>,
    sight: &Sight<'_>,
) -> Result<Plan, PlanError> {
    let Sight { inventory, board, now } = *sight;
    let proposal = Proposal { target, params, inventory, board, now };
    let known = ACTIONS.iter().find(|known| known.name == *action);
    let verb = Verb::of(action);
    let aims_at = known.map(|known| known.aims_at).or(verb.map(|_| TargetKind::Database));
    if let Some(kind) = aims_at.filter(|kind| *kind != target.kind) {
        return Err(PlanError::Impossible(format!("{action} is for a {}, and {target} is none", kind.word())));
    }
    let mut plan = match (known, verb) {
        (Some(known), _) => (known.plan)(&proposal)?,
        (None, Some(verb)) => upkeep::plan(verb, &proposal)?,
        (None, None) => custom::plan(action, &proposal)?,
    };
    plan.host.clone_from(&inventory.host);
    plan.environment.clone_from(&inventory.system.environment);
    if inventory.system.is_production() {
        plan.risk = plan.risk.raised();
    }
    Ok(plan)
}

/// Whether an act could be proposed for a target now. What it still wants to be told does not make
/// it impossible.
pub fn is_possible(action: &ActionName, target: &Target, sight: &Sight<'_>) -> bool {
    matches!(propose(action, target, &BTreeMap::new(), sight), Ok(_) | Err(PlanError::Parameter { .. }))
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
    /// There is nothing to do: it is for a target in another state.
    pub moot: bool,
}

/// Everything that can be done about a target: the actions for its kind, the upkeep its engine
/// has but for what is done to a session, and every configured action.
pub fn offers(target: &Target, sight: &Sight<'_>) -> Vec<Offer> {
    let params = BTreeMap::new();
    let offer = |action: ActionName, title: String, target: Target, own: Risk| {
        let planned = propose(&action, &target, &params, sight);
        let risk = planned.as_ref().map_or(own, |plan| plan.risk);
        let moot = matches!(planned, Err(PlanError::Moot(_)));
        // A parameter that is still to be asked for does not make an act impossible.
        let possible = match planned {
            Ok(_) | Err(PlanError::Parameter { .. }) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        Offer { action, title, target, risk, possible, moot }
    };
    let built_in = ACTIONS
        .iter()
        .filter(|action| action.aims_at == target.kind)
        .map(|action| offer(action.name.clone(), action.summary.to_owned(), target.clone(), action.risk));
    let inventory = sight.inventory;
    let database = (target.kind == TargetKind::Database).then(|| inventory.databases.get(&target.id)).flatten();
    let ways = database.into_iter().flat_map(|card| card.can).filter(|way| !way.verb.is_of_a_session());
    let upkeep = ways.map(|way| offer(way.verb.action(), way.summary.to_owned(), target.clone(), Risk::Routine));
    let custom = inventory
        .actions
        .values()
        .map(|card| offer(card.name.clone(), card.title.clone(), Target::action(card.name.as_str()), card.risk));
    built_in.chain(upkeep).chain(custom).collect()
}

/// The card of the backup an act is about, which has files of its own here to do it with.
fn with_files<'a>(proposal: &Proposal<'a>, to: &str) -> Result<&'a BackupCard, PlanError> {
    let (inventory, id) = (proposal.inventory, &proposal.target.id);
    let card = inventory.backups.get(id).ok_or_else(|| no_target(TargetKind::Backup, id, inventory.backups.keys()))?;
    match &card.files {
        Some(_) => Ok(card),
        None => Err(PlanError::Impossible(format!("backup `{id}` has no `files` on this machine to {to}"))),
    }
}

/// A routine plan of one step about a backup.
fn about_backup(proposal: &Proposal<'_>, action: &Action, title: String, step: Step, note: &str) -> Plan {
    let mut plan = Plan::new(action.name.clone(), title, proposal.target.clone());
    plan.risk = action.risk;
    plan.affects = vec![proposal.target.probe()];
    plan.steps.push(step);
    plan.notes.push(note.to_owned());
    plan
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

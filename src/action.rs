//! Actions: what an operator intends, turned into a plan. An action only plans.

use std::collections::BTreeMap;

use crate::domain::action_name::ActionName;
use crate::domain::inventory::{Inventory, Maintenance, Target, TargetKind};
use crate::domain::plan::{Guard, Invocation, Plan, PlanError, Risk, Step};
use crate::domain::time::Timestamp;

/// One act that could be done to a target, whether or not it can be done now.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    pub action: ActionName,
    pub title: String,
    pub risk: Risk,
    /// Why it cannot be done now.
    pub possible: Result<(), String>,
}

/// The plan of an act on a target.
pub fn propose(
    action: &ActionName,
    target: &Target,
    params: &BTreeMap<String, String>,
    inventory: &Inventory,
    now: Timestamp,
) -> Result<Plan, PlanError> {
    let none = || PlanError::NoTarget { kind: target.kind.word(), id: target.id.clone(), nearest: None };
    let mut plan = Plan::new(action.clone(), format!("{action} {}", target.id), target.clone());
    plan.affects = vec![target.probe()];
    match target.kind {
        TargetKind::Backup if *action == ActionName::BACKUP => {
            let card = inventory.backups.get(&target.id).ok_or_else(none)?;
            if !card.can_run() {
                return Err(PlanError::Impossible(format!("nothing here makes `{}`: it only watches files", card.id)));
            }
            plan.title = format!("Back up {}", target.id);
            plan.guards = vec![Guard::Idle { target: target.to_string() }];
            let database = card.database.clone().unwrap_or_default();
            let source = inventory.databases.get(&database).and_then(|card| card.path.clone()).unwrap_or_default();
            let stamp = now.format("%Y%m%d_%H%M%S");
            let destination = format!("/srv/{database}/db_backup_{stamp}.sqlite3").into();
            plan.steps =
                vec![Step::CopyDatabase { backup: card.id.clone(), database, source, destination, rows: Vec::new() }];
        }
        TargetKind::Backup if *action == ActionName::VERIFY => {
            plan.title = format!("Verify the newest backup of {}", target.id);
            plan.steps = vec![Step::VerifyBackup { backup: target.id.clone(), file: "newest".into() }];
        }
        TargetKind::Database => {
            let operation = if *action == ActionName::VACUUM { Maintenance::Vacuum } else { Maintenance::Integrity };
            let card = inventory.databases.get(&target.id).ok_or_else(none)?;
            if !card.can.contains(&operation) {
                return Err(PlanError::Impossible(format!("{} has no {}", card.engine, operation.word())));
            }
            if operation == Maintenance::Vacuum {
                plan.risk = Risk::Disruptive;
                plan.title = format!("Vacuum {}", target.id);
                plan.notes = vec!["writers wait while it runs".to_owned()];
            }
            plan.steps = vec![Step::Maintain { database: card.id.clone(), operation }];
        }
        TargetKind::Task => {
            let card = inventory.tasks.get(&target.id).ok_or_else(none)?;
            let command = card.run.clone().map_err(PlanError::Impossible)?;
            plan.title = format!("Run {} now", target.id);
            plan.risk = Risk::Disruptive;
            plan.steps = vec![Step::Run { command }];
        }
        TargetKind::Action => {
            let card = inventory.actions.get(&target.id).ok_or_else(none)?;
            plan.title.clone_from(&card.title);
            plan.risk = card.risk;
            plan.timeout = card.timeout;
            plan.guards.clone_from(&card.guards);
            plan.undo.clone_from(&card.undo);
            let mut argv = card.command.argv.clone();
            for param in &card.params {
                let value = params.get(&param.name).or(param.default.as_ref());
                let value = value
                    .ok_or_else(|| PlanError::Parameter { name: param.name.clone(), why: "has no value".to_owned() })?;
                for argument in &mut argv {
                    *argument = argument.replace(&format!("{{{}}}", param.name), value);
                }
            }
            plan.steps = vec![Step::Run { command: Invocation::new(argv) }];
        }
        TargetKind::Backup => return Err(none()),
    }
    if inventory.system.is_production() {
        plan.risk = plan.risk.raised();
    }
    plan.host.clone_from(&inventory.host);
    plan.environment.clone_from(&inventory.system.environment);
    Ok(plan)
}

/// What can be done to a target, possible now or not.
pub fn offers(target: &Target, inventory: &Inventory) -> Vec<Offer> {
    let offer = |action: ActionName| {
        let plan = propose(&action, target, &BTreeMap::new(), inventory, Timestamp::UNIX_EPOCH);
        let title = plan.as_ref().map_or_else(|_| action.to_string(), |plan| plan.title.clone());
        let risk = plan.as_ref().map_or(Risk::Routine, |plan| plan.risk);
        Offer { action, title, risk, possible: plan.map(|_| ()).map_err(|error| error.to_string()) }
    };
    match target.kind {
        TargetKind::Database => vec![offer(ActionName::VACUUM), offer(ActionName::INTEGRITY)],
        TargetKind::Backup => vec![offer(ActionName::BACKUP), offer(ActionName::VERIFY)],
        TargetKind::Task => vec![offer(ActionName::RUN_TASK)],
        TargetKind::Action => vec![offer(ActionName::custom(&target.id))],
    }
}

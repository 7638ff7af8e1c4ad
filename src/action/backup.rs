//! Back up: a consistent copy of a database in use, or whatever command makes one.

use std::path::Path;

use crate::action::{Action, Proposal, no_target};
use crate::domain::action_name::ActionName;
use crate::domain::engine;
use crate::domain::inventory::TargetKind;
use crate::domain::plan::{Guard, Invocation, Plan, PlanError, Risk, Step};

/// Makes a backup now.
pub(super) const ACTION: Action =
    Action { name: ActionName::BACKUP, summary: "Back up now", risk: Risk::Routine, aims_at: TargetKind::Backup, plan };

fn plan(proposal: &Proposal<'_>) -> Result<Plan, PlanError> {
    let inventory = proposal.inventory;
    let card = inventory
        .backups
        .get(&proposal.target.id)
        .ok_or_else(|| no_target(TargetKind::Backup, &proposal.target.id, inventory.backups.keys()))?;
    let mut plan = Plan::new(ACTION.name, format!("Back up {}", card.id), proposal.target.clone());
    plan.risk = ACTION.risk;
    plan.affects = vec![proposal.target.probe()];
    match (&card.database, &card.command) {
        (_, Some(command)) => {
            plan.steps.push(Step::Run { command: command.clone() });
            if card.files.is_some() {
                plan.notes.push("done when a new, complete file is there; exit 0 alone proves nothing".to_owned());
            }
        }
        (Some(database), None) => {
            let source = inventory
                .databases
                .get(database)
                .ok_or_else(|| no_target(TargetKind::Database, database, inventory.databases.keys()))?;
            let pattern = card.files.as_ref().ok_or_else(|| {
                PlanError::Impossible(format!("backup `{}` has no `files`, so there is no place for a copy", card.id))
            })?;
            if let Some(file) = &source.path {
                plan.guards.push(Guard::RoomFor { file: file.clone(), at: pattern.dir().to_path_buf() });
            }
            let directory = pattern.is_directory() && source.engine == engine::POSTGRESQL.name;
            let engine = engine::ENGINES.iter().find(|engine| engine.name == source.engine);
            let program = |command: &&[&str]| {
                let command = match command.first() {
                    Some(&"pg_dump") if directory => engine::POSTGRESQL_DIRECTORY,
                    _ => command,
                };
                let option = if source.engine == engine::POSTGRESQL.name { "--dbname=" } else { "" };
                let at = format!("{option}{}", source.location);
                // Where the server is and who asks stands in a file, with the password.
                if source.engine == engine::MYSQL.name {
                    let program = command.iter().copied().take(1).chain(["--defaults-file=…"]);
                    let rest = command.iter().copied().skip(1).chain(["--", source.name.as_str()]);
                    return Invocation::new(program.chain(rest));
                }
                Invocation::new(command.iter().copied().chain([at.as_str()]))
            };
            plan.steps.push(Step::CopyDatabase {
                backup: card.id.clone(),
                database: database.clone(),
                source: source.location.clone(),
                programs: engine.map_or_else(Vec::new, |engine| engine.dump.iter().map(program).collect()),
                compress: card.compress,
                files: pattern.packed(card.compress, Path::new(&pattern.text)).display().to_string(),
                rows: card.rows.clone(),
            });
            plan.notes.push(
                "its stamp is the moment it begins; the database stays in use; nothing existing is overwritten"
                    .to_owned(),
            );
        }
        (None, None) => {
            return Err(PlanError::Impossible(format!(
                "`{}` only watches files that something else makes; give it `database` or `command` to make one here",
                card.id
            )));
        }
    }
    Ok(plan)
}

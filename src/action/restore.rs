//! Restore: a verified backup in place of the database, with a way back.

use std::time::Duration;

use crate::action::prune::seen;
use crate::action::{Action, Proposal, no_target};
use crate::domain::action_name::ActionName;
use crate::domain::backup::{Backup, BackupState, Catalogue, Compression, Hold};
use crate::domain::engine::MYSQL;
use crate::domain::humanize;
use crate::domain::inventory::{BackupCard, DatabaseCard, Inventory, Target, TargetKind};
use crate::domain::plan::{Invocation, Plan, PlanError, Postcondition, Risk, Step};
use crate::domain::time::{Timestamp, seconds_between};

/// How long an application may take to be well again, where its start does not say.
const WITHIN: Duration = Duration::from_mins(1);

/// Puts a backup in the place of its database.
pub(super) const ACTION: Action = Action {
    name: ActionName::RESTORE,
    summary: "Restore the newest verified backup",
    risk: Risk::Destructive,
    aims_at: TargetKind::Backup,
    plan,
};

fn plan(proposal: &Proposal<'_>) -> Result<Plan, PlanError> {
    let Proposal { target, params, inventory, now, .. } = *proposal;
    let known = inventory.backups.keys();
    let card = inventory.backups.get(&target.id).ok_or_else(|| no_target(TargetKind::Backup, &target.id, known))?;
    if let Some(stranger) = params.keys().find(|name| *name != "file") {
        return Err(PlanError::Parameter { name: stranger.clone(), why: "it takes file".into() });
    }
    let impossible = |why: String| Err(PlanError::Impossible(why));
    let Some(database) = card.database.as_ref().and_then(|id| inventory.databases.get(id)) else {
        return impossible(format!("`{}` names no `database` that it could be restored to", card.id));
    };
    let file = choose(card, seen(proposal)?, params.get("file").map(String::as_str), now)?;
    if database.engine == MYSQL.name {
        return impossible(by_hand(card, database, file));
    }
    let mut plan = Plan::new(ACTION.name, format!("Restore {} from {}", database.id, file.name()), target.clone());
    plan.risk = ACTION.risk;
    plan.affects = vec![target.probe(), Target::database(&database.id).probe()];
    if let Some(command) = command(card.restore.stop.as_deref(), inventory)? {
        plan.steps.push(Step::Stop { command });
    } else {
        plan.notes.push(
            "nothing stops the application (`restore.stop`): while it writes, the restore is refused; what it writes between \
             the first copy and the restore is lost"
                .to_owned(),
        );
    }
    plan.steps.push(Step::SaveBefore { backup: card.id.clone(), database: database.id.clone() });
    plan.steps.push(match &database.path {
        Some(path) => Step::Restore {
            backup: card.id.clone(),
            database: database.id.clone(),
            file: file.path.clone(),
            taken_at: file.taken_at,
            sha256: file.sha256.clone(),
            to: path.clone(),
        },
        None => Step::RestoreBeside {
            backup: card.id.clone(),
            database: database.id.clone(),
            file: file.path.clone(),
            taken_at: file.taken_at,
            sha256: file.sha256.clone(),
            name: database.name.clone(),
            queries: card.drill_queries.clone(),
        },
    });
    if let Some(command) = command(card.restore.start.as_deref(), inventory)? {
        plan.steps.push(Step::Start { command });
    }
    // As long as its start may take to show.
    let start = card.restore.start.as_ref().and_then(|id| inventory.actions.get(id)?.verify.as_ref());
    let within = start.map_or(WITHIN, |effect| effect.within);
    for check in &card.restore.verify {
        plan.affects.push(check.clone());
        plan.steps.push(Step::Expect { effect: Postcondition { check: check.clone(), within } });
    }
    let (taken, age) =
        (humanize::clock(file.taken_at, now, &inventory.zone), humanize::seconds(seconds_between(file.taken_at, now)));
    plan.notes.push(format!("LOST is whatever was written to {} since {taken}, {age} ago", database.id));
    plan.notes.push("what is there now is copied first, and put back when anything after that fails".to_owned());
    plan.undo = Some(format!("rounds backup restore {} --file NAME, of the copy that is made first", card.id));
    if database.path.is_none() {
        let name = &database.name;
        plan.notes.push(format!(
            "whoever is connected to {name} is sent away when the names are swapped; what was there stays as the database \
             {name}_before_<time> until you drop it, and the server needs room for both"
        ));
        plan.undo = Some(format!(
            "ALTER DATABASE {name} RENAME TO {name}_failed; ALTER DATABASE {name}_before_<time> RENAME TO {name}"
        ));
    }
    Ok(plan)
}

/// What an operator types where no restore is safe.
fn by_hand(card: &BackupCard, database: &DatabaseCard, file: &Backup) -> String {
    let path = file.path.display();
    let text = match Compression::of_name(&file.path) {
        Compression::None => format!("cat '{path}'"),
        Compression::Zstd => format!("zstd -dc '{path}'"),
        Compression::Gzip => format!("gzip -dc '{path}'"),
    };
    format!(
        "`{}` is restored by hand: MySQL and MariaDB cannot give all of a database the place of another at once, so \
         whoever is killed meanwhile would leave a mix. `rounds backup verify {}` and `rounds backup drill {}` prove the \
         backup; then stop the application, copy what is there with `rounds backup run {}`, type `{text} | mariadb \
         --binary-mode '{}'`, and start it again",
        database.id, card.id, card.id, card.id, database.name
    )
}

fn command(action: Option<&str>, inventory: &Inventory) -> Result<Option<Invocation>, PlanError> {
    let Some(card) = action.and_then(|id| inventory.actions.get(id)) else { return Ok(None) };
    if card.params.is_empty() {
        return Ok(Some(card.command.clone()));
    }
    let why = format!("`{}` wants values, and a restore has none to give; name an action without", card.name);
    Err(PlanError::Impossible(why))
}

/// The file that was named, or the newest; either way one that is whole and was verified.
fn choose<'a>(
    card: &BackupCard,
    catalogue: &'a Catalogue,
    named: Option<&str>,
    now: Timestamp,
) -> Result<&'a Backup, PlanError> {
    let impossible = |why: String| Err(PlanError::Impossible(why));
    if let Some(named) = named {
        let wanted = |file: &&Backup| file.name() == named || file.path.as_os_str() == named;
        let Some(file) = catalogue.files.iter().find(wanted) else {
            return Err(PlanError::Parameter {
                name: "file".into(),
                why: format!("backup `{}` has no file `{named}`; `rounds backup list {}` names them", card.id, card.id),
            });
        };
        return match &file.state {
            BackupState::Damaged(why) => impossible(format!("{named} is damaged: {why}")),
            BackupState::Growing => impossible(format!("{named} is still being written")),
            BackupState::Complete if file.verified_at.is_none() => {
                impossible(format!("{named} was never verified; a drill or `rounds backup verify` does that"))
            }
            BackupState::Complete => Ok(file),
        };
    }
    let of_before = |file: &Backup| catalogue.held.get(&file.path) == Some(&Hold::BeforeRestore);
    let newest = catalogue.usable(now).find(|file| file.verified_at.is_some() && !of_before(file));
    newest.ok_or_else(|| PlanError::Impossible(format!("backup `{}` has no verified file; verify one first", card.id)))
}

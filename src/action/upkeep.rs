//! Upkeep of a database: every verb, as its engine does it.

use crate::action::{Proposal, no_target};
use crate::domain::engine::EngineCard;
use crate::domain::inventory::{DatabaseCard, TargetKind};
use crate::domain::plan::{Guard, Plan, PlanError, Step};
use crate::domain::session::{PARAMS, SessionKey};
use crate::domain::upkeep::{Aim, Maintenance, On, Scope, TableName, Verb, Way};

/// The parameter that names a table.
pub const TABLE: &str = "table";

/// The plan of a verb, as the engine of its target does it.
pub(super) fn plan(verb: Verb, proposal: &Proposal<'_>) -> Result<Plan, PlanError> {
    let (databases, id) = (&proposal.inventory.databases, &proposal.target.id);
    let card = databases.get(id).ok_or_else(|| no_target(TargetKind::Database, id, databases.keys()))?;
    let none = || PlanError::Impossible(format!("{} has no {}", card.engine, verb.word()));
    let way = card.way(verb).ok_or_else(none)?;
    let scope = scope(proposal, card, way)?;
    let aim = Aim { database: &card.name, scope: &scope };
    let mut plan = Plan::new(verb.action(), title(verb, &scope, id), proposal.target.clone());
    plan.risk = way.risk;
    plan.timeout = way.limit;
    plan.affects = vec![proposal.target.probe()];
    if let (true, Some(file)) = (way.copies, card.path.clone()) {
        let at = file.parent().map_or_else(|| file.clone(), std::path::Path::to_path_buf);
        plan.guards.push(Guard::RoomFor { file, at });
    }
    if !verb.only_reads() && !verb.is_of_a_session() {
        let copying = proposal.inventory.backups.values().filter(|backup| backup.database.as_ref() == Some(id));
        plan.guards.extend(copying.map(|backup| Guard::Idle { target: format!("backup:{}", backup.id) }));
    }
    if let Scope::Session(session) = &scope {
        plan.notes.push(format!("pid {} is {}", session.pid, session.who));
        if !session.statement.is_empty() {
            plan.notes.push(format!("its statement: {}", session.statement));
        }
    }
    plan.notes.extend(way.notes.iter().map(|note| (*note).to_owned()));
    plan.undo = way.undo.map(ToOwned::to_owned);
    let sql = (way.sql)(&aim);
    let work = Maintenance { verb, scope };
    if card.path.is_none() && !verb.only_reads() {
        plan.guards.push(Guard::Unhindered { database: id.clone(), work: work.clone() });
    }
    plan.steps.push(Step::Maintain { database: id.clone(), work, sql });
    Ok(plan)
}

/// What it is done to, as the parameters say.
fn scope(proposal: &Proposal<'_>, card: &DatabaseCard, way: &Way) -> Result<Scope, PlanError> {
    let takes: &[&str] = match way.on {
        On::Whole => &[],
        On::WholeOrTable | On::Table => &[TABLE],
        On::Session => &PARAMS,
    };
    if let Some(stranger) = proposal.params.keys().find(|name| !takes.contains(&name.as_str())) {
        let why = match takes {
            [] => format!("{} of {} is for a whole database", way.verb.word(), card.engine),
            takes => format!("it takes {}", takes.join(", ")),
        };
        return Err(PlanError::Parameter { name: stranger.clone(), why });
    }
    if way.on == On::Session {
        let session = SessionKey::of_params(proposal.params);
        let refuse = |(name, why): (&str, String)| PlanError::Parameter { name: name.to_owned(), why };
        return session.map(Scope::Session).map_err(refuse);
    }
    let refuse = |why: String| PlanError::Parameter { name: TABLE.to_owned(), why };
    match proposal.params.get(TABLE) {
        Some(written) => {
            let table = TableName::parse(written).map_err(refuse)?;
            let longest = EngineCard::named(card.engine).and_then(|engine| engine.longest_name);
            match longest.filter(|longest| table.parts().any(|part| part.len() > *longest)) {
                Some(longest) => Err(refuse(format!(
                    "a name of more than {longest} bytes would be cut, and be another's; {} has none as long",
                    card.engine
                ))),
                None => Ok(Scope::Table(table)),
            }
        }
        None if way.on == On::Table => Err(refuse(format!("{} is for one table: name it", way.verb.word()))),
        None => Ok(Scope::Whole),
    }
}

fn title(verb: Verb, scope: &Scope, id: &str) -> String {
    match scope {
        Scope::Whole => format!("{} {id}", verb.title()),
        Scope::Table(table) => format!("{} {table} of {id}", verb.title()),
        Scope::Session(session) => format!("{} pid {} of {id}", verb.title(), session.pid),
    }
}

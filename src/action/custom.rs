//! Configured actions: a command with typed parameters, guards and a check that decides.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::action::{Proposal, no_target};
use crate::domain::action_name::ActionName;
use crate::domain::inventory::{ActionCard, Param, ParamKind, TargetKind};
use crate::domain::plan::{Invocation, Plan, PlanError, Step};

/// The plan of a configured action.
pub(super) fn plan(action: &ActionName, proposal: &Proposal<'_>) -> Result<Plan, PlanError> {
    let actions = &proposal.inventory.actions;
    let card =
        actions.get(action.as_str()).ok_or_else(|| no_target(TargetKind::Action, action.as_str(), actions.keys()))?;
    let command = fill(card, proposal)?;
    let mut plan = Plan::new(card.name.clone(), card.title.clone(), proposal.target.clone());
    plan.risk = card.risk;
    plan.timeout = card.timeout;
    plan.guards.clone_from(&card.guards);
    plan.verify.clone_from(&card.verify);
    plan.affects = card.verify.iter().map(|verify| verify.check.clone()).collect();
    plan.undo.clone_from(&card.undo);
    if card.verify.is_none() {
        plan.notes.push("no check proves the effect: exit 0 is all that will be known".to_owned());
    }
    plan.steps.push(Step::Run { command });
    Ok(plan)
}

/// The command with every `{name}` replaced inside its argument; a value is never split.
fn fill(card: &ActionCard, proposal: &Proposal<'_>) -> Result<Invocation, PlanError> {
    if let Some(stranger) = proposal.params.keys().find(|name| !card.params.iter().any(|param| param.name == **name)) {
        let known: Vec<&str> = card.params.iter().map(|param| param.name.as_str()).collect();
        let why =
            if known.is_empty() { "this action takes none".into() } else { format!("it takes {}", known.join(", ")) };
        return Err(PlanError::Parameter { name: stranger.clone(), why });
    }
    let mut values: BTreeMap<&str, &str> = BTreeMap::new();
    for param in &card.params {
        let value = proposal.params.get(&param.name).or(param.default.as_ref()).ok_or_else(|| {
            PlanError::Parameter { name: param.name.clone(), why: format!("wants a value: --param {}=…", param.name) }
        })?;
        check(param, value)?;
        values.insert(&param.name, value);
    }
    let mut command = card.command.clone();
    for argument in &mut command.argv {
        *argument = filled(argument, &values);
    }
    Ok(command)
}

/// One argument with its placeholders replaced in one pass: what looks like one in a value is
/// text, as everything else in it.
fn filled(argument: &str, values: &BTreeMap<&str, &str>) -> String {
    let mut text = String::with_capacity(argument.len());
    let mut rest = argument;
    while let Some((before, from)) = rest.split_once('{') {
        text.push_str(before);
        if let Some((value, after)) = from.split_once('}').and_then(|(name, after)| Some((values.get(name)?, after))) {
            text.push_str(value);
            rest = after;
        } else {
            text.push('{');
            rest = from;
        }
    }
    text + rest
}

fn check(param: &Param, value: &str) -> Result<(), PlanError> {
    let refuse = |why: String| Err(PlanError::Parameter { name: param.name.clone(), why });
    match param.kind {
        ParamKind::Integer if value.parse::<i64>().is_err() => refuse(format!("`{value}` is not a whole number")),
        ParamKind::Date if value.parse::<NaiveDate>().is_err() => {
            refuse(format!("`{value}` is not a date such as 2026-03-02"))
        }
        // A value that looks like a flag would become one.
        ParamKind::Text if value.starts_with('-') => refuse(format!("`{value}` begins with a dash, as a flag does")),
        ParamKind::Text if value.chars().any(char::is_control) => refuse("holds a control character".to_owned()),
        _ => Ok(()),
    }
}

//! `[[action]]`: a command with its values, what must hold before it and after it.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use toml::Spanned;

use super::{Scope, command, id};
use crate::config::error::Fault;
use crate::config::nearest::suggestion;
use crate::config::source::Source;
use crate::config::{defaults, raw};
use crate::domain::action_name::ActionName;
use crate::domain::inventory::{ActionCard, Param, ParamKind};
use crate::domain::plan::{Guard, Postcondition};

/// Names of acts that are built in, now or by the contract later.
const BUILT_IN: [&str; 17] = [
    "backup",
    "verify",
    "drill",
    "copy",
    "prune",
    "restore",
    "vacuum",
    "vacuum-analyze",
    "vacuum-full",
    "checkpoint",
    "analyze",
    "reindex",
    "integrity",
    "cancel",
    "terminate",
    "run-task",
    "freeze",
];

pub(super) fn action(raw: &raw::Action, source: &Source, scope: &Scope<'_>) -> Result<ActionCard, Fault> {
    let name = id(&raw.id);
    if BUILT_IN.contains(&name.as_str()) {
        return Err(source.fault_at(&raw.id, format!("`{name}` is the name of a built-in act; choose another id")));
    }
    let params = params(raw, source)?;
    let guards = raw.guards.iter().map(|guard| self::guard(guard, source, scope)).collect::<Result<_, _>>()?;
    let verify = raw
        .verify
        .as_ref()
        .map(|verify| Ok(Postcondition { check: scope.names.probe(&verify.check, source)?, within: verify.within.0 }));
    Ok(ActionCard {
        title: raw.title.as_ref().map_or_else(|| name.clone(), |title| title.0.clone()),
        name: ActionName::custom(name),
        risk: raw.risk,
        command: command(raw.command.get_ref()),
        params,
        timeout: raw.timeout.map_or(defaults::ACTION_TIMEOUT, |timeout| timeout.0),
        guards,
        verify: verify.transpose()?,
        undo: raw.undo.as_ref().map(|undo| undo.0.clone()),
    })
}

fn guard(guard: &Spanned<raw::Guard>, source: &Source, scope: &Scope<'_>) -> Result<Guard, Fault> {
    match guard.get_ref() {
        raw::Guard { backup: Some(backup), within: Some(within), idle: None } => {
            Ok(Guard::BackupWithin { backup: scope.names.backup(backup, source)?, within: within.0 })
        }
        raw::Guard { backup: None, within: None, idle: Some(target) } => {
            Ok(Guard::Idle { target: scope.names.target(target, source)?.to_string() })
        }
        _ => Err(source.fault_at(guard, "a guard is { backup = \"ID\", within = \"30m\" } or { idle = \"ID\" }")),
    }
}

/// The values of an action, each used in its command, and each placeholder one of them.
fn params(raw: &raw::Action, source: &Source) -> Result<Vec<Param>, Fault> {
    let argv = &raw.command.get_ref().0;
    let used: BTreeSet<&str> = argv.iter().flat_map(|argument| placeholders(argument)).collect();
    let known: Vec<&str> = raw.params.iter().map(|param| param.name.get_ref().as_str()).collect();
    if let Some(unknown) = used.iter().find(|name| !known.contains(name)) {
        let message = format!("`{{{unknown}}}` is not one of `params`{}", suggestion(unknown, known));
        return Err(source.fault_at(&raw.command, message));
    }
    if argv.first().is_some_and(|program| !placeholders(program).is_empty()) {
        return Err(source.fault_at(&raw.command, "the program itself must not be a value"));
    }
    let mut params: Vec<Param> = Vec::new();
    for written in &raw.params {
        let name = written.name.get_ref();
        if !is_name(name) {
            let message =
                format!("`{}` is not a name for a value; use letters, digits, `-` and `_`", name.escape_debug());
            return Err(source.fault_at(&written.name, message));
        }
        if params.iter().any(|param| param.name == *name) {
            return Err(source.fault_at(&written.name, format!("a second value called `{name}`")));
        }
        if !used.contains(name.as_str()) {
            return Err(source.fault_at(&written.name, format!("`{{{name}}}` is not used in `command`")));
        }
        if let Some(default) = &written.default
            && !is_of(written.kind, default.get_ref())
        {
            let message = match written.kind {
                ParamKind::Integer => "this default is not a whole number",
                ParamKind::Date => "this default is not a date such as \"2026-03-02\"",
                ParamKind::Text => "this default holds a NUL",
            };
            return Err(source.fault_at(default, message));
        }
        let default = written.default.as_ref().map(|default| default.get_ref().clone());
        params.push(Param { name: name.clone(), kind: written.kind, default });
    }
    Ok(params)
}

/// The `{name}`s of one argument. Braces around anything else are braces.
fn placeholders(argument: &str) -> Vec<&str> {
    argument
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name)
        .filter(|name| is_name(name))
        .collect()
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

fn is_of(kind: ParamKind, text: &str) -> bool {
    match kind {
        ParamKind::Text => !text.contains('\0'),
        ParamKind::Integer => text.parse::<i64>().is_ok(),
        ParamKind::Date => NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_in_braces_is_a_placeholder() {
        let table = [
            ("--year={year}", vec!["year"]),
            ("{a}{b-2}", vec!["a", "b-2"]),
            ("{\"a\": 1}", vec![]),
            ("{print $1}", vec![]),
            ("{}", vec![]),
            ("{open", vec![]),
            ("{{year}}", vec!["year"]),
        ];
        for (argument, names) in table {
            assert_eq!(placeholders(argument), names, "{argument}");
        }
    }

    #[test]
    fn the_names_of_our_own_acts_are_taken() {
        let verbs = crate::domain::upkeep::Verb::ALL.map(crate::domain::upkeep::Verb::action);
        for act in [ActionName::BACKUP, ActionName::VERIFY, ActionName::RUN_TASK].into_iter().chain(verbs) {
            assert!(BUILT_IN.contains(&act.as_str()), "{act}");
        }
    }
}

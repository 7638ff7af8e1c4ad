//! Everything that can be done, by name: what the command line completes and the palette
//! lists. A key is only a shorter way to say one of these.

use crate::action;
use crate::domain::action_name::ActionName;
use crate::domain::inventory::{Inventory, Target, TargetKind};
use crate::domain::observation::ProbeId;
use crate::tui::command::Command;
use crate::tui::pane::Snapshot;
use crate::tui::theme::ThemeName;

/// One thing that can be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// As it is typed: `read-all`, `vacuum rota`, `show disk:/var`.
    pub name: String,
    pub doc: String,
    /// The key that means the same here, if there is one.
    pub key: Option<String>,
    pub does: Does,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Does {
    Command(Command),
    Act(ActionName, Target),
    Explain(ProbeId),
    Look(Look),
}

/// How the screen shall look from now on. It has names and no keys: it is chosen once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Theme(ThemeName),
    /// Signs every terminal has instead of lines and marks, and back.
    Ascii,
}

/// Everything: commands first, then acts on their targets, what is watched, and the looks.
pub fn entries(see: &Snapshot<'_>) -> Vec<Entry> {
    let commands = Command::ALL.iter().map(|command| Entry {
        name: command.name().to_owned(),
        doc: command.doc().to_owned(),
        key: see.keymap.key_of(*command),
        does: Does::Command(*command),
    });
    // Every target is offered the configured actions, too; they are their own targets.
    let acts = targets(see.inventory).into_iter().flat_map(|target| {
        let offers = action::offers(&target, &see.sight()).into_iter();
        offers.filter(move |offer| offer.target == target).map(|offer| Entry {
            name: act_name(&offer.action, &offer.target),
            doc: offer.possible.map_or_else(|why| format!("not now: {why}"), |()| offer.title),
            key: None,
            does: Does::Act(offer.action, offer.target),
        })
    });
    let shown = see.report.assessments.iter().map(|one| Entry {
        name: format!("show {}", one.id),
        doc: format!("{}: {}", one.status.word(), crate::domain::report::headline(one, see.now)),
        key: None,
        does: Does::Explain(one.id.clone()),
    });
    let look = |name: String, doc: &str, look| Entry { name, doc: doc.to_owned(), key: None, does: Does::Look(look) };
    let themes = ThemeName::ALL.map(|theme| look(format!("theme {}", theme.word()), theme.doc(), Look::Theme(theme)));
    let ascii = look("ascii".to_owned(), "plain signs instead of lines and marks, and back", Look::Ascii);
    commands.chain(acts).chain(shown).chain(themes).chain([ascii]).collect()
}

/// What a typed line means: the entry of that name, or the only one that begins with it.
pub fn meant(see: &Snapshot<'_>, line: &str) -> Result<Does, String> {
    let entries = entries(see);
    let found = find(&entries, line).map(|entry| entry.does.clone());
    let mut words = line.split_whitespace();
    if let (Err(_), Some("theme")) = (&found, words.clone().next()) {
        return Err(no_theme(words.nth(1)));
    }
    let act = words.next().and_then(Command::named).and_then(Command::act);
    match (found, act, words.next()) {
        // An act of a name that is none: what there is instead helps more than another command.
        (Err(_), Some((_, kind)), Some(id)) => Err(no_target(kind, Some(id), see.inventory)),
        (found, ..) => found,
    }
}

/// Says which themes there are.
fn no_theme(name: Option<&str>) -> String {
    let names = ThemeName::ALL.map(ThemeName::word).join(", ");
    match name {
        Some(name) => format!("there is no theme `{name}`; there are: {names}"),
        None => format!("which theme? there are: {names}"),
    }
}

/// The act that a bare `vacuum` stands for where the row is for none: the only target there is.
pub fn only_target(kind: TargetKind, inventory: &Inventory) -> Result<Target, String> {
    let mut of_kind = targets(inventory).into_iter().filter(|target| target.kind == kind);
    match (of_kind.next(), of_kind.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(no_target(kind, None, inventory)),
    }
}

/// Says which targets of a kind there are, as the command line does.
fn no_target(kind: TargetKind, id: Option<&str>, inventory: &Inventory) -> String {
    let of_kind = targets(inventory).into_iter().filter(|target| target.kind == kind);
    let names: Vec<String> = of_kind.map(|target| target.id).collect();
    let kind = kind.word();
    match (id, names.as_slice()) {
        (Some(id), []) => format!("there is no {kind} called `{id}`, nor any other"),
        (Some(id), names) => format!("there is no {kind} called `{id}`; there are: {}", names.join(", ")),
        (None, []) => format!("there is no {kind}"),
        (None, names) => format!("which {kind}? there are: {}", names.join(", ")),
    }
}

/// The entry of that name, or the only one that begins with it.
fn find<'a>(entries: &'a [Entry], line: &str) -> Result<&'a Entry, String> {
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(entry) = entries.iter().find(|entry| entry.name == line) {
        return Ok(entry);
    }
    let begin: Vec<&Entry> = entries.iter().filter(|entry| entry.name.starts_with(&line)).collect();
    match begin[..] {
        [only] => Ok(only),
        [first, second, ..] => Err(format!("`{line}` may mean `{}` or `{}`", first.name, second.name)),
        [] => {
            let known = entries.iter().map(|entry| entry.name.as_str());
            let hint = crate::tui::keymap::nearest(&line, known).map(|name| format!("; did you mean `{name}`?"));
            Err(format!("there is no command `{line}`{}", hint.unwrap_or_default()))
        }
    }
}

/// Every target, in the order of the panes.
pub fn targets(inventory: &Inventory) -> Vec<Target> {
    let databases = inventory.databases.keys().map(Target::database);
    let backups = inventory.backups.keys().map(Target::backup);
    let tasks = inventory.tasks.keys().map(Target::task);
    let actions = inventory.actions.keys().map(Target::action);
    databases.chain(backups).chain(tasks).chain(actions).collect()
}

/// A configured action is its own target and is typed once.
fn act_name(action: &ActionName, target: &Target) -> String {
    if action.as_str() == target.id { target.id.clone() } else { format!("{action} {}", target.id) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Vec<Entry> {
        ["read", "read-all", "backup rota-db", "backup rota-files", "quit"]
            .map(|name| Entry {
                name: name.to_owned(),
                doc: String::new(),
                key: None,
                does: Does::Command(Command::Read),
            })
            .to_vec()
    }

    #[test]
    fn a_line_is_a_whole_name_or_the_only_beginning() {
        let table = [
            ("read", Ok("read")),
            ("q", Ok("quit")),
            ("  backup   rota-db ", Ok("backup rota-db")),
            ("backup rota-f", Ok("backup rota-files")),
            ("backup", Err("`backup` may mean `backup rota-db` or `backup rota-files`")),
            ("qiut", Err("there is no command `qiut`; did you mean `quit`?")),
            ("make coffee", Err("there is no command `make coffee`")),
        ];
        for (line, expected) in table {
            let found = find(&some(), line).map(|entry| entry.name.clone());
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{line}");
        }
    }
}

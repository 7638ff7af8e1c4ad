//! Which key means which command, from one table. Help, the footer, the palette and the
//! README's table are all made from it, so none of them can promise a key that does nothing.

mod chord;

use std::collections::BTreeMap;
use std::fmt::Write as _;

pub use chord::Chord;

use crate::domain::inventory::TargetKind;
use crate::tui::command::Command;

/// The key table; the default one has no keys at all, [`Keymap::built_in`] has ours.
#[derive(Clone, Debug, Default)]
pub struct Keymap {
    /// In the order of the file, so that the first key of a command is the one that is shown.
    bindings: Vec<Binding>,
}

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    pub context: Context,
    pub chord: Chord,
    pub command: Command,
}

/// Where a binding applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    Everywhere,
    Databases,
    /// The window on the sessions of a database.
    Sessions,
    Backups,
    Tasks,
    Checklist,
    Jobs,
}

impl Context {
    pub const ALL: [Context; 7] = [
        Context::Everywhere,
        Context::Databases,
        Context::Sessions,
        Context::Backups,
        Context::Tasks,
        Context::Checklist,
        Context::Jobs,
    ];

    /// Its name in the table.
    pub const fn word(self) -> &'static str {
        match self {
            Context::Everywhere => "everywhere",
            Context::Databases => "databases",
            Context::Sessions => "connections",
            Context::Backups => "backups",
            Context::Tasks => "tasks",
            Context::Checklist => "checklist",
            Context::Jobs => "jobs",
        }
    }

    /// Where the acts on such a target have their keys.
    pub const fn of(kind: TargetKind) -> Context {
        match kind {
            TargetKind::Database => Context::Databases,
            TargetKind::Backup => Context::Backups,
            TargetKind::Task => Context::Tasks,
            TargetKind::Action => Context::Everywhere,
        }
    }
}

/// Why a key table cannot be used; names the place, the cause and the mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeymapError {
    #[error("the key table is no TOML: {0}")]
    Syntax(String),
    #[error("there is no place `{name}` for keys{}", suggestion(*.nearest))]
    UnknownContext { name: String, nearest: Option<&'static str> },
    #[error("[{context}] {key}: there is no command `{name}`{}", suggestion(*.nearest))]
    UnknownCommand { context: &'static str, key: String, name: String, nearest: Option<&'static str> },
    #[error("[{context}] `{key}` is no key; write it as `b`, `G`, `Ctrl-r`, `Shift-Tab`, `F1`, `Space` or `PageUp`")]
    UnknownKey { context: &'static str, key: String },
    #[error("`{key}` is bound twice: to {first} in [{first_context}] and to {second} in [{second_context}]")]
    Clash {
        key: Chord,
        first: &'static str,
        first_context: &'static str,
        second: &'static str,
        second_context: &'static str,
    },
}

fn suggestion(nearest: Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// A table as it stands in the file; the spans keep its order.
type Written = BTreeMap<String, BTreeMap<toml::Spanned<String>, String>>;

impl Keymap {
    /// The table that is compiled in.
    pub fn built_in() -> Self {
        Self::parse(include_str!("../../assets/keymap.toml")).expect("the built-in key table is valid, a test reads it")
    }

    /// Reads a table: `[context]`, then `key = "command"`.
    pub fn parse(text: &str) -> Result<Self, KeymapError> {
        let written: Written = toml::from_str(text).map_err(|error| KeymapError::Syntax(error.to_string()))?;
        let mut bindings = Vec::new();
        for (name, keys) in written {
            let context = Context::ALL.into_iter().find(|context| context.word() == name).ok_or_else(|| {
                let nearest = nearest(&name, Context::ALL.map(Context::word));
                KeymapError::UnknownContext { name: name.clone(), nearest }
            })?;
            for (key, command) in keys {
                bindings.push((key.span().start, binding(context, key.get_ref(), &command)?));
            }
        }
        bindings.sort_by_key(|(place, _)| *place);
        let bindings: Vec<Binding> = bindings.into_iter().map(|(_, binding)| binding).collect();
        refuse_clashes(&bindings)?;
        Ok(Self { bindings })
    }

    /// What a key means where these contexts are live; the first that knows it decides.
    pub fn command(&self, contexts: &[Context], chord: Chord) -> Option<Command> {
        contexts.iter().find_map(|context| {
            let found = self.bindings.iter().find(|binding| binding.context == *context && binding.chord == chord);
            found.map(|binding| binding.command)
        })
    }

    /// How the key of a command is written: `b`, `Ctrl-r`; `None` when nothing is bound to it.
    pub fn key_of(&self, command: Command) -> Option<String> {
        self.bindings.iter().find(|binding| binding.command == command).map(|binding| binding.chord.to_string())
    }

    /// The commands of one context with all their keys, in the order of the table.
    pub fn entries(&self, context: Context) -> Vec<(Command, Vec<Chord>)> {
        let mut entries: Vec<(Command, Vec<Chord>)> = Vec::new();
        for binding in self.bindings.iter().filter(|binding| binding.context == context) {
            match entries.iter_mut().find(|(command, _)| *command == binding.command) {
                Some((_, chords)) => chords.push(binding.chord),
                None => entries.push((binding.command, vec![binding.chord])),
            }
        }
        entries
    }
}

/// The table of keys as the README shows it.
pub fn markdown_table(keymap: &Keymap) -> String {
    let mut out = "| where | key | what it does |\n|---|---|---|\n".to_owned();
    for context in Context::ALL {
        for (command, chords) in keymap.entries(context) {
            let keys: Vec<String> = chords.iter().map(|chord| format!("`{chord}`")).collect();
            let _ = writeln!(out, "| {} | {} | {} |", context.word(), keys.join(" "), command.doc());
        }
    }
    out
}

fn binding(context: Context, key: &str, command: &str) -> Result<Binding, KeymapError> {
    let place = context.word();
    let chord = key.parse().map_err(|chord::NoKey| KeymapError::UnknownKey { context: place, key: key.to_owned() })?;
    let command = Command::named(command).ok_or_else(|| KeymapError::UnknownCommand {
        context: place,
        key: key.to_owned(),
        name: command.to_owned(),
        nearest: nearest(command, Command::ALL.iter().map(|command| command.name())),
    })?;
    Ok(Binding { context, chord, command })
}

/// No key may mean two things at one place; what is bound everywhere is bound at every place.
fn refuse_clashes(bindings: &[Binding]) -> Result<(), KeymapError> {
    for (index, first) in bindings.iter().enumerate() {
        let clash = bindings[index + 1..].iter().find(|second| {
            let together = first.context == second.context
                || first.context == Context::Everywhere
                || second.context == Context::Everywhere;
            together && first.chord == second.chord
        });
        if let Some(second) = clash {
            return Err(KeymapError::Clash {
                key: first.chord,
                first: first.command.name(),
                first_context: first.context.word(),
                second: second.command.name(),
                second_context: second.context.word(),
            });
        }
    }
    Ok(())
}

/// The known name closest to an unknown one, when it is close enough to be meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, found) =
        known.into_iter().map(|known| (strsim::damerau_levenshtein(name, known), known)).min_by_key(|(d, _)| *d)?;
    (distance <= name.chars().count().div_ceil(3)).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_is_valid_and_reaches_every_command() {
        let keymap = Keymap::built_in();
        for command in Command::ALL {
            assert!(keymap.key_of(*command).is_some(), "no key for {}", command.name());
        }
    }

    #[test]
    fn the_first_key_of_a_command_is_the_one_that_is_shown() {
        let keymap = Keymap::built_in();
        assert_eq!(keymap.key_of(Command::Help).as_deref(), Some("?"));
        assert_eq!(keymap.key_of(Command::ReadAll).as_deref(), Some("Ctrl-r"));
        assert_eq!(keymap.key_of(Command::Down).as_deref(), Some("j"));
        assert_eq!(keymap.key_of(Command::Tick).as_deref(), Some("Space"));
    }

    #[test]
    fn nothing_that_acts_on_a_target_sits_on_ctrl() {
        let keymap = Keymap::built_in();
        for binding in &keymap.bindings {
            assert!(binding.command.act().is_none() || !binding.chord.to_string().starts_with("Ctrl"), "{binding:?}");
        }
    }

    #[test]
    fn a_wrong_table_is_refused_with_the_place_and_the_nearest_name() {
        let table = [
            ("[everywhere]\nq = \"quti\"", "[everywhere] q: there is no command `quti`; did you mean `quit`?"),
            ("[every-where]\nq = \"quit\"", "there is no place `every-where` for keys; did you mean `everywhere`?"),
            (
                "[tasks]\nCtrl-Ctrl = \"quit\"",
                "[tasks] `Ctrl-Ctrl` is no key; write it as `b`, `G`, `Ctrl-r`, `Shift-Tab`, `F1`, `Space` or `PageUp`",
            ),
            (
                "[everywhere]\nb = \"back\"\n[backups]\nb = \"backup\"",
                "`b` is bound twice: to back in [everywhere] and to backup in [backups]",
            ),
            (
                "[tasks]\nEnter = \"run-task\"\nReturn = \"last-output\"",
                "`Enter` is bound twice: to run-task in [tasks] and to last-output in [tasks]",
            ),
        ];
        for (text, expected) in table {
            assert_eq!(Keymap::parse(text).expect_err(text).to_string(), expected);
        }
        assert!(matches!(Keymap::parse("[tasks]\nb = \"back\"\nb = \"quit\""), Err(KeymapError::Syntax(_))));
    }

    #[test]
    fn a_place_of_its_own_does_not_disturb_another() {
        let keymap = Keymap::parse("[backups]\nv = \"verify\"\n[databases]\nv = \"vacuum\"").expect("no clash");
        let v: Chord = "v".parse().expect("a key");
        assert_eq!(keymap.command(&[Context::Databases, Context::Everywhere], v), Some(Command::Vacuum));
        assert_eq!(keymap.command(&[Context::Backups], v), Some(Command::Verify));
        assert_eq!(keymap.command(&[Context::Everywhere], v), None);
    }

    #[test]
    fn the_readme_table_names_every_key() {
        let table = markdown_table(&Keymap::built_in());
        assert!(table.contains("| everywhere | `?` `F1` | help for where you are |"), "{table}");
        assert!(table.contains("| checklist | `Space` | tick this item |"), "{table}");
    }
}

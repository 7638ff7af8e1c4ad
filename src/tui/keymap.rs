//! Which key means which command, from one table.

use crate::tui::command::Command;

/// The key table.
#[derive(Clone, Debug, Default)]
pub struct Keymap {}

/// Where a binding applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    Everywhere,
    Databases,
    Backups,
    Tasks,
    Checklist,
    Jobs,
}

impl Keymap {
    /// How the key of a command is written: `b`, `Ctrl-r`; `None` when nothing is bound to it.
    pub fn key_of(&self, _command: Command) -> Option<String> {
        None
    }
}

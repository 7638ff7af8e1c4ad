//! What keys mean in the window, and which of them work on the row the cursor is on.

use super::Activity;
use crate::domain::look::Aspect;
use crate::domain::upkeep::Verb;
use crate::tui::command::Command;
use crate::tui::pane::Snapshot;

/// A key as it is shown, and what it does.
type Hint = (&'static str, &'static str);

const EXPLAIN: Hint = ("e", "explain");
const FILTER: Hint = ("/", "filter");
const COPY: Hint = ("y", "copy");
const AGAIN: Hint = ("r", "ask again");
const BACK: Hint = ("Esc", "back");

impl Activity {
    /// The keys that work in it now: what the row has no statement or no session for is not offered.
    pub fn hints(&self, see: &Snapshot<'_>) -> Vec<Hint> {
        if self.plan.is_some() {
            return vec![("j k", "scroll"), COPY, AGAIN, BACK];
        }
        if self.typing {
            return vec![("Enter", "keep the filter"), ("Esc", "clear it")];
        }
        let rows = self.rows(see);
        let keys: Vec<&String> = rows.iter().map(|row| &row.key).collect();
        let on = self.cursor.place(&keys).map(|at| &rows[at]);
        let mut hints = Vec::new();
        hints.extend(on.and_then(|row| row.subject.as_ref()).map(|_| EXPLAIN));
        if on.is_some_and(|row| row.session.is_some()) {
            hints.extend([("C", "cancel its statement"), ("T", "end the session")]);
        }
        match self.aspect {
            Aspect::Sessions => hints.extend([COPY, FILTER, ("Tab", "tables")]),
            Aspect::Tables => hints.extend([FILTER, COPY, AGAIN, ("Tab", "statements")]),
            Aspect::Statements => hints.extend([FILTER, COPY, AGAIN, ("Tab", "connections")]),
        }
        hints.push(BACK);
        hints
    }
}

/// The command that shows an aspect.
pub const fn aspect_of(command: Command) -> Option<Aspect> {
    match command {
        Command::Connections => Some(Aspect::Sessions),
        Command::Tables => Some(Aspect::Tables),
        Command::Statements => Some(Aspect::Statements),
        _ => None,
    }
}

/// The act that is done to a session by a command.
pub(super) const fn verb_of(command: Command) -> Option<Verb> {
    match command {
        Command::CancelStatement => Some(Verb::Cancel),
        Command::Terminate => Some(Verb::Terminate),
        _ => None,
    }
}

pub(super) fn beside(aspect: Aspect, by: usize) -> Aspect {
    let place = Aspect::ALL.iter().position(|one| *one == aspect).unwrap_or(0);
    Aspect::ALL[(place + by) % Aspect::ALL.len()]
}

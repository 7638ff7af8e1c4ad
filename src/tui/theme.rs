//! How things look: roles, not colours. Panes ask for a role and never name a colour.

use ratatui::style::Style;

use crate::domain::status::Status;

/// The style of every role, and the marks that carry meaning without colour.
#[derive(Clone, Debug, Default)]
pub struct Theme {
    pub text: Style,
    /// Labels, ages, units: what is there and need not be read first.
    pub dim: Style,
    /// The one accent: keys, the focused border, the selected tab.
    pub accent: Style,
    pub border: Style,
    pub border_focused: Style,
    pub title: Style,
    /// The selected row of the focused pane.
    pub selected: Style,
    pub ok: Style,
    pub warning: Style,
    pub unknown: Style,
    pub critical: Style,
    /// Values older than two intervals.
    pub stale: Style,
    /// The filled and the empty part of a bar, and the mark of a limit on it.
    pub bar: Style,
    pub bar_rest: Style,
    pub limit: Style,
    pub ascii: bool,
}

impl Theme {
    pub fn status(&self, status: Status) -> Style {
        match status {
            Status::Ok => self.ok,
            Status::Warning => self.warning,
            Status::Unknown => self.unknown,
            Status::Critical => self.critical,
        }
    }

    /// A mark of one cell that is legible without colour.
    pub fn glyph(&self, status: Status) -> &'static str {
        match (status, self.ascii) {
            (Status::Ok, false) => "✓",
            (Status::Ok, true) => "+",
            (Status::Warning, _) => "!",
            (Status::Unknown, _) => "?",
            (Status::Critical, false) => "✗",
            (Status::Critical, true) => "X",
        }
    }
}

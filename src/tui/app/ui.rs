//! What the screen remembers of the operator: where they are and what they were told.

use ratatui::layout::Size;

use crate::domain::action_name::ActionName;
use crate::domain::inventory::Target;
use crate::domain::status::Status;

/// What the screen remembers of the operator. Cursors belong to the panes.
#[derive(Clone, Debug, Default)]
pub struct Ui {
    pub size: Size,
    /// The focused pane, counted from 0.
    pub focus: usize,
    /// The focused pane has the whole screen.
    pub zoomed: bool,
    /// How many rows each pane can fill; `None` for as many as there are.
    pub wants: Vec<Option<u16>>,
    /// What the focused pane is filtered by.
    pub filter: String,
    /// How many periods before (negative) or after this one the lists are shown.
    pub period: i32,
    /// What was said last; the next key takes it away.
    pub notice: Option<Notice>,
    /// Why nothing can be stored, while that is so.
    pub store_error: Option<String>,
    /// The program ends when the last job has.
    pub leaving: bool,
    /// The act that was confirmed last: its output opens when it starts.
    pub awaited: Option<(ActionName, Target)>,
    /// Command lines, oldest first.
    pub history: Vec<String>,
}

/// Something the operator is told in passing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub status: Status,
    pub text: String,
}

impl Ui {
    pub fn tell(&mut self, status: Status, text: impl Into<String>) {
        self.notice = Some(Notice { status, text: text.into() });
    }

    /// How many rows a pane can fill, when there is an end to them.
    pub fn rows_of(&self, pane: usize) -> Option<u16> {
        self.wants.get(pane).copied().flatten()
    }

    /// Goes to a pane; a filter belongs to the pane it was typed in.
    pub fn go(&mut self, pane: usize) {
        if pane != self.focus {
            self.focus = pane;
            self.filter.clear();
        }
    }
}

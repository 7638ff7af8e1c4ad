//! Panes: the permanent regions of the screen. A pane owns its cursor and nothing else; what
//! it shows comes in a [`Snapshot`], what it wants leaves as a [`Request`].

pub mod activity;
pub mod attention;
pub mod backups;
pub mod checklist;
pub mod cursor;
pub mod databases;
pub mod jobs;
pub mod rows;
#[cfg(test)]
mod stage;
pub mod system;
pub mod tasks;
#[cfg(test)]
mod tests;
pub mod why;

use std::fmt::Debug;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::action::Sight;
use crate::domain::action_name::ActionName;
use crate::domain::audit::AuditRecord;
use crate::domain::board::{Assessment, Board, Change};
use crate::domain::checklist::MarkKind;
use crate::domain::incident::Incident;
use crate::domain::inventory::{Inventory, Target};
use crate::domain::job::{JobId, Jobs};
use crate::domain::observation::ProbeId;
use crate::domain::report::Report;
use crate::domain::time::{Timestamp, Zone};
use crate::tui::command::Command;
use crate::tui::keymap::{Context, Keymap};
use crate::tui::looks::Looks;
use crate::tui::theme::Theme;

/// Every pane, in the order of their keys.
pub const PANES: &[fn() -> Box<dyn Pane>] = &[
    attention::pane,
    checklist::pane,
    system::pane,
    databases::pane,
    backups::pane,
    tasks::pane,
    activity::pane,
    jobs::pane,
];

/// What is known of a probe beside its findings and its values, in lines of so many cells.
pub type Evidence = fn(&Snapshot<'_>, &Assessment, u16) -> Vec<Line<'static>>;

/// Which kinds of probes have such evidence, and whose pane tells it.
const EVIDENCE: &[(&str, Evidence)] =
    &[("database", databases::evidence), ("backup", backups::evidence), ("task", tasks::evidence)];

/// What the pane of its kind knows of a probe; nothing where nothing was read, or there is no more
/// to it.
pub fn evidence(see: &Snapshot<'_>, one: &Assessment, room: u16) -> Vec<Line<'static>> {
    let of_kind = EVIDENCE.iter().find(|(kind, _)| *kind == one.id.kind());
    let of_kind = of_kind.filter(|_| see.board.detail(&one.id).is_some());
    of_kind.map_or_else(Vec::new, |(_, evidence)| evidence(see, one, room))
}

/// Everything a pane may see, at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    pub report: &'a Report,
    /// The past of samples, and the facts behind readings.
    pub board: &'a Board,
    pub inventory: &'a Inventory,
    pub jobs: &'a Jobs,
    pub looks: &'a Looks,
    /// Newest first.
    pub audit: &'a [AuditRecord],
    /// In the order they were opened.
    pub incidents: &'a [Incident],
    /// Newest first.
    pub changes: &'a [Change],
    pub now: Timestamp,
    pub zone: &'a Zone,
    pub theme: &'a Theme,
    pub keymap: &'a Keymap,
    /// What the list is filtered by; empty for all of it.
    pub filter: &'a str,
    pub focused: bool,
    /// The pane has the whole screen.
    pub zoomed: bool,
    /// Why the selected row is as it is stands elsewhere on the screen.
    pub explained: bool,
    /// The size of the pane's inner area, so that scrolling is decided in `update`.
    pub rows: u16,
    pub columns: u16,
}

impl<'a> Snapshot<'a> {
    /// What an act is planned from.
    pub fn sight(&self) -> Sight<'a> {
        Sight { inventory: self.inventory, board: self.board, now: self.now }
    }
}

/// A permanent region of the screen.
pub trait Pane: Debug {
    fn title(&self) -> &'static str;

    /// Which bindings apply while it is focused.
    fn context(&self) -> Context;

    /// A few words for the right end of its border: counts, never more than half its width.
    fn caption(&self, see: &Snapshot<'_>) -> Line<'static>;

    /// One line that stands for the whole pane where there is no room for it (80×24).
    fn summary(&self, see: &Snapshot<'_>) -> Line<'static>;

    /// How many rows it can fill, by how many targets it has and not by how they are: what goes
    /// wrong must not move the picture. `None` when there is no end to them.
    fn wants(&self, _report: &Report) -> Option<u16> {
        None
    }

    /// What the cursor is on.
    fn selected(&self, see: &Snapshot<'_>) -> Option<Selection>;

    /// Takes a command that is not the app's own; moves the cursor, or asks for something.
    fn update(&mut self, see: &Snapshot<'_>, command: Command) -> Option<Request>;

    /// Puts the cursor on what is drawn in this row of the inner area, counted from 0.
    fn click(&mut self, _see: &Snapshot<'_>, _row: u16) {}

    /// Draws the inside; the frame is drawn by the view.
    fn draw(&self, see: &Snapshot<'_>, area: Rect, buffer: &mut Buffer);
}

/// What a cursor is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    Probe(ProbeId),
    /// A whole checklist, as one row among others.
    List(String),
    Item {
        checklist: String,
        period: String,
        item: String,
    },
    Job(JobId),
    /// An audit record, by its place in the chain.
    Record(u64),
}

/// What a pane wants of the app.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Plan an act and show it.
    Propose(ActionName, Target),
    /// Put a mark on an item; a skip asks for the reason first.
    Mark {
        checklist: String,
        period: String,
        item: String,
        kind: MarkKind,
    },
    Sign {
        checklist: String,
        period: String,
    },
    /// Show why a probe is as it is.
    Explain(ProbeId),
    /// Show the output of a job, or of the last run of a task.
    Output(JobId),
    LastRun(Target),
    /// Show another period of the lists: steps from this one, 0 is now.
    Period(i32),
    /// Say why a key does nothing here.
    Refuse(String),
}

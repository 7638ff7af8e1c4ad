//! The plan of a statement, drawn as its server draws it; asked for when it is opened and when
//! somebody asks again, never by itself.

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::domain::explain::{Explained, Subject};
use crate::domain::humanize;
use crate::domain::status::Status;
use crate::domain::time::seconds_between;
use crate::tui::command::Command;
use crate::tui::overlay::text::{self as window, Scroll};
use crate::tui::overlay::{Reply, closes, meaning};
use crate::tui::pane::Snapshot;
use crate::tui::widget::age;

/// A plan that is shown.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    subject: Subject,
    scroll: Scroll,
}

impl Plan {
    pub(super) fn new(subject: Subject) -> Self {
        Self { subject, scroll: Scroll::default() }
    }

    pub(super) fn update(&mut self, see: &Snapshot<'_>, database: &str, area: Rect, key: KeyEvent) -> Reply {
        let command = meaning(see, key);
        let lines = self.lines(see, database, usize::from(area.width.saturating_sub(4))).len();
        if self.scroll.update(command, lines, usize::from(area.height.saturating_sub(2))) {
            return Reply::Stay;
        }
        match (command, see.looks.plan(database, &self.subject)) {
            // One that has not come back is not doubled.
            (Some(Command::Read), Some(_)) => Reply::AskPlan(database.to_owned(), self.subject.clone()),
            (Some(Command::Copy), Some(Explained { outcome: Ok(plan), .. })) => Reply::Copy(plan.lines.join("\n")),
            _ if closes(see, key) => Reply::Close,
            _ => Reply::Stay,
        }
    }

    pub(super) fn draw(&self, see: &Snapshot<'_>, database: &str, area: Rect, buffer: &mut Buffer) {
        let theme = see.theme;
        let caption = see.looks.plan(database, &self.subject).map_or_else(Line::default, |plan| {
            let old = std::time::Duration::from_secs_f64(seconds_between(plan.at, see.now).max(0.0));
            Line::styled(format!("of {} ago, in {}", age::words(old), humanize::seconds(plan.took_s)), theme.dim)
        });
        let of = match &self.subject {
            Subject::Session { pid, .. } => format!("Plan, not run: {database}, pid {pid}"),
            Subject::Statement(_) => format!("Plan, not run: {database}"),
        };
        let inner = window::frame(area, &of, caption, theme, buffer);
        let lines = self.lines(see, database, usize::from(inner.width));
        let last = lines.len().saturating_sub(usize::from(inner.height));
        window::draw_lines(&lines, self.scroll.top.min(last), inner, theme, buffer);
    }

    /// The statement, its plan, and what has to be known to read it right.
    fn lines(&self, see: &Snapshot<'_>, database: &str, width: usize) -> Vec<Line<'static>> {
        let theme = see.theme;
        let plan = match see.looks.plan(database, &self.subject) {
            None => return vec![Line::styled("Asking; the rest of the screen goes on meanwhile.", theme.dim)],
            Some(Explained { outcome: Err(why), .. }) => {
                let mark = theme.glyph(Status::Unknown);
                let says = format!("there is no plan: {why}");
                return window::labelled(&format!("{mark} "), &says, width, (theme.unknown, theme.text));
            }
            Some(Explained { outcome: Ok(plan), .. }) => plan,
        };
        let mut lines = window::labelled("", &plan.statement, width, (theme.dim, theme.accent));
        lines.push(Line::default());
        for line in &plan.lines {
            let said = line.trim_start_matches(' ');
            let indent = " ".repeat((line.len() - said.len()).min(width / 2));
            lines.extend(window::labelled(&indent, said, width, (theme.text, theme.text)));
        }
        if !plan.notes.is_empty() {
            lines.push(Line::default());
        }
        for note in &plan.notes {
            lines.extend(window::labelled("", note, width, (theme.dim, theme.dim)));
        }
        lines
    }
}

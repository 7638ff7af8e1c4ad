//! The incidents that are open, or the last one that was: what is known of each, and what nobody has
//! said yet. They are written on the command line, where there is room for sentences.

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{self, Scroll, labelled};
use super::{Reply, closes, meaning};
use crate::domain::humanize;
use crate::domain::incident::{Field, Incident};
use crate::domain::sanitize;
use crate::tui::command::Command;
use crate::tui::pane::Snapshot;

/// What failed.
#[derive(Clone, Debug, Default)]
pub struct Incidents {
    scroll: Scroll,
}

impl Incidents {
    pub fn update(&mut self, see: &Snapshot<'_>, screen: Rect, key: KeyEvent) -> Reply {
        let area = area(see, screen);
        let lines = lines(see, usize::from(area.width.saturating_sub(4))).len();
        let command = meaning(see, key);
        if self.scroll.update(command, lines, usize::from(area.height.saturating_sub(2))) {
            return Reply::Stay;
        }
        if closes(see, key) || command == Some(Command::Incident) { Reply::Close } else { Reply::Stay }
    }

    pub fn draw(&self, see: &Snapshot<'_>, screen: Rect, buffer: &mut Buffer) {
        let inner = text::frame(area(see, screen), "Incidents", Line::default(), see.theme, buffer);
        text::draw_lines(&lines(see, usize::from(inner.width)), self.scroll.top, inner, see.theme, buffer);
    }
}

fn area(see: &Snapshot<'_>, screen: Rect) -> Rect {
    let columns = screen.width.saturating_sub(8).min(100);
    let rows = lines(see, usize::from(columns)).len();
    text::window(screen, columns, rows as u16)
}

fn lines(see: &Snapshot<'_>, width: usize) -> Vec<Line<'static>> {
    let theme = see.theme;
    let open: Vec<&Incident> = see.incidents.iter().rev().filter(|one| one.is_open()).collect();
    let shown = if open.is_empty() { see.incidents.last().into_iter().collect() } else { open };
    if shown.is_empty() {
        let says = ["No incident is on record.", "A restore opens one, and so does `rounds incident open TITLE`."];
        return says.map(|line| Line::styled(line, theme.dim)).into();
    }
    let mut lines = Vec::new();
    for one in shown {
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.extend(told(see, one, width));
    }
    lines
}

fn told(see: &Snapshot<'_>, one: &Incident, width: usize) -> Vec<Line<'static>> {
    let theme = see.theme;
    let clock = |at| humanize::clock(at, see.now, see.zone);
    let (state, style) = match &one.closed {
        None => ("open".to_owned(), theme.warning),
        Some(closed) => (format!("closed {} by {}", clock(closed.at), closed.by), theme.dim),
    };
    let look = (theme.dim, theme.text);
    let row = |label: &str, text: &str, look| labelled(&format!("{label:<17}"), &sanitize::line(text), width, look);
    let mut lines = row(&format!("incident {}", one.number), &state, (theme.text, style));
    lines.extend(row("what", &one.title, look));
    if !one.target.is_empty() {
        lines.extend(row("about", &one.target, look));
    }
    lines.extend(row("opened", &format!("{} by {}", clock(one.opened_at), one.opened_by), look));
    for field in Field::ALL {
        match one.fields.get(&field) {
            Some(text) => lines.extend(row(field.label(), text, look)),
            None => lines.extend(row(field.label(), "to be written", (theme.dim, style))),
        }
    }
    for note in &one.notes {
        lines.extend(row(&clock(note.at), &format!("{}: {}", note.by, note.text), look));
    }
    if one.is_open() {
        let flags: Vec<String> = one.missing().iter().map(|field| format!(" {} TEXT", field.flag())).collect();
        let number = one.number;
        lines.extend(row(
            "add to it",
            &format!("rounds incident note --incident {number} TEXT"),
            (theme.dim, theme.dim),
        ));
        lines.extend(row(
            "close it",
            &format!("rounds incident close {number}{}", flags.concat()),
            (theme.dim, theme.dim),
        ));
    }
    lines
}

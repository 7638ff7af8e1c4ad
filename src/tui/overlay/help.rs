//! Help: the keys that work where you are, in columns, made from the live key table.

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::text::{self, Scroll, pad};
use super::{Reply, closes, meaning};
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::pane::Snapshot;

/// How wide one column is: key, then what it does.
const COLUMN: usize = 54;
const KEYS: usize = 16;

/// The keys of some places.
#[derive(Clone, Debug)]
pub struct Help {
    /// Where the operator is, nearest first.
    contexts: Vec<Context>,
    /// The name of that place.
    title: &'static str,
    scroll: Scroll,
}

impl Help {
    pub fn new(contexts: Vec<Context>, title: &'static str) -> Self {
        Self { contexts, title, scroll: Scroll::default() }
    }

    pub fn update(&mut self, see: &Snapshot<'_>, screen: Rect, key: KeyEvent) -> Reply {
        let area = self.area(see, screen);
        let lines = self.lines(see, usize::from(area.width.saturating_sub(4)));
        let command = meaning(see, key);
        if self.scroll.update(command, lines.len(), usize::from(area.height.saturating_sub(2))) {
            return Reply::Stay;
        }
        if closes(see, key) || command == Some(Command::Help) { Reply::Close } else { Reply::Stay }
    }

    pub fn draw(&self, see: &Snapshot<'_>, screen: Rect, buffer: &mut Buffer) {
        let caption = Line::styled("everything here has a name, too: type : and it", see.theme.dim);
        let area = self.area(see, screen);
        let inner = text::frame(area, &format!("Keys: {}", self.title), caption, see.theme, buffer);
        text::draw_lines(&self.lines(see, usize::from(inner.width)), self.scroll.top, inner, see.theme, buffer);
    }

    fn area(&self, see: &Snapshot<'_>, screen: Rect) -> Rect {
        let columns = (usize::from(screen.width.saturating_sub(8)) / COLUMN).clamp(1, 3) * COLUMN;
        let rows = self.lines(see, columns).len();
        text::window(screen, columns as u16, rows as u16)
    }

    fn lines(&self, see: &Snapshot<'_>, width: usize) -> Vec<Line<'static>> {
        let columns = (width / COLUMN).max(1);
        let mut lines = Vec::new();
        for context in &self.contexts {
            let entries = see.keymap.entries(*context);
            if entries.is_empty() {
                continue;
            }
            if !lines.is_empty() {
                lines.push(Line::default());
            }
            let heading = match context {
                Context::Everywhere => "Everywhere".to_owned(),
                place => format!("On {}", place.word()),
            };
            lines.push(Line::styled(heading, see.theme.title));
            let rows = entries.len().div_ceil(columns);
            for row in 0..rows {
                let cells = (0..columns).filter_map(|column| entries.get(column * rows + row));
                let spans = cells.flat_map(|(command, chords)| {
                    let keys: Vec<String> = chords.iter().map(ToString::to_string).collect();
                    [
                        Span::styled(pad(&keys.join(" "), KEYS, see.theme.ellipsis()), see.theme.accent),
                        Span::styled(pad(command.doc(), COLUMN - KEYS - 1, see.theme.ellipsis()), see.theme.text),
                        Span::raw(" "),
                    ]
                });
                lines.push(Line::from(spans.collect::<Vec<_>>()));
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_too_long_for_its_column() {
        for command in Command::ALL {
            assert!(command.doc().len() < COLUMN - KEYS, "{}: {}", command.name(), command.doc());
        }
    }
}

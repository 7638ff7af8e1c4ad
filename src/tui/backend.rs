//! The way to the terminal. Terminals differ in how wide they draw some of the world's writing;
//! after such a sign the next one is put where it belongs, so that no row is shifted by it.

use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};

/// Crossterm's way to the terminal, which places anew after every sign of doubtful width.
#[derive(Debug)]
pub struct Careful<W: Write>(CrosstermBackend<W>);

impl<W: Write> Careful<W> {
    pub fn new(writer: W) -> Self {
        Self(CrosstermBackend::new(writer))
    }
}

/// Whether terminals may differ in how many cells it takes: all that is put together from several
/// characters, and every script beyond those that have been in terminals for ever.
fn is_doubtful(symbol: &str) -> bool {
    let mut chars = symbol.chars();
    let first = chars.next().unwrap_or(' ');
    let settled =
        matches!(first, '\0'..='\u{2ff}' | '\u{370}'..='\u{482}' | '\u{48a}'..='\u{590}' | '\u{2010}'..='\u{2bff}');
    !settled || chars.next().is_some()
}

impl<W: Write> Backend for Careful<W> {
    type Error = io::Error;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, content: I) -> io::Result<()> {
        let mut run = Vec::new();
        for (x, y, cell) in content {
            run.push((x, y, cell));
            if is_doubtful(cell.symbol()) {
                // Every call begins by going to its first cell.
                self.0.draw(run.drain(..))?;
            }
        }
        self.0.draw(run.into_iter())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.0.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.0.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        self.0.get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.0.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.0.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.0.clear_region(clear_type)
    }

    fn append_lines(&mut self, lines: u16) -> io::Result<()> {
        self.0.append_lines(lines)
    }

    fn size(&self) -> io::Result<Size> {
        self.0.size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.0.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        Backend::flush(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;

    fn drawn(text: &str) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 1));
        buffer.set_string(0, 0, text, ratatui::style::Style::new());
        let mut bytes = Vec::new();
        let mut backend = Careful::new(&mut bytes);
        let cells = buffer.content.iter().enumerate().map(|(x, cell)| (x as u16, 0, cell));
        backend.draw(cells.take(4)).expect("bytes");
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn what_follows_a_sign_of_doubtful_width_is_placed_anew() {
        assert_eq!(drawn("ab│d").matches("\u{1b}[1;").count(), 1, "only the first is placed");
        assert!(drawn("a\u{d15}\u{d4d}b").contains("\u{1b}[1;3H"), "{:?}", drawn("a\u{d15}\u{d4d}b"));
        assert!(drawn("ae\u{301}b").contains("\u{1b}[1;3H"));
    }
}

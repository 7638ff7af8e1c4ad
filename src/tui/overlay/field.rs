//! One line of text being typed.

use crossterm::event::{Event, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use tui_input::backend::crossterm::EventHandler;
use tui_input::{Input, InputRequest};
use unicode_segmentation::UnicodeSegmentation;

use crate::domain::sanitize;
use crate::tui::theme::Theme;

/// One line of text being typed.
#[derive(Clone, Debug, Default)]
pub struct Field(Input);

impl Field {
    pub fn of(text: &str) -> Self {
        Self(Input::new(text.to_owned()))
    }

    pub fn text(&self) -> &str {
        self.0.value()
    }

    /// Takes a key of text or of editing; false when it is neither.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        self.0.handle_event(&Event::Key(key)).is_some()
    }

    /// Pasted text becomes one line: nothing in it is taken for a key.
    pub fn paste(&mut self, text: &str) {
        for c in sanitize::line(&text.replace(['\n', '\r', '\t'], " ")).chars() {
            self.0.handle(InputRequest::InsertChar(c));
        }
    }

    /// Draws the text, scrolled so that the cursor is seen; the cursor only where it is typed.
    pub fn draw(&self, focused: bool, area: Rect, theme: &Theme, buffer: &mut Buffer) {
        let width = usize::from(area.width);
        if width == 0 {
            return;
        }
        let cursor = self.0.visual_cursor();
        let skipped = cursor.saturating_sub(width - 1);
        let text = self.0.value();
        let under = if focused { theme.text.add_modifier(Modifier::REVERSED) } else { Style::default() };
        let mut spans = Vec::new();
        for (index, grapheme) in text.graphemes(true).enumerate().skip(skipped) {
            spans.push(Span::styled(grapheme.to_owned(), if index == cursor { under } else { theme.text }));
        }
        if cursor >= text.graphemes(true).count() {
            spans.push(Span::styled(" ", under));
        }
        Line::from(spans).render(area, buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::{KeyCode, KeyModifiers};

    #[test]
    fn pasted_lines_become_one_line_without_escapes() {
        let mut field = Field::of("a ");
        field.paste("one\ntwo\u{1b}[31m\tx");
        assert!(!field.text().chars().any(char::is_control), "{:?}", field.text());
        assert!(field.text().starts_with("a one two"));
    }

    #[test]
    fn editing_keys_are_taken_and_others_are_not() {
        let mut field = Field::of("ab");
        assert!(field.key(KeyEvent::new(KeyCode::Backspace, KeyModifiers::NONE)));
        assert_eq!(field.text(), "a");
        assert!(!field.key(KeyEvent::new(KeyCode::F(5), KeyModifiers::NONE)));
    }
}

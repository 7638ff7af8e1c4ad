//! What a pane says when it has nothing to list: a calm sentence, never a blank.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::tui::theme::Theme;
use crate::tui::widget::mark::Marks;
use crate::tui::widget::text;

/// Draws sentences from the top left, wrapped: the first as text, the others dim.
pub fn draw(buffer: &mut Buffer, area: Rect, sentences: &[&str], theme: &Theme) {
    let marks = Marks::of(theme);
    let room = usize::from(area.width.saturating_sub(1));
    let lines = sentences.iter().enumerate().flat_map(|(index, sentence)| {
        let style = if index == 0 { theme.text } else { theme.dim };
        text::wrap(sentence, room, 4).into_iter().map(move |line| (line, style))
    });
    for (row, (line, style)) in text::rows(area).zip(lines) {
        text::put(buffer, row, &Line::from(vec![Span::raw(" "), Span::styled(line, style)]), marks);
    }
}

//! The part of a long list that is shown. It follows from the cursor and the room alone, so
//! nothing has to be remembered between frames, and only what is shown is ever built.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::tui::theme::Theme;
use crate::tui::widget::mark::Marks;
use crate::tui::widget::text;

/// Which lines of a list are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    pub shown: Range<usize>,
    /// The last row of the area tells how many lines are not shown.
    pub tells: bool,
}

impl Window {
    /// The window on `lines` lines with the cursor's in its middle, where `height` rows are
    /// too few for all.
    pub fn on(lines: usize, cursor: usize, height: u16) -> Self {
        let height = usize::from(height);
        if lines <= height {
            return Self { shown: 0..lines, tells: false };
        }
        // One row is worth spending on how much there is beyond it, unless it is the only one.
        let tells = height > 1;
        let visible = height - usize::from(tells);
        let first = cursor.saturating_sub(visible / 2).min(lines - visible);
        Self { shown: first..first + visible, tells }
    }
}

/// A list of at most so many lines keeps its columns where they are while it scrolls.
const STEADY: usize = 60;

impl Window {
    /// The lines whose cells decide how wide the columns are: all of a short list, so that
    /// nothing moves sideways under the cursor; of a long one those that are shown.
    pub fn measured(&self, lines: usize) -> Range<usize> {
        if lines <= STEADY { 0..lines } else { self.shown.clone() }
    }

    /// The line that is drawn in a row of the area, when `titles` rows stand above the list.
    pub fn line_at(&self, row: u16, titles: u16) -> Option<usize> {
        let line = self.shown.start + usize::from(row.checked_sub(titles)?);
        self.shown.contains(&line).then_some(line)
    }
}

/// What the row below a window says: `12 more below, 3 above`.
pub fn beyond(above: usize, below: usize) -> String {
    match (above, below) {
        (0, below) => format!("{below} more"),
        (above, 0) => format!("{above} above"),
        (above, below) => format!("{below} more, {above} above"),
    }
}

/// Draws the row below a window, as a quiet line.
pub fn tell(buffer: &mut Buffer, row: Rect, says: String, theme: &Theme) {
    text::put(buffer, body(row), &text::styled(says, theme.dim), Marks::of(theme));
}

/// The cells left of every row: the cursor's mark and a space.
pub const GUTTER: u16 = 2;

/// The part of a row that is right of the gutter.
pub fn body(row: Rect) -> Rect {
    let gutter = GUTTER.min(row.width);
    Rect { x: row.x + gutter, width: row.width - gutter, ..row }
}

/// Shows that the cursor is here: a mark, and the whole row in the style of the selection.
/// Drawn after the cells, which keep their own colours where the selection is a background.
pub fn select(buffer: &mut Buffer, row: Rect, focused: bool, theme: &Theme) {
    let row = row.intersection(buffer.area);
    if row.is_empty() {
        return;
    }
    let style = if focused { theme.accent } else { theme.dim };
    buffer.set_stringn(row.x, row.y, Marks::of(theme).cursor, usize::from(row.width), style);
    if !focused {
        return;
    }
    if theme.selected.add_modifier.contains(Modifier::REVERSED) {
        // Reversed, every colour would become a patch of background; one calm bar is readable.
        buffer.set_style(row, Style::reset());
    }
    buffer.set_style(row, theme.selected);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_follows_the_cursor_and_stays_within_the_list() {
        let table = [
            (5, 3, 5, 0..5, false),
            (10, 0, 5, 0..4, true),
            (10, 5, 5, 3..7, true),
            (10, 9, 5, 6..10, true),
            (10, 9, 1, 9..10, false),
            (10, 9, 0, 9..9, false),
            (0, 0, 4, 0..0, false),
        ];
        for (lines, cursor, height, shown, tells) in table {
            assert_eq!(Window::on(lines, cursor, height), Window { shown, tells }, "{lines} {cursor} {height}");
        }
    }

    #[test]
    fn the_row_the_cursor_is_on_is_always_shown() {
        for lines in 1..40 {
            for cursor in 0..lines {
                for height in 1..12 {
                    assert!(Window::on(lines, cursor, height).shown.contains(&cursor), "{lines} {cursor} {height}");
                }
            }
        }
    }
}

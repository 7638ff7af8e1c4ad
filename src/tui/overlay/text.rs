//! What windows of text have in common: their frame, wrapping, and scrolling.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Widget};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::tui::command::Command;
use crate::tui::layout::inside;
use crate::tui::theme::Theme;
use crate::tui::widget::mark::Marks;
use crate::tui::widget::text::put;

/// The place of a window that holds this much text; smaller where the screen is.
pub fn window(screen: Rect, columns: u16, rows: u16) -> Rect {
    screen.centered(Constraint::Length(columns.saturating_add(4)), Constraint::Length(rows.saturating_add(2)))
}

/// Clears the place and draws the frame; gives back what is inside.
pub fn frame(area: Rect, title: &str, caption: Line<'static>, theme: &Theme, buffer: &mut Buffer) -> Rect {
    Clear.render(area, buffer);
    let title = Line::from(vec![Span::raw(" "), Span::styled(title.to_owned(), theme.title), Span::raw(" ")]);
    let taken = title.width() + caption.width() + 8;
    let mut block = Block::bordered().border_set(theme.frame()).border_style(theme.border_focused).title_top(title);
    if caption.width() > 0 && taken <= usize::from(area.width) {
        let mut spans = vec![Span::raw(" ")];
        spans.extend(caption.spans);
        spans.push(Span::raw(" "));
        block = block.title_top(Line::from(spans).right_aligned());
    }
    block.render(area, buffer);
    inside(area)
}

/// Draws the lines from `top` on, in the last row how much is below, and in the first how much is
/// above where there is room for both. A line that is too long ends in a mark.
pub fn draw_lines(lines: &[Line<'_>], top: usize, area: Rect, theme: &Theme, buffer: &mut Buffer) {
    let rows = usize::from(area.height);
    for (line, row) in lines.iter().skip(top).zip(area.rows()) {
        put(buffer, row, line, Marks::of(theme));
    }
    let tell = |more: usize, way: &str, y: u16, buffer: &mut Buffer| {
        let row = Rect { y, height: 1, ..area }.intersection(area);
        Clear.render(row, buffer);
        put(buffer, row, &Line::styled(format!("{} {more} more {way}", theme.ellipsis()), theme.dim), Marks::of(theme));
    };
    let below = lines.len().saturating_sub(top + rows);
    if below > 0 && rows > 1 {
        tell(below + 1, "below", area.bottom() - 1, buffer);
    }
    if top > 0 && rows > 3 {
        tell(top + 1, "above", area.y, buffer);
    }
}

/// A place in a long text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scroll {
    pub top: usize,
}

impl Scroll {
    /// Moves as the command says within `lines` of which `rows` fit; false when the command is
    /// not about moving.
    pub fn update(&mut self, command: Option<Command>, lines: usize, rows: usize) -> bool {
        let last = lines.saturating_sub(rows);
        let half = (rows / 2).max(1);
        self.top = match command {
            Some(Command::Down) => self.top + 1,
            Some(Command::Up) => self.top.min(last).saturating_sub(1),
            Some(Command::HalfPageDown) => self.top + half,
            Some(Command::HalfPageUp) => self.top.min(last).saturating_sub(half),
            Some(Command::Top) => 0,
            Some(Command::Bottom) => last,
            _ => return false,
        }
        .min(last);
        true
    }
}

/// Cuts text into lines of at most `width` cells, at spaces where it can.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    for word in text.split_inclusive(char::is_whitespace) {
        let wide = word.trim_end().width();
        if wide <= width {
            if used(&lines) + wide > width {
                lines.push(String::new());
            }
            push(&mut lines, word);
        } else {
            word.split_word_bounds().for_each(|part| push_part(&mut lines, part, width));
        }
    }
    lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
}

/// A part of a word that no line can hold, cut where it must be.
fn push_part(lines: &mut Vec<String>, part: &str, width: usize) {
    if used(lines) + part.width() <= width {
        push(lines, part);
    } else if part.trim().is_empty() {
        lines.push(String::new());
    } else if part.width() <= width {
        lines.push(part.to_owned());
    } else {
        for grapheme in part.graphemes(true) {
            if used(lines) + grapheme.width() > width {
                lines.push(String::new());
            }
            push(lines, grapheme);
        }
    }
}

fn used(lines: &[String]) -> usize {
    lines.last().map_or(0, |line| line.width())
}

fn push(lines: &mut [String], text: &str) {
    if let Some(last) = lines.last_mut() {
        last.push_str(text);
    }
}

/// Text after a label of fixed width, wrapped under itself.
pub fn labelled(label: &str, text: &str, width: usize, look: (Style, Style)) -> Vec<Line<'static>> {
    let indent = label.width();
    wrap(text, width.saturating_sub(indent))
        .into_iter()
        .enumerate()
        .map(|(index, part)| {
            let head = if index == 0 { label.to_owned() } else { " ".repeat(indent) };
            Line::from(vec![Span::styled(head, look.0), Span::styled(part, look.1)])
        })
        .collect()
}

/// Text in at most `width` cells; what stands for the rest is part of them.
pub fn clip(text: &str, width: usize, ellipsis: &str) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(ellipsis.width());
    let mut out = String::new();
    for grapheme in text.graphemes(true) {
        if out.width() + grapheme.width() > room {
            break;
        }
        out.push_str(grapheme);
    }
    if room > 0 { out + ellipsis } else { String::new() }
}

/// Text padded with spaces to `width` cells, cut where it is longer.
pub fn pad(text: &str, width: usize, ellipsis: &str) -> String {
    let text = clip(text, width, ellipsis);
    let rest = width.saturating_sub(text.width());
    text + &" ".repeat(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_at_spaces_and_cut_only_where_it_must_be() {
        let table: [(&str, usize, &[&str]); 7] = [
            ("one two three", 8, &["one two", "three"]),
            ("one (two). three", 9, &["one", "(two).", "three"]),
            ("it is thawed.", 12, &["it is", "thawed."]),
            ("/srv/rota/db_backup.sqlite3", 10, &["/srv/rota/", "db_backup.", "sqlite3"]),
            ("日本語の文", 4, &["日本", "語の", "文"]),
            ("", 5, &[""]),
            ("ab", 0, &["a", "b"]),
        ];
        for (text, width, expected) in table {
            assert_eq!(wrap(text, width), expected, "{text}");
        }
    }

    #[test]
    fn clipped_text_never_exceeds_its_cells() {
        for width in 0..12 {
            for text in ["short", "much longer than that", "日本語の文字", "e\u{301}e\u{301}e\u{301}e\u{301}"] {
                assert!(clip(text, width, "…").width() <= width, "{text} {width}");
                assert_eq!(pad(text, width, "…").width(), width, "{text} {width}");
            }
        }
    }

    #[test]
    fn scrolling_stays_within_the_text() {
        let mut scroll = Scroll::default();
        for (command, top) in [
            (Command::Up, 0),
            (Command::Down, 1),
            (Command::Bottom, 90),
            (Command::Down, 90),
            (Command::HalfPageUp, 85),
            (Command::Top, 0),
        ] {
            assert!(scroll.update(Some(command), 100, 10));
            assert_eq!(scroll.top, top, "{command:?}");
        }
        assert!(!scroll.update(Some(Command::Backup), 100, 10));
        assert!(scroll.update(Some(Command::Bottom), 3, 10));
        assert_eq!(scroll.top, 0, "a short text has nowhere to go");
    }
}

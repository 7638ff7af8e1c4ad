//! How many of each status, worst first: a mark, a number and a word for each.

use ratatui::text::{Line, Span};

use crate::domain::status::Status;
use crate::tui::theme::Theme;
use crate::tui::widget::text;

/// `✗ 1 critical  ! 2 warning  ✓ 37 ok`; a status nobody has is left out.
pub fn line(statuses: impl IntoIterator<Item = Status>, theme: &Theme) -> Line<'static> {
    counted(statuses, true, theme)
}

/// The same in at most `room` cells: without the words where they do not fit.
pub fn fitted(statuses: impl IntoIterator<Item = Status> + Clone, room: u16, theme: &Theme) -> Line<'static> {
    let long = counted(statuses.clone(), true, theme);
    if text::line_width(&long) <= usize::from(room) { long } else { counted(statuses, false, theme) }
}

fn counted(statuses: impl IntoIterator<Item = Status>, words: bool, theme: &Theme) -> Line<'static> {
    let mut counts = [0_usize; Status::ALL.len()];
    for status in statuses {
        counts[status as usize] += 1;
    }
    let mut spans = Vec::new();
    for status in Status::ALL.into_iter().rev() {
        let count = counts[status as usize];
        if count == 0 {
            continue;
        }
        if !spans.is_empty() {
            spans.push(Span::raw("  "));
        }
        let word = if words { format!(" {}", status.word()) } else { String::new() };
        spans.push(Span::styled(format!("{} {count}{word}", theme.glyph(status)), theme.status(status)));
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_comes_first_and_nobody_is_not_named() {
        let line = line([Status::Ok, Status::Critical, Status::Ok], &Theme::default());
        assert_eq!(line.to_string(), "✗ 1 critical  ✓ 2 ok");
        assert_eq!(super::line([], &Theme::default()).to_string(), "");
    }
}

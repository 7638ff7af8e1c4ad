//! What stands under a list: a titled rule, and lines about the row the cursor is on.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::tui::theme::Theme;
use crate::tui::widget::mark::Marks;
use crate::tui::widget::text;

/// Splits an area between a list of `list` lines and what explains its selected row: the list
/// keeps at least half, the explanation gets nothing when it could not say enough.
pub fn split(area: Rect, list: usize, explanation: usize) -> (Rect, Rect) {
    let list = u16::try_from(list).unwrap_or(u16::MAX);
    let kept = list.min(area.height.div_ceil(2));
    let given = (u16::try_from(explanation).unwrap_or(u16::MAX)).min(area.height - kept);
    let given = if given < 3 { 0 } else { given };
    let above = Rect { height: (area.height - given).min(list.max(kept)), ..area };
    // Close under the list, with a line of air where there is one.
    let air = u16::from(above.height + given < area.height);
    (above, Rect { y: above.bottom() + air, height: given, ..area }.intersection(area))
}

/// What is explained: a title in the rule, lines that may be left out, lines that stay.
#[derive(Debug, Default)]
pub struct Explanation {
    pub title: Line<'static>,
    /// For the right end of the rule.
    pub right: Line<'static>,
    /// Cut from the end where there is no room.
    pub body: Vec<Line<'static>>,
    /// The keys, at the bottom.
    pub keys: Vec<Line<'static>>,
}

impl Explanation {
    /// How many rows it would like.
    pub fn rows(&self) -> usize {
        1 + self.body.len() + self.keys.len()
    }

    pub fn draw(&self, buffer: &mut Buffer, area: Rect, theme: &Theme) {
        if area.height == 0 {
            return;
        }
        let marks = Marks::of(theme);
        let mut rows = text::rows(area);
        if let Some(row) = rows.next() {
            rule(buffer, row, &self.title, &self.right, theme);
        }
        let room = usize::from(area.height - 1);
        let body = self.body.len().min(room.saturating_sub(self.keys.len()));
        for (index, (row, line)) in rows.zip(self.body[..body].iter().chain(&self.keys)).enumerate() {
            text::put(buffer, row, line, marks);
            if index + 1 == body && body < self.body.len() {
                // There is more to it; the whole is behind Enter.
                let end = text::line_width(line).min(usize::from(row.width).saturating_sub(text::width(marks.cut)));
                let rest = Rect { x: row.x + end as u16, width: row.width - end as u16, ..row };
                text::put(buffer, rest, &text::styled(marks.cut, theme.dim), marks);
            }
        }
    }
}

/// A quiet line across, with a title near its left end and a remark near its right.
pub fn rule(buffer: &mut Buffer, row: Rect, title: &Line<'_>, right: &Line<'_>, theme: &Theme) {
    let marks = Marks::of(theme);
    text::put(buffer, row, &text::styled(marks.rule.repeat(usize::from(row.width)), theme.bar_rest), marks);
    let inner = Rect { x: row.x + 2.min(row.width), width: row.width.saturating_sub(4), ..row };
    let padded = |line: &Line<'_>| {
        let mut spans = vec![Span::raw(" ")];
        spans.extend(line.spans.iter().map(|span| Span::styled(span.content.to_string(), span.style)));
        spans.push(Span::raw(" "));
        Line::from(spans)
    };
    let (left, right) = (padded(title), padded(right));
    let taken = if text::line_width(&right) > 2
        && text::line_width(&left) + text::line_width(&right) + 2 <= usize::from(inner.width)
    {
        text::put_right(buffer, inner, &right, marks) + 2
    } else {
        0
    };
    if text::line_width(&left) > 2 {
        let room = Rect { width: (text::line_width(&left) as u16).min(inner.width.saturating_sub(taken)), ..inner };
        // The title stands in the text's own colour, not in that of the rule it interrupts.
        buffer.set_style(room, Style::reset());
        text::put(buffer, room, &left, marks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_keeps_half_and_an_explanation_is_whole_enough_or_absent() {
        let area = Rect::new(0, 0, 40, 10);
        let table = [(4, 6, 4, 6), (20, 6, 5, 5), (8, 2, 8, 0), (20, 20, 5, 5), (0, 20, 0, 10), (3, 4, 3, 4)];
        for (list, explanation, above, below) in table {
            let (a, b) = split(area, list, explanation);
            assert_eq!((a.height, b.height), (above, below), "{list} {explanation}");
        }
        assert_eq!(split(area, 3, 4).1.y, 4, "with a line of air");
        assert_eq!(split(Rect::new(0, 0, 40, 0), 5, 5).1.height, 0);
    }
}

//! Two blocks of lines next to each other.

use ratatui::text::{Line, Span};

use crate::tui::widget::text;

/// The left block in `width` cells, `gap` between, and the right block.
pub fn lines(
    left: Vec<Line<'static>>,
    right: &[Line<'static>],
    width: usize,
    gap: &Span<'static>,
) -> Vec<Line<'static>> {
    let rows = left.len().max(right.len());
    let mut left = left.into_iter();
    let line = |index: usize| {
        let line = left.next().unwrap_or_default();
        let mut spans = styled(&line);
        let pad = width.saturating_sub(text::line_width(&line));
        spans.extend([Span::raw(" ".repeat(pad)), gap.clone()]);
        spans.extend(right.get(index).map(styled).unwrap_or_default());
        Line::from(spans)
    };
    (0..rows).map(line).collect()
}

/// The spans of a line with the line's own style in them.
pub fn styled(line: &Line<'static>) -> Vec<Span<'static>> {
    line.spans.iter().map(|span| Span::styled(span.content.clone(), line.style.patch(span.style))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorter_block_leaves_room() {
        let left = vec![Line::from("one"), Line::from("two")];
        let right = ["a", "b", "c"].map(Line::from);
        let drawn: Vec<String> = lines(left, &right, 5, &Span::raw("| ")).iter().map(ToString::to_string).collect();
        assert_eq!(drawn, ["one  | a", "two  | b", "     | c"]);
    }
}

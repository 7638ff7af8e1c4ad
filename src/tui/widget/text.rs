//! Text in cells: how wide it is by the buffer's own measure, and cutting it between
//! graphemes where it no longer fits.

use ratatui::buffer::{Buffer, CellWidth as _};
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::tui::widget::mark::Marks;

/// How many cells a text takes, exactly as the buffer will count them.
pub fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.bytes().filter(|byte| !byte.is_ascii_control()).count();
    }
    graphemes(text).map(|(_, width)| width).sum()
}

/// How many cells a line takes.
pub fn line_width(line: &Line<'_>) -> usize {
    line.spans.iter().map(|span| width(&span.content)).sum()
}

fn graphemes(text: &str) -> impl Iterator<Item = (&str, usize)> {
    text.graphemes(true)
        .filter(|grapheme| !grapheme.contains(char::is_control))
        .map(|grapheme| (grapheme, usize::from(grapheme.cell_width())))
        .filter(|(_, width)| *width > 0)
}

/// Draws a line into the first row of `area`; what does not fit is cut and says so.
pub fn put(buffer: &mut Buffer, area: Rect, line: &Line<'_>, marks: &Marks) {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return;
    }
    let room = usize::from(area.width);
    if line_width(line) <= room {
        buffer.set_line(area.x, area.y, line, area.width);
        return;
    }
    // Room is kept for the mark that says the text goes on.
    let (mut x, mut left) = (area.x, room.saturating_sub(width(marks.cut)));
    for span in &line.spans {
        let style = line.style.patch(span.style);
        for (grapheme, width) in graphemes(&span.content) {
            if width > left {
                buffer.set_stringn(x, area.y, marks.cut, usize::from(area.right() - x), style);
                return;
            }
            (x, _) = buffer.set_stringn(x, area.y, grapheme, width, style);
            left -= width;
        }
    }
}

/// Draws a line at the right end of the first row of `area`, and says how many cells it took.
pub fn put_right(buffer: &mut Buffer, area: Rect, line: &Line<'_>, marks: &Marks) -> u16 {
    let taken = (line_width(line) as u16).min(area.width);
    put(buffer, Rect { x: area.right() - taken, width: taken, ..area }, line, marks);
    taken
}

/// Draws one line at the left and one at the right end; the left one gives way.
pub fn put_both(buffer: &mut Buffer, area: Rect, left: &Line<'_>, right: &Line<'_>, marks: &Marks) {
    let wanted = line_width(right);
    // A right end that would take more than two thirds says less than the left it displaces.
    if wanted == 0 || wanted * 3 > usize::from(area.width) * 2 {
        return put(buffer, area, left, marks);
    }
    let taken = put_right(buffer, area, right, marks);
    put(buffer, Rect { width: area.width.saturating_sub(taken + 2), ..area }, left, marks);
}

/// Breaks a text into lines of at most `room` cells, at spaces where it has them, and at
/// most `limit` lines; the last one is left long, to be cut where it is drawn.
pub fn wrap(text: &str, room: usize, limit: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in words(text) {
        let wide = width(word.trim_end());
        // A word that no line can hold is broken where it must be, but not after its first letters.
        if wide > room && used > room / 2 && lines.len() + 1 < limit {
            lines.push(std::mem::take(&mut line).trim_end().to_owned());
            used = 0;
        }
        let pieces: Vec<(&str, usize)> = if wide > room { graphemes(word).collect() } else { vec![(word, wide)] };
        for (piece, wide) in pieces {
            if used + wide > room && used > 0 && lines.len() + 1 < limit {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
                used = 0;
            }
            line.push_str(piece);
            used += width(piece);
        }
    }
    if !line.trim().is_empty() {
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// The words of a text, each with the blank behind it; a figure and its unit are one word.
fn words(text: &str) -> Vec<&str> {
    const UNITS: [&str; 11] = ["ms", "s", "m", "h", "d", "%", "B", "kB", "MB", "GB", "TB"];
    let mut words: Vec<&str> = Vec::new();
    let mut start = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let end = start + word.len();
        let unit = UNITS.contains(&word.trim_end().trim_end_matches([',', ';', ':', '.', ')']));
        match words.last_mut() {
            Some(figure) if unit && figure.trim_end().ends_with(|c: char| c.is_ascii_digit()) => {
                *figure = &text[start - figure.len()..end];
            }
            _ => words.push(word),
        }
        start = end;
    }
    words
}

/// The rows of an area, from the top.
pub fn rows(area: Rect) -> impl Iterator<Item = Rect> {
    (0..area.height).map(move |row| Rect { y: area.y + row, height: 1, ..area })
}

/// A line of one span.
pub fn styled<'a>(text: impl Into<std::borrow::Cow<'a, str>>, style: ratatui::style::Style) -> Line<'a> {
    Line::from(Span::styled(text, style))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::Theme;

    fn cut(text: &str, room: u16) -> String {
        let area = Rect::new(0, 0, room, 1);
        let mut buffer = Buffer::empty(area);
        put(&mut buffer, area, &Line::from(text), Marks::of(&Theme::default()));
        crate::tui::widget::look::text(&buffer)
    }

    #[test]
    fn text_is_cut_between_graphemes_never_inside_one() {
        let table = [
            ("rota-db", 7, "rota-db"),
            ("rota-db", 6, "rota-…"),
            ("データベース", 7, "データ…"),
            ("データベース", 6, "デー…"),
            ("👩‍👩‍👧‍👦 family", 3, "👩‍👩‍👧‍👦…"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
            ("ab", 1, "…"),
            ("a\u{7}b", 2, "ab"),
            ("x", 0, ""),
        ];
        for (text, room, shown) in table {
            assert_eq!(cut(text, room), shown, "{text} in {room}");
        }
    }

    #[test]
    fn the_measure_is_the_buffers_own() {
        for text in ["plain", "データ", "e\u{301}", "ﾊﾞ", "👩‍👩‍👧‍👦", "a\tb\u{1b}[31m", "\u{202e}abc", "\u{200b}"]
        {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 1));
            let (end, _) = buffer.set_stringn(0, 0, text, 40, ratatui::style::Style::new());
            assert_eq!(width(text), usize::from(end), "{text:?}");
        }
    }

    #[test]
    fn a_figure_stays_with_its_unit() {
        assert_eq!(
            wrap("the oldest is of 3 d 7 h ago; limit 24 h", 38, 9),
            ["the oldest is of 3 d 7 h ago; limit", "24 h"]
        );
        assert_eq!(words("9 MB, limit 6 MB"), ["9 MB, ", "limit ", "6 MB"]);
    }

    #[test]
    fn long_sentences_break_at_words() {
        assert_eq!(wrap("the host was down at two", 12, 9), ["the host was", "down at two"]);
        assert_eq!(wrap("the host was down at two", 12, 1), ["the host was down at two"]);
        assert_eq!(wrap("データベース", 6, 9), ["データ", "ベース"]);
        assert_eq!(wrap("at 08:30 (missed)", 12, 9), ["at 08:30", "(missed)"]);
        assert_eq!(wrap("late (grace 15 m); started", 14, 9), ["late (grace", "15 m); started"]);
        assert_eq!(wrap("copied to /srv/backups/rota", 14, 9), ["copied to", "/srv/backups/r", "ota"]);
        assert_eq!(wrap("to /srv/backups/rota", 14, 9), ["to /srv/backup", "s/rota"]);
        assert_eq!(wrap("", 12, 3), Vec::<String>::new());
        assert_eq!(wrap("abc def", 0, 2), ["a", "bc def"]);
    }
}

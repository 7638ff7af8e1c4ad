//! The marks beside statuses, in two alphabets: a fine one, and one any terminal has.

use crate::tui::theme::Theme;

/// One alphabet of marks; each takes one cell, but for `cut` and `becomes`.
#[derive(Debug)]
pub struct Marks {
    /// The row the cursor is on.
    pub cursor: &'static str,
    /// Text goes on where it was cut.
    pub cut: &'static str,
    /// Between figures on one line.
    pub dot: &'static str,
    /// A value that is not there.
    pub none: &'static str,
    /// What belongs to the row above.
    pub branch: &'static str,
    pub rule: &'static str,
    pub becomes: &'static str,
    pub running: &'static str,
    /// Nothing was due.
    pub idle: &'static str,
    /// Due while it was held back on purpose.
    pub frozen: &'static str,
    /// Should have run and did not.
    pub missed: &'static str,
    /// Ran, and something about it is odd.
    pub odd: &'static str,
    /// The filled part of a bar, half a cell of it, the rest, and a limit on either.
    pub bar: &'static str,
    pub bar_half: &'static str,
    pub bar_rest: &'static str,
    pub limit: &'static str,
    pub limit_passed: &'static str,
    /// The heights of a sparkline, low to high.
    pub heights: &'static [&'static str],
}

const FINE: Marks = Marks {
    cursor: "›",
    cut: "…",
    dot: "·",
    none: "–",
    branch: "└",
    rule: "─",
    becomes: "→",
    running: "▸",
    idle: "·",
    frozen: "=",
    missed: "○",
    odd: "~",
    bar: "━",
    bar_half: "╾",
    bar_rest: "─",
    limit: "┼",
    limit_passed: "╂",
    heights: &["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
};

const PLAIN: Marks = Marks {
    cursor: ">",
    cut: "..",
    dot: "-",
    none: "-",
    branch: "`",
    rule: "-",
    becomes: "->",
    running: ">",
    idle: ".",
    frozen: "=",
    missed: "M",
    odd: "~",
    bar: "#",
    bar_half: "=",
    bar_rest: ".",
    limit: "|",
    limit_passed: "|",
    heights: &["_", ".", "-", "=", "+", "*", "#", "@"],
};

impl Marks {
    pub const fn of(theme: &Theme) -> &'static Marks {
        if theme.ascii { &PLAIN } else { &FINE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::buffer::CellWidth;

    #[test]
    fn the_plain_alphabet_is_plain_and_marks_take_one_cell() {
        for (marks, plain) in [(&FINE, false), (&PLAIN, true)] {
            let single = [
                marks.cursor,
                marks.dot,
                marks.none,
                marks.branch,
                marks.rule,
                marks.running,
                marks.idle,
                marks.frozen,
                marks.missed,
                marks.odd,
                marks.bar,
                marks.bar_half,
                marks.bar_rest,
                marks.limit,
                marks.limit_passed,
            ];
            for mark in single.iter().chain(marks.heights) {
                assert_eq!(mark.cell_width(), 1, "{mark}");
                assert!(!plain || mark.is_ascii(), "{mark}");
            }
        }
        assert!(PLAIN.becomes.is_ascii() && PLAIN.cut.is_ascii());
    }
}

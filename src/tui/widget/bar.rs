//! A bar with its limit marked inside it, so that distance to the limit is seen, not
//! computed. Drawn by hand: ratatui's gauges panic on a share above one.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::tui::theme::Theme;
use crate::tui::widget::mark::Marks;

/// A share of a whole, and where the limits stand.
#[derive(Clone, Copy, Debug)]
pub struct Bar {
    /// 0 to 1; anything beyond is drawn as full or empty, and a value that is not a number as
    /// empty.
    pub share: f64,
    pub limit: Option<f64>,
    /// The style of the filled part.
    pub style: Style,
}

impl Bar {
    /// The bar in `width` cells.
    pub fn line(&self, width: u16, theme: &Theme) -> Line<'static> {
        let marks = Marks::of(theme);
        let width = usize::from(width);
        let halves = (clamped(self.share) * width as f64 * 2.0).round() as usize;
        let limit = self.limit.map(|limit| ((clamped(limit) * width as f64) as usize).min(width.saturating_sub(1)));
        let cells = (0..width).map(|cell| {
            let filled = halves > cell * 2;
            match (limit == Some(cell), filled, halves == cell * 2 + 1) {
                (true, true, false) => Span::styled(marks.limit_passed, theme.limit),
                (true, ..) => Span::styled(marks.limit, theme.limit),
                (false, true, true) => Span::styled(marks.bar_half, self.style),
                (false, true, false) => Span::styled(marks.bar, self.style),
                (false, false, _) => Span::styled(marks.bar_rest, theme.bar_rest),
            }
        });
        cells.collect()
    }
}

fn clamped(share: f64) -> f64 {
    if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(share: f64, limit: Option<f64>, width: u16, ascii: bool) -> String {
        let theme = Theme { ascii, ..Theme::default() };
        Bar { share, limit, style: theme.bar }.line(width, &theme).to_string()
    }

    #[test]
    fn shares_and_limits() {
        let table = [
            (0.0, Some(0.8), "........|."),
            (0.25, Some(0.8), "##=.....|."),
            (0.5, None, "#####....."),
            (0.95, Some(0.8), "########|="),
            (1.0, Some(1.0), "#########|"),
            (7.0, None, "##########"),
            (-1.0, Some(-1.0), "|........."),
            (f64::NAN, Some(f64::NAN), "|........."),
            (f64::INFINITY, None, "##########"),
        ];
        for (share, limit, bar) in table {
            assert_eq!(shown(share, limit, 10, true), bar, "{share} {limit:?}");
        }
        assert_eq!(shown(0.45, Some(0.8), 10, false), "━━━━╾───┼─");
        assert_eq!(shown(0.5, Some(0.5), 0, false), "");
    }
}

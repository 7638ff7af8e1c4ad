//! A sparkline with gaps: what a value did lately. A time nobody measured is a gap, not a
//! zero.

use ratatui::text::Span;

use crate::domain::time::Timestamp;
use crate::domain::trend::Series;
use crate::tui::theme::Theme;
use crate::tui::widget::mark::Marks;

/// The latest readings in `width` cells, newest at the right; one cell holds one reading, and
/// a pause of more than three readings' distance leaves a gap.
///
/// `ceiling` is the value of a full cell, such as 100 for a percentage; without one the
/// largest value shown is.
pub fn span(series: &Series, ceiling: Option<f64>, now: Timestamp, width: u16, theme: &Theme) -> Span<'static> {
    let marks = Marks::of(theme);
    let width = usize::from(width);
    let points: Vec<_> = series.recent().rev().take(width).collect();
    let largest = points.iter().map(|point| point.value).fold(0.0, f64::max);
    // What never changed is a calm line at half height, not a wall.
    let flat = points.iter().all(|point| (point.value - largest).abs() <= f64::EPSILON * largest);
    let top = ceiling.unwrap_or(if flat { largest * 2.0 } else { largest });
    let typical = points.windows(2).map(|pair| (pair[0].at - pair[1].at).num_milliseconds()).min().unwrap_or(0);
    let mut cells: Vec<&str> = Vec::with_capacity(width);
    let mut later = now;
    for point in points {
        let pause = (later - point.at).num_milliseconds();
        if typical > 0 && pause > typical * 3 && cells.len() < width {
            cells.push(" ");
        }
        cells.push(height(point.value, top, marks));
        later = point.at;
    }
    cells.truncate(width);
    Span::styled(cells.into_iter().rev().collect::<String>(), theme.dim)
}

/// Values one beside the other. What hardly differs is a line at half height.
pub fn of(values: &[f64], theme: &Theme) -> Span<'static> {
    let marks = Marks::of(theme);
    let top = values.iter().copied().fold(0.0, f64::max) * 1.7;
    Span::styled(values.iter().map(|value| height(*value, top, marks)).collect::<String>(), theme.dim)
}

fn height(value: f64, top: f64, marks: &Marks) -> &'static str {
    let steps = marks.heights.len();
    let share = if top > 0.0 && value.is_finite() { (value / top).clamp(0.0, 1.0) } else { 0.0 };
    marks.heights[((share * steps as f64) as usize).min(steps - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::trend::Point;
    use chrono::Duration;

    fn shown(points: &[(i64, f64)], width: u16) -> String {
        let start: Timestamp = "2026-03-02T09:00:00Z".parse().expect("test time");
        let mut series = Series::default();
        for (second, value) in points {
            series.push(Point { at: start + Duration::seconds(*second), value: *value });
        }
        let now = start + Duration::seconds(points.last().map_or(0, |(second, _)| *second));
        span(&series, Some(100.0), now, width, &Theme::default()).content.into_owned()
    }

    #[test]
    fn a_pause_is_a_gap_and_the_newest_stands_right() {
        assert_eq!(shown(&[(0, 0.0), (2, 50.0), (4, 100.0)], 8), "▁▅█");
        assert_eq!(shown(&[(0, 0.0), (2, 50.0), (60, 100.0), (62, 300.0)], 8), "▁▅ ██");
        assert_eq!(shown(&[(0, 0.0), (2, 50.0), (4, 100.0)], 2), "▅█");
        assert_eq!(shown(&[], 8), "");
        assert_eq!(shown(&[(0, 5.0)], 0), "");
    }

    #[test]
    fn what_never_changed_is_a_line_at_half_height() {
        let now: Timestamp = "2026-03-02T09:00:00Z".parse().expect("test time");
        let drawn = |values: &[f64]| {
            let mut series = Series::default();
            let mut end = now;
            for value in values {
                series.push(Point { at: end, value: *value });
                end += Duration::seconds(1);
            }
            span(&series, None, end, 8, &Theme::default()).content.into_owned()
        };
        assert_eq!(drawn(&[4.0, 4.0, 4.0]), "▅▅▅");
        assert_eq!(drawn(&[0.0, 0.0]), "▁▁");
        assert_eq!(drawn(&[0.0, 4.0]), "▁█");
    }
}

//! The last 24 hours as a strip: one mark per stretch of time, now at the right end, so that
//! a night is read at a glance.

use chrono::{Duration, Timelike as _};
use ratatui::text::{Line, Span};

use crate::domain::status::Status;
use crate::domain::time::{Timestamp, Zone};
use crate::tui::theme::Theme;
use crate::tui::widget::mark::Marks;

/// What became of one moment at which something was due, or ran; where several fall into one
/// cell, the last in this order is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tick {
    Ok,
    Running,
    /// Ran, and something about it is odd: too short, too long, late.
    Odd,
    Missed,
    Failed,
}

impl Tick {
    /// Its mark, in the style of what it means.
    pub fn span(self, theme: &Theme) -> Span<'static> {
        let marks = Marks::of(theme);
        match self {
            Tick::Ok => Span::styled(theme.glyph(Status::Ok), theme.ok),
            Tick::Running => Span::styled(marks.running, theme.accent),
            Tick::Odd => Span::styled(marks.odd, theme.warning),
            Tick::Missed => Span::styled(marks.missed, theme.critical),
            Tick::Failed => Span::styled(theme.glyph(Status::Critical), theme.critical),
        }
    }

    /// What the marks mean, for the line below a table of strips.
    pub const LEGEND: [(Tick, &'static str); 5] = [
        (Tick::Ok, "ran"),
        (Tick::Failed, "failed"),
        (Tick::Missed, "missed"),
        (Tick::Odd, "odd"),
        (Tick::Running, "running"),
    ];
}

const DAY_S: i64 = 86_400;

/// The cell of a moment in the 24 hours before `now`; `None` outside of them.
fn cell(at: Timestamp, now: Timestamp, width: u16) -> Option<usize> {
    let past = (at - (now - Duration::seconds(DAY_S))).num_milliseconds();
    let width = i64::from(width);
    let cell = past * width / (DAY_S * 1000);
    (past >= 0 && width > 0 && at <= now).then(|| cell.min(width - 1) as usize)
}

/// The strip in `width` cells.
pub fn line(
    ticks: impl IntoIterator<Item = (Timestamp, Tick)>,
    now: Timestamp,
    width: u16,
    theme: &Theme,
) -> Line<'static> {
    let mut cells: Vec<Option<Tick>> = vec![None; usize::from(width)];
    for (at, tick) in ticks {
        if let Some(cell) = cell(at, now, width).and_then(|cell| cells.get_mut(cell)) {
            *cell = (*cell).max(Some(tick));
        }
    }
    let idle = Marks::of(theme).idle;
    cells.into_iter().map(|tick| tick.map_or(Span::styled(idle, theme.bar_rest), |tick| tick.span(theme))).collect()
}

/// The hours above a strip of `width` cells, as clocks show them in `zone`.
pub fn axis(now: Timestamp, zone: &Zone, width: u16) -> String {
    let step = match width {
        0..24 => 12,
        24..48 => 6,
        _ => 3,
    };
    let mut cells = vec![' '; usize::from(width)];
    let local = zone.local(now);
    let into_hour = i64::from(local.minute() * 60 + local.second());
    for hours in 0..24 {
        let at = now - Duration::seconds(into_hour) - Duration::hours(hours);
        let hour = zone.local(at).hour();
        let Some(first) = cell(at, now, width).filter(|first| hour.is_multiple_of(step) && first + 2 <= cells.len())
        else {
            continue;
        };
        if cells[first.saturating_sub(1)..first + 2].iter().all(|cell| *cell == ' ') {
            cells[first] = char::from_digit(hour / 10, 10).unwrap_or(' ');
            cells[first + 1] = char::from_digit(hour % 10, 10).unwrap_or(' ');
        }
    }
    cells.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-03-{text}:00Z").parse().expect("test time")
    }

    fn plain() -> Theme {
        Theme { ascii: true, ..Theme::default() }
    }

    #[test]
    fn every_due_moment_has_its_mark_and_the_worst_of_a_cell_wins() {
        let now = at("02T09:00");
        let ticks = [
            (at("01T08:59"), Tick::Failed),
            (at("01T09:00"), Tick::Ok),
            (at("02T02:00"), Tick::Missed),
            (at("02T02:10"), Tick::Ok),
            (at("02T08:59"), Tick::Running),
            (at("02T09:01"), Tick::Failed),
        ];
        assert_eq!(line(ticks, now, 24, &plain()).to_string(), "+................M.....>");
        assert_eq!(line(ticks, now, 0, &plain()).to_string(), "");
        assert_eq!(line(ticks, now, 1, &plain()).to_string(), "M");
    }

    #[test]
    fn hours_stand_above_their_cells_in_the_local_zone() {
        assert_eq!(axis(at("02T09:00"), &Zone::utc(), 24), "   12    18    00    06 ");
        assert_eq!(axis(at("02T09:30"), &Zone::utc(), 8).trim_end(), "12  00");
        let tokyo = Zone::named("Asia/Tokyo").expect("zone");
        assert_eq!(axis(at("02T00:00"), &tokyo, 24), "   12    18    00    06 ");
        assert_eq!(axis(at("02T09:00"), &Zone::utc(), 1), " ");
    }
}

//! The last hours, days or weeks as a strip: one mark per stretch of time, now at the right end,
//! so that a night is read at a glance.

use chrono::{Datelike as _, Duration, Timelike as _};
use ratatui::text::{Line, Span};

use crate::domain::status::Status;
use crate::domain::time::{Timestamp, Zone};
use crate::tui::theme::Theme;
use crate::tui::widget::mark::Marks;

/// What became of one moment at which something was due, or ran; where several fall into one
/// cell, the last in this order is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tick {
    /// Held back on purpose.
    Frozen,
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
            Tick::Frozen => Span::styled(marks.frozen, theme.dim),
            Tick::Ok => Span::styled(theme.glyph(Status::Ok), theme.ok),
            Tick::Running => Span::styled(marks.running, theme.accent),
            Tick::Odd => Span::styled(marks.odd, theme.warning),
            Tick::Missed => Span::styled(marks.missed, theme.critical),
            Tick::Failed => Span::styled(theme.glyph(Status::Critical), theme.critical),
        }
    }

    /// What the marks mean, for the line below a table of strips.
    pub const LEGEND: [(Tick, &'static str); 6] = [
        (Tick::Ok, "ran"),
        (Tick::Failed, "failed"),
        (Tick::Missed, "missed"),
        (Tick::Odd, "odd"),
        (Tick::Running, "running"),
        (Tick::Frozen, "frozen"),
    ];
}

/// How far back a strip goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stretch {
    #[default]
    Day,
    Week,
    Month,
}

impl Stretch {
    pub const ALL: [Stretch; 3] = [Stretch::Day, Stretch::Week, Stretch::Month];

    pub const fn word(self) -> &'static str {
        match self {
            Stretch::Day => "24 h",
            Stretch::Week => "7 d",
            Stretch::Month => "30 d",
        }
    }

    pub const fn span(self) -> Duration {
        match self {
            Stretch::Day => Duration::hours(24),
            Stretch::Week => Duration::days(7),
            Stretch::Month => Duration::days(30),
        }
    }
}

/// The cell of a moment in the stretch before `now`; `None` outside of it.
fn cell(at: Timestamp, now: Timestamp, stretch: Stretch, width: u16) -> Option<usize> {
    let past = (at - (now - stretch.span())).num_milliseconds();
    let width = i64::from(width);
    let cell = past * width / stretch.span().num_milliseconds();
    (past >= 0 && width > 0 && at <= now).then(|| cell.min(width - 1) as usize)
}

/// The strip in `width` cells; before `since` nothing is known, and nothing is drawn.
pub fn line(
    ticks: impl IntoIterator<Item = (Timestamp, Tick)>,
    since: Option<Timestamp>,
    (now, stretch): (Timestamp, Stretch),
    width: u16,
    theme: &Theme,
) -> Line<'static> {
    let mut cells: Vec<Option<Tick>> = vec![None; usize::from(width)];
    for (at, tick) in ticks {
        if let Some(cell) = cell(at, now, stretch, width).and_then(|cell| cells.get_mut(cell)) {
            *cell = (*cell).max(Some(tick));
        }
    }
    let known = since.and_then(|since| cell(since, now, stretch, width)).unwrap_or(0);
    let nothing = |index: usize| if index < known { " " } else { Marks::of(theme).idle };
    let cells = cells.into_iter().enumerate();
    cells
        .map(|(index, tick)| tick.map_or(Span::styled(nothing(index), theme.bar_rest), |tick| tick.span(theme)))
        .collect()
}

/// What stands above a strip of `width` cells: hours, days or dates, as they are in `zone`.
pub fn axis(now: Timestamp, zone: &Zone, stretch: Stretch, width: u16) -> String {
    match stretch {
        Stretch::Day => hours(now, zone, width),
        Stretch::Week => days(now, zone, stretch, width, |day| Some(day.format("%a").to_string())),
        Stretch::Month => days(now, zone, stretch, width, |day| {
            (day.weekday() == chrono::Weekday::Mon).then(|| day.format("%-d %b").to_string())
        }),
    }
}

/// A word where each day begins, if it has one and there is room.
fn days(
    now: Timestamp,
    zone: &Zone,
    stretch: Stretch,
    width: u16,
    word: impl Fn(chrono::NaiveDate) -> Option<String>,
) -> String {
    let mut cells = vec![' '; usize::from(width)];
    let first = zone.date(now - stretch.span());
    for day in first.iter_days().take_while(|day| *day <= zone.date(now)) {
        let Some(word) = word(day) else { continue };
        let Some(at) = cell(zone.start_of(day), now, stretch, width) else { continue };
        let end = at + word.len();
        if end <= cells.len() && cells[at.saturating_sub(1)..end].iter().all(|cell| *cell == ' ') {
            cells.splice(at..end, word.chars());
        }
    }
    cells.into_iter().collect()
}

/// The hours above a day, as clocks show them.
fn hours(now: Timestamp, zone: &Zone, width: u16) -> String {
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
        let Some(first) =
            cell(at, now, Stretch::Day, width).filter(|first| hour.is_multiple_of(step) && first + 2 <= cells.len())
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
        let drawn = |width| line(ticks, None, (now, Stretch::Day), width, &plain()).to_string();
        assert_eq!([drawn(24), drawn(0), drawn(1)], ["+................M.....>", "", "M"]);
    }

    #[test]
    fn a_week_and_a_month_have_their_days_above_and_say_nothing_of_what_was_before() {
        let now = at("02T09:00");
        let ticks = [(at("01T02:00"), Tick::Missed), (at("02T02:00"), Tick::Ok)];
        let since = Some(at("01T00:00"));
        let week = line(ticks, since, (now, Stretch::Week), 28, &plain()).to_string();
        assert_eq!(week, "                      M...+.");
        assert_eq!(axis(now, &Zone::utc(), Stretch::Week, 28), "  Tue Wed Thu Fri Sat Sun   ");
        let month = line(ticks, since, (now, Stretch::Month), 30, &plain()).to_string();
        assert_eq!(month, "                            M+");
        assert_eq!(axis(now, &Zone::utc(), Stretch::Month, 30), " 2 Feb  9 Feb  16 Feb 23 Feb  ");
    }

    #[test]
    fn hours_stand_above_their_cells_in_the_local_zone() {
        assert_eq!(hours(at("02T09:00"), &Zone::utc(), 24), "   12    18    00    06 ");
        assert_eq!(hours(at("02T09:30"), &Zone::utc(), 8).trim_end(), "12  00");
        let tokyo = Zone::named("Asia/Tokyo").expect("zone");
        assert_eq!(hours(at("02T00:00"), &tokyo, 24), "   12    18    00    06 ");
        assert_eq!(hours(at("02T09:00"), &Zone::utc(), 1), " ");
    }
}

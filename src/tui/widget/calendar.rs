//! Days as a calendar: a row for each week, a mark for each day, so that a hole is seen where it
//! is.

use chrono::{Days, NaiveDate, Weekday};
use ratatui::text::{Line, Span};

use crate::tui::theme::Theme;
use crate::tui::widget::mark::Marks;
use crate::tui::widget::strip::Tick;

/// The cells before the first day of a row: the date that day has.
const LABEL: usize = 6;
/// How wide a calendar is.
pub const WIDTH: usize = LABEL + 7 * 3;

/// What is known of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    Was(Tick),
    /// Nothing was due.
    Idle,
    /// Nobody was looking.
    Unknown,
}

/// The last `weeks` weeks, the one of `today` at the bottom, each beginning on `first`. Days that
/// nobody knows of, and those to come, are blank.
pub fn lines(
    today: NaiveDate,
    weeks: u16,
    first: Weekday,
    mark: impl Fn(NaiveDate) -> Day,
    theme: &Theme,
) -> Vec<Line<'static>> {
    let marks = Marks::of(theme);
    let this_week = today.week(first).first_day();
    let days = |monday: NaiveDate| (0..7).filter_map(move |day| monday.checked_add_days(Days::new(day)));
    let names = days(this_week).map(|day| format!(" {:<2}", &day.format("%a").to_string()[..2]));
    let mut lines = vec![Line::styled(format!("{:LABEL$}{}", "", names.collect::<String>()), theme.dim)];
    for back in (0..u64::from(weeks)).rev() {
        let Some(monday) = this_week.checked_sub_days(Days::new(back * 7)) else { continue };
        // Weeks that nobody knows anything of take no room.
        if back > 0 && lines.len() == 1 && days(monday).all(|day| mark(day) == Day::Unknown) {
            continue;
        }
        let mut spans = vec![Span::styled(format!("{:>LABEL$}", monday.format("%-d %b").to_string()), theme.dim)];
        for day in days(monday) {
            let cell = match mark(day) {
                _ if day > today => Span::raw(" "),
                Day::Was(tick) => tick.span(theme),
                Day::Idle => Span::styled(marks.idle, theme.bar_rest),
                Day::Unknown => Span::raw(" "),
            };
            // Today is bracketed: a style alone would not reach every terminal.
            let (left, right) = if day == today { ("[", "]") } else { (" ", " ") };
            spans.extend([Span::styled(left, theme.accent), cell, Span::styled(right, theme.accent)]);
        }
        lines.push(Line::from(spans));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Datelike as _;

    #[test]
    fn a_week_is_a_row_today_is_bracketed_and_what_comes_is_blank() {
        let theme = Theme { ascii: true, ..Theme::default() };
        let today = NaiveDate::from_ymd_opt(2026, 3, 4).expect("a Wednesday");
        let mark = |day: NaiveDate| match day.day() {
            23 => Day::Unknown,
            24 => Day::Was(Tick::Missed),
            25..=28 | 1..=3 => Day::Was(Tick::Ok),
            _ => Day::Idle,
        };
        let drawn: Vec<String> = lines(today, 2, Weekday::Mon, mark, &theme)
            .iter()
            .map(|line| line.to_string().trim_end().to_owned())
            .collect();
        assert_eq!(
            drawn,
            ["       Mo Tu We Th Fr Sa Su", "23 Feb    M  +  +  +  +  +", " 2 Mar +  + [.]"],
            "two cells for a day and one between"
        );
    }

    #[test]
    fn weeks_begin_where_the_policy_says() {
        let theme = Theme { ascii: true, ..Theme::default() };
        let today = NaiveDate::from_ymd_opt(2026, 3, 1).expect("a Sunday");
        let drawn = lines(today, 1, Weekday::Sun, |_| Day::Idle, &theme);
        assert!(drawn[1].to_string().starts_with(" 1 Mar[.]"), "{}", drawn[1]);
    }
}

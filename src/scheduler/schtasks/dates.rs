//! Dates as `schtasks` prints them: by the region of whoever asked, and without a zone.

use chrono::{NaiveDate, TimeDelta};

use crate::domain::time::{Timestamp, Zone};
use crate::scheduler::cron_log::Calendar;
use crate::scheduler::source::real;

/// Which of three numbers is the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    YearMonthDay,
    MonthDayYear,
    DayMonthYear,
}

impl Order {
    /// The order that all dates of a table have: each with whether it is still to come. `None`
    /// when either would do, for a wrong month is worse than none.
    pub(super) fn of(dates: &[(&str, bool)], calendar: &Calendar) -> Option<Self> {
        let near = TimeDelta::days(1);
        let fits = |order: Self| {
            dates.iter().filter(|(text, _)| numbers(text).is_some()).all(|(text, to_come)| {
                let Some((at, is_real)) = order.read(text, &calendar.zone) else { return false };
                let in_time = if *to_come { at > calendar.now - near * 400 } else { at < calendar.now + near };
                !is_real || in_time
            })
        };
        let fitting: Vec<Self> = [Self::YearMonthDay, Self::MonthDayYear, Self::DayMonthYear]
            .into_iter()
            .filter(|order| fits(*order))
            .collect();
        match fitting[..] {
            [one] => Some(one),
            // Where it is told by halves of the day, the month is told first.
            [Self::MonthDayYear, Self::DayMonthYear]
                if dates.iter().any(|(text, _)| text.ends_with("AM") || text.ends_with("PM")) =>
            {
                Some(Self::MonthDayYear)
            }
            [Self::MonthDayYear, Self::DayMonthYear] if dates.iter().any(|(text, _)| text.contains('.')) => {
                Some(Self::DayMonthYear)
            }
            _ => None,
        }
    }

    /// The instant; `None` for what is none, such as `N/A`, and for "never".
    pub(super) fn instant(self, text: &str, zone: &Zone) -> Option<Timestamp> {
        self.read(text, zone).filter(|(_, is_real)| *is_real).map(|(at, _)| at)
    }

    /// The instant, and whether it is more than a way to say "never".
    fn read(self, text: &str, zone: &Zone) -> Option<(Timestamp, bool)> {
        let ([a, b, c], rest) = numbers(text)?;
        let (year, month, day) = match self {
            Self::YearMonthDay => (a, b, c),
            Self::MonthDayYear => (c, a, b),
            Self::DayMonthYear => (c, b, a),
        };
        if year < 1000 {
            return None;
        }
        let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
        let (time, afternoon, morning) = (rest, rest.ends_with("PM"), rest.ends_with("AM"));
        let mut parts = time.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
        let mut part = || parts.next().map_or(Some(0), |part| part.parse::<u32>().ok());
        let (hour, minute, second) = (part()?, part()?, part()?);
        let hour = match hour {
            12 if morning => 0,
            12 => 12,
            hour if afternoon => hour + 12,
            hour => hour,
        };
        let at = zone.instants(date.and_hms_opt(hour, minute, second)?).earliest();
        Some((at, real(at).is_some()))
    }
}

/// The three numbers of a date and the time after them.
fn numbers(text: &str) -> Option<([u32; 3], &str)> {
    let text = text.trim();
    let mut rest = text;
    let mut found = [0; 3];
    for (index, number) in found.iter_mut().enumerate() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        *number = rest[..end].parse().ok().filter(|_| end <= 4)?;
        rest = &rest[end..];
        if index < 2 {
            rest = rest.strip_prefix(['/', '-', '.'])?.trim_start();
        }
    }
    Some((found, rest.trim()))
}

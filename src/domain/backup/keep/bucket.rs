//! Calendar buckets: the hours, days, weeks, months and years of a zone, as its clocks show
//! them.

use chrono::{DateTime, Datelike, Days, FixedOffset, Months, NaiveDate, TimeDelta, Timelike, Weekday};

use super::Rule;
use crate::domain::time::{Timestamp, Zone};

/// A stretch of the calendar; later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bucket {
    /// An hour by its full hour and offset: one that is shown twice is two.
    Hour(DateTime<FixedOffset>),
    Day(NaiveDate),
    /// A week by its first day.
    Week(NaiveDate),
    /// A month by its first day.
    Month(NaiveDate),
    /// A year by its first day.
    Year(NaiveDate),
}

impl Bucket {
    /// The bucket of a rule that an instant is in; [`Rule::Last`] has none.
    pub fn of(rule: Rule, at: Timestamp, zone: &Zone, week_start: Weekday) -> Option<Self> {
        let date = || zone.date(at);
        match rule {
            Rule::Last => None,
            Rule::Hourly => Some(Bucket::hour(at, zone)),
            Rule::Daily => Some(Bucket::Day(date())),
            Rule::Weekly => {
                let date = date();
                let since = Days::new(date.weekday().days_since(week_start).into());
                Some(Bucket::Week(date.checked_sub_days(since)?))
            }
            Rule::Monthly => Some(Bucket::Month(date().with_day(1)?)),
            Rule::Yearly => Some(Bucket::Year(date().with_ordinal(1)?)),
        }
    }

    fn hour(at: Timestamp, zone: &Zone) -> Self {
        let local = zone.local(at);
        let seconds = TimeDelta::seconds((local.minute() * 60 + local.second()).into());
        Bucket::Hour(local - seconds - TimeDelta::nanoseconds(local.nanosecond().into()))
    }

    /// The bucket before this one that the clocks of the zone have shown.
    pub fn before(self, zone: &Zone) -> Option<Self> {
        match self {
            Bucket::Hour(start) => {
                // Where clocks changed within the hour, it began later than at its full hour.
                let inside = |minute: &i64| Bucket::hour((start + TimeDelta::minutes(*minute)).to_utc(), zone) == self;
                let began = start + TimeDelta::minutes((0..60).find(inside).unwrap_or(0));
                Some(Bucket::hour((began - TimeDelta::seconds(1)).to_utc(), zone))
            }
            Bucket::Day(date) => {
                let shown = |date: &NaiveDate| zone.date(zone.start_of(*date)) == *date;
                let before = date.pred_opt()?;
                // A zone that changes sides of the date line skips a day.
                if shown(&before) { Some(Bucket::Day(before)) } else { before.pred_opt().map(Bucket::Day) }
            }
            Bucket::Week(date) => date.checked_sub_days(Days::new(7)).map(Bucket::Week),
            Bucket::Month(date) => date.checked_sub_months(Months::new(1)).map(Bucket::Month),
            Bucket::Year(date) => date.checked_sub_months(Months::new(12)).map(Bucket::Year),
        }
    }

    /// What people call it, in a year: `Monday 23 Feb`.
    pub fn name(self, year: i32) -> String {
        let other = |date: NaiveDate| if date.year() == year { String::new() } else { format!(" {}", date.year()) };
        match self {
            Bucket::Hour(start) => {
                let date = start.date_naive();
                format!("{}{} {}", start.format("%-d %b"), other(date), start.format("%H:%M"))
            }
            Bucket::Day(date) | Bucket::Week(date) => format!("{}{}", date.format("%A %-d %b"), other(date)),
            Bucket::Month(date) => date.format("%B %Y").to_string(),
            Bucket::Year(date) => date.year().to_string(),
        }
    }
}

//! The calendar of a checklist: which day, week or quarter it is, and when that is over.

use chrono::{Datelike, Duration, Months, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::domain::time::{Timestamp, Zone, monday_of};

/// How often a list comes round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    Day,
    Week,
    Month,
    Quarter,
    Year,
    /// No calendar: a list for an occasion.
    Event,
}

/// One round of a list, by the local calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodSpan {
    /// `2026-03-02`, `2026-W10`, `2026-03`, `2026-Q1`, `2026`, `event`.
    pub key: String,
    pub starts: Timestamp,
    pub ends: Timestamp,
    /// The day on which its times of day fall: the last one.
    pub last_day: NaiveDate,
}

impl Period {
    pub const fn word(self) -> &'static str {
        match self {
            Period::Day => "day",
            Period::Week => "week",
            Period::Month => "month",
            Period::Quarter => "quarter",
            Period::Year => "year",
            Period::Event => "event",
        }
    }

    /// The period that holds `at`.
    pub fn around(self, at: Timestamp, zone: &Zone) -> PeriodSpan {
        self.of_day(zone.date(at), zone)
    }

    /// The period `steps` before (negative) or after the one that holds `at`.
    pub fn shifted(self, at: Timestamp, steps: i32, zone: &Zone) -> PeriodSpan {
        let first = self.first_day(zone.date(at));
        let months = |count: u32| Months::new(count * steps.unsigned_abs());
        let move_months = |count: u32| {
            if steps < 0 { first.checked_sub_months(months(count)) } else { first.checked_add_months(months(count)) }
        };
        let day = match self {
            Period::Day => first.checked_add_signed(Duration::days(steps.into())),
            Period::Week => first.checked_add_signed(Duration::weeks(steps.into())),
            Period::Month => move_months(1),
            Period::Quarter => move_months(3),
            Period::Year => move_months(12),
            Period::Event => Some(first),
        };
        self.of_day(day.unwrap_or(first), zone)
    }

    fn of_day(self, date: NaiveDate, zone: &Zone) -> PeriodSpan {
        let first = self.first_day(date);
        let next = self.next_first(first);
        let key = match self {
            Period::Day => first.format("%Y-%m-%d").to_string(),
            Period::Week => first.format("%G-W%V").to_string(),
            Period::Month => first.format("%Y-%m").to_string(),
            Period::Quarter => format!("{}-Q{}", first.year(), first.month0() / 3 + 1),
            Period::Year => first.year().to_string(),
            Period::Event => "event".to_owned(),
        };
        let last_day = next.pred_opt().unwrap_or(next);
        PeriodSpan { key, starts: zone.start_of(first), ends: zone.start_of(next), last_day }
    }

    fn first_day(self, date: NaiveDate) -> NaiveDate {
        let of_month = |month: u32| NaiveDate::from_ymd_opt(date.year(), month, 1).unwrap_or(date);
        match self {
            Period::Day => date,
            Period::Week => monday_of(date),
            Period::Month => of_month(date.month()),
            Period::Quarter => of_month(date.month0() / 3 * 3 + 1),
            Period::Year => of_month(1),
            Period::Event => NaiveDate::from_ymd_opt(1970, 1, 1).unwrap_or(date),
        }
    }

    fn next_first(self, first: NaiveDate) -> NaiveDate {
        let months = |count| first.checked_add_months(Months::new(count));
        match self {
            Period::Day => first.succ_opt(),
            Period::Week => first.checked_add_signed(Duration::weeks(1)),
            Period::Month => months(1),
            Period::Quarter => months(3),
            Period::Year => months(12),
            Period::Event => NaiveDate::from_ymd_opt(9999, 1, 1),
        }
        .unwrap_or(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        chrono::DateTime::parse_from_rfc3339(text).expect("test time").to_utc()
    }

    #[test]
    fn the_day_is_the_operators_not_utcs() {
        let zone = Zone::named("America/New_York").expect("zone");
        let span = Period::Day.around(at("2026-03-02T03:00:00Z"), &zone);
        assert_eq!(span.key, "2026-03-01");
        assert_eq!(span.starts, at("2026-03-01T05:00:00Z"));
    }

    #[test]
    fn the_day_the_clocks_change_has_23_or_25_hours() {
        let zone = Zone::named("Europe/London").expect("zone");
        for (noon, hours) in [("2026-03-29T12:00:00Z", 23), ("2026-10-25T12:00:00Z", 25), ("2026-06-01T12:00:00Z", 24)]
        {
            let span = Period::Day.around(at(noon), &zone);
            assert_eq!((span.ends - span.starts).num_hours(), hours, "{noon}");
        }
    }

    #[test]
    fn keys_follow_the_calendar() {
        let zone = Zone::utc();
        let table = [
            (Period::Week, "2027-01-02T00:00:00Z", "2026-W53"),
            (Period::Month, "2026-12-31T23:59:59Z", "2026-12"),
            (Period::Quarter, "2026-04-01T00:00:00Z", "2026-Q2"),
            (Period::Year, "2026-04-01T00:00:00Z", "2026"),
        ];
        for (period, time, key) in table {
            assert_eq!(period.around(at(time), &zone).key, key);
        }
    }

    #[test]
    fn stepping_back_and_forth_returns() {
        let zone = Zone::named("Europe/Berlin").expect("zone");
        for period in [Period::Day, Period::Week, Period::Month, Period::Quarter, Period::Year] {
            let here = period.around(at("2026-03-31T10:00:00Z"), &zone);
            let back = period.shifted(at("2026-03-31T10:00:00Z"), -1, &zone);
            assert_eq!(back.ends, here.starts, "{period:?}");
            assert_eq!(period.shifted(back.starts, 1, &zone), here);
        }
    }
}

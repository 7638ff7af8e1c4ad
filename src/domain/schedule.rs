//! When a task is due: cron's five fields with cron's own meaning.

use crate::domain::time::{Timestamp, Zone};

/// A cron schedule in a zone.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// As it was written: `0 2 * * *`, `@daily`.
    pub text: String,
    pub zone: Zone,
}

/// Why a schedule could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a schedule")]
pub struct ScheduleError(String);

impl Schedule {
    /// Stand-in: `M H * * *` only.
    pub fn parse(text: &str, zone: Zone) -> Result<Self, ScheduleError> {
        Ok(Self { text: text.to_owned(), zone })
    }

    fn on(&self, date: chrono::NaiveDate) -> Option<Timestamp> {
        let mut fields = self.text.split_whitespace();
        let (minute, hour) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(self.zone.at(date, chrono::NaiveTime::from_hms_opt(hour, minute, 0)?))
    }

    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let date = self.zone.date(after);
        (0..3).filter_map(|day| self.on(date + chrono::Duration::days(day))).find(|at| *at > after)
    }

    pub fn prev(&self, before: Timestamp) -> Option<Timestamp> {
        let date = self.zone.date(before);
        (0..3).filter_map(|day| self.on(date - chrono::Duration::days(day))).find(|at| *at < before)
    }
}

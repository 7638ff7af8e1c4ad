//! When a task is due: cron's five fields with cron's own meaning.
//!
//! The rules are those of cronie and Vixie cron, daylight saving included. A job whose minute
//! or hour begins with `*` follows the wall clock: it runs in every minute the clock really
//! shows. Any other job has fixed times: each reading of the clock runs it once, a repeated
//! reading not again, and readings that were skipped run it right after the jump. Unlike cron,
//! which takes a jump of more than three hours for a correction of the clock, every change of
//! offset is treated so.

mod dialect;
mod fields;
mod words;

use chrono::{DateTime, Duration, NaiveDate, Timelike};

pub use dialect::Dialect;
pub use fields::ScheduleError;

use crate::domain::time::{Timestamp, Zone};
use fields::Fields;

/// How far a search goes: past any leap year, short of forever.
const HORIZON_DAYS: u32 = 8 * 366;

const MINUTE: Duration = Duration::minutes(1);
const MINUTES_PER_DAY: i64 = 24 * 60;

/// A cron schedule in a zone whose clocks change at most once a day.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// As it was written: `0 2 * * *`, `@daily`.
    pub text: String,
    pub zone: Zone,
    /// What its daemon reads otherwise than it is written: a sentence each, with the mend.
    pub oddities: Vec<String>,
    /// `None` for `@reboot`, which has no instants.
    fields: Option<Fields>,
}

impl Schedule {
    /// Reads five fields or a macro such as `@daily`.
    pub fn parse(text: &str, zone: Zone) -> Result<Self, ScheduleError> {
        Self::parse_as(text, zone, Dialect::default())
    }

    /// Reads them as one of the daemons does.
    pub fn parse_as(text: &str, zone: Zone, dialect: Dialect) -> Result<Self, ScheduleError> {
        let text = text.trim();
        let mut oddities = Vec::new();
        let fields = if text == "@reboot" { None } else { Some(Fields::parse(text, dialect, &mut oddities)?) };
        Ok(Self { text: text.to_owned(), zone, oddities, fields })
    }

    /// The first instant strictly after `after`; `None` when there is none within eight years.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let fields = self.fields.as_ref()?;
        let mut at = whole_minute(after)? + MINUTE;
        for _ in 0..HORIZON_DAYS {
            if self.makes_up(fields, at) {
                return Some(at);
            }
            let (date, minute) = self.reading(at);
            let midnight = at + Duration::minutes(MINUTES_PER_DAY - minute);
            let end = self.change_between(at, midnight).unwrap_or(midnight);
            let mut from = minute;
            while let Some(found) = fields.minute_from(from).filter(|_| fields.match_date(date)) {
                let hit = at + Duration::minutes(found - minute);
                if hit < end && !self.is_repeated(fields, hit) {
                    return Some(hit);
                }
                from = found + 1;
            }
            at = end;
        }
        None
    }

    /// The last instant strictly before `before`; `None` when there is none within eight years.
    pub fn prev(&self, before: Timestamp) -> Option<Timestamp> {
        let fields = self.fields.as_ref()?;
        let mut at = whole_minute(before - Duration::nanoseconds(1))?;
        for _ in 0..HORIZON_DAYS {
            let (date, minute) = self.reading(at);
            let midnight = at - Duration::minutes(minute);
            let start = self.change_between(midnight, at).unwrap_or(midnight);
            let mut upto = minute;
            while let Some(found) = fields.minute_up_to(upto).filter(|_| fields.match_date(date)) {
                let hit = at - Duration::minutes(minute - found);
                if hit >= start && !self.is_repeated(fields, hit) {
                    return Some(hit);
                }
                upto = found - 1;
            }
            if self.makes_up(fields, start) {
                return Some(start);
            }
            at = start - MINUTE;
        }
        None
    }

    /// The instants strictly after `after`, in order.
    pub fn after(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(self.next(after), |at| self.next(*at))
    }

    /// How much later than an instant of it a run is as good as at it.
    pub fn spread(&self) -> std::time::Duration {
        self.fields.as_ref().map_or_else(Default::default, Fields::spread)
    }

    /// In words, or as it was written where words would be longer than the expression.
    pub fn describe(&self) -> String {
        match &self.fields {
            None => "at every start of the machine".to_owned(),
            Some(fields) => words::describe(fields, &self.text),
        }
    }

    /// Whether two schedules are due at the same instants, however they were written.
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.fields == other.fields && self.zone.name() == other.zone.name()
    }

    /// What the clock shows: the date, and the minute of the day.
    fn reading(&self, at: Timestamp) -> (NaiveDate, i64) {
        let local = self.zone.local(at);
        (local.date_naive(), i64::from(local.num_seconds_from_midnight() / 60))
    }

    /// The first instant after `from`, up to and with `to`, at which the clock jumps. At most
    /// one change lies within a day.
    fn change_between(&self, from: Timestamp, to: Timestamp) -> Option<Timestamp> {
        let offset = |at| *self.zone.local(at).offset();
        let before = offset(from);
        if offset(to) == before {
            return None;
        }
        let (mut low, mut high) = (from, to);
        while high - low > MINUTE {
            let middle = low + Duration::minutes((high - low).num_minutes() / 2);
            if offset(middle) == before { low = middle } else { high = middle }
        }
        Some(high)
    }

    /// Whether the clock has just jumped over a fixed time, which is made up for at once.
    fn makes_up(&self, fields: &Fields, at: Timestamp) -> bool {
        if fields.follows_the_clock() {
            return false;
        }
        let shown = |at| self.zone.local(at).naive_local();
        let skipped = (shown(at) - shown(at - MINUTE)).num_minutes() - 1;
        (1..=skipped).any(|minutes| {
            let wall = shown(at) - Duration::minutes(minutes);
            fields.match_date(wall.date()) && fields.match_minute(wall.num_seconds_from_midnight() / 60)
        })
    }

    /// Whether a fixed time already had its run when the clock first showed it.
    fn is_repeated(&self, fields: &Fields, at: Timestamp) -> bool {
        !fields.follows_the_clock() && self.zone.instants(self.zone.local(at).naive_local()).earliest() < at
    }
}

/// The minute an instant lies in.
fn whole_minute(at: Timestamp) -> Option<Timestamp> {
    DateTime::from_timestamp(at.timestamp().div_euclid(60) * 60, 0)
}

#[cfg(test)]
mod tests;

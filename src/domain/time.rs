//! Instants, and the zone that turns them into an operator's day.

pub mod written;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Duration, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Offset, Utc};
use tz::TimeZoneRef;

/// An instant. Everything inside is UTC; zones are for people and schedules.
pub type Timestamp = DateTime<Utc>;

type OffsetAt = dyn Fn(Timestamp) -> FixedOffset + Send + Sync;

/// A time zone, as the function from an instant to its offset.
///
/// The core never opens the time-zone database: the system's zone is made by the
/// runtime, named zones come from tables that are compiled in.
#[derive(Clone)]
pub struct Zone {
    name: Arc<str>,
    offset_at: Arc<OffsetAt>,
}

/// What a wall-clock reading means: clocks that go forward skip readings, clocks that go
/// back show some twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The clock never showed it; the instant is that of the jump over it.
    Skipped(Timestamp),
    Once(Timestamp),
    /// Shown twice: first and second time.
    Twice(Timestamp, Timestamp),
}

impl Reading {
    /// The first instant at or after this reading.
    pub fn earliest(self) -> Timestamp {
        match self {
            Reading::Skipped(at) | Reading::Once(at) | Reading::Twice(at, _) => at,
        }
    }
}

impl Zone {
    /// A zone from its offset function; `name` is what people are shown.
    pub fn new(name: &str, offset_at: impl Fn(Timestamp) -> FixedOffset + Send + Sync + 'static) -> Self {
        Self { name: name.into(), offset_at: Arc::new(offset_at) }
    }

    pub fn utc() -> Self {
        Self::new("UTC", |_| Utc.fix())
    }

    /// A zone of the IANA database, such as `Europe/London`; `None` when there is no such zone.
    pub fn named(name: &str) -> Option<Self> {
        // Found whatever its case; but as it is spelt it has to be known to cron and to systemd, too.
        let zone = tzdb_data::find_tz(name.as_bytes()).filter(|_| tzdb_data::TZ_NAMES.contains(&name))?;
        Some(Self::new(name, |at| offset(zone, at)))
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What clocks in this zone show at `at`.
    pub fn local(&self, at: Timestamp) -> DateTime<FixedOffset> {
        at.with_timezone(&(self.offset_at)(at))
    }

    /// Which day it is in this zone at `at`.
    pub fn date(&self, at: Timestamp) -> NaiveDate {
        self.local(at).date_naive()
    }

    /// The instants at which clocks here show `wall`.
    ///
    /// Correct for zones with at most one change of offset within 26 hours of `wall`.
    pub fn instants(&self, wall: NaiveDateTime) -> Reading {
        let day = Duration::hours(26);
        let before = (self.offset_at)(wall.and_utc() - day);
        let after = (self.offset_at)(wall.and_utc() + day);
        let shown = |offset: FixedOffset| {
            let at = (wall - Duration::seconds(offset.local_minus_utc().into())).and_utc();
            ((self.offset_at)(at) == offset).then_some(at)
        };
        match (shown(before), shown(after)) {
            (Some(a), Some(b)) if a != b => Reading::Twice(a.min(b), a.max(b)),
            (Some(at), _) | (None, Some(at)) => Reading::Once(at),
            (None, None) => Reading::Skipped(self.change_near(wall, before)),
        }
    }

    /// Midnight, or the first instant after it where midnight was skipped.
    pub fn start_of(&self, date: NaiveDate) -> Timestamp {
        self.instants(date.and_time(NaiveTime::MIN)).earliest()
    }

    /// The instant of a time of day on a date.
    pub fn at(&self, date: NaiveDate, time: NaiveTime) -> Timestamp {
        self.instants(date.and_time(time)).earliest()
    }

    /// The instant near `wall` at which the offset stops being `before`, by bisection.
    fn change_near(&self, wall: NaiveDateTime, before: FixedOffset) -> Timestamp {
        let mut low = wall.and_utc() - Duration::hours(26);
        let mut high = wall.and_utc() + Duration::hours(26);
        while high - low > Duration::seconds(1) {
            let middle = low + (high - low) / 2;
            if (self.offset_at)(middle) == before {
                low = middle;
            } else {
                high = middle;
            }
        }
        // Offsets change on whole minutes; the bisection leaves up to a second.
        let seconds = (high.timestamp() + 30).div_euclid(60) * 60;
        DateTime::from_timestamp(seconds, 0).unwrap_or(high)
    }
}

/// What clocks in a zone of the tables are ahead of UTC.
fn offset(zone: &TimeZoneRef<'_>, at: Timestamp) -> FixedOffset {
    // Of a time that no rule reaches what held last holds on.
    let held = zone.find_local_time_type(at.timestamp()).ok().or_else(|| zone.local_time_types().last());
    held.and_then(|held| FixedOffset::east_opt(held.ut_offset())).unwrap_or(Utc.fix())
}

impl Default for Zone {
    fn default() -> Self {
        Self::utc()
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name)
    }
}

/// The Monday of the week that holds `date`.
pub fn monday_of(date: NaiveDate) -> NaiveDate {
    date - Duration::days(date.weekday().num_days_from_monday().into())
}

/// An instant as every document shows it: RFC 3339 with an offset, no finer than it is.
pub fn rfc3339(at: Timestamp) -> String {
    at.to_rfc3339()
}

/// [`rfc3339`] for the fields of what is serialized: `#[serde(serialize_with = "…")]`.
pub fn serialize<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*at))
}

/// The same where there may be none.
pub fn serialize_option<S: serde::Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serialize(at, serializer),
        None => serializer.serialize_none(),
    }
}

/// Seconds from `from` to `to`, never negative: a clock that was set back makes no
/// negative ages.
pub fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    ((to - from).num_milliseconds() as f64 / 1000.0).max(0.0)
}

/// `std` durations as chrono's; saturates where chrono cannot hold it.
pub fn span(duration: std::time::Duration) -> Duration {
    Duration::from_std(duration).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").expect("test time")
    }

    fn utc(text: &str) -> Timestamp {
        wall(text).and_utc()
    }

    #[test]
    fn spring_skips_and_autumn_repeats() {
        let london = Zone::named("Europe/London").expect("zone");
        assert_eq!(london.instants(wall("2026-03-29 01:30")), Reading::Skipped(utc("2026-03-29 01:00")));
        assert_eq!(
            london.instants(wall("2026-10-25 01:30")),
            Reading::Twice(utc("2026-10-25 00:30"), utc("2026-10-25 01:30"))
        );
        assert_eq!(london.instants(wall("2026-07-01 09:00")), Reading::Once(utc("2026-07-01 08:00")));
    }

    #[test]
    fn a_day_without_midnight_starts_when_its_first_minute_does() {
        let santiago = Zone::named("America/Santiago").expect("zone");
        let date = NaiveDate::from_ymd_opt(2026, 9, 6).expect("date");
        assert_eq!(santiago.local(santiago.start_of(date)).time().to_string(), "01:00:00");
    }

    #[test]
    fn every_zone_agrees_with_other_tables() {
        use chrono::TimeZone as _;
        let first = utc("2000-01-01 00:00");
        let mut compared = 0;
        for other in chrono_tz::TZ_VARIANTS {
            // What one of the two does not have is no zone of today.
            let Some(zone) = Zone::named(other.name()) else { continue };
            // What was decided since then only one of the two may know.
            for step in 0..25 * 26 {
                let at = first + Duration::days(14 * step) + Duration::minutes(7 * step);
                let theirs = other.offset_from_utc_datetime(&at.naive_utc()).fix();
                assert_eq!(zone.local(at).offset(), &theirs, "{} at {at}", other.name());
            }
            compared += 1;
        }
        assert!(compared > 500, "{compared} zones");
        assert!(Zone::named("europe/london").is_none() && Zone::named("Mars/Olympus").is_none());
    }

    #[test]
    fn half_hour_zones_work() {
        let lord_howe = Zone::named("Australia/Lord_Howe").expect("zone");
        assert!(matches!(lord_howe.instants(wall("2026-10-04 02:15")), Reading::Skipped(_)));
        assert!(matches!(lord_howe.instants(wall("2026-04-05 01:45")), Reading::Twice(..)));
    }

    #[test]
    fn ages_never_run_backwards() {
        assert!(seconds_between(utc("2026-01-02 00:00"), utc("2026-01-01 00:00")).abs() < f64::EPSILON);
    }
}

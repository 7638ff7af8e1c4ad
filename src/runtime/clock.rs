//! The only place that knows what time it is.

use std::fmt;
use std::sync::Arc;

use chrono::{Local, Offset, SubsecRound, TimeZone};

use crate::domain::time::{Timestamp, Zone};

/// A source of the present moment.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's clock, in whole microseconds: what every record and document keeps.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
    pub fn system() -> Self {
        Self(Arc::new(|| chrono::Utc::now().trunc_subsecs(6)))
    }

    /// A clock that starts at `base` and follows tokio's, so that a paused test moves wall
    /// time and timers with one hand.
    pub fn following_tokio(base: Timestamp) -> Self {
        let start = tokio::time::Instant::now();
        Self(Arc::new(move || {
            let passed = crate::domain::time::span(tokio::time::Instant::now() - start);
            (base + passed).trunc_subsecs(6)
        }))
    }

    /// A clock that shows whatever it is told to, for tests of what time does to others.
    pub fn scripted(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub fn now(&self) -> Timestamp {
        (self.0)()
    }

    /// An id of this moment, see [`id_at`].
    pub fn new_id(&self) -> String {
        id_at(self.now())
    }
}

/// An id that sorts by time and differs from every other, also from those of other processes.
pub fn id_at(now: Timestamp) -> String {
    let seconds = now.timestamp().max(0).cast_unsigned();
    let time = uuid::Timestamp::from_unix(uuid::NoContext, seconds, now.timestamp_subsec_nanos());
    uuid::Uuid::new_v7(time).to_string()
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// The machine's zone: the one `/etc/localtime` or `tz` names, or whatever the platform says.
pub fn system_zone(tz: Option<&str>) -> Zone {
    let named = tz.map(str::to_owned).or_else(|| {
        let link = std::fs::read_link("/etc/localtime").ok()?;
        Some(link.to_str()?.split_once("zoneinfo/")?.1.to_owned())
    });
    if let Some(zone) = named.and_then(|name| Zone::named(name.trim_start_matches(':'))) {
        return zone;
    }
    let at_start = Clock::system().now();
    let name = Local.offset_from_utc_datetime(&at_start.naive_utc()).to_string();
    let name = if name == "+00:00" { "UTC".to_owned() } else { name };
    Zone::new(&name, |at| Local.offset_from_utc_datetime(&at.naive_utc()).fix())
}

//! The narrow waist: everything a probe learns is a list of keyed values, so that limits,
//! history, JSON and perfdata work for kinds of probe that nobody has written yet.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::domain::time::{Timestamp, seconds_between};

/// What a sample is called within its probe: `free`, `wal`, `age`.
pub type Key = Cow<'static, str>;

/// One keyed value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub key: Key,
    pub value: Value,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    Gauge(f64, Unit),
    /// When something happened. A limit on it judges its age at the moment of asking.
    Time(Timestamp),
    Flag(bool),
    Text(String),
}

/// The unit of a gauge. Values are stored in the base unit; humanize prints them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Unit {
    Percent,
    Bytes,
    BytesPerDay,
    Seconds,
    Count,
}

impl Unit {
    /// The unit in JSON.
    pub const fn symbol(self) -> &'static str {
        match self {
            Unit::Percent => "%",
            Unit::Bytes => "B",
            Unit::BytesPerDay => "B/day",
            Unit::Seconds => "s",
            Unit::Count => "",
        }
    }
}

impl Sample {
    pub fn new(key: impl Into<Key>, value: Value) -> Self {
        Self { key: key.into(), value }
    }

    pub fn gauge(key: impl Into<Key>, value: f64, unit: Unit) -> Self {
        Self::new(key, Value::Gauge(value, unit))
    }

    pub fn percent(key: impl Into<Key>, value: f64) -> Self {
        Self::gauge(key, value, Unit::Percent)
    }

    /// `value` in bytes.
    pub fn bytes(key: impl Into<Key>, value: u64) -> Self {
        Self::gauge(key, value as f64, Unit::Bytes)
    }

    /// `value` in seconds.
    pub fn seconds(key: impl Into<Key>, value: f64) -> Self {
        Self::gauge(key, value, Unit::Seconds)
    }

    pub fn count(key: impl Into<Key>, value: f64) -> Self {
        Self::gauge(key, value, Unit::Count)
    }

    pub fn time(key: impl Into<Key>, at: Timestamp) -> Self {
        Self::new(key, Value::Time(at))
    }

    pub fn flag(key: impl Into<Key>, value: bool) -> Self {
        Self::new(key, Value::Flag(value))
    }

    pub fn text(key: impl Into<Key>, value: impl Into<String>) -> Self {
        Self::new(key, Value::Text(value.into()))
    }
}

impl Value {
    /// The number a limit compares: a gauge's value, a time's age, a flag as 0 or 1.
    pub fn number(&self, now: Timestamp) -> Option<(f64, Unit)> {
        match self {
            Value::Gauge(value, unit) => Some((*value, *unit)),
            Value::Time(at) => Some((seconds_between(*at, now), Unit::Seconds)),
            Value::Flag(flag) => Some((f64::from(u8::from(*flag)), Unit::Count)),
            Value::Text(_) => None,
        }
    }
}

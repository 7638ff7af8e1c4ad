//! The rest of a lane after a failure, so that a server in trouble has one worry less.

use std::time::Duration;

use tokio::time::Instant;

use crate::database::DatabaseError;
use crate::domain::humanize;

/// The first rest after a failure, and the longest.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_mins(1);

/// The time after a failure in which nothing is asked.
#[derive(Clone, Debug)]
pub(super) struct Rest {
    until: Instant,
    length: Duration,
    error: DatabaseError,
}

impl Rest {
    /// One that begins now, longer than the one before it.
    pub(super) fn after(last: Option<&Self>, error: &DatabaseError, spread: f64) -> Self {
        let length = last.map_or(FIRST, |last| (last.length * 2).min(LONGEST));
        let until = Instant::now() + length.mul_f64(1.0 + spread / 5.0);
        Self { until, length, error: error.clone() }
    }

    /// Why nothing is asked now; `None` when it is over.
    pub(super) fn why(&self) -> Option<DatabaseError> {
        let left = self.until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        Some(self.error.clone().with(&format!("; asked again in {}", humanize::duration(left))))
    }
}

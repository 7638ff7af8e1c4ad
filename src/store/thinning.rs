//! How much of the past is kept: of each probe one observation in five minutes and every
//! change between an answer and none; after a week, the first of each hour.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;

use crate::domain::observation::{Observation, ProbeId};
use crate::domain::time::{Timestamp, span};

/// One observation of a probe is kept in each of these.
pub(super) const FINE: TimeDelta = crate::domain::trend::KEPT_STEP;
/// And one in each of these, once they are older than [`FINE_FOR`].
pub(super) const COARSE: TimeDelta = TimeDelta::hours(1);
pub(super) const FINE_FOR: TimeDelta = TimeDelta::days(7);

/// What a board is given at the start: as much as its series hold (`domain::trend`).
pub(super) const LOADED_FINE_FOR: TimeDelta = TimeDelta::hours(20);
pub(super) const LOADED_STEP: TimeDelta = TimeDelta::minutes(30);
pub(super) const LOADED_FOR: TimeDelta = TimeDelta::days(14);

/// The instants at which pruning begins to thin, and to drop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Horizon {
    pub thin_before: Timestamp,
    pub drop_before: Timestamp,
}

impl Horizon {
    pub(super) fn new(now: Timestamp, keep: Duration) -> Self {
        let drop_before = now.checked_sub_signed(span(keep)).unwrap_or(Timestamp::MIN_UTC);
        Self { thin_before: now - FINE_FOR, drop_before }
    }
}

/// What was kept last of every probe, so that most observations never reach the disk.
///
/// The store looks again when it writes: another instance may have kept one.
#[derive(Clone, Debug, Default)]
pub(super) struct LastKept(BTreeMap<ProbeId, (i64, bool)>);

impl LastKept {
    /// Whether this observation is to be kept; notes it if so.
    pub(super) fn take(&mut self, observation: &Observation) -> bool {
        let this = (slot(observation.at), observation.outcome.is_ok());
        if self.0.get(&observation.probe) == Some(&this) {
            return false;
        }
        self.0.insert(observation.probe.clone(), this);
        true
    }
}

fn slot(at: Timestamp) -> i64 {
    at.timestamp().div_euclid(FINE.num_seconds())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::observation::{ProbeError, Reading};

    fn seen(probe: &str, second: i64, good: bool) -> Observation {
        let outcome = if good { Ok(Reading::default()) } else { Err(ProbeError::Unreachable("gone".into())) };
        let at = Timestamp::from_timestamp(second, 0).expect("time");
        Observation { probe: probe.into(), at, took: Duration::ZERO, outcome }
    }

    #[test]
    fn one_in_five_minutes_and_every_change_of_outcome_is_kept() {
        let table = [
            (0, true, true),
            (2, true, false),
            (299, true, false),
            (300, true, true),
            (302, false, true),
            (304, false, false),
            (306, true, true),
            (308, true, false),
            (601, true, true),
            // The clock went back: another slot.
            (299, true, true),
        ];
        let mut kept = LastKept::default();
        for (second, good, expected) in table {
            assert_eq!(kept.take(&seen("disk:/", second, good)), expected, "{second} {good}");
        }
        assert!(kept.take(&seen("disk:/var", 299, true)), "each probe has slots of its own");
    }
}

//! Steps of the clock: the wall clock and the monotonic one must move alike between two
//! readings, or ages and schedules mean less than they seem to.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::finding::Finding;
use crate::domain::humanize;
use crate::domain::status::Status;
use crate::domain::time::Timestamp;

/// A smaller difference is the time between two looks, or the clock being trimmed.
const NOISE_S: f64 = 2.0;
/// How long a step is told.
const FADES_AFTER: Duration = Duration::from_mins(10);

/// What the clocks did from reading to reading.
#[derive(Debug, Default)]
pub(super) struct Steps {
    last: Option<(Timestamp, Instant)>,
    latest: Option<Step>,
}

#[derive(Debug)]
struct Step {
    /// How far the wall clock moved beyond what passed.
    seconds: f64,
    /// The first reading after it, by either clock.
    at: Timestamp,
    seen: Instant,
}

impl Steps {
    /// Takes the time by both clocks. Returns by how many seconds the wall clock moved further
    /// than the monotonic one since the call before; nothing at the first.
    pub(super) fn note(&mut self, wall: Timestamp, mono: Instant) -> Option<f64> {
        let (last_wall, last_mono) = self.last.replace((wall, mono))?;
        let moved = (wall - last_wall).num_milliseconds() as f64 / 1000.0;
        let seconds = moved - mono.saturating_duration_since(last_mono).as_secs_f64();
        if seconds.abs() > NOISE_S {
            self.latest = Some(Step { seconds, at: wall, seen: mono });
        }
        Some((seconds * 1000.0).round() / 1000.0)
    }

    /// What to say about the latest step, while it is fresh.
    pub(super) fn finding(&self, mono: Instant) -> Option<Finding> {
        let step = self.latest.as_ref()?;
        if mono.saturating_duration_since(step.seen) > FADES_AFTER {
            return None;
        }
        let size = humanize::seconds(step.seconds.abs());
        // While a machine sleeps its monotonic clock stands still: from here that looks the
        // same as a clock set forward.
        let (text, advice) = if step.seconds < 0.0 {
            let advice = "ages and the order of records around that moment cannot be trusted; see what sets the clock";
            (format!("the clock moved −{size}"), advice)
        } else {
            let advice = "tasks that were due in that time may not have run";
            (format!("the machine slept or the clock jumped forward, {size}"), advice)
        };
        Some(Finding::new(Status::Warning, "clock", text).since(step.at).advice(advice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    /// Notes one reading after another; each moves the wall clock and then the other by so
    /// many seconds. Returns the last step and what is said at the end.
    fn after(moves: &[(i64, u64)]) -> (Option<f64>, Option<String>) {
        let mut steps = Steps::default();
        let mut wall = Timestamp::from_timestamp(1_772_400_000, 0).expect("instant");
        let mut mono = Instant::now();
        let mut step = steps.note(wall, mono);
        for (wall_moves, mono_moves) in moves {
            wall += TimeDelta::seconds(*wall_moves);
            mono += Duration::from_secs(*mono_moves);
            step = steps.note(wall, mono);
        }
        (step, steps.finding(mono).map(|finding| finding.text))
    }

    #[test]
    fn a_step_is_told_for_ten_minutes_and_a_long_wait_is_none() {
        let back = Some("the clock moved −2 h".to_owned());
        let slept = Some("the machine slept or the clock jumped forward, 8 h".to_owned());
        let table = [
            (&[][..], None, None),
            (&[(2, 2), (2, 2)], Some(0.0), None),
            (&[(3, 2)], Some(1.0), None),
            (&[(7200, 7200)], Some(0.0), None),
            (&[(-7198, 2)], Some(-7200.0), back.clone()),
            (&[(-7198, 2), (2, 2)], Some(0.0), back),
            (&[(-7198, 2), (601, 601)], Some(0.0), None),
            (&[(28_802, 2)], Some(28_800.0), slept),
        ];
        for (moves, step, said) in table {
            assert_eq!(after(moves), (step, said), "{moves:?}");
        }
    }
}

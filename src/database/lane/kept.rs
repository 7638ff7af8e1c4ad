//! What a lane remembers of one check: its latest figures until it is asked again, and earlier
//! answers for as long as it looks back.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::database::check::{Check, Look, Past};
use crate::database::row::Row;
use crate::domain::vitals::Measured;

/// However costly a check is, what it told is never older than this.
const OLDEST: Duration = Duration::from_mins(5);
/// How far back a check can look, and how often something is kept for that: of the last minutes
/// more than of the rest.
const WINDOW: Duration = Duration::from_hours(1);
const STEP: Duration = Duration::from_secs(15);
const NEAR: Duration = Duration::from_mins(5);
const FAR_STEP: Duration = Duration::from_mins(5);

/// What is remembered of one check.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    /// What was asked. Another question, as after a promotion, begins anew.
    pub(super) question: Cow<'static, str>,
    pub(super) asked: Option<Instant>,
    pub(super) cost: Duration,
    pub(super) measured: Measured,
    /// Oldest first.
    pub(super) past: VecDeque<(Instant, Vec<Row>)>,
}

impl Kept {
    /// A check that took long waits long.
    pub(super) fn is_due(&self, now: Instant, patience: u32) -> bool {
        self.asked.is_none_or(|asked| now >= asked + self.cost.saturating_mul(patience).min(OLDEST))
    }

    pub(super) fn take<S>(&mut self, check: &Check<S>, server: &S, rows: Vec<Row>, asked: Instant) {
        let now = Instant::now();
        self.asked = Some(asked);
        self.cost = now - asked;
        while self.past.front().is_some_and(|(at, _)| now - *at > WINDOW) {
            self.past.pop_front();
        }
        let past = self.earlier(now);
        self.measured = (check.read)(&Look { server, rows: &rows, past: &past });
        if check.remembers && self.past.back().is_none_or(|(at, _)| now - *at >= STEP) {
            self.past.push_back((now, rows.into_iter().map(Row::brief).collect()));
            self.thin(now);
        }
    }

    /// Earlier answers, the latest first.
    pub(super) fn earlier(&self, now: Instant) -> Vec<Past> {
        self.past.iter().rev().map(|(at, rows)| Past { ago: now - *at, rows: rows.clone() }).collect()
    }

    /// Leaves of what is not near only one answer in each longer step, and the oldest.
    fn thin(&mut self, now: Instant) {
        let mut last: Option<Instant> = None;
        self.past.retain(|(at, _)| {
            let stays = now - *at <= NEAR || last.is_none_or(|last| *at - last >= FAR_STEP);
            if stays {
                last = Some(*at);
            }
            stays
        });
    }
}

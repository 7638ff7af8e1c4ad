//! How often a lane asks what costs much.

use std::time::Duration;

use tokio::time::Instant;

/// How much of a server's time the checks of a lane may take, and what does not count.
#[derive(Clone, Copy, Debug)]
pub struct Economy {
    /// A check may take one part in so many of a server's time.
    pub patience: u32,
    /// How often readings come by themselves. One that comes earlier is wanted by somebody, as
    /// after an act: then everything is asked anew.
    pub every: Option<Duration>,
}

impl Economy {
    /// The patience of a reading that begins now; the one before began then.
    pub(super) fn patience(&self, before: Option<Instant>) -> u32 {
        let early = |(every, before): (Duration, Instant)| before.elapsed() < every.mul_f64(0.9);
        if self.every.zip(before).is_some_and(early) { 0 } else { self.patience }
    }
}

impl Default for Economy {
    fn default() -> Self {
        Self { patience: 200, every: None }
    }
}

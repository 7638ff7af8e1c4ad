//! How long the machine was asleep.

use std::time::Duration;

/// How long it was suspended since its start; `None` where no clock tells.
///
/// Source: `clock_gettime(2)` of Linux, of whose clocks one stands still meanwhile.
#[cfg(target_os = "linux")]
pub fn since_start() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};
    let read = |clock| {
        let at = clock_gettime(clock);
        Some(Duration::new(u64::try_from(at.tv_sec).ok()?, u32::try_from(at.tv_nsec).ok()?))
    };
    // The one that stands still is read first: the other is never behind it then.
    let awake = read(ClockId::Monotonic)?;
    read(ClockId::Boottime)?.checked_sub(awake)
}

/// How long it was suspended since its start; `None` where no clock tells.
#[cfg(not(target_os = "linux"))]
pub const fn since_start() -> Option<Duration> {
    None
}

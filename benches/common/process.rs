//! What the kernel says a process costs. Linux only: elsewhere nothing is known, and said so.

use std::fs;

/// The kernel counts time in hundredths of a second, on every architecture there is.
const TICKS_PER_SECOND: f64 = 100.0;

/// What one process holds at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holds {
    pub(crate) resident_kb: u64,
    /// Of these, what it allocated; the rest is pages of the program and its libraries.
    pub(crate) anonymous_kb: u64,
    pub(crate) threads: u64,
    pub(crate) files: u64,
}

/// The processor time it and the children it has waited for have taken so far, in seconds.
pub(crate) fn cpu_s(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may contain anything; after it come the state and then utime as the 12th.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<f64>().ok()).sum::<f64>();
    Some(ticks / TICKS_PER_SECOND)
}

pub(crate) fn holds(pid: u32) -> Option<Holds> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let number = |key: &str| -> Option<u64> {
        status.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()
    };
    let files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64;
    Some(Holds {
        resident_kb: number("VmRSS:")?,
        anonymous_kb: number("RssAnon:")?,
        threads: number("Threads:")?,
        files,
    })
}

/// The most it has ever held in memory, in kilobytes.
pub(crate) fn peak_kb(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()
}

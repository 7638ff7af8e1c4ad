//! Signals that are taken instead of dying of them.

use std::future::poll_fn;
use std::task::Poll;

use rustix::process::Signal;
use tokio::signal::unix::{Signal as Arrivals, SignalKind, signal};

/// The signals that are taken, as far as they arrive.
#[derive(Debug)]
pub(in crate::cli) struct Signals(Vec<(Signal, Arrivals)>);

impl Signals {
    /// From here on these signals no longer end this process. Those it was started to ignore,
    /// as `nohup` does with HUP, stay ignored: a handler would unmask them for the command.
    pub(in crate::cli) fn listen() -> Self {
        let ignored = ignored();
        let listened = [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT]
            .into_iter()
            .filter(|wanted| ignored >> (wanted.as_raw() - 1) & 1 == 0)
            .filter_map(|wanted| Some((wanted, signal(SignalKind::from_raw(wanted.as_raw())).ok()?)));
        Self(listened.collect())
    }

    /// The number a shell knows it by.
    pub(in crate::cli) fn number(signal: Signal) -> i32 {
        signal.as_raw()
    }

    /// The next that arrives.
    pub(in crate::cli) async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            let arrived = self.0.iter_mut().find_map(|(signal, arrivals)| match arrivals.poll_recv(context) {
                Poll::Ready(Some(())) => Some(*signal),
                _ => None,
            });
            arrived.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// The signals this process was started to ignore, a bit each; none where the kernel does not
/// tell.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

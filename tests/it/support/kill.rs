//! Processes killed at an instant drawn by chance within the time they take.

#![expect(clippy::disallowed_methods, reason = "a kill comes in real time")]

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::random::Random;

/// Draws the instants, and learns from every process that was done before its own how short they
/// take: however slow the first was, on a machine that was busy then, kills come in time.
pub(crate) struct Killer {
    random: Random,
    usual: Duration,
    /// How many were killed before they were done.
    pub(crate) hit: u32,
    /// How many were started.
    pub(crate) trials: u32,
}

/// One that runs in a process group of its own.
pub(crate) struct Running {
    pub(crate) child: Child,
    started: Instant,
}

impl Killer {
    /// `usual` is how long one took; too long does no harm.
    pub(crate) fn within(usual: Duration) -> Self {
        Self { random: Random::new(), usual, hit: 0, trials: 0 }
    }

    pub(crate) fn start(&mut self, command: &mut Command) -> Running {
        self.trials += 1;
        let started = Instant::now();
        let command = command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null());
        Running { child: command.spawn().expect("the binary runs"), started }
    }

    /// An instant within a time that is told, or else within what one takes.
    pub(crate) fn instant(&mut self, within: Option<Duration>) -> Duration {
        let within = within.unwrap_or(self.usual).as_micros();
        Duration::from_micros(self.random.below(u64::try_from(within).unwrap_or(u64::MAX).max(1)))
    }

    /// Kills it and whatever it started. Whether it was cut short.
    pub(crate) fn strike(&mut self, mut running: Running) -> bool {
        let _ended_already = kill_process_group(Pid::from_child(&running.child), Signal::KILL);
        let done = running.child.wait().expect("it ends").success();
        if done {
            self.usual = self.usual.min(running.started.elapsed());
        } else {
            self.hit += 1;
        }
        !done
    }

    /// Starts one and kills it. Whether it was cut short.
    pub(crate) fn kill(&mut self, command: &mut Command) -> bool {
        let running = self.start(command);
        std::thread::sleep(self.instant(None));
        self.strike(running)
    }
}

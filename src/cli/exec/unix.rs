//! The command of a wrapper, where there are signals and process groups.

mod ending;
mod pipe;
mod signals;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::Instant;

use super::ring;
pub(super) use ending::{become_command, die_by};
pub(super) use pipe::{Pipe, stderr, stdout};
pub(in crate::cli) use signals::Signals;

/// A pipe is waited for, and only then read.
pub(super) const READS_CANNOT_BE_LEFT: bool = false;

/// How long a command that was told to end may take to do so.
const GRACE: Duration = Duration::from_secs(10);

/// A command that was started, and is waited for.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    /// At a terminal the command stays in the foreground group, or it could not be typed to.
    shares_group: bool,
}

impl Running {
    pub(super) fn start(program: &OsString, arguments: &[OsString]) -> io::Result<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the command inherits everything untouched, which `exec` does not do"
        )]
        let mut command = Command::new(program);
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let shares_group = io::stdin().is_terminal();
        if !shares_group {
            command.process_group(0);
        }
        Ok(Self { child: command.spawn()?, shares_group })
    }

    pub(super) fn outputs(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// Waits for the command, passes signals on to it, and ends it when its time is over; says
    /// whether that was so.
    pub(super) async fn wait(
        &mut self,
        signals: &mut Signals,
        timeout: Option<Duration>,
    ) -> (io::Result<ExitStatus>, bool) {
        let shares_group = self.shares_group;
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let send = |signal| {
            // A command that has just ended cannot be told any more, and need not be.
            let _ = match pid {
                Some(pid) if shares_group => rustix::process::kill_process(pid, signal),
                Some(pid) => rustix::process::kill_process_group(pid, signal),
                None => Ok(()),
            };
        };
        let mut alarm = timeout.map(|timeout| Instant::now() + timeout);
        let mut timed_out = false;
        loop {
            tokio::select! {
                status = self.child.wait() => return (status, timed_out),
                signal = signals.next() => {
                    // The terminal has already told the whole foreground group.
                    if !(shares_group && matches!(signal, Signal::INT | Signal::QUIT)) {
                        send(signal);
                    }
                }
                () = ring(alarm) => {
                    send(if timed_out { Signal::KILL } else { Signal::TERM });
                    alarm = (!timed_out).then(|| Instant::now() + GRACE);
                    timed_out = true;
                }
            }
        }
    }
}

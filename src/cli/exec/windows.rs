//! The command of a wrapper on Windows: a job object instead of a process group, and a console
//! that tells everybody in it of Ctrl-C by itself.

mod pipe;

use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{ChildStderr, ChildStdout, Command};
use tokio::signal::windows::{
    CtrlBreak, CtrlC, CtrlClose, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown,
};
use tokio::time::Instant;

use super::{Ending, note, ring};
use crate::platform::tree::Tree;
pub(super) use pipe::{Pipe, stderr, stdout};

/// A pipe cannot be waited for: a read that has begun ends with what comes.
pub(super) const READS_CANNOT_BE_LEFT: bool = true;

/// A command that was started, and is waited for.
#[derive(Debug)]
pub(super) struct Running(Tree);

impl Running {
    pub(super) fn start(program: &OsString, arguments: &[OsString]) -> io::Result<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the command inherits everything untouched, which `exec` does not do"
        )]
        let mut command = Command::new(program);
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        Tree::spawn(command).map(Self)
    }

    pub(super) fn outputs(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        self.0.outputs()
    }

    /// Waits for the command, and ends it with all that it started when its time is over; says
    /// whether that was so. What it left behind of its own will lives on.
    pub(super) async fn wait(
        &mut self,
        signals: &mut Signals,
        timeout: Option<Duration>,
    ) -> (io::Result<ExitStatus>, bool) {
        let mut alarm = timeout.map(|timeout| Instant::now() + timeout);
        let mut timed_out = false;
        loop {
            tokio::select! {
                status = self.0.wait() => {
                    self.0.release();
                    return (status, timed_out);
                }
                // The console has told the command, too.
                Heard = signals.next() => {}
                () = ring(alarm) => {
                    self.0.kill();
                    alarm = None;
                    timed_out = true;
                }
            }
        }
    }
}

/// The console has told this process something, and everybody else in it.
#[derive(Debug)]
pub(in crate::cli) struct Heard;

/// What the console tells this process, as far as it can be listened to.
#[derive(Debug)]
pub(in crate::cli) struct Signals {
    interrupt: Option<CtrlC>,
    halt: Option<CtrlBreak>,
    close: Option<CtrlClose>,
    shutdown: Option<CtrlShutdown>,
}

impl Signals {
    /// From here on these no longer end this process before its command.
    pub(in crate::cli) fn listen() -> Self {
        Self {
            interrupt: ctrl_c().ok(),
            halt: ctrl_break().ok(),
            close: ctrl_close().ok(),
            shutdown: ctrl_shutdown().ok(),
        }
    }

    /// There are no numbers here; what stands for them is that of an interrupt.
    pub(in crate::cli) fn number(_heard: Heard) -> i32 {
        2
    }

    /// The next that arrives.
    pub(in crate::cli) async fn next(&mut self) -> Heard {
        macro_rules! heard {
            ($listener:expr) => {
                async {
                    match $listener.as_mut() {
                        Some(listener) => listener.recv().await,
                        None => std::future::pending().await,
                    }
                }
            };
        }
        tokio::select! {
            _ = heard!(self.interrupt) => {}
            _ = heard!(self.halt) => {}
            _ = heard!(self.close) => {}
            _ = heard!(self.shutdown) => {}
        }
        Heard
    }
}

/// There are no signals here to end by.
pub(super) fn die_by(_signal: i32) {}

/// A process cannot become another one here: the command is waited for without a record.
pub(super) fn become_command(argv: &[OsString]) -> Ending {
    #[expect(clippy::disallowed_methods, reason = "the command takes the place of its wrapper")]
    match std::process::Command::new(&argv[0]).args(&argv[1..]).status() {
        Ok(status) => Ending::of(Ok(status), false),
        Err(error) => {
            note(format_args!("cannot run `{}`: {error}", argv[0].to_string_lossy()));
            Ending::not_started(&error)
        }
    }
}

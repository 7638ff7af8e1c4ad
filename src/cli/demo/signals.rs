//! The signals that end a demo: caught, so that its directory goes with it, even while a command
//! waits for an answer at the terminal and hears nothing else.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::scratch;

#[cfg(unix)]
use tokio::signal::unix::Signal;
#[cfg(windows)]
use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose};

/// What a shell adds to the number of the signal that ended a command.
const ENDED_BY: u8 = 128;
const HANGUP: u8 = 1;
const INTERRUPT: u8 = 2;
const TERMINATE: u8 = 15;

#[cfg(unix)]
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

/// What the console of Windows tells.
#[cfg(windows)]
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: CtrlC,
    terminate: CtrlBreak,
    hangup: CtrlClose,
}

#[cfg(windows)]
impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close};
        Ok(Self { interrupt: ctrl_c()?, terminate: ctrl_break()?, hangup: ctrl_close()? })
    }
}

impl Signals {
    /// Waits for one of them; answers with the exit code a shell would tell. Cancel-safe.
    pub(super) async fn ended(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => ENDED_BY + INTERRUPT,
            _ = self.terminate.recv() => ENDED_BY + TERMINATE,
            _ = self.hangup.recv() => ENDED_BY + HANGUP,
        }
    }

    /// Waits for one of them, and ends the process if nothing else does within `grace`.
    pub(super) async fn end_hard(mut self, directory: PathBuf, kept: bool, grace: Duration) {
        let code = self.ended().await;
        tokio::time::sleep(grace).await;
        if !kept {
            // What stays is removed by the next demo.
            let _ = scratch::remove(&directory);
        }
        #[expect(clippy::disallowed_methods, reason = "the command that should return is stuck in a read")]
        std::process::exit(code.into());
    }
}

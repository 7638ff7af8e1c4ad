//! Ending the way the command ended.
//!
//! Cron and systemd see more than a number: a command that was killed by a signal has to leave
//! a parent that was killed by the same one. Our own handlers would catch it, Rust ignores
//! `SIGPIPE` and looks into `SIGSEGV`, and none of that can be undone without `unsafe`. But
//! `execve` sets every handler back, and the standard library gives `SIGPIPE` its default
//! before it: so this process becomes a shell of one fixed line that kills itself.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, Signal, getpid, kill_process, setrlimit};

/// How the command ended, and how the wrapper is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Code(u8),
    Signal(i32),
}

impl Ending {
    pub fn code(self) -> Option<i32> {
        match self {
            Ending::Code(code) => Some(code.into()),
            Ending::Signal(_) => None,
        }
    }

    pub fn signal(self) -> Option<i32> {
        match self {
            Ending::Code(_) => None,
            Ending::Signal(signal) => Some(signal),
        }
    }

    /// What `main` returns; does not come back when the command was killed.
    pub fn finish(self) -> ExitCode {
        match self {
            Ending::Code(code) => code.into(),
            Ending::Signal(signal) => {
                die_by(signal);
                // As a shell would tell it, should there be no shell to die as.
                u8::try_from(128 + signal).unwrap_or(u8::MAX).into()
            }
        }
    }
}

/// Ends this process by a signal. Comes back only where that is impossible.
fn die_by(signal: i32) {
    if signal == Signal::KILL.as_raw() {
        // Whatever comes of it: this signal has no handler.
        let _ = kill_process(getpid(), Signal::KILL);
        return;
    }
    // The command has left its own core; a second one, of a shell, helps nobody.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let script = r#"kill -"$1" $$; exit $((128 + $1))"#;
    #[expect(clippy::disallowed_methods, reason = "this process ends here, as another image")]
    let _ = std::process::Command::new("/bin/sh").args(["-c", script, "rounds", &signal.to_string()]).exec();
}

/// Lets the command take this process over, when it cannot be watched.
pub(super) fn become_command(argv: &[OsString]) -> Ending {
    #[expect(clippy::disallowed_methods, reason = "the command takes the place of its wrapper")]
    let error = std::process::Command::new(&argv[0]).args(&argv[1..]).exec();
    Ending::Code(if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 })
}

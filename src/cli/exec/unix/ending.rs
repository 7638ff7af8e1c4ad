//! Ending the way the command ended.
//!
//! Cron and systemd see more than a number: a command that was killed by a signal has to leave
//! a parent that was killed by the same one. Our own handlers would catch it, Rust ignores
//! `SIGPIPE` and looks into `SIGSEGV`, and none of that can be undone without `unsafe`. But
//! `execve` sets every handler back, and the standard library gives `SIGPIPE` its default
//! before it: so this process becomes a shell of one fixed line that kills itself.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;

use rustix::process::{Resource, Rlimit, Signal, getpid, kill_process, setrlimit};

use crate::cli::exec::Ending;

/// Ends this process by a signal. Comes back only where that is impossible.
pub(in crate::cli::exec) fn die_by(signal: i32) {
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
pub(in crate::cli::exec) fn become_command(argv: &[OsString]) -> Ending {
    #[expect(clippy::disallowed_methods, reason = "the command takes the place of its wrapper")]
    let error = std::process::Command::new(&argv[0]).args(&argv[1..]).exec();
    Ending::not_started(&error)
}

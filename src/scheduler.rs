//! Schedulers: where tasks are scheduled, and the records their runs leave.

pub mod anacron;
pub mod asleep;
pub mod cron_log;
pub mod crontab;
mod journald;
#[cfg(test)]
mod mutations;
pub mod proof_log;
mod schtasks;
pub mod source;
pub mod spool;
pub mod systemd;
pub mod uptime;

use std::time::Duration;

use crate::domain::plan::Invocation;
use crate::exec::{self, Captured};

/// How long a scheduler's own program may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// And when the program starts.
const AT_START: Duration = Duration::from_secs(1);
/// The same of those that have much to load or to read through first.
const LONG_PATIENCE: Duration = Duration::from_secs(9);
const SLOW: [&str; 2] = ["powershell", "log"];
/// More than this it does not say.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// Asks a scheduler's own program, and waits for it: not for threads of the runtime, except when
/// the program starts.
pub fn ask(invocation: &Invocation) -> Result<Captured, String> {
    asked(invocation, PATIENCE)
}

/// The same before there is a screen: a program that hangs must not keep that away.
pub fn ask_soon(invocation: &Invocation) -> Result<Captured, String> {
    asked(invocation, AT_START)
}

fn asked(invocation: &Invocation, patience: Duration) -> Result<Captured, String> {
    let ask = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let is_slow = invocation.argv.first().is_some_and(|program| SLOW.contains(&program.as_str()));
        let patience = if is_slow { LONG_PATIENCE } else { patience };
        let told = runtime.block_on(exec::capture(invocation, patience, MOST_BYTES));
        told.map_err(|error| error.to_string())
    };
    // A thread of its own, because a runtime cannot be started on a thread that runs one.
    let told = std::thread::scope(|scope| scope.spawn(ask).join());
    told.map_err(|_panic| format!("`{invocation}` could not be asked"))?
}

//! `rounds exec`: runs a scheduled command and leaves a record of it, in such a way that the
//! command, its reader and its scheduler cannot tell the difference.
//!
//! The command comes first: whatever goes wrong with the record is a note on standard error,
//! and the command runs all the same. Only the spool is written here, never the store.

mod ending;
mod relay;
mod signals;

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep_until};

use crate::domain::task::RunEnd;
use crate::runtime::clock::Clock;
use crate::scheduler::spool;
pub use ending::Ending;
use relay::Relays;
use signals::Signals;

/// What `rounds exec` is asked to do.
#[derive(Clone, Debug)]
pub struct ExecOptions {
    /// The task the run is recorded under.
    pub task: String,
    /// After this long the command is told to end, and ten seconds later made to.
    pub timeout: Option<Duration>,
    pub state_dir: PathBuf,
    /// The command, passed on to the byte.
    pub argv: Vec<OsString>,
    pub clock: Clock,
}

/// How long a command that was told to end may take to do so.
const GRACE: Duration = Duration::from_secs(10);

/// Runs the command and waits for it.
pub fn exec(options: &ExecOptions) -> Ending {
    let Some(program) = options.argv.first() else {
        note("there is no command; write it after `--`");
        return Ending::Code(2);
    };
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(supervise(options, program)),
        Err(error) => {
            note(format_args!("the run of `{}` is not recorded: {error}", options.task));
            ending::become_command(&options.argv)
        }
    }
}

async fn supervise(options: &ExecOptions, program: &OsString) -> Ending {
    let mut signals = Signals::listen();
    let record = begin(options);
    let started = Instant::now();
    // At a terminal the command stays in the foreground group, or it could not be typed to.
    let shares_group = io::stdin().is_terminal();
    let (ending, timed_out, output) = match spawn(options, program, shares_group) {
        Ok(mut child) => {
            let mut relays = Relays::start(child.stdout.take(), child.stderr.take());
            let (status, timed_out) = wait(&mut child, &mut signals, options.timeout, shares_group).await;
            tokio::select! {
                () = relays.finish() => {}
                // Whoever asks again does not want to wait for the output either.
                _ = signals.next() => {}
            }
            (Ending::of(status, timed_out), timed_out, relays.output())
        }
        Err(error) => {
            let text = format!("cannot run `{}`: {error}", program.to_string_lossy());
            note(&text);
            (Ending::Code(if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 }), false, text)
        }
    };
    let run = RunEnd {
        at: options.clock.now(),
        took_s: started.elapsed().as_secs_f64(),
        exit_code: ending.code(),
        signal: ending.signal(),
        timed_out,
    };
    if let Some(Err(error)) = record.map(|record| record.end(spool::End { run, output })) {
        note(format_args!("the end of `{}` is not recorded: {error}", options.task));
    }
    ending
}

/// Records that the run begins. `None` when that cannot be written: the command runs anyway.
fn begin(options: &ExecOptions) -> Option<spool::Entry> {
    let start = spool::Start {
        id: uuid::Uuid::now_v7().to_string(),
        task: options.task.clone(),
        started_at: options.clock.now(),
        holder: spool::Holder::this(),
    };
    let directory = spool::directory(&options.state_dir);
    let entry = spool::Entry::begin(&directory, start);
    if let Err(error) = &entry {
        note(format_args!("the run of `{}` is not recorded in {}: {error}", options.task, directory.display()));
    }
    entry.ok()
}

fn spawn(options: &ExecOptions, program: &OsString, shares_group: bool) -> io::Result<Child> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the command inherits everything untouched, which `exec` does not do"
    )]
    let mut command = Command::new(program);
    command.args(&options.argv[1..]).stdout(Stdio::piped()).stderr(Stdio::piped());
    if !shares_group {
        command.process_group(0);
    }
    command.spawn()
}

/// Waits for the command, passes signals on to it, and ends it when its time is over.
async fn wait(
    child: &mut Child,
    signals: &mut Signals,
    timeout: Option<Duration>,
    shares_group: bool,
) -> (io::Result<ExitStatus>, bool) {
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
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
            status = child.wait() => return (status, timed_out),
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

async fn ring(alarm: Option<Instant>) {
    match alarm {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Says something to whoever reads the mail of cron.
fn note(text: impl Display) {
    // With no standard error there is nobody to tell.
    let _ = writeln!(io::stderr(), "rounds exec: {text}");
}

impl Ending {
    fn of(status: io::Result<ExitStatus>, timed_out: bool) -> Self {
        match status {
            _ if timed_out => Ending::Code(124),
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => Ending::Code(u8::try_from(code).unwrap_or(u8::MAX)),
                (None, Some(signal)) => Ending::Signal(signal),
                (None, None) => Ending::Code(u8::MAX),
            },
            Err(error) => {
                note(format_args!("the command cannot be waited for: {error}"));
                Ending::Code(u8::MAX)
            }
        }
    }
}

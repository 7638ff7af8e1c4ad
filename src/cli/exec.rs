//! `rounds exec`: runs a scheduled command and leaves a record of it, in such a way that the
//! command, its reader and its scheduler cannot tell the difference.
//!
//! The command comes first: whatever goes wrong with the record is a note on standard error,
//! and the command runs all the same. Only the spool is written here, never the store.

mod ending;
mod heartbeat;
mod lock;
mod record;
mod relay;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::config::SecretRef;
use crate::domain::redact;
use crate::domain::task::{EndKind, RunEnd};
use crate::runtime::clock::Clock;
use crate::scheduler::spool;
pub use ending::Ending;
use heartbeat::{Ended, Heartbeat};
use lock::Gate;
pub use lock::Overlap;
use record::Record;
use relay::Relays;
use system::Running;
pub(super) use system::Signals;
#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

/// What `rounds exec` is asked to do.
#[derive(Clone, Debug)]
pub struct ExecOptions {
    /// The task the run is recorded under.
    pub task: String,
    /// After this long the command is told to end, and ten seconds later made to.
    pub timeout: Option<Duration>,
    /// What is done while another run of the task is not over; without a word it begins all the same.
    pub overlap: Option<Overlap>,
    /// Where the address is of whoever is told that it begins and how it ended.
    pub heartbeat: Option<SecretRef>,
    /// The command, passed on to the byte.
    pub argv: Vec<OsString>,
    pub clock: Clock,
}

/// Runs the command and waits for it. The record goes to the state directory that `place` finds
/// meanwhile.
pub fn exec(options: &ExecOptions, place: impl FnOnce() -> PathBuf + Send + 'static) -> Ending {
    let Some(program) = options.argv.first() else {
        note("there is no command; write it after `--`");
        return Ending::Code(2);
    };
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(supervise(options, program, place)),
        Err(error) => {
            note(format_args!("the run of `{}` is not recorded: {error}", options.task));
            system::become_command(&options.argv)
        }
    }
}

async fn supervise(
    options: &ExecOptions,
    program: &OsString,
    place: impl FnOnce() -> PathBuf + Send + 'static,
) -> Ending {
    let mut signals = Signals::listen();
    let Some(overlap) = options.overlap else { return run(options, program, place, signals).await };
    let (gate, place) = lock::pass(&options.task, overlap, place, &mut signals).await;
    // Where that is not found, it is not found by whoever writes the record either.
    let place = move || place.recv().unwrap_or_default();
    match gate {
        Gate::Open(lock) => {
            let ending = run(options, program, place, signals).await;
            drop(lock);
            ending
        }
        Gate::Shut(why) => {
            note(format_args!("`{}` is not run: {why}", options.task));
            skip(options, place, why).await;
            Ending::Code(SKIPPED)
        }
        Gate::Stopped(signal) => {
            skip(options, place, "told to end while another run was not over".to_owned()).await;
            Ending::Signal(signal)
        }
    }
}

/// The exit code of a wrapper whose command was refused because another run was not over.
const SKIPPED: i32 = 77;

/// Records that a run did not begin.
async fn skip(options: &ExecOptions, place: impl FnOnce() -> PathBuf + Send + 'static, why: String) {
    let Some(mut record) = Record::begin(start(options), place) else { return };
    record.settle().await;
    let run = RunEnd { at: options.clock.now(), kind: EndKind::Skipped, ..RunEnd::default() };
    record.end(spool::End { run, output: why }).await;
}

/// Runs the command with a record of it.
async fn run(
    options: &ExecOptions,
    program: &OsString,
    place: impl FnOnce() -> PathBuf + Send + 'static,
    mut signals: Signals,
) -> Ending {
    let start = start(options);
    let of = heartbeat::Run { id: start.id.clone(), task: start.task.clone() };
    let (found, find) = mpsc::channel();
    let place = move || {
        let place = place();
        // Without a heartbeat nobody asks.
        let _ = found.send(place.clone());
        place
    };
    let heartbeat = options.heartbeat.clone().and_then(|to| Heartbeat::begin(to, of, find));
    let mut record = Record::begin(start, place);
    if let Some(record) = &mut record {
        record.settle().await;
    }
    let started = Instant::now();
    let (ending, timed_out, output) = match Running::start(program, &options.argv[1..]) {
        Ok(mut command) => {
            let (stdout, stderr) = command.outputs();
            let mut relays = Relays::start(stdout, stderr);
            let (status, timed_out) = command.wait(&mut signals, options.timeout).await;
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
            (Ending::not_started(&error), false, text)
        }
    };
    let run = RunEnd {
        at: options.clock.now(),
        took_s: started.elapsed().as_secs_f64(),
        exit_code: ending.code(),
        signal: ending.signal(),
        timed_out,
        kind: EndKind::Seen,
    };
    let told = async {
        if let Some(heartbeat) = heartbeat {
            heartbeat.end(Ended { at: run.at, well: ending == Ending::Code(0) }).await;
        }
    };
    let recorded = async {
        let Some(record) = record else { return };
        // What passes through is the command's own; what is kept is without secrets.
        record.end(spool::End { run: run.clone(), output: redact::text(&output).into_owned() }).await;
    };
    tokio::join!(told, recorded);
    ending
}

fn start(options: &ExecOptions) -> spool::Start {
    spool::Start {
        id: options.clock.new_id(),
        task: options.task.clone(),
        started_at: options.clock.now(),
        holder: spool::Holder::this(),
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

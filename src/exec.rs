//! Running programs: the only place that starts one.
//!
//! No shell: a program gets exactly the arguments of its [`Invocation`], a small known
//! environment, no input, and a process group of its own that ends with it when it is stopped.
//! [`run`] follows a program line by line, for jobs; [`capture`] brings what it printed, for
//! probes.

mod child;
mod lines;
mod log;
mod pipe;
pub mod process;
mod program;
mod redacted;

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

pub use self::child::Left;
use self::child::{Exit, Sink, Stream};
use self::lines::Lines;
use self::log::Log;
use self::redacted::Redacted;
use crate::domain::humanize;
use crate::domain::plan::Invocation;

pub use self::pipe::{Piped, pipe};

/// How many of the last lines [`Finished`] brings along.
const TAIL: usize = 50;
/// How long a program that is told to stop may take before it is killed.
const GRACE: Duration = Duration::from_secs(10);
/// The same for a probe's: it has nothing to tidy up.
const PROBE_GRACE: Duration = Duration::from_secs(2);
/// How much of one program's output its log file keeps.
const LOG_BYTES: u64 = 64 * 1024 * 1024;

/// What a run may take, and where its output is kept.
#[derive(Clone, Debug)]
pub struct Limits {
    /// After this long it is told to stop.
    pub timeout: Duration,
    /// How long it may take to do so before it is killed.
    pub grace: Duration,
    /// Ends the grace early, for whoever cannot wait.
    pub hurry: CancellationToken,
    /// A new file that takes everything it prints, as it was printed. The file must not exist;
    /// its directory is made where it is missing.
    pub log: Option<PathBuf>,
    /// What goes beyond this is counted, not kept.
    pub log_bytes: u64,
    /// All of its output is waited for, whoever still holds the other end.
    pub whole: bool,
}

impl Limits {
    pub fn new(timeout: Duration) -> Self {
        Self { timeout, grace: GRACE, hurry: CancellationToken::new(), log: None, log_bytes: LOG_BYTES, whole: false }
    }

    #[must_use]
    pub fn whole(mut self) -> Self {
        self.whole = true;
        self
    }

    #[must_use]
    pub fn log(mut self, path: impl Into<PathBuf>) -> Self {
        self.log = Some(path.into());
        self
    }

    #[must_use]
    pub fn hurry(mut self, hurry: CancellationToken) -> Self {
        self.hurry = hurry;
        self
    }
}

/// Who ended a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It ended by itself, or by somebody else's signal.
    Exited,
    /// We stopped it: it took too long.
    TimedOut,
    /// We stopped it: somebody asked.
    Cancelled,
}

/// How a run went.
#[derive(Debug)]
pub struct Finished {
    /// `None` when a signal ended it, or when not even KILL did.
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub ended: Ended,
    pub took: Duration,
    /// The last lines of both its outputs, clean, oldest first.
    pub tail: Vec<String>,
    /// Why the log file does not hold all of the output, when it does not.
    pub log_note: Option<String>,
    /// What is still there although it was killed.
    pub left: Option<Left>,
}

impl Finished {
    /// The start alone took too long.
    fn never_started(ended: Ended, took: Duration) -> Self {
        Self { exit_code: None, signal: None, ended, took, tail: Vec::new(), log_note: None, left: None }
    }

    /// It ended by itself with exit code 0.
    pub fn succeeded(&self) -> bool {
        self.ended == Ended::Exited && self.exit_code == Some(0)
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(f, self.ended, self.exit_code, self.signal, self.took)
    }
}

/// What a program printed, and how it ended.
#[derive(Debug)]
pub struct Captured {
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub ended: Ended,
    pub took: Duration,
    /// As it was printed; clean it before it is shown.
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// One of the two was longer than what was kept.
    pub cut: bool,
    /// What is still there although it was killed.
    pub left: Option<Left>,
}

impl fmt::Display for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(f, self.ended, self.exit_code, self.signal, self.took)
    }
}

/// Why a program did not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecError {
    #[error("the command is empty")]
    Empty,
    #[error("`{program}` was not found {place}")]
    NotFound { program: String, place: String },
    #[error("`{program}` cannot be executed: {why}")]
    NotExecutable { program: String, why: String },
    #[error("`{program}` cannot start in `{directory}`: {why}")]
    Directory { program: String, directory: String, why: String },
    #[error("`{program}` could not be started: {why}")]
    Start { program: String, why: String },
}

/// Runs a program to its end. `on_line` gets each line it prints, clean and bounded, while it
/// runs; of a flood of them only as many as an eye could catch.
///
/// When the time is over or `cancel` is triggered, its whole process group gets TERM, and KILL
/// after the grace. What it left in the background on purpose lives on after an end of its own.
/// Dropping the future kills the group.
pub async fn run(
    invocation: &Invocation,
    limits: Limits,
    cancel: CancellationToken,
    on_line: impl FnMut(String) + Send,
) -> Result<Finished, ExecError> {
    let begun = Instant::now();
    // The log first: what runs is written down from its first word on.
    let start = async {
        let log = match &limits.log {
            Some(path) => Log::create(path, limits.log_bytes, &limits.hurry).await,
            None => Log::none(),
        };
        (child::start_aside(invocation).await, log)
    };
    // Its disk may hang, and neither the time that is given nor a cancellation waits for it.
    let (child, mut log) = tokio::select! {
        started = start => started,
        () = sleep(limits.timeout) => return Ok(Finished::never_started(Ended::TimedOut, begun.elapsed())),
        () = cancel.cancelled() => return Ok(Finished::never_started(Ended::Cancelled, begun.elapsed())),
    };
    let child = match child {
        Ok(child) => child,
        Err(error) => {
            log.append(error.to_string().as_bytes()).await;
            let _note = log.close().await;
            return Err(error);
        }
    };
    let mut follower = Follower { outputs: [Output::new(), Output::new()], log, tail: VecDeque::new(), on_line };
    let exit = child::attend(child, &limits, &cancel, &mut follower).await;
    follower.finish().await;
    let Follower { log, tail, .. } = follower;
    let Exit { code: exit_code, signal, ended, took, left, .. } = exit;
    Ok(Finished { exit_code, signal, ended, took, tail: tail.into(), log_note: log.close().await, left })
}

/// Runs a program to its end and brings the first `cap_bytes` of each of its outputs; the rest
/// is read and forgotten, so that it never waits for us. Nothing of its process group is left
/// afterwards, but what the kernel itself cannot end.
pub async fn capture(invocation: &Invocation, timeout: Duration, cap_bytes: usize) -> Result<Captured, ExecError> {
    capture_started(Started(child::start_aside(invocation).await?), timeout, cap_bytes).await
}

/// A program that runs and that nobody attends to yet. Dropping it ends it.
#[derive(Debug)]
pub struct Started(child::Running);

/// Starts a program for [`capture_started`], within a runtime. May block for as long as the disk
/// it lies on hangs, so the thread is the caller's.
pub fn start(invocation: &Invocation) -> Result<Started, ExecError> {
    child::start(invocation).map(Started)
}

/// The rest of [`capture`].
pub async fn capture_started(started: Started, timeout: Duration, cap_bytes: usize) -> Result<Captured, ExecError> {
    let Started(mut child) = started;
    child.leave_nothing();
    let limits = Limits { grace: PROBE_GRACE, ..Limits::new(timeout) };
    let mut keeper = Keeper { outputs: [Vec::new(), Vec::new()], room: cap_bytes, cut: false };
    let exit = child::attend(child, &limits, &CancellationToken::new(), &mut keeper).await;
    let Keeper { outputs: [stdout, stderr], cut, .. } = keeper;
    let Exit { code: exit_code, signal, ended, took, left, .. } = exit;
    Ok(Captured { exit_code, signal, ended, took, stdout, stderr, cut, left })
}

/// Follows a job: every byte but secrets to the log file, every line to whoever watches.
struct Follower<F> {
    /// One per stream, or their halves of lines would mix.
    outputs: [Output; 2],
    log: Log,
    tail: VecDeque<String>,
    on_line: F,
}

/// One stream on its way: whole lines for the eye, and for the log what is no secret.
struct Output {
    clean: Redacted,
    lines: Lines,
}

impl Output {
    fn new() -> Self {
        Self { clean: Redacted::default(), lines: Lines::new() }
    }
}

impl<F: FnMut(String) + Send> Follower<F> {
    async fn pass_on(&mut self, from: usize, clean: &[u8]) {
        self.log.append(clean).await;
        let Self { outputs, tail, on_line, .. } = self;
        outputs[from].lines.push(clean, &mut |line| tell(tail, on_line, line));
    }

    /// What no line end came after.
    async fn finish(&mut self) {
        for from in 0..self.outputs.len() {
            let rest = self.outputs[from].clean.rest();
            self.pass_on(from, &rest).await;
            let Self { outputs, tail, on_line, .. } = self;
            outputs[from].lines.finish(&mut |line| tell(tail, on_line, line));
        }
    }
}

impl<F: FnMut(String) + Send> Sink for Follower<F> {
    async fn take(&mut self, from: Stream, bytes: &[u8]) {
        let clean = self.outputs[from as usize].clean.push(bytes);
        self.pass_on(from as usize, &clean).await;
    }
}

fn tell(tail: &mut VecDeque<String>, on_line: &mut impl FnMut(String), line: String) {
    if tail.len() == TAIL {
        tail.pop_front();
    }
    tail.push_back(line.clone());
    on_line(line);
}

/// Keeps the beginning of each stream.
struct Keeper {
    outputs: [Vec<u8>; 2],
    room: usize,
    cut: bool,
}

impl Sink for Keeper {
    async fn take(&mut self, from: Stream, bytes: &[u8]) {
        let output = &mut self.outputs[from as usize];
        let kept = bytes.len().min(self.room - output.len());
        output.extend_from_slice(&bytes[..kept]);
        self.cut |= kept < bytes.len();
    }
}

/// `exit code 3 after 2 m`, `ended by signal 9 after 4.0 s`, `stopped after 1 m`.
fn describe(
    f: &mut fmt::Formatter<'_>,
    ended: Ended,
    code: Option<i32>,
    signal: Option<i32>,
    took: Duration,
) -> fmt::Result {
    let took = humanize::duration(took);
    match (ended, code, signal) {
        (Ended::TimedOut, ..) => write!(f, "stopped after {took}, the time it is given"),
        (Ended::Cancelled, ..) => write!(f, "cancelled after {took}"),
        (Ended::Exited, Some(code), _) => write!(f, "exit code {code} after {took}"),
        (Ended::Exited, None, Some(signal)) => write!(f, "ended by signal {signal} after {took}"),
        (Ended::Exited, None, None) => write!(f, "ended after {took}, it is not known how"),
    }
}

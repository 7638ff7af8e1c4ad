//! One child from start to end: its outputs are read as they come, its time is limited, and
//! whoever drops it ends it.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::{ChildStderr, ChildStdout};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Ended, ExecError, Limits, program};
use crate::domain::plan::Invocation;
use crate::platform::process::signal_of;
use crate::platform::tree::Tree;

/// How much is read at once.
const GULP: usize = 64 * 1024;
/// How long the rest of the output is waited for once the program has ended: somebody it left
/// behind may hold the other end of the pipe for ever.
const DRAIN: Duration = Duration::from_secs(1);
/// How long the kernel may take to end a killed process; one in the middle of a dead disk's
/// read may never do so.
const REAP: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(20);

/// Which output.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stream {
    Out,
    Err,
}

/// Where output goes.
pub(super) trait Sink: Send {
    fn take(&mut self, from: Stream, bytes: &[u8]) -> impl Future<Output = ()> + Send;
}

/// How a child ended.
#[derive(Debug)]
pub(super) struct Exit {
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
    pub(super) ended: Ended,
    pub(super) took: Duration,
    /// It did not: not even KILL ended it.
    pub(super) left: Option<Left>,
    /// Both its outputs were read to their ends.
    pub(super) whole: bool,
}

/// A program that is still there although it was killed: the kernel waits for a device that does
/// not answer, and ends it when that does.
#[derive(Debug)]
pub struct Left {
    running: Running,
    pid: Option<u32>,
}

impl Left {
    /// Its number, where the program itself is left and not only what it started.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Whether nobody of it is left by now.
    pub fn is_gone(&mut self) -> bool {
        let ended = !matches!(self.running.tree.try_wait(), Ok(None));
        let gone = ended && !self.running.tree.has_members();
        if gone {
            // Its number may be somebody else's from now on.
            self.running.tree.release();
        }
        gone
    }

    /// Waits until nobody of it is left; answers its exit code and signal.
    pub async fn gone(mut self) -> (Option<i32>, Option<i32>) {
        gone(&mut self.running).await;
        self.running.tree.release();
        let status = self.running.tree.try_wait().ok().flatten();
        (status.and_then(|status| status.code()), status.and_then(signal_of))
    }
}

/// A running child. Dropping it kills it with all that it started.
#[derive(Debug)]
pub(super) struct Running {
    tree: Tree,
    out: Option<ChildStdout>,
    err: Option<ChildStderr>,
    started: Instant,
    /// Also what it left in the background is ended with it.
    all: bool,
}

impl Running {
    pub(super) fn leave_nothing(&mut self) {
        self.all = true;
    }
}

/// Starts the program. May block: the file may lie on a disk that does not answer.
pub(super) fn start(invocation: &Invocation) -> Result<Running, ExecError> {
    start_with(invocation, None)
}

fn start_with(invocation: &Invocation, input: Option<Stdio>) -> Result<Running, ExecError> {
    let mut tree = program::spawn(invocation, input)?;
    let (out, err) = tree.outputs();
    Ok(Running { tree, out, err, started: Instant::now(), all: false })
}

/// The same off the runtime's threads. One that starts when nobody waits any more is ended.
pub(super) async fn start_aside(invocation: &Invocation) -> Result<Running, ExecError> {
    start_fed(invocation, None).await
}

/// The same for one that reads what it is given.
pub(super) async fn start_fed(invocation: &Invocation, input: Option<Stdio>) -> Result<Running, ExecError> {
    let invocation = invocation.clone();
    let program = invocation.argv.first().cloned().ok_or(ExecError::Empty)?;
    let failed = |error: tokio::task::JoinError| ExecError::Start { program, why: error.to_string() };
    tokio::task::spawn_blocking(move || start_with(&invocation, input)).await.map_err(failed)?
}

/// Sees a child through to its end.
pub(super) async fn attend(
    mut running: Running,
    limits: &Limits,
    cancel: &CancellationToken,
    sink: &mut impl Sink,
) -> Exit {
    let (out, err) = (running.out.take(), running.err.take());
    let mut output = std::pin::pin!(pump(out, err, sink));
    let mut all_read = false;
    let (mut exit, is_left) = {
        let mut life = std::pin::pin!(live(&mut running, limits, cancel));
        loop {
            tokio::select! {
                biased;
                exit = &mut life => break exit,
                () = &mut output, if !all_read => all_read = true,
            }
        }
    };
    if !all_read {
        let patience = if limits.whole && exit.ended == Ended::Exited { limits.timeout } else { DRAIN };
        all_read = tokio::select! {
            late = timeout(patience, output) => late.is_ok(),
            () = cancel.cancelled(), if limits.whole => false,
        };
    }
    exit.whole = all_read;
    if exit.ended == Ended::Exited && !running.all {
        running.tree.release();
    }
    if is_left {
        let pid = running.tree.id();
        exit.left = Some(Left { running, pid });
    }
    exit
}

/// Waits for the end, and brings it about when the time is over or somebody asked for it. Answers
/// also whether somebody is left all the same.
async fn live(running: &mut Running, limits: &Limits, cancel: &CancellationToken) -> (Exit, bool) {
    let started = running.started;
    let ended = tokio::select! {
        biased;
        status = running.tree.wait() => return (exit(status.ok(), Ended::Exited, started), false),
        () = cancel.cancelled() => Ended::Cancelled,
        () = sleep(limits.timeout) => Ended::TimedOut,
    };
    running.tree.terminate();
    let tidied_up = tokio::select! {
        () = gone(running) => true,
        () = sleep(limits.grace) => false,
        () = limits.hurry.cancelled() => false,
    };
    let mut stuck_in_the_kernel = false;
    if !tidied_up {
        running.tree.kill();
        stuck_in_the_kernel = timeout(REAP, gone(running)).await.is_err();
    }
    (exit(running.tree.try_wait().ok().flatten(), ended, started), stuck_in_the_kernel)
}

/// Returns when neither the child nor anybody else of its tree is left.
async fn gone(running: &mut Running) {
    let _status = running.tree.wait().await;
    while running.tree.has_members() {
        sleep(POLL).await;
    }
}

/// Reads both outputs to their ends.
async fn pump(mut out: Option<ChildStdout>, mut err: Option<ChildStderr>, sink: &mut impl Sink) {
    let (mut out_gulp, mut err_gulp) = (vec![0; GULP], vec![0; GULP]);
    while out.is_some() || err.is_some() {
        tokio::select! {
            length = read(&mut out, &mut out_gulp), if out.is_some() => match length {
                0 => out = None,
                length => sink.take(Stream::Out, &out_gulp[..length]).await,
            },
            length = read(&mut err, &mut err_gulp), if err.is_some() => match length {
                0 => err = None,
                length => sink.take(Stream::Err, &err_gulp[..length]).await,
            },
        }
        // A program that never stops printing must not keep its own deadline from being seen.
        tokio::task::yield_now().await;
    }
}

/// The next piece; 0 at the end. A pipe that cannot be read is at its end.
async fn read(source: &mut Option<impl AsyncReadExt + Unpin>, gulp: &mut [u8]) -> usize {
    match source {
        Some(source) => source.read(gulp).await.unwrap_or(0),
        None => 0,
    }
}

fn exit(status: Option<ExitStatus>, ended: Ended, started: Instant) -> Exit {
    let signal = status.and_then(signal_of);
    Exit {
        code: status.and_then(|status| status.code()),
        signal,
        ended,
        took: started.elapsed(),
        left: None,
        whole: false,
    }
}

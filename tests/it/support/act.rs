//! Acts of the real binary: what a command said, and one that is still at work.

use std::fs::File;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::World;

/// What a command said, and its exit code, without waiting on this thread.
pub(crate) async fn act(world: &World, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = world.command(arguments);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it is waited for");
    let output = output.expect("the binary runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[track_caller]
pub(crate) fn assert_said(answer: &(Option<i32>, String), code: i32, texts: &[&str]) {
    assert_eq!(answer.0, Some(code), "{}", answer.1);
    for text in texts {
        assert!(answer.1.contains(text), "nobody said `{text}`, but: {}", answer.1);
    }
}

/// A command that is started, and says what it says into the file `said`.
pub(crate) fn started(world: &World, arguments: &[&str]) -> Child {
    let said = File::create(world.path("said")).expect("a file");
    let mut command = world.command(arguments);
    let child = command.stdout(said.try_clone().expect("the same file")).stderr(said).stdin(Stdio::null());
    child.spawn().expect("the binary runs")
}

pub(crate) fn tell(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(child.id().cast_signed()).expect("a process"), signal).expect("it can be told");
}

pub(crate) async fn ended(mut child: Child, world: &World) -> (Option<i32>, String) {
    let status = tokio::task::spawn_blocking(move || child.wait()).await.expect("it is waited for").expect("its end");
    (status.code(), std::fs::read_to_string(world.path("said")).expect("what it said"))
}

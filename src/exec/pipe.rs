//! Programs that are pipes: what they print is the thing itself, and goes whole to whoever takes
//! it; what they read comes from us. What they say of it is on their other output.

use std::collections::VecDeque;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::child::{self, Exit, Sink, Stream};
use super::{Ended, ExecError, Limits, Output, describe, tell};
use crate::domain::plan::Invocation;

/// How a pipe went.
#[derive(Debug)]
pub struct Piped {
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub ended: Ended,
    pub took: Duration,
    /// Everything it printed was taken.
    pub whole: bool,
    /// Why whoever took its output took no more.
    pub refused: Option<io::Error>,
    /// The last lines of what it said, clean, oldest first.
    pub said: Vec<String>,
}

impl Piped {
    /// It ended by itself with exit code 0, and nothing of what it printed is missing.
    pub fn succeeded(&self) -> bool {
        self.ended == Ended::Exited && self.exit_code == Some(0) && self.whole && self.refused.is_none()
    }

    /// How it ended and what it said last, for a sentence.
    pub fn why(&self) -> String {
        if let Some(error) = &self.refused {
            return error.to_string();
        }
        let last = self.said.iter().rev().find(|line| !line.trim().is_empty());
        let said = last.map_or_else(String::new, |line| format!(": {line}"));
        let cut = if self.whole { "" } else { ", and its output was cut off" };
        format!("{self}{cut}{said}")
    }
}

impl std::fmt::Display for Piped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        describe(f, self.ended, self.exit_code, self.signal, self.took)
    }
}

/// Runs a program to its end and gives every piece of what it prints to `take`, as it comes; one
/// that is refused ends the program. `take` may block: the thread is the caller's. What the
/// program reads is `input`; nothing without.
pub async fn pipe(
    invocation: &Invocation,
    input: Option<Stdio>,
    limits: &Limits,
    cancel: &CancellationToken,
    take: impl FnMut(&[u8]) -> io::Result<()> + Send,
) -> Result<Piped, ExecError> {
    let stop = cancel.child_token();
    let mut child = child::start_fed(invocation, input).await?;
    child.leave_nothing();
    let mut pipe = Pipe { take, refused: None, stop: stop.clone(), errors: Output::new(), said: VecDeque::new() };
    let Exit { code: exit_code, signal, ended, took, whole, .. } = child::attend(child, limits, &stop, &mut pipe).await;
    let rest = pipe.errors.clean.rest();
    pipe.hear(&rest);
    let Pipe { refused, mut errors, mut said, .. } = pipe;
    errors.lines.finish(&mut |line| tell(&mut said, &mut |_| {}, line));
    // Whoever takes no more has ended it, and not who asked.
    Ok(Piped { exit_code, signal, ended, took, whole, refused, said: said.into() })
}

struct Pipe<F> {
    take: F,
    refused: Option<io::Error>,
    stop: CancellationToken,
    errors: Output,
    said: VecDeque<String>,
}

impl<F> Pipe<F> {
    fn hear(&mut self, clean: &[u8]) {
        let Self { errors, said, .. } = self;
        errors.lines.push(clean, &mut |line| tell(said, &mut |_| {}, line));
    }
}

impl<F: FnMut(&[u8]) -> io::Result<()> + Send> Sink for Pipe<F> {
    async fn take(&mut self, from: Stream, bytes: &[u8]) {
        match from {
            Stream::Err => {
                let clean = self.errors.clean.push(bytes);
                self.hear(&clean);
            }
            Stream::Out if self.refused.is_none() => {
                if let Err(error) = (self.take)(bytes) {
                    self.refused = Some(error);
                    self.stop.cancel();
                }
            }
            Stream::Out => {}
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    async fn sh(script: &str, input: Option<Stdio>, mut take: impl FnMut(&[u8]) -> io::Result<()> + Send) -> Piped {
        let limits = Limits::new(Duration::from_mins(1));
        let invocation = Invocation::new(["sh", "-c", script]);
        let take = |bytes: &[u8]| take(bytes);
        pipe(&invocation, input, &limits, &CancellationToken::new(), take).await.expect("sh starts")
    }

    #[tokio::test]
    async fn every_byte_is_taken_and_what_is_said_of_it_is_kept_apart() {
        let mut taken = 0;
        let piped = sh("head -c 3000000 /dev/zero; echo one >&2; echo two >&2", None, |bytes| {
            taken += bytes.len();
            Ok(())
        })
        .await;
        assert!(piped.succeeded(), "{}", piped.why());
        assert_eq!((taken, piped.said), (3_000_000, vec!["one".to_owned(), "two".to_owned()]));
    }

    #[tokio::test]
    async fn whoever_takes_no_more_ends_it_and_a_failure_says_its_last_word() {
        let piped = sh("yes", None, |_| Err(io::ErrorKind::StorageFull.into())).await;
        assert!(!piped.succeeded() && piped.refused.is_some(), "{piped:?}");
        let piped = sh("echo data; echo no right >&2; exit 3", None, |_| Ok(())).await;
        assert!(!piped.succeeded());
        assert!(piped.why().starts_with("exit code 3") && piped.why().ends_with(": no right"), "{}", piped.why());
    }

    #[tokio::test]
    async fn a_program_reads_what_it_is_given() {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let feeding = std::thread::spawn(move || {
            use std::io::Write;
            for _ in 0..2000 {
                writer.write_all(&[b'x'; 1000]).expect("it reads");
            }
        });
        let mut counted = Vec::new();
        let piped = sh("wc -c", Some(reader.into()), |bytes| {
            counted.extend_from_slice(bytes);
            Ok(())
        })
        .await;
        assert!(piped.succeeded(), "{}", piped.why());
        assert_eq!(String::from_utf8_lossy(&counted).trim(), "2000000");
        feeding.join().expect("fed");
    }
}

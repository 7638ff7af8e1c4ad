//! Programs that are pipes: what they print is the thing itself, and goes whole to whoever takes
//! it; what they read comes from us. What they say of it is on their other output.

use std::collections::VecDeque;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::child::{self, Exit, Sink, Stream};
use super::{Ended, ExecError, Limits, Log, Output, describe, tell};
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
    /// The first of all its lines that names an error, with what its server says of that.
    pub fault: Option<String>,
}

impl Piped {
    /// It ended by itself with exit code 0, and nothing of what it printed is missing.
    pub fn succeeded(&self) -> bool {
        self.ended == Ended::Exited && self.exit_code == Some(0) && self.whole && self.refused.is_none()
    }

    /// How it ended and which error it named first, for a sentence; else what it said last.
    pub fn why(&self) -> String {
        if let Some(error) = &self.refused {
            return error.to_string();
        }
        let last = || self.said.iter().rev().find(|line| !line.trim().is_empty());
        // The statement that failed is said last, and why it did before.
        let said = self.fault.as_ref().or_else(last).map_or_else(String::new, |line| format!(": {}", line.trim()));
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
/// program reads is `input`; nothing without. The log of `limits` takes what it says of it, and is
/// made when there is something.
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
    let mut pipe = Pipe {
        take,
        refused: None,
        stop: stop.clone(),
        errors: Output::new(),
        said: VecDeque::new(),
        fault: None,
        limits,
        log: None,
    };
    let Exit { code: exit_code, signal, ended, took, whole, .. } = child::attend(child, limits, &stop, &mut pipe).await;
    let rest = pipe.errors.clean.rest();
    pipe.hear(&rest).await;
    let Pipe { refused, mut errors, mut said, mut fault, log, .. } = pipe;
    errors.lines.finish(&mut |line| tell(&mut said, &mut |line| find_fault(&mut fault, &line), line));
    if let Some(log) = log {
        let _note = log.close().await;
    }
    // Whoever takes no more has ended it, and not who asked.
    Ok(Piped { exit_code, signal, ended, took, whole, refused, said: said.into(), fault })
}

struct Pipe<'a, F> {
    take: F,
    refused: Option<io::Error>,
    stop: CancellationToken,
    errors: Output,
    said: VecDeque<String>,
    fault: Option<String>,
    limits: &'a Limits,
    log: Option<Log>,
}

impl<F> Pipe<'_, F> {
    async fn hear(&mut self, clean: &[u8]) {
        if clean.is_empty() {
            return;
        }
        if let (None, Some(path)) = (&self.log, &self.limits.log) {
            self.log = Some(Log::create(path, self.limits.log_bytes, &self.limits.hurry).await);
        }
        if let Some(log) = &mut self.log {
            log.append(clean).await;
        }
        let Self { errors, said, fault, .. } = self;
        errors.lines.push(clean, &mut |line| tell(said, &mut |line| find_fault(fault, &line), line));
    }
}

/// Takes the first line that names an error, as the programs of databases write one: `pg_dump: error: …`,
/// `mariadb-dump: Got error: 1045: …`, `ERROR 1064 (42000) at line 1: …`. PostgreSQL's says on a later
/// line what the server said.
fn find_fault(fault: &mut Option<String>, line: &str) {
    const FROM_SERVER: &str = "Error message from server: ";
    let line = line.trim();
    match fault {
        None if line.contains("warning:") => {}
        None if line.to_ascii_lowercase().contains("error:") || line.starts_with("ERROR ") => {
            *fault = Some(line.to_owned());
        }
        Some(first) if !first.contains(FROM_SERVER) => {
            if let Some(at) = line.find(FROM_SERVER) {
                first.push_str(": ");
                first.push_str(&line[at..]);
            }
        }
        _ => {}
    }
}

impl<F: FnMut(&[u8]) -> io::Result<()> + Send> Sink for Pipe<'_, F> {
    async fn take(&mut self, from: Stream, bytes: &[u8]) {
        match from {
            Stream::Err => {
                let clean = self.errors.clean.push(bytes);
                self.hear(&clean).await;
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
    async fn the_error_is_told_and_not_the_statement_that_is_said_last_and_the_log_has_all_of_it() {
        let cases = [
            (
                &[
                    "pg_dump: warning: an error: of nobody",
                    "pg_dump: error: query failed: ERROR:  no right",
                    "pg_dump: detail: Query was: LOCK TABLE staff",
                ][..],
                "pg_dump: error: query failed: ERROR:  no right",
            ),
            (
                &[
                    "pg_dump: error: Dumping table \"a\" failed: PQgetResult() failed.",
                    "pg_dump: detail: Error message from server: ERROR:  missing chunk",
                    "pg_dump: detail: Command was: COPY",
                ],
                "pg_dump: error: Dumping table \"a\" failed: PQgetResult() failed.: Error message from server: ERROR:  \
                 missing chunk",
            ),
            (
                &["mysqldump: Got error: 1045: \"denied\" when trying to connect", ""],
                "mysqldump: Got error: 1045: \"denied\" when trying to connect",
            ),
            (&["--------------", "ERROR 1064 (42000) at line 3: wrong", "Bye"], "ERROR 1064 (42000) at line 3: wrong"),
            (&["first", "last word", " "], "last word"),
        ];
        let scratch = tempfile::tempdir().expect("scratch");
        for (index, (lines, told)) in cases.into_iter().enumerate() {
            let log = scratch.path().join(index.to_string());
            // More than what is remembered of the end comes after it.
            let after = if told.to_lowercase().contains("error") { 60 } else { 0 };
            let script = format!("cat >&2 << 'END'\n{}\nEND\nyes '' | head -n {after} >&2; exit 1", lines.join("\n"));
            let limits = Limits::new(Duration::from_mins(1)).log(&log);
            let invocation = Invocation::new(["sh", "-c", &script]);
            let piped =
                pipe(&invocation, None, &limits, &CancellationToken::new(), |_| Ok(())).await.expect("sh starts");
            assert!(piped.why().ends_with(&format!(": {told}")), "{}", piped.why());
            let kept = std::fs::read_to_string(&log).expect("the log");
            assert!(lines.iter().all(|line| kept.contains(line)), "{kept}");
        }
        let (log, quiet) = (scratch.path().join("quiet"), Invocation::new(["true"]));
        let limits = Limits::new(Duration::from_mins(1)).log(&log);
        pipe(&quiet, None, &limits, &CancellationToken::new(), |_| Ok(())).await.expect("it starts");
        assert!(!log.exists(), "whoever says nothing needs no log");
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

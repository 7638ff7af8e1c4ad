//! The record of a run, written on a thread of its own: the disk it goes to may hang, and
//! neither the start of the command nor its end waits long for it.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::note;
use crate::scheduler::spool;

/// How long the command waits for the word that it begins to be on the disk.
const BEFORE: Duration = Duration::from_millis(100);
/// How long the end of the wrapper waits for the whole record to be.
const AFTER: Duration = Duration::from_secs(5);

/// The record of one run, as far as it has come.
#[derive(Debug)]
pub(super) struct Record {
    task: String,
    begun: oneshot::Receiver<()>,
    end: oneshot::Sender<spool::End>,
    /// Answers when nothing is left to write, well or not.
    written: oneshot::Receiver<()>,
}

impl Record {
    /// Begins to record a run where `place` says, which may take its time to find out.
    pub(super) fn begin(start: spool::Start, place: impl FnOnce() -> PathBuf + Send + 'static) -> Option<Self> {
        let task = start.task.clone();
        let (tell_begun, begun) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let (tell_written, written) = oneshot::channel();
        let name = task.clone();
        let work = move || {
            write(&name, start, &spool::directory(&place()), tell_begun, ended);
            let _ = tell_written.send(());
        };
        match std::thread::Builder::new().name("rounds-record".to_owned()).spawn(work) {
            Ok(_detached) => Some(Self { task, begun, end, written }),
            Err(error) => {
                note(format_args!("the run of `{task}` is not recorded: {error}"));
                None
            }
        }
    }

    /// Gives the record a moment to begin.
    pub(super) async fn settle(&mut self) {
        // One that takes longer may still come: its start is dated before the command's.
        let _ = timeout(BEFORE, &mut self.begun).await;
    }

    /// Writes how the run ended.
    pub(super) async fn end(self, end: spool::End) {
        // Nobody to take it: the beginning could not be written, and that was said.
        let _ = self.end.send(end);
        if timeout(AFTER, self.written).await.is_err() {
            note(format_args!("the run of `{}` is not recorded: the disk of its record does not answer", self.task));
        }
    }
}

fn write(
    task: &str,
    start: spool::Start,
    directory: &std::path::Path,
    begun: oneshot::Sender<()>,
    ended: oneshot::Receiver<spool::End>,
) {
    let entry = match spool::Entry::begin(directory, start) {
        Ok(entry) => entry,
        Err(error) => {
            note(format_args!("the run of `{task}` is not recorded in {}: {error}", directory.display()));
            return;
        }
    };
    let _ = begun.send(());
    // Without an end the wrapper is gone, and what is written says so.
    let Ok(end) = ended.blocking_recv() else { return };
    if let Err(error) = entry.end(end) {
        note(format_args!("the end of `{task}` is not recorded: {error}"));
    }
}

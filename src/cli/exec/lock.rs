//! One run of a task at a time: whoever begins takes a lock on a file of the task, and who finds it
//! taken goes away or waits. The lock is the kernel's, so that it ends with the wrapper whatever
//! becomes of it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::mpsc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::{Signals, note, ring};
use crate::platform::file::{private, private_directory};

/// How long the disk may take to show the file of the lock. After that the command runs without.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is done while another run of the task is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// This one does not begin.
    Skip,
    /// It begins when the other is over, unless that takes longer than this.
    Wait(Option<Duration>),
}

impl FromStr for Overlap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "skip" => Ok(Overlap::Skip),
            None if text == "wait" => Ok(Overlap::Wait(None)),
            Some(("wait", most)) => crate::cli::duration(most).map(|most| Overlap::Wait(Some(most))),
            _ => Err("write skip, wait, or how long at most, such as wait:10m".to_owned()),
        }
    }
}

/// What came of asking for the lock.
#[derive(Debug)]
pub(super) enum Gate {
    /// Nobody else runs it for as long as this is held; without a file nobody can tell.
    Open(Option<File>),
    /// Another run was not over, and why this one did not wait any longer.
    Shut(String),
    /// This wrapper was told to end while it waited.
    Stopped(i32),
}

/// The state directory, found on a thread of its own and waited for there.
pub(super) type Place = mpsc::Receiver<PathBuf>;

/// Takes the lock of a task below the directory that `place` finds.
pub(super) async fn pass(
    task: &str,
    overlap: Overlap,
    place: impl FnOnce() -> PathBuf + Send + 'static,
    signals: &mut Signals,
) -> (Gate, Place) {
    let (tell_place, found) = mpsc::channel();
    let (tell_opened, opened) = oneshot::channel();
    let (tell_locked, locked) = oneshot::channel();
    let name = name(task);
    let work = move || {
        let directory = place();
        // Whoever writes the record may not have come to ask yet.
        let _ = tell_place.send(directory.clone());
        let file = match open(&directory.join("locks"), &name) {
            Ok(file) => file,
            Err(error) => {
                let _ = tell_opened.send(Err(error));
                return;
            }
        };
        let free = match file.try_lock() {
            Ok(()) => true,
            Err(std::fs::TryLockError::WouldBlock) => false,
            Err(std::fs::TryLockError::Error(error)) => {
                let _ = tell_opened.send(Err(error));
                return;
            }
        };
        let _ = tell_opened.send(Ok(free));
        let waits = matches!(overlap, Overlap::Wait(_));
        if free || (waits && file.lock().is_ok()) {
            let _ = tell_locked.send(file);
        }
    };
    let without = |why: &dyn std::fmt::Display| {
        note(format_args!("nothing keeps another run of `{task}` from beginning meanwhile: {why}"));
        Gate::Open(None)
    };
    if let Err(error) = std::thread::Builder::new().name("rounds-lock".to_owned()).spawn(work) {
        return (without(&error), found);
    }
    let free = match timeout(PATIENCE, opened).await {
        Ok(Ok(Ok(free))) => free,
        Ok(Ok(Err(error))) => return (without(&error), found),
        Ok(Err(_gone)) => return (without(&"its thread ended"), found),
        Err(_elapsed) => return (without(&"the disk of its lock does not answer"), found),
    };
    let gate = match overlap {
        Overlap::Skip if !free => Gate::Shut("another run is not over".to_owned()),
        _ => {
            let most = match overlap {
                Overlap::Wait(most) if !free => most.map(|most| Instant::now() + most),
                _ => None,
            };
            tokio::select! {
                file = locked => match file {
                    Ok(file) => Gate::Open(Some(file)),
                    Err(_gone) => without(&"the lock cannot be waited for"),
                },
                () = ring(most) => Gate::Shut("another run was not over in time".to_owned()),
                signal = signals.next() => Gate::Stopped(Signals::number(signal)),
            }
        }
    };
    (gate, found)
}

fn open(directory: &Path, name: &str) -> io::Result<File> {
    private_directory().recursive(true).create(directory)?;
    private().create(true).truncate(false).write(true).open(directory.join(name))
}

/// A name for the file of a task, which may be called anything.
fn name(task: &str) -> String {
    let digest = Sha256::digest(task.as_bytes());
    let number = digest.iter().take(16).fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    format!("exec-{number:032x}.lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_is_one_of_two_words() {
        assert_eq!("skip".parse(), Ok(Overlap::Skip));
        assert_eq!("wait".parse(), Ok(Overlap::Wait(None)));
        assert_eq!("wait:10m".parse(), Ok(Overlap::Wait(Some(Duration::from_mins(10)))));
        for wrong in ["", "allow", "wait:", "wait:5", "skip:5m", "Wait"] {
            assert!(wrong.parse::<Overlap>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_task_has_a_file_of_its_own_whatever_it_is_called() {
        let names = ["a", "b", "../../etc/passwd", "a/b", "é \n", ""].map(name);
        let unlike: std::collections::BTreeSet<&String> = names.iter().collect();
        assert_eq!(unlike.len(), names.len());
        assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c))));
    }
}

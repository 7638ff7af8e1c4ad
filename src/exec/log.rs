//! The log file of a run: everything it printed, as it was printed, up to a bound.
//!
//! A log that cannot be written never stops the run, nor does one whose disk does not answer: it
//! may be what the operator is just mending. The note says what is missing.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::domain::{humanize, sanitize};
use crate::platform::file;

/// How long its disk may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same for whoever cannot wait.
const HURRYING: Duration = Duration::from_millis(500);

/// A log file, or none.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: Option<File>,
    /// Bytes it still takes.
    room: u64,
    left_out: u64,
    note: Option<String>,
    hurry: CancellationToken,
}

impl Log {
    pub(super) fn none() -> Self {
        let hurry = CancellationToken::new();
        Self { path: PathBuf::new(), file: None, room: 0, left_out: 0, note: None, hurry }
    }

    /// Makes a new file that only its owner reads, with its directory. One that exists, or a link
    /// in its place, is not touched.
    pub(super) async fn create(path: &Path, bytes: u64, hurry: &CancellationToken) -> Self {
        let mut log = Self { path: path.to_owned(), room: bytes, hurry: hurry.clone(), ..Self::none() };
        let path = path.to_owned();
        let made = patiently(&log.hurry, async { tokio::task::spawn_blocking(move || new(&path)).await? }).await;
        match made {
            Ok(file) => log.file = Some(File::from_std(file)),
            Err(error) => log.fail("created", &error),
        }
        log
    }

    pub(super) async fn append(&mut self, bytes: &[u8]) {
        let Some(file) = &mut self.file else { return };
        let kept = usize::try_from(self.room).unwrap_or(usize::MAX).min(bytes.len());
        self.room -= kept as u64;
        self.left_out += (bytes.len() - kept) as u64;
        if kept > 0
            && let Err(error) = patiently(&self.hurry, file.write_all(&bytes[..kept])).await
        {
            self.fail("written", &error);
        }
    }

    /// Ends the file; returns why it is not complete, if it is not.
    pub(super) async fn close(mut self) -> Option<String> {
        if self.left_out > 0 {
            let note = format!("{} more were printed and not kept", humanize::bytes(self.left_out as f64));
            self.room = u64::MAX;
            self.append(format!("\n[{note}]\n").as_bytes()).await;
            self.note.get_or_insert(note);
        }
        if let Some(file) = &mut self.file
            && let Err(error) = patiently(&self.hurry, file.flush()).await
        {
            self.fail("written", &error);
        }
        self.note
    }

    fn fail(&mut self, what: &str, error: &io::Error) {
        self.file = None;
        let path = sanitize::line(&self.path.to_string_lossy());
        self.note = Some(format!("the log `{path}` could not be {what}: {error}"));
    }
}

/// May block for as long as the disk hangs.
fn new(path: &Path) -> io::Result<std::fs::File> {
    if let Some(directory) = path.parent() {
        file::create_private_directory(directory)?;
    }
    file::private().write(true).create_new(true).open(path)
}

/// Waits for the disk, but not for ever.
async fn patiently<T>(hurry: &CancellationToken, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let hurried = async {
        hurry.cancelled().await;
        sleep(HURRYING).await;
    };
    let why = tokio::select! {
        biased;
        done = work => return done,
        () = sleep(PATIENCE) => format!("no answer within {}", humanize::duration(PATIENCE)),
        () = hurried => "no answer in time".to_owned(),
    };
    Err(io::Error::new(io::ErrorKind::TimedOut, why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_does_not_answer_is_not_waited_for() {
        let (begun, hurry) = (Instant::now(), CancellationToken::new());
        let never = || std::future::pending::<io::Result<()>>();
        let error = patiently(&hurry, never()).await.expect_err("it never answers");
        assert_eq!((error.to_string().as_str(), begun.elapsed()), ("no answer within 5.0 s", PATIENCE));
        hurry.cancel();
        assert!(patiently(&hurry, never()).await.is_err());
        assert_eq!(begun.elapsed(), PATIENCE + HURRYING);
        assert!(patiently(&hurry, async { Ok(()) }).await.is_ok(), "what answers at once is in time");
    }
}

//! The log file of a run: everything it printed, as it was printed, up to a bound.
//!
//! A log that cannot be written never stops the run: the disk may be full because of what the
//! operator is just mending. The note says what is missing.

use std::path::{Path, PathBuf};

use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

use crate::domain::{humanize, sanitize};
use crate::platform;

/// A log file, or none.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: Option<File>,
    /// Bytes it still takes.
    room: u64,
    left_out: u64,
    note: Option<String>,
}

impl Log {
    pub(super) fn none() -> Self {
        Self { path: PathBuf::new(), file: None, room: 0, left_out: 0, note: None }
    }

    /// Makes a new file that only its owner reads. One that exists, or a link in its place, is
    /// not touched.
    pub(super) async fn create(path: &Path, bytes: u64) -> Self {
        let mut options = OpenOptions::from(platform::file::private());
        options.write(true).create_new(true);
        let mut log = Self { path: path.to_owned(), room: bytes, ..Self::none() };
        match options.open(path).await {
            Ok(file) => log.file = Some(file),
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
            && let Err(error) = file.write_all(&bytes[..kept]).await
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
            && let Err(error) = file.flush().await
        {
            self.fail("written", &error);
        }
        self.note
    }

    fn fail(&mut self, what: &str, error: &std::io::Error) {
        self.file = None;
        let path = sanitize::line(&self.path.to_string_lossy());
        self.note = Some(format!("the log `{path}` could not be {what}: {error}"));
    }
}

//! A file that is read while it is still being written: its reader is never ahead of its writer,
//! waits where the writer waits, and knows the end of the file from a pause in it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// How far the writer came.
#[derive(Debug, Default)]
struct Trail {
    so_far: Mutex<SoFar>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct SoFar {
    written: u64,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Whole,
    /// Nobody wants to know what was written any more.
    GivenUp,
}

impl Trail {
    fn change(&self, change: impl FnOnce(&mut SoFar)) {
        change(&mut self.so_far.lock().unwrap_or_else(PoisonError::into_inner));
        self.moved.notify_one();
    }

    /// How much may be read behind `at`; nothing at the end of the file.
    fn behind(&self, at: u64) -> io::Result<u64> {
        let mut so_far = self.so_far.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match so_far.end {
                Some(End::GivenUp) => return Err(io::Error::other("it was given up")),
                _ if so_far.written > at => return Ok(so_far.written - at),
                Some(End::Whole) => return Ok(0),
                None => so_far = self.moved.wait(so_far).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// Writes a file and lets its reader know. Dropping it gives the file up.
#[derive(Debug)]
pub(super) struct Writer {
    file: File,
    trail: Arc<Trail>,
}

impl Writer {
    /// What was written is all there is.
    pub(super) fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        self.trail.change(|so_far| so_far.end = Some(End::Whole));
        Ok(())
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.trail.change(|so_far| so_far.written += written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.trail.change(|so_far| so_far.end = so_far.end.or(Some(End::GivenUp)));
    }
}

/// Reads what the writer wrote, from the file.
#[derive(Debug)]
pub(super) struct Reader {
    file: File,
    trail: Arc<Trail>,
    at: u64,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let there = usize::try_from(self.trail.behind(self.at)?).unwrap_or(usize::MAX);
        let most = buffer.len().min(there);
        let read = self.file.read(&mut buffer[..most])?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Both ends of a file at `path`, which `file` is open to write to and empty.
pub(super) fn ends(path: &Path, file: File) -> io::Result<(Writer, Reader)> {
    let trail = Arc::new(Trail::default());
    let reader = Reader { file: File::open(path)?, trail: Arc::clone(&trail), at: 0 };
    Ok((Writer { file, trail }, reader))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> (tempfile::TempDir, Writer, Reader) {
        let scratch = tempfile::tempdir().expect("scratch");
        let path = scratch.path().join("data");
        let file = File::create_new(&path).expect("new");
        let (writer, reader) = ends(&path, file).expect("ends");
        (scratch, writer, reader)
    }

    #[test]
    fn a_reader_waits_for_its_writer_and_reads_to_the_end() {
        let (_scratch, mut writer, mut reader) = scratch();
        let reading = std::thread::spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).map(|_| all)
        });
        for piece in [&b"one, "[..], b"two, ", b"three"] {
            writer.write_all(piece).expect("write");
            std::thread::yield_now();
        }
        writer.finish().expect("finish");
        assert_eq!(reading.join().expect("joined").expect("read"), b"one, two, three");
    }

    #[test]
    fn a_reader_of_what_is_given_up_never_takes_it_for_the_end() {
        let (_scratch, mut writer, mut reader) = scratch();
        writer.write_all(b"half of it").expect("write");
        drop(writer);
        let mut all = Vec::new();
        reader.read_to_end(&mut all).expect_err("given up");
    }
}

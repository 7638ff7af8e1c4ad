//! The pipes a command writes into, and our own outputs, past all buffers.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::windows::io::AsHandle;

use tokio::process::{ChildStderr, ChildStdout};

/// One end of a pipe, or what stands for one. Whether something lies in it cannot be asked
/// here: a read waits.
#[derive(Debug)]
pub(in crate::cli::exec) struct Pipe(File);

impl Pipe {
    pub(in crate::cli::exec) fn of_stdout(from: ChildStdout) -> Option<Self> {
        Some(Self(File::from(from.into_owned_handle().ok()?)))
    }

    pub(in crate::cli::exec) fn of_stderr(from: ChildStderr) -> Option<Self> {
        Some(Self(File::from(from.into_owned_handle().ok()?)))
    }

    #[expect(clippy::unused_self, reason = "other systems can ask")]
    pub(in crate::cli::exec) fn is_readable(&self) -> bool {
        true
    }

    #[expect(clippy::unused_self, reason = "other systems can ask")]
    pub(in crate::cli::exec) fn is_writable(&self) -> bool {
        true
    }

    /// Nothing here can take it over: the stream ends with the command.
    pub(in crate::cli::exec) fn go_on_into(self, to: Pipe) {
        drop((self, to));
    }

    /// As much as a pipe holds.
    #[expect(clippy::unused_self, reason = "other systems can ask")]
    pub(in crate::cli::exec) fn unread(&self) -> u64 {
        64 * 1024
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A handle of our own on our standard output.
pub(in crate::cli::exec) fn stdout() -> Option<Pipe> {
    own(&io::stdout())
}

/// A handle of our own on our standard error.
pub(in crate::cli::exec) fn stderr() -> Option<Pipe> {
    own(&io::stderr())
}

fn own(stream: &impl AsHandle) -> Option<Pipe> {
    stream.as_handle().try_clone_to_owned().ok().map(|handle| Pipe(File::from(handle)))
}

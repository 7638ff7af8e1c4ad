//! The pipes a command writes into, and our own outputs, past all buffers.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::process::{ChildStderr, ChildStdout};

use crate::cli::exec::note;

/// How often a silent stream is asked whether its command has ended.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// One end of a pipe, or what stands for one.
#[derive(Debug)]
pub(in crate::cli::exec) struct Pipe(File);

impl Pipe {
    pub(in crate::cli::exec) fn of_stdout(from: ChildStdout) -> Option<Self> {
        Some(Self(File::from(from.into_owned_fd().ok()?)))
    }

    pub(in crate::cli::exec) fn of_stderr(from: ChildStderr) -> Option<Self> {
        Some(Self(File::from(from.into_owned_fd().ok()?)))
    }

    /// Waits a moment for something to read.
    pub(in crate::cli::exec) fn is_readable(&self) -> bool {
        self.is_ready(PollFlags::IN)
    }

    /// Waits a moment for room to write.
    pub(in crate::cli::exec) fn is_writable(&self) -> bool {
        self.is_ready(PollFlags::OUT)
    }

    /// How many bytes lie in it.
    pub(in crate::cli::exec) fn unread(&self) -> u64 {
        rustix::io::ioctl_fionread(&self.0).unwrap_or(0)
    }

    /// Lets a process of its own pass on what still comes, for as long as somebody may write. It
    /// ends with the last writer or with the reader, and nobody waits for it.
    pub(in crate::cli::exec) fn go_on_into(self, to: Pipe) {
        // The one program that every such system has; the search for `cat` must not depend on a
        // PATH that was made for the command.
        #[expect(clippy::disallowed_methods, reason = "it outlives this process, which `exec` allows nobody")]
        let mut cat = std::process::Command::new("/bin/sh");
        cat.args(["-c", "PATH=/usr/bin:/bin exec cat"]).stdin(self.0).stdout(to.0).stderr(Stdio::null());
        // In no folder and no group in which it could be in the way.
        cat.current_dir("/").process_group(0);
        if let Err(error) = cat.spawn() {
            note(format_args!("what the command left behind can no longer be heard: {error}"));
        }
    }

    /// One that cannot be waited for is ready.
    fn is_ready(&self, what: PollFlags) -> bool {
        match poll(&mut [PollFd::new(&self.0, what)], Some(&PAUSE)) {
            Ok(ready) => ready > 0,
            Err(rustix::io::Errno::INTR) => false,
            Err(_) => true,
        }
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

fn own(stream: &impl AsFd) -> Option<Pipe> {
    stream.as_fd().try_clone_to_owned().ok().map(|fd: OwnedFd| Pipe(File::from(fd)))
}

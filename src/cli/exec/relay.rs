//! Output on its way from the command to its reader, with a copy of its beginning and end.
//!
//! Each stream has a thread that does nothing but read and write, so that order within the
//! stream and pressure from a slow reader are what they would be without us.
//!
//! A command may leave a process behind that goes on writing. Without us its output would still
//! arrive, and nobody would wait for it to know how the command ended. So what is open when the
//! command has ended is handed to a process that does nothing but pass on; it is part of no
//! record.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::process::{ChildStderr, ChildStdout};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::system::{self, Pipe};

/// How long what the command left behind may finish its sentence for the record, such as the
/// `tee` of a shell.
const LINGER: Duration = Duration::from_millis(100);

/// Where a read cannot be left: how long nothing comes until the command has said all.
const QUIET: Duration = Duration::from_secs(1);
/// For how many of those others may talk on, where they cannot be told from the command.
const MOST_WAITS: u32 = 10;

/// The two streams of one command.
#[derive(Debug)]
pub(super) struct Relays {
    shared: Arc<Shared>,
    streams: Vec<Stream>,
}

#[derive(Debug)]
struct Stream {
    done: oneshot::Receiver<()>,
    /// One more with each end of a read and each end of a write: odd while it writes.
    turns: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Shared {
    excerpt: Mutex<Excerpt>,
    /// The command has ended; whoever still writes is not it.
    ended: AtomicBool,
}

impl Relays {
    pub(super) fn start(stdout: Option<ChildStdout>, stderr: Option<ChildStderr>) -> Self {
        let shared = Arc::<Shared>::default();
        let stdout = stdout.and_then(Pipe::of_stdout).map(|from| (from, system::stdout()));
        let stderr = stderr.and_then(Pipe::of_stderr).map(|from| (from, system::stderr()));
        let streams = [stdout, stderr].into_iter().flatten();
        let streams = streams.filter_map(|(from, to)| {
            let (tell, done) = oneshot::channel();
            let turns = Arc::<AtomicU64>::default();
            let (shared, counter) = (Arc::clone(&shared), Arc::clone(&turns));
            let relay = move || {
                if let Some((from, to)) = shared.relay(from, to, &counter) {
                    from.go_on_into(to);
                }
                // Nobody waits any more when the wrapper was told to hurry.
                let _ = tell.send(());
            };
            std::thread::Builder::new().name("relay".to_owned()).spawn(relay).ok()?;
            Some(Stream { done, turns })
        });
        let streams = streams.collect();
        Self { shared, streams }
    }

    /// Waits until what the command wrote before its end has been passed on, and somebody else
    /// passes on what a process that it left behind still writes.
    pub(super) async fn finish(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        for stream in &mut self.streams {
            stream.finish().await;
        }
    }

    /// The copy.
    pub(super) fn output(&self) -> String {
        self.shared.excerpt.lock().unwrap_or_else(PoisonError::into_inner).text()
    }
}

impl Stream {
    /// Where a read cannot be left, it is given up once nothing has come for a while, or others
    /// have talked for long; never while something is on its way to a slow reader.
    async fn finish(&mut self) {
        let mut waits = 0;
        loop {
            let before = self.turns.load(Ordering::Acquire);
            // An error says that the thread is gone, which is as good.
            if timeout(QUIET, &mut self.done).await.is_ok() {
                return;
            }
            let turns = self.turns.load(Ordering::Acquire);
            if system::READS_CANNOT_BE_LEFT && turns.is_multiple_of(2) {
                waits += 1;
                if turns == before || waits == MOST_WAITS {
                    return;
                }
            }
        }
    }
}

impl Shared {
    /// Passes on until the end of the stream, or of the command: then what is still open.
    fn relay(&self, mut from: Pipe, mut to: Option<Pipe>, turns: &AtomicU64) -> Option<(Pipe, Pipe)> {
        let mut buffer = vec![0; 64 * 1024];
        // Once the command has ended: until when others may go on, and what is still its own.
        let mut rest: Option<(Instant, u64)> = None;
        loop {
            let readable = from.is_readable();
            if rest.is_none() && self.ended.load(Ordering::Acquire) {
                rest = Some((Instant::now() + LINGER, from.unread()));
            }
            if !readable {
                if rest.is_some() {
                    return Some((from, to?));
                }
                continue;
            }
            let read = match from.read(&mut buffer) {
                Ok(0) => return None,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return None,
            };
            self.excerpt.lock().unwrap_or_else(PoisonError::into_inner).push(&buffer[..read]);
            turns.fetch_add(1, Ordering::AcqRel);
            // A reader that went away must not take the command with it.
            if to.as_mut().is_some_and(|to| write(to, &buffer[..read]).is_err()) {
                to = None;
            }
            turns.fetch_add(1, Ordering::AcqRel);
            if let Some((until, own)) = &mut rest {
                *own = own.saturating_sub(read as u64);
                if *own == 0 && Instant::now() >= *until {
                    return Some((from, to?));
                }
            }
        }
    }
}

/// Writes everything, also to a reader that asked not to be waited for.
fn write(to: &mut Pipe, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                to.is_writable();
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The first and the last of everything, whatever there was between.
#[derive(Debug, Default)]
struct Excerpt {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    omitted: u64,
}

impl Excerpt {
    const HEAD: usize = 16 * 1024;
    const TAIL: usize = 64 * 1024;

    fn push(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(Self::HEAD - self.head.len()));
        self.head.extend(head);
        let kept = &rest[rest.len().saturating_sub(Self::TAIL)..];
        let dropped = (self.tail.len() + kept.len()).saturating_sub(Self::TAIL);
        self.tail.drain(..dropped);
        self.tail.extend(kept);
        self.omitted += (dropped + rest.len() - kept.len()) as u64;
    }

    fn text(&self) -> String {
        let mut bytes = self.head.clone();
        if self.omitted > 0 {
            bytes.extend(format!("\n… {} bytes omitted …\n", self.omitted).bytes());
        }
        bytes.extend(&self.tail);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_excerpt_keeps_both_ends_and_counts_the_middle() {
        let all: Vec<u8> = (0..200_000_u32).map(|n| b'a' + (n % 23) as u8).collect();
        for step in [1, 7, 4096, 65_536, 200_000] {
            let mut excerpt = Excerpt::default();
            all.chunks(step).for_each(|chunk| excerpt.push(chunk));
            let omitted = 200_000 - Excerpt::HEAD - Excerpt::TAIL;
            let text = excerpt.text();
            let (head, tail) = text.split_once(&format!("\n… {omitted} bytes omitted …\n")).expect("the mark");
            assert_eq!(head.as_bytes(), &all[..Excerpt::HEAD], "in steps of {step}");
            assert_eq!(tail.as_bytes(), &all[all.len() - Excerpt::TAIL..], "in steps of {step}");
        }
    }

    #[test]
    fn short_output_is_kept_whole() {
        let mut excerpt = Excerpt::default();
        excerpt.push(b"one\n");
        excerpt.push(b"two \xff\n");
        assert_eq!(excerpt.text(), "one\ntwo \u{fffd}\n");
    }
}

//! A program in a pseudo terminal, and what that terminal would show. Shared by the tests and
//! the benches, which also want to know when each byte came.

#![allow(dead_code, reason = "the tests and the benches each need another part of it")]
#![expect(clippy::disallowed_methods, reason = "what a terminal shows is timed from outside, by the real clock")]
#![expect(clippy::panic, reason = "a screen that never comes is shown as it is instead")]

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal};
use vt100::{Parser, Screen};

/// How often a screen is looked at before it is given up, and how long each look waits.
pub(crate) const LOOKS: usize = 600;
const LOOK: Duration = Duration::from_millis(50);

/// A program in a terminal of ours.
pub(crate) struct Pty {
    /// `None` once the terminal has been closed, as the writer.
    master: Option<Box<dyn MasterPty + Send>>,
    writer: Option<Box<dyn Write + Send>>,
    child: Box<dyn Child + Send + Sync>,
    output: Receiver<Chunk>,
    parser: Parser,
    /// When the program was started.
    pub(crate) started: Instant,
    /// When it closed the terminal, once it has.
    pub(crate) closed: Option<Instant>,
    /// How many bytes it has written.
    pub(crate) bytes: u64,
    /// The bytes themselves, up to [`KEPT`].
    pub(crate) written: Vec<u8>,
    /// The line discipline before it started.
    before: String,
    /// The reader has a handle of its own on the terminal, and lets go of it after this.
    let_go: Arc<AtomicBool>,
}

/// How much of what was written is kept.
const KEPT: usize = 64 << 20;

/// What the program wrote at once, and when; nothing when it closed the terminal.
struct Chunk {
    at: Instant,
    bytes: Vec<u8>,
}

impl Pty {
    pub(crate) fn start(command: CommandBuilder, rows: u16, cols: u16) -> Self {
        let pair = native_pty_system().openpty(size(rows, cols)).expect("a pseudo terminal");
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let before = discipline(&*pair.master);
        let (send, output) = channel();
        let let_go = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&let_go);
        std::thread::spawn(move || {
            let mut buffer = [0; 16384];
            loop {
                let count = reader.read(&mut buffer).unwrap_or(0);
                let chunk = Chunk { at: Instant::now(), bytes: buffer[..count].to_vec() };
                if over.load(Ordering::SeqCst) || send.send(chunk).is_err() || count == 0 {
                    break;
                }
            }
        });
        let writer = pair.master.take_writer().expect("a writer");
        let started = Instant::now();
        let child = pair.slave.spawn_command(command).expect("the program starts");
        Self {
            master: Some(pair.master),
            writer: Some(writer),
            child,
            output,
            parser: Parser::new(cells(rows), cells(cols), 0),
            started,
            closed: None,
            bytes: 0,
            written: Vec::new(),
            before,
            let_go,
        }
    }

    /// Shows what the program wrote within one look.
    pub(crate) fn look(&mut self) {
        self.look_for(LOOK);
    }

    /// Shows what the program wrote next, if it wrote anything within `patience`; says when.
    pub(crate) fn look_for(&mut self, patience: Duration) -> Option<Instant> {
        match self.output.recv_timeout(patience) {
            Ok(chunk) if chunk.bytes.is_empty() => {
                self.closed = Some(chunk.at);
                None
            }
            Ok(chunk) => {
                self.bytes += chunk.bytes.len() as u64;
                self.parser.process(&chunk.bytes);
                self.answer(&chunk.bytes);
                if self.written.len() < KEPT {
                    self.written.extend(&chunk.bytes);
                }
                Some(chunk.at)
            }
            Err(RecvTimeoutError::Timeout) => None,
            // The program closed the terminal and is about to end.
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(patience);
                None
            }
        }
    }

    /// Answers what a terminal is asked, as every real one does: where the cursor is, and what
    /// kind it is. Who is not answered waits for seconds.
    fn answer(&mut self, bytes: &[u8]) {
        let asked = |question: &[u8]| bytes.windows(question.len()).any(|window| window == question);
        if asked(b"\x1b[6n") {
            let (row, column) = self.screen().cursor_position();
            self.type_keys(&format!("\x1b[{};{}R", row + 1, column + 1));
        }
        if asked(b"\x1b[c") || asked(b"\x1b[0c") {
            self.type_keys("\x1b[?62;22c");
        }
    }

    pub(crate) fn screen(&self) -> &Screen {
        self.parser.screen()
    }

    /// What is on the screen.
    pub(crate) fn contents(&self) -> String {
        self.screen().contents()
    }

    /// Looks until the screen is as wanted, and says when it became so; `None` when it did not
    /// within `patience`.
    pub(crate) fn when(&mut self, patience: Duration, wanted: impl Fn(&Screen) -> bool) -> Option<Instant> {
        let mut at = Instant::now();
        let until = at + patience;
        loop {
            if wanted(self.screen()) {
                return Some(at);
            }
            at = self.look_for(until.checked_duration_since(Instant::now())?).unwrap_or(at);
            if self.closed.is_some() {
                return None;
            }
        }
    }

    /// Looks until the screen is as wanted.
    pub(crate) fn wait(&mut self, what: &str, wanted: impl Fn(&Screen) -> bool) {
        for _ in 0..LOOKS {
            if wanted(self.screen()) {
                return;
            }
            self.look();
        }
        panic!("{what} did not happen; the screen is\n{}", self.contents());
    }

    pub(crate) fn wait_gone(&mut self, text: &str) {
        self.wait(&format!("the end of `{text}`"), |screen| !screen.contents().contains(text));
    }

    pub(crate) fn wait_for(&mut self, text: &str) {
        self.wait(&format!("`{text}`"), |screen| screen.contents().contains(text));
    }

    pub(crate) fn type_keys(&mut self, keys: &str) {
        let writer = self.writer.as_mut().expect("the terminal is open");
        writer.write_all(keys.as_bytes()).expect("the terminal takes keys");
        writer.flush().expect("the terminal takes keys");
    }

    pub(crate) fn resize(&mut self, rows: u16, cols: u16) {
        self.master.as_ref().expect("the terminal is open").resize(size(rows, cols)).expect("a new size");
        self.parser.screen_mut().set_size(cells(rows), cells(cols));
    }

    /// Closes the terminal, as a window that is closed or a connection that breaks. The reader
    /// notices with the next second the dashboard paints.
    pub(crate) fn close(&mut self) {
        self.let_go.store(true, Ordering::SeqCst);
        self.writer = None;
        self.master = None;
    }

    /// How the line discipline differs from what it was before the program started.
    pub(crate) fn discipline_changed(&self) -> Option<String> {
        let now = discipline(&**self.master.as_ref()?);
        (now != self.before).then(|| format!("the line discipline is\n{now}\ninstead of\n{}", self.before))
    }

    /// The number of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.process_id().expect("it runs")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.pid().cast_signed()).expect("it runs");
        rustix::process::kill_process(id, signal).expect("it can be signalled");
    }

    /// Waits until the program has stopped: it gives the terminal back a moment before, and a
    /// CONT that comes in between would be lost.
    pub(crate) fn wait_until_stopped(&self) {
        let id = self.pid();
        for _ in 0..LOOKS {
            match std::fs::read_to_string(format!("/proc/{id}/stat")) {
                Ok(stat) if stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')) => return,
                Ok(_) => std::thread::sleep(LOOK),
                // No /proc to ask: long enough anywhere.
                Err(_) => return std::thread::sleep(LOOK * 20),
            }
        }
        panic!("it did not stop");
    }

    /// Waits for the program to end, and for the last of what it wrote.
    pub(crate) fn end(&mut self) -> ExitStatus {
        for _ in 0..LOOKS {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                while self.look_for(LOOK * 4).is_some() {}
                return status;
            }
            self.look();
        }
        panic!("it did not end; the screen is\n{}", self.contents());
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // Only this child of ours, and only if it was left behind.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The line discipline, as far as it can be compared.
fn discipline(master: &(dyn MasterPty + Send)) -> String {
    master.get_termios().map_or_else(String::new, |modes| {
        format!(
            "{:?} {:?} {:?} {:?} {:?}",
            modes.input_flags, modes.output_flags, modes.control_flags, modes.local_flags, modes.control_chars
        )
    })
}

fn size(rows: u16, cols: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).expect("a size")
}

//! The real program on a real pseudo terminal: what it shows, and that it always gives the
//! terminal back.

#![expect(clippy::panic, reason = "a screen that never comes is shown as it is instead")]

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::process::Signal;
use vt100::Parser;

/// How often a screen is looked at before it is given up, and how long each look waits.
const LOOKS: usize = 400;
const LOOK: Duration = Duration::from_millis(50);

/// A configuration that watches little and needs nothing.
const CONFIG: &str = r#"
version = 1
[system]
name = "pty"
title = "Pseudo Terminal"
timezone = "UTC"
"#;

/// The program in a terminal of ours.
struct Terminal {
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    output: Receiver<Vec<u8>>,
    screen: Parser,
    _folder: tempfile::TempDir,
}

impl Terminal {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let config = folder.path().join("config.toml");
        std::fs::write(&config, CONFIG).expect("the configuration");
        let size = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_rounds"));
        command.args(arguments(&config, folder.path()));
        command.env("TERM", "xterm-256color");
        command.env("HOME", folder.path());
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let (send, output) = channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut chunk) {
                if send.send(chunk[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let writer = pair.master.take_writer().expect("a writer");
        Self {
            master: pair.master,
            writer,
            child,
            output,
            screen: Parser::new(cells(40), cells(120), 0),
            _folder: folder,
        }
    }

    /// Shows what the program wrote within one look.
    fn look(&mut self) {
        match self.output.recv_timeout(LOOK) {
            Ok(bytes) => self.screen.process(&bytes),
            Err(RecvTimeoutError::Timeout) => {}
            // The program closed the terminal and is about to end.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(LOOK),
        }
    }

    /// Looks until the screen is as wanted.
    fn wait(&mut self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) {
        for _ in 0..LOOKS {
            if wanted(self.screen.screen()) {
                return;
            }
            self.look();
        }
        panic!("{what} did not happen; the screen is\n{}", self.screen.screen().contents());
    }

    fn wait_for(&mut self, text: &str) {
        self.wait(&format!("`{text}`"), |screen| screen.contents().contains(text));
    }

    fn type_keys(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).expect("the terminal takes keys");
        self.writer.flush().expect("the terminal takes keys");
    }

    fn resize(&mut self, rows: u16, cols: u16) {
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).expect("a new size");
        self.screen.screen_mut().set_size(cells(rows), cells(cols));
    }

    fn signal(&self, signal: Signal) {
        let id = self.child.process_id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
        rustix::process::kill_process(id.expect("it runs"), signal).expect("it can be signalled");
    }

    /// Waits until the program has stopped: it gives the terminal back a moment before, and a
    /// CONT that comes in between would be lost.
    fn wait_until_stopped(&self) {
        let id = self.child.process_id().expect("it runs");
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
    fn end(&mut self) -> ExitStatus {
        for _ in 0..LOOKS {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                while let Ok(bytes) = self.output.recv_timeout(LOOK * 4) {
                    self.screen.process(&bytes);
                }
                return status;
            }
            self.look();
        }
        panic!("it did not end; the screen is\n{}", self.screen.screen().contents());
    }

    /// Waits until the terminal is as the shell left it.
    fn wait_given_back(&mut self) {
        for _ in 0..LOOKS {
            if self.taken().is_none() {
                return;
            }
            self.look();
        }
        panic!("{}", self.taken().unwrap_or_default());
    }

    /// What has not been given back yet.
    fn taken(&self) -> Option<&'static str> {
        let screen = self.screen.screen();
        let modes = self.master.get_termios().map(|modes| format!("{:?}", modes.local_flags)).unwrap_or_default();
        [
            (screen.alternate_screen(), "still on the alternate screen"),
            (screen.hide_cursor(), "the cursor is still hidden"),
            (screen.bracketed_paste(), "bracketed paste is still on"),
            (screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None, "the mouse is still caught"),
            (!(modes.contains("ICANON") && modes.contains("ECHO")), "still in raw mode"),
        ]
        .into_iter()
        .find_map(|(taken, what)| taken.then_some(what))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Only this child of ours, and only if a failed test left it behind.
        let _ = self.child.kill();
    }
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).expect("a size")
}

fn arguments(config: &Path, folder: &Path) -> [String; 4] {
    let store = format!("sqlite:{}", folder.join("rounds.db").display());
    ["--config".to_owned(), config.display().to_string(), "--store".to_owned(), store]
}

#[test]
fn it_starts_shows_the_verdict_and_help_and_gives_the_terminal_back() {
    let mut terminal = Terminal::start();
    terminal.wait_for("Pseudo Terminal");
    terminal.wait("the verdict", |screen| {
        let contents = screen.contents();
        let second = contents.lines().nth(1).unwrap_or_default();
        ["READY", "WAITING"].iter().any(|word| second.contains(word))
    });
    terminal.type_keys("?");
    terminal.wait_for("help for where you are");
    terminal.type_keys("\u{1b}");
    terminal.wait("help to close", |screen| !screen.contents().contains("help for where you are"));
    terminal.type_keys("q");
    assert!(terminal.end().success());
    terminal.wait_given_back();
}

#[test]
fn it_follows_the_size_of_the_terminal() {
    let mut terminal = Terminal::start();
    terminal.wait_for("1 Needs attention");
    terminal.resize(5, 20);
    terminal.wait("a small screen", |screen| {
        let contents = screen.contents();
        let first = contents.lines().next().unwrap_or_default();
        ["READY", "NOT READY", "WAITING"].iter().any(|word| first.trim_start().starts_with(word))
    });
    terminal.resize(40, 120);
    terminal.wait_for("1 Needs attention");
    terminal.type_keys("q");
    assert!(terminal.end().success());
}

#[test]
fn a_signal_to_end_gives_the_terminal_back() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut terminal = Terminal::start();
        terminal.wait_for("Pseudo Terminal");
        terminal.signal(signal);
        terminal.end();
        terminal.wait_given_back();
    }
}

#[test]
fn to_the_shell_and_back_paints_everything_anew() {
    let mut terminal = Terminal::start();
    terminal.wait_for("Pseudo Terminal");
    terminal.type_keys("\u{1a}");
    terminal.wait_given_back();
    terminal.wait_until_stopped();
    terminal.signal(Signal::CONT);
    terminal.wait("its own screen", vt100::Screen::alternate_screen);
    terminal.wait_for("Pseudo Terminal");
    terminal.type_keys("q");
    assert!(terminal.end().success());
    terminal.wait_given_back();
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the program is run from outside")]
fn without_a_terminal_it_says_so_and_what_to_use_instead() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let config = folder.path().join("config.toml");
    std::fs::write(&config, CONFIG).expect("the configuration");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_rounds"))
        .args(arguments(&config, folder.path()))
        .env("HOME", folder.path())
        .output()
        .expect("the program starts");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{message}");
    assert!(message.contains("needs a terminal") && message.contains("rounds check"), "{message}");
    assert!(output.stdout.is_empty(), "frames went into the pipe");
}

//! The real program on a real pseudo terminal: what it shows, and that it always gives the
//! terminal back.

use std::ops::{Deref, DerefMut};
use std::path::Path;

use portable_pty::CommandBuilder;
use rustix::process::Signal;

use crate::support::pty::Pty;

/// A configuration that watches little and needs nothing.
const CONFIG: &str = r#"
version = 1
[system]
name = "pty"
title = "Pseudo Terminal"
timezone = "UTC"
"#;

/// The program in a terminal of ours.
pub(crate) struct Terminal {
    pty: Pty,
    _folder: Option<tempfile::TempDir>,
}

impl Terminal {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let config = folder.path().join("config.toml");
        std::fs::write(&config, CONFIG).expect("the configuration");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_rounds"));
        command.args(arguments(&config, folder.path()));
        command.env("HOME", folder.path());
        Self::run(command, Some(folder))
    }

    /// A command in a terminal of ours; `folder` is kept as long.
    pub(crate) fn run(mut command: CommandBuilder, folder: Option<tempfile::TempDir>) -> Self {
        command.env("TERM", "xterm-256color");
        Self { pty: Pty::start(command, 40, 120), _folder: folder }
    }
}

impl Deref for Terminal {
    type Target = Pty;

    fn deref(&self) -> &Pty {
        &self.pty
    }
}

impl DerefMut for Terminal {
    fn deref_mut(&mut self) -> &mut Pty {
        &mut self.pty
    }
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

//! The real program on a real pseudo terminal: what it shows, that it always ends, and that it
//! always gives the terminal back.

#![expect(clippy::panic, reason = "a screen that never comes is shown as it is instead")]

mod any_text;
mod bytes;
mod colors;
mod corpus;
mod panics;
mod pty;

use portable_pty::CommandBuilder;
pub(crate) use pty::Terminal;
use pty::{CONFIG, arguments, dashboard, folder, known_environment};
use rustix::process::Signal;

/// A check that never answers and will not be told to end.
const HANGING: &str = r#"
version = 1
[system]
name = "pty"
title = "Pseudo Terminal"
timezone = "UTC"
[[check]]
id = "stuck"
command = ["/bin/sh", "-c", "trap '' TERM HUP INT; while :; do sleep 1; done"]
timeout = "50s"
"#;

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
    terminal.wait_gone("help for where you are");
    terminal.quit();
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
    for (rows, cols) in [(1, 1), (200, 500), (2, 300), (60, 2)] {
        terminal.resize(rows, cols);
        terminal.look();
    }
    terminal.resize(40, 120);
    terminal.wait_for("1 Needs attention");
    terminal.quit();
}

#[test]
fn a_signal_to_end_gives_the_terminal_back() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let folder = folder(HANGING);
        let command = dashboard(folder.path());
        let mut terminal = Terminal::sized(command, Some(folder), 40, 120);
        terminal.wait_for("Pseudo Terminal");
        terminal.signal(signal);
        terminal.end();
        terminal.wait_given_back();
        terminal.wrote_only_its_own();
    }
}

#[test]
fn q_leaves_also_while_a_check_hangs() {
    let folder = folder(HANGING);
    let command = dashboard(folder.path());
    let mut terminal = Terminal::sized(command, Some(folder), 40, 120);
    terminal.wait_for("Pseudo Terminal");
    terminal.quit();
}

/// The hangup is what tells it; nohup takes that away, and the terminal has to be watched.
#[test]
fn a_terminal_that_is_closed_ends_it_with_and_without_the_hangup() {
    for ignored in [false, true] {
        let folder = folder(CONFIG);
        let mut command = CommandBuilder::new("/bin/sh");
        let trap = if ignored { "trap '' HUP; " } else { "" };
        command.args(["-c", &format!("{trap}exec \"$@\""), "sh", env!("CARGO_BIN_EXE_rounds")]);
        command.args(arguments(folder.path()));
        known_environment(&mut command, folder.path());
        let mut terminal = Terminal::sized(command, Some(folder), 40, 120);
        terminal.wait_for("1 Needs attention");
        terminal.close();
        terminal.end();
    }
}

#[test]
fn to_the_shell_and_back_paints_everything_anew() {
    let mut terminal = Terminal::start();
    terminal.wait_for("Pseudo Terminal");
    // By the key, and by somebody else.
    for by_key in [true, false] {
        if by_key {
            terminal.type_keys("\u{1a}");
        } else {
            terminal.signal(Signal::TSTP);
        }
        terminal.wait_given_back();
        terminal.wait_until_stopped();
        terminal.signal(Signal::CONT);
        terminal.wait("its own screen", vt100::Screen::alternate_screen);
        terminal.wait_for("Pseudo Terminal");
    }
    // Stopped without a word, it takes what somebody else may have changed meanwhile.
    terminal.signal(Signal::STOP);
    terminal.wait_until_stopped();
    terminal.signal(Signal::CONT);
    terminal.type_keys("?");
    terminal.wait_for("help for where you are");
    terminal.type_keys("\u{1b}");
    terminal.wait_gone("help for where you are");
    terminal.quit();
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the program is run from outside")]
fn without_a_terminal_it_says_so_and_what_to_use_instead() {
    let folder = folder(CONFIG);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_rounds"))
        .args(arguments(folder.path()))
        .env("HOME", folder.path())
        .output()
        .expect("the program starts");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{message}");
    assert!(message.contains("needs a terminal") && message.contains("rounds check"), "{message}");
    assert!(output.stdout.is_empty(), "frames went into the pipe");
}

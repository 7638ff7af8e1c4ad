//! A panic, while the terminal is ours: in the drawing it ends the program, told once and on a
//! terminal that is the shell's again; elsewhere the screen goes on. And a drawing that never
//! ends, which must not outlive its terminal.
//!
//! What panics runs in a process of its own: these tests start this very test binary again, in
//! a pseudo terminal, for one of the tests named `started_by_…`.

use std::io::Write as _;

use portable_pty::CommandBuilder;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use rounds::domain::board::Board;
use rounds::domain::inventory::Inventory;
use rounds::domain::time::{Timestamp, Zone};
use rounds::domain::update::Update;
use rounds::tui::app::{App, Effect, Setup};
use rounds::tui::command::Command;
use rounds::tui::keymap::{Context, Keymap};
use rounds::tui::pane::{Pane, Request, Selection, Snapshot};
use rounds::tui::screen::Screen;
use rounds::tui::theme::Theme;

use super::pty::{CONFIG, Terminal, folder, known_environment};
use crate::stories::world;

/// A pane that draws until it is told to go down; told to go to the end it draws for ever.
#[derive(Debug, Default)]
struct Fragile {
    broken: bool,
    endless: bool,
}

impl Pane for Fragile {
    fn title(&self) -> &'static str {
        "Fragile"
    }

    fn context(&self) -> Context {
        Context::Everywhere
    }

    fn caption(&self, _see: &Snapshot<'_>) -> Line<'static> {
        Line::default()
    }

    fn summary(&self, _see: &Snapshot<'_>) -> Line<'static> {
        Line::default()
    }

    fn selected(&self, _see: &Snapshot<'_>) -> Option<Selection> {
        None
    }

    fn update(&mut self, _see: &Snapshot<'_>, command: Command) -> Option<Request> {
        self.broken = command == Command::Down;
        self.endless = command == Command::Bottom;
        None
    }

    fn draw(&self, _see: &Snapshot<'_>, area: Rect, buffer: &mut Buffer) {
        assert!(!self.broken, "this pane cannot be drawn");
        if self.endless {
            loop {
                // Past the frame, which will never be shown, and into a terminal that may be gone.
                let _gone = std::io::stderr().write_all(b"for ever");
                std::thread::sleep(std::time::Duration::from_millis(500));
            }
        }
        buffer.set_string(area.x, area.y, "whole so far", ratatui::style::Style::new());
    }
}

/// A world in which nothing happens.
struct Still;

impl rounds::tui::World for Still {
    async fn next(&mut self) -> Update {
        std::future::pending().await
    }

    fn perform(&mut self, _effect: Effect) {}

    fn now(&self) -> Timestamp {
        world::at("2026-03-02T09:04:12Z")
    }
}

async fn show_a_fragile_pane() {
    let now = world::at("2026-03-02T09:04:12Z");
    let setup = Setup {
        board: Board::new(Vec::new(), now),
        checklists: Vec::new(),
        inventory: Inventory::default(),
        zone: Zone::utc(),
        theme: Theme::default(),
        keymap: Keymap::built_in(),
        operator: "asha".to_owned(),
        read_only: false,
    };
    let app = App::with_panes(setup, vec![Box::<Fragile>::default()], now);
    let mut screen = Screen::enter().expect("a terminal");
    rounds::tui::run(app, &mut Still, &mut screen).await.expect("it is left");
    screen.restore();
}

/// This test binary in a terminal, for one of the tests below.
fn started(name: &str) -> Terminal {
    let folder = folder(CONFIG);
    let mut command = CommandBuilder::new(std::env::current_exe().expect("this test binary"));
    command.args([&format!("terminal::panics::{name}"), "--exact", "--ignored", "--nocapture"]);
    known_environment(&mut command, folder.path());
    let mut terminal = Terminal::sized(command, Some(folder), 24, 80);
    terminal.wait_for("whole so far");
    terminal
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by another test, in a terminal of its own"]
async fn started_by_a_pane_that_breaks() {
    show_a_fragile_pane().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by another test, in a terminal of its own"]
async fn started_by_a_probe_that_breaks() {
    // As a probe would: on a task, and on a thread of its own.
    let task = tokio::spawn(async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        panic!("this probe broke on its task");
    });
    let thread = std::thread::spawn(|| {
        std::thread::sleep(std::time::Duration::from_millis(300));
        panic!("this probe broke on its thread");
    });
    show_a_fragile_pane().await;
    assert!(thread.join().is_err() && task.await.is_err(), "nothing broke");
}

#[test]
fn a_panic_in_the_drawing_is_told_once_on_a_terminal_that_was_given_back() {
    let mut terminal = started("started_by_a_pane_that_breaks");
    terminal.type_keys("j");
    assert!(!terminal.end().success());
    terminal.wait_given_back();
    let told = String::from_utf8_lossy(&terminal.written).into_owned();
    assert_eq!(told.matches("this pane cannot be drawn").count(), 1, "{told}");
    let left = told.rfind("\u{1b}[?1049l").expect("the screen was left");
    assert!(told[left..].contains("this pane cannot be drawn"), "it was told on our own screen, and is gone with it");
}

#[test]
fn a_panic_elsewhere_leaves_the_screen_alone() {
    let mut terminal = started("started_by_a_probe_that_breaks");
    // Longer than the probes take to break; the pane goes on meanwhile.
    for _ in 0..3 {
        terminal.type_keys("?");
        terminal.wait_for("help for where you are");
        terminal.type_keys("\u{1b}");
        terminal.wait_gone("help for where you are");
    }
    for _ in 0..20 {
        terminal.look();
    }
    assert!(terminal.screen().alternate_screen(), "the screen was given back while it was still in use");
    terminal.type_keys("q");
    assert!(terminal.end().success());
    terminal.wait_given_back();
    let written = String::from_utf8_lossy(&terminal.written).into_owned();
    assert!(!written.contains("this probe broke"), "{written}");
}

#[test]
fn a_drawing_that_never_ends_ends_with_its_terminal() {
    let mut terminal = started("started_by_a_pane_that_breaks");
    terminal.type_keys("G");
    terminal.wait_for("for ever");
    terminal.close();
    assert!(!terminal.end().success());
}

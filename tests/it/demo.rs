//! `rounds demo` from outside: the faults it promises are found by name, every act works on it,
//! and nothing of it stays, whichever way it ends.

#![expect(clippy::disallowed_methods, reason = "the binary is started as a stranger would")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use portable_pty::CommandBuilder;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Answer, World};
use crate::terminal::Terminal;

/// A home and a temporary directory with nothing in them.
fn place() -> World {
    let world = World::new();
    for folder in ["tmp", "home"] {
        fs::create_dir(world.path(folder)).expect("a folder");
    }
    world
}

fn environment(world: &World) -> [(&'static str, PathBuf); 4] {
    let home = world.path("home");
    [
        ("HOME", home.clone()),
        ("XDG_STATE_HOME", home.join("state")),
        ("XDG_CONFIG_HOME", home.join("config")),
        ("TMPDIR", world.path("tmp")),
    ]
}

fn rounds(world: &World, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rounds"));
    command.env_clear().envs(environment(world)).env("TZ", "UTC").args(arguments).stdin(Stdio::null());
    command
}

fn demo(world: &World, arguments: &[&str]) -> Answer {
    let all: Vec<&str> = ["demo"].iter().chain(arguments).copied().collect();
    Answer(rounds(world, &all).output().expect("the binary runs"))
}

/// Everything below both folders.
fn left(world: &World) -> Vec<String> {
    ["home", "tmp"].iter().flat_map(|folder| world.files(folder)).collect()
}

/// The directory of the demo that runs.
fn directory(world: &World) -> Option<PathBuf> {
    world.files("tmp").first().map(|name| world.path("tmp").join(name))
}

/// What each fault of the demo is called, what it is, and what is said about it.
const FAULTS: &[(&str, &str, &str)] = &[
    ("backup:rota-nightly", "critical", "last backup "),
    ("backup:rota-nightly", "critical", " is damaged: "),
    ("task:shift-reminders", "critical", "failed with exit code 1 after 5.0 s: shift-reminders: database is locked"),
    ("task:staffing-report", "warning", "took only 40 ms, at least 1.0 s allowed"),
    ("task:leave-export", "critical", "nothing ran for the slot of "),
    ("command:error-log", "warning", " errors in the last hour, the last "),
    ("file:leave-file", "warning", "age of the newest file "),
];

#[test]
fn every_promised_fault_is_found_by_name_at_every_hour_of_the_day() {
    let world = place();
    for zone in ["UTC", "Asia/Kathmandu", "America/Los_Angeles"] {
        let output = rounds(&world, &["demo", "check", "--format", "json"]).env("TZ", zone).output().expect("it runs");
        let report = Answer(output).exits(2).json();
        let checks: &Vec<Value> = report["checks"].as_array().expect("checks");
        for (id, status, text) in FAULTS {
            let check = checks.iter().find(|check| check["id"] == *id).expect("a check of that name");
            assert_eq!(check["status"], *status, "{zone}: {check:#}");
            let told = check["findings"].as_array().expect("findings").iter().filter_map(|one| one["text"].as_str());
            assert!(told.into_iter().any(|told| told.contains(text)), "{zone}: {text}: {check:#}");
        }
        let own = |check: &&Value| !["host", "disk"].contains(&check["kind"].as_str().unwrap_or_default());
        let well: Vec<&str> = checks
            .iter()
            .filter(own)
            .filter(|one| one["status"] == "ok")
            .filter_map(|one| one["id"].as_str())
            .collect();
        assert_eq!(well, ["database:rota", "task:weekly-summary"], "{zone}: all else has a fault");
        let file = checks.iter().find(|check| check["id"] == "file:leave-file").expect("the file");
        assert_eq!(file["folded_under"], "task:leave-export", "a consequence is under its cause");
    }
    assert!(left(&world).is_empty(), "{:?}", left(&world));
}

#[test]
fn every_act_works_on_it_and_is_in_its_audit_log() {
    let world = place();
    let kept = demo(&world, &["--keep", "config", "check"]).exits(0);
    let config = directory(&world).expect("it was kept").join("config.toml");
    assert!(kept.err().contains(&format!("`rounds --config {}` goes on with it", config.display())), "{}", kept.err());
    let run = |arguments: &[&str]| {
        let output = rounds(&world, arguments).arg("--config").arg(&config).output().expect("the binary runs");
        Answer(output)
    };

    let early = run(&["run", "purge-leave", "--confirm", "purge-leave"]).exits(77);
    assert!(early.err().contains("rota-nightly"), "without a fresh backup nothing is deleted: {}", early.err());
    for act in [
        ["backup", "run", "--yes"].as_slice(),
        &["backup", "verify", "--yes"],
        &["database", "vacuum", "--yes"],
        &["database", "integrity", "--yes"],
        &["task", "run", "shift-reminders", "--yes"],
        &["task", "run", "staffing-report", "--yes"],
        &["task", "run", "leave-export", "--yes"],
        &["run", "rotate-log", "--yes"],
        &["run", "purge-leave", "--confirm", "purge-leave"],
    ] {
        let done = run(act).exits(0);
        assert!(done.out().starts_with("succeeded: "), "{act:?}: {}", done.out());
    }
    run(&["checklist", "tick", "7"]).exits(0);
    run(&["checklist", "sign", "--reason", "it is a demo"]).exits(0);
    run(&["audit", "verify"]).exits(0);
    let audit = run(&["audit", "list", "--format", "json"]).exits(0).json();
    let outcomes = audit["records"].as_array().expect("records").iter().filter(|one| one["outcome"] == "succeeded");
    assert_eq!(outcomes.count(), 9, "{audit:#}");

    let report = run(&["check", "--format", "json"]).json();
    let status = |id: &str| {
        let checks = report["checks"].as_array().expect("checks");
        checks.iter().find(|check| check["id"] == id).expect("a check")["status"].clone()
    };
    for mended in ["task:shift-reminders", "task:staffing-report", "command:error-log", "file:leave-file"] {
        assert_eq!(status(mended), "ok", "{mended}: {report:#}");
    }
    assert_eq!(status("backup:rota-nightly"), "warning", "one is still damaged");
    assert_eq!(demo(&world, &["config", "check"]).exits(0).code(), Some(0));
    assert!(config.exists(), "what was kept is not swept by the next demo");
}

#[test]
fn yesterdays_checklist_was_begun_and_never_signed() {
    let world = place();
    demo(&world, &["--keep", "config", "check"]).exits(0);
    let store = directory(&world).expect("it was kept").join("state/rounds.db");
    let store = rusqlite::Connection::open(store).expect("its store");
    let count = |question: &str| store.query_row(question, [], |row| row.get::<_, i64>(0)).expect("an answer");
    assert_eq!(count("SELECT count(*) FROM mark WHERE period < date('now')"), 2);
    assert_eq!(count("SELECT count(*) FROM mark"), 2, "today's is ticked by evidence alone");
    assert_eq!(count("SELECT count(*) FROM signature"), 0);
}

#[test]
fn it_says_what_it_is_passes_the_exit_code_on_and_leaves_nothing() {
    let world = place();
    for (arguments, code) in [
        (["backup", "run", "--yes"].as_slice(), 0),
        (&["run", "purge-leave", "--yes"], 77),
        (&["--read-only", "database", "vacuum", "--yes"], 77),
        (&["checc"], 2),
        (&["demo"], 2),
        (&["exec", "--task", "a", "--", "true"], 2),
    ] {
        let said = demo(&world, arguments).exits(code);
        if code != 2 {
            assert!(said.err().contains("nothing outside it is touched"), "{}", said.err());
            assert!(said.err().contains(" is removed"), "{}", said.err());
        }
        assert!(left(&world).is_empty(), "{arguments:?} left {:?}", left(&world));
    }
    // Whatever store and configuration the operator has otherwise.
    let mut command = rounds(&world, &["demo", "backup", "run", "--yes"]);
    let output = command.env("ROUNDS_STORE", "sqlite:/nowhere/rounds.db").env("ROUNDS_CONFIG", "/nowhere/a.toml");
    Answer(output.output().expect("it runs")).exits(0);
    assert!(left(&world).is_empty(), "{:?}", left(&world));
}

#[test]
fn a_signal_in_the_middle_of_a_task_or_of_a_question_leaves_nothing() {
    let world = place();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let mut terminal = terminal(&world, &["demo", "backup", "run"]);
        terminal.wait_for("go on? [y/N]");
        terminal.signal(signal);
        assert_eq!(terminal.end().exit_code(), code);
        assert!(left(&world).is_empty(), "{signal:?} left {:?}", left(&world));

        let mut terminal = self::terminal(&world, &["demo", "task", "run", "staffing-report", "--yes"]);
        terminal.wait_for("hours in the next 7 days");
        terminal.signal(signal);
        assert_eq!(terminal.end().exit_code(), code);
        assert!(left(&world).is_empty(), "{signal:?} left {:?}", left(&world));
    }
}

#[test]
fn what_a_killed_demo_left_is_removed_by_the_next() {
    let world = place();
    let mut living = dashboard(&world);
    let theirs = directory(&world).expect("it has one");
    let beside = demo(&world, &["config", "check"]).exits(0);
    assert!(theirs.exists() && !beside.err().contains("left behind"), "one that lives is left alone");
    living.signal(Signal::KILL);
    living.end();
    assert!(theirs.exists());
    let next = demo(&world, &["config", "check"]).exits(0);
    assert!(next.err().contains(&format!("removed {}", theirs.display())), "{}", next.err());
    assert!(left(&world).is_empty(), "{:?}", left(&world));
}

fn terminal(world: &World, arguments: &[&str]) -> Terminal {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_rounds"));
    command.args(arguments);
    command.env_remove("ROUNDS_CONFIG");
    for (name, value) in environment(world) {
        command.env(name, value);
    }
    Terminal::run(command, None)
}

fn dashboard(world: &World) -> Terminal {
    let mut terminal = terminal(world, &["demo"]);
    terminal.wait_for("DEMO Staff Rota");
    terminal
}

#[test]
fn the_dashboard_opens_on_it_and_shows_what_is_wrong() {
    let world = place();
    let mut terminal = dashboard(&world);
    for text in ["NOT READY", "rota-nightly", "leave-export", "shift-reminders", "staffing-report"] {
        terminal.wait_for(text);
    }
    // Which fault is the oldest, and stands first, is another one between the backup's hour and the export's.
    terminal.wait("what mends the first of them", |screen| {
        ["back up now", "run this task now"].iter().any(|mend| screen.contents().contains(mend))
    });
    terminal.type_keys("2[");
    terminal.wait_for("skipped by");
    let path = directory(&world).expect("its directory");
    terminal.type_keys("q");
    terminal.wait("today's list", |screen| !screen.contents().contains("skipped by"));
    terminal.type_keys("q");
    assert!(terminal.end().success());
    terminal.wait_given_back();
    terminal.wait_for(" is removed");
    assert!(!path.exists() && left(&world).is_empty(), "{:?}", left(&world));
}

#[test]
fn however_the_dashboard_is_ended_nothing_stays() {
    let world = place();
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut terminal = dashboard(&world);
        terminal.signal(signal);
        terminal.end();
        terminal.wait_given_back();
        assert!(left(&world).is_empty(), "{signal:?} left {:?}", left(&world));
    }
    let mut terminal = dashboard(&world);
    terminal.type_keys("\u{3}");
    terminal.end();
    assert!(left(&world).is_empty(), "Ctrl-C left {:?}", left(&world));
}

#[test]
fn where_no_demo_can_be_made_it_says_where_it_tried() {
    let world = place();
    let output = rounds(&world, &["demo", "check"]).env("TMPDIR", Path::new("/nowhere")).output().expect("it runs");
    let said = Answer(output).exits(1).err();
    assert!(said.contains("cannot make a directory for the demo in /nowhere"), "{said}");
}

//! Acts of the real binary under trouble: two at once, killed, cancelled, out of time, and with
//! output that wants to be more than text.

#![expect(clippy::disallowed_methods, reason = "real processes take real time")]

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::World;

const CONFIG: &str = r#"
version = 1
[[database]]
id = "rota"
url = "sqlite:{root}/rota.sqlite3"
[[backup]]
id = "rota-db"
database = "rota"
files = "{root}/backups/rota_%Y%m%d_%H%M%S.sqlite3"
[[task]]
id = "alerts"
source = "exec"
run = { command = ["/bin/echo", "sent"], repeat = "ask" }
[[task]]
id = "long"
source = "exec"
run = { command = ["/bin/sh", "-c", "touch {root}/started; sleep 5"] }
[[action]]
id = "slow"
title = "Take a while"
risk = "disruptive"
command = ["/bin/sh", "-c", "touch {root}/started; sleep 30 & wait"]
[[action]]
id = "stubborn"
title = "Take longer than allowed"
risk = "routine"
command = ["/bin/sleep", "30"]
timeout = "300ms"
[[action]]
id = "guarded"
title = "Want a fresh backup"
risk = "routine"
command = ["/usr/bin/touch", "{root}/guarded"]
guards = [{ backup = "rota-db", within = "30m" }]
[[action]]
id = "evil"
title = "Print what a terminal would obey"
risk = "routine"
command = ["/bin/sh", "-c", "printf '\\033]0;owned\\007\\033[2Jred\\033[31m\\342\\200\\256gnp.exe\\n'; exit 1"]
"#;

fn world() -> World {
    World::new().config(CONFIG).database("rota.sqlite3", 10)
}

/// Starts the slow action and waits until its command runs.
fn start_slow(world: &World) -> Child {
    start(world, &["run", "slow", "--yes", "--operator", "asha"])
}

fn start(world: &World, arguments: &[&str]) -> Child {
    let mut command = world.command(arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary");
    let begun = Instant::now();
    while !world.path("started").exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the action did not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

fn tell(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(child.id().cast_signed()).expect("a process"), signal).expect("it can be told");
}

fn newest_record(world: &World) -> Value {
    world.run(&["audit", "list", "--format", "json"]).exits(0).json()["records"][0].clone()
}

#[test]
fn the_second_of_two_is_turned_away_and_told_who_the_first_is() {
    let world = world();
    let mut first = start_slow(&world);
    let refused = world.run(&["run", "slow", "--yes", "--operator", "ben"]).exits(77).err();
    assert!(refused.contains("action:slow is busy: slow by asha@"), "{refused}");
    tell(&first, Signal::INT);
    first.wait().expect("its end");
    world.run(&["audit", "verify"]).exits(0);
}

#[test]
fn ctrl_c_cancels_ends_the_whole_group_and_is_recorded() {
    let world = world();
    let mut child = start_slow(&world);
    let begun = Instant::now();
    tell(&child, Signal::INT);
    assert_eq!(child.wait().expect("its end").code(), Some(1));
    assert!(begun.elapsed() < Duration::from_secs(8), "TERM was enough");
    assert_eq!(newest_record(&world)["outcome"], "cancelled");
}

#[test]
fn an_act_whose_program_was_killed_is_lost_on_the_next_start() {
    let world = world();
    let mut child = start_slow(&world);
    assert_eq!(newest_record(&world)["phase"], "intent", "an act that lives is not lost");
    tell(&child, Signal::KILL);
    child.wait().expect("its end");
    let record = newest_record(&world);
    assert_eq!((&record["phase"], &record["outcome"]), (&"outcome".into(), &"lost".into()), "{record:#}");
    let count =
        |world: &World| world.run(&["audit", "list", "--format", "json"]).json()["records"].as_array().map(Vec::len);
    assert_eq!(count(&world), count(&world), "lost once");
    world.run(&["audit", "verify"]).exits(0);
    // The lease went with the process: the next one may act at once.
    std::fs::remove_file(world.path("started")).expect("the mark");
    let mut next = start_slow(&world);
    tell(&next, Signal::INT);
    next.wait().expect("its end");
}

#[test]
fn a_task_whose_program_was_killed_is_lost_and_can_be_run_again() {
    let world = world();
    let mut child = start(&world, &["task", "run", "long", "--yes"]);
    world.run(&["task", "run", "long", "--yes"]).exits(77);
    tell(&child, Signal::KILL);
    child.wait().expect("its end");
    let tasks = world.run(&["task", "list", "--format", "json"]).exits(0).json();
    let long = tasks["tasks"].as_array().expect("tasks").iter().find(|one| one["id"] == "long").expect("it");
    assert_eq!(long["state"], "lost", "{long:#}");
    world.run(&["task", "run", "long", "--yes"]).exits(0);
}

#[test]
fn an_act_past_its_time_is_stopped() {
    let world = world();
    let answer = world.run(&["run", "stubborn", "--yes"]).exits(1).out();
    assert!(answer.starts_with("timed-out: stopped after "), "{answer}");
    assert_eq!(newest_record(&world)["outcome"], "timed-out");
}

#[test]
fn a_guard_is_looked_at_freshly_and_says_what_to_do_first() {
    let world = world();
    let refused = world.run(&["run", "guarded", "--yes"]).exits(77).err();
    assert!(refused.contains("no usable backup of `rota-db`; make one first"), "{refused}");
    assert!(!world.path("guarded").exists());
    world.run(&["backup", "run", "--yes"]).exits(0);
    world.run(&["run", "guarded", "--yes"]).exits(0);
    assert!(world.path("guarded").exists());
}

#[test]
fn a_task_that_must_not_repeat_wants_a_reason_the_second_time() {
    let world = world();
    world.run(&["task", "run", "alerts", "--yes"]).exits(0);
    let refused = world.run(&["task", "run", "alerts", "--yes"]).exits(77).err();
    assert!(refused.contains("already ran today"), "{refused}");
    world.run(&["task", "run", "alerts", "--yes", "--reason", "the mail server was down"]).exits(0);
}

#[test]
fn no_escape_of_a_program_reaches_the_terminal_the_answer_or_the_log_of_acts() {
    let world = world();
    let answer = world.run(&["run", "evil", "--yes"]).exits(1);
    let records = world.run(&["audit", "list"]).exits(0).out();
    let json = world.run(&["audit", "list", "--format", "json"]).exits(0).out();
    for text in [answer.out(), answer.err(), records, json] {
        let bad = text.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(bad, None, "{text:?}");
    }
    assert!(answer.err().contains("red"), "what was text stays");
}

#[test]
fn twenty_at_once_make_one_backup_after_the_other_or_are_turned_away() {
    let world = world();
    let mut children: Vec<Child> = (0..20)
        .map(|_| {
            let mut command = world.command(&["backup", "run", "--yes"]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary")
        })
        .collect();
    let codes: Vec<Option<i32>> = children.iter_mut().map(|child| child.wait().expect("its end").code()).collect();
    let done = codes.iter().filter(|code| **code == Some(0)).count();
    assert!(done >= 1, "{codes:?}");
    assert!(codes.iter().all(|code| matches!(code, Some(0 | 1 | 77))), "{codes:?}");
    let copies = world.files("backups").iter().filter(|name| name.ends_with(".sqlite3")).count();
    assert_eq!(copies, done, "every copy is of somebody who was told so: {codes:?}");
    world.run(&["backup", "verify"]).exits(0);
    world.run(&["audit", "verify"]).exits(0);
}

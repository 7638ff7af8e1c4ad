//! A run that goes on is ended on demand: the one that is meant, and no other process.
#![expect(clippy::disallowed_methods, reason = "the binary is started as a stranger would")]

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::World;

fn world() -> World {
    World::new().config(
        "version = 1\n[system]\ntimezone = \"UTC\"\n[[task]]\nid = \"nightly\"\nsource = \"exec\"\n\
         run = { command = [\"sleep\", \"600\"] }\n",
    )
}

fn begin(world: &World, arguments: &[&str]) -> Child {
    world.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs")
}

fn state(world: &World) -> String {
    let list = world.run(&["task", "list", "--format", "json"]).exits(0).json();
    let tasks = list["tasks"].as_array().cloned().unwrap_or_default();
    let nightly = tasks.iter().find(|task| task["id"] == "nightly");
    nightly.map_or_else(String::new, |task| format!("{} {}", task["state"], task["last"]))
}

#[track_caller]
fn waits(world: &World, wanted: &str) -> String {
    let start = Instant::now();
    loop {
        let state = state(world);
        if state.contains(wanted) {
            return state;
        }
        assert!(start.elapsed() < Duration::from_mins(1), "it never was {wanted}: {state}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_run_of_the_wrapper_is_told_to_end_and_its_end_is_recorded() {
    let world = world();
    let mut wrapper = begin(&world, &["exec", "--task", "nightly", "--", "sh", "-c", "exec sleep 600"]);
    waits(&world, "running");
    let refused = world.run(&["task", "stop", "nightly", "--yes", "--read-only"]).exits(77);
    assert!(refused.err().contains("read-only"));
    let plan = world.run(&["task", "stop", "nightly", "--dry-run"]).exits(0).out();
    assert!(
        plan.contains("TERM to the `rounds exec` that began it")
            && plan.contains("this run of `nightly` still goes on")
    );
    let said = world.run(&["task", "stop", "nightly", "--yes"]).exits(0).out();
    assert!(said.contains("the run of nightly is over after") && said.contains("by signal 15"), "{said}");
    assert_eq!(wrapper.wait().expect("its end").signal(), Some(15), "its scheduler sees the truth");
    waits(&world, "\"failed\"");
    assert!(world.run(&["task", "stop", "nightly", "--yes"]).exits(77).err().contains("it is not running"));
    world.run(&["audit", "verify"]).exits(0);
}

#[test]
fn a_command_that_does_not_obey_is_killed_with_what_it_started() {
    let world = world();
    let script = "trap '' TERM; echo $$ >pid; while :; do sleep 1; done";
    let mut command = world.command(&["exec", "--task", "nightly", "--", "sh", "-c", script]);
    let mut wrapper = command.current_dir(world.path("")).stdout(Stdio::null()).spawn().expect("the binary runs");
    waits(&world, "running");
    while std::fs::read_to_string(world.path("pid")).map_or(true, |pid| pid.is_empty()) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let said = world.run(&["task", "stop", "nightly", "--yes"]).exits(0).out();
    assert!(said.contains("by signal 9") && said.contains("did not obey TERM and was killed"), "{said}");
    assert_eq!(wrapper.wait().expect("its end").signal(), Some(9));
    assert!(state(&world).contains("\"signal\":9"), "{}", state(&world));
}

#[test]
fn a_number_that_is_somebody_elses_by_now_is_left_alone() {
    let world = world();
    let mut stranger = begin(&world, &["exec", "--task", "nightly", "--", "sh", "-c", "exec sleep 600"]);
    waits(&world, "running");
    let file = world.files("state/rounds/spool").pop().expect("its record");
    let path = world.path("state/rounds/spool").join(&file);
    let record = std::fs::read_to_string(&path).expect("its record");
    // As if whoever began the run were gone, and its number given to another.
    let (before, rest) = record.split_once("\"start\":").expect("when it began");
    let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    std::fs::write(&path, format!("{before}\"start\":77{after}")).expect("the record of another");
    let refused = world.run(&["task", "stop", "nightly", "--yes"]).exits(77);
    assert!(refused.err().contains("it is not running"), "{}", refused.err());
    assert!(stranger.try_wait().expect("its state").is_none(), "the stranger lives");
    Command::new("kill").arg(stranger.id().to_string()).status().expect("kill");
    stranger.wait().expect("its end");
}

#[test]
fn a_run_that_another_operator_watches_is_cancelled_where_it_is_watched() {
    let world = world();
    let mut runner = begin(&world, &["task", "run", "nightly", "--yes"]);
    waits(&world, "running");
    let refused = world.run(&["task", "stop", "nightly", "--yes"]).exits(77);
    assert!(refused.err().contains("cancel it there"), "{}", refused.err());
    assert!(state(&world).contains("running"));
    Command::new("kill").args(["-INT", &runner.id().to_string()]).status().expect("kill");
    runner.wait().expect("its end");
}

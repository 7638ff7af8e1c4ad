//! No act without a written intent, however and whenever the program ends, and wherever the
//! store cannot be written.

#![expect(clippy::disallowed_methods, reason = "real processes take real time")]
#![expect(clippy::print_stdout, reason = "each trial says how many there were")]

use std::io::Write;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use crate::support::World;
use crate::support::kill::Killer;

const CONFIG: &str = r#"
version = 1
[[action]]
id = "leave-a-trace"
title = "Leave a trace"
risk = "routine"
command = ["/bin/sh", "-c", "touch {root}/traces/$$"]
"#;

const ACT: [&str; 3] = ["run", "leave-a-trace", "--yes"];

fn world() -> World {
    let world = World::new().config(CONFIG);
    std::fs::create_dir(world.path("traces")).expect("directory");
    world
}

fn records(world: &World) -> Vec<Value> {
    let lines = world.run(&["audit", "export"]).exits(0).out();
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn count(records: &[Value], phase: &str) -> usize {
    records.iter().filter(|record| record["phase"] == phase).count()
}

#[test]
fn an_act_that_is_killed_at_any_instant_leaves_no_trace_without_an_intent() {
    kill_acts(12);
}

#[test]
#[ignore = "takes minutes: three hundred kills"]
fn an_act_that_is_killed_at_any_instant_leaves_no_trace_without_an_intent_long() {
    kill_acts(300);
}

fn kill_acts(kills: u32) {
    let world = world();
    let begun = Instant::now();
    world.run(&ACT).exits(0);
    let mut killer = Killer::within(begun.elapsed());
    while killer.hit < kills && killer.trials < 10 * kills {
        let round = killer.trials;
        killer.kill(&mut world.command(&ACT));
        // The export is the next start, too: what was cut short gets its end.
        let records = records(&world);
        let (intents, ends) = (count(&records, "intent"), count(&records, "outcome"));
        let traces = world.files("traces").len();
        assert!(traces <= intents, "round {round}: {traces} traces, {intents} intents");
        assert_eq!(intents, ends, "round {round}: every act has its end");
    }
    world.run(&["audit", "verify"]).exits(0);
    println!("n = {kills}, of {} acts", killer.trials);
    assert_eq!(killer.hit, kills, "too few kills hit an act to say anything");
}

/// A file system of its own under the state of a world, which goes when the test does.
struct Disk(std::path::PathBuf);

impl Disk {
    fn mount(world: &World) -> Self {
        let place = world.path("state");
        std::fs::create_dir_all(&place).expect("directory");
        run(&["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "rounds-test", place.to_str().expect("text")]);
        Self(place)
    }

    fn remount(&self, how: &str) {
        run(&["mount", "-o", &format!("remount,{how}"), self.0.to_str().expect("text")]);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn run(words: &[&str]) {
    assert!(Command::new(words[0]).args(&words[1..]).status().expect("starts").success(), "{words:?}");
}

/// Waits for what a file system gives back in its own time.
#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..100 {
        if holds() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    unreachable!("{what}: not within a hundred looks");
}

#[test]
#[ignore = "needs root: mounts a file system"]
fn root_a_store_that_is_full_or_read_only_refuses_every_act_and_no_look() {
    let world = world();
    let disk = Disk::mount(&world);
    world.run(&ACT).exits(0);
    let full = world.path("state/full");
    // Page by page, until not one more goes in. What was deleted before is given back late where
    // much else goes on: an act that still found room is one that was done.
    let fill = || {
        let mut filler = std::fs::File::options().append(true).create(true).open(&full).expect("a file");
        for _ in 0..3 {
            while filler.write_all(&[0; 4096]).is_ok() {}
            rustix::fs::sync();
        }
    };
    let mut done = 1;
    let refused = loop {
        fill();
        let answer = world.run(&ACT);
        if answer.code() != Some(0) || done == 10 {
            break answer.exits(77).err();
        }
        done += 1;
    };
    assert!(refused.contains("no audit record can be written") && refused.contains("full"), "{refused}");
    assert_eq!(world.files("traces").len(), done, "nothing was done");
    let look = || world.run(&["check", "--format", "json", "--deadline", "60s"]).json();
    // The machine itself may have its own troubles meanwhile.
    let loud =
        |document: &Value| document["status"] == "critical" && document.to_string().contains("no act is possible");
    let full_look = || {
        let mut looks = std::iter::repeat_with(|| {
            fill();
            look()
        });
        looks.by_ref().take(10).find(loud).unwrap_or_else(|| unreachable!("{:#}", look())).to_string()
    };
    let told = full_look();
    assert!(told.contains("no act is possible") && told.contains("the disk is full"), "{told}");
    // What whoever reads needs is there while somebody else has the store open: such a look finds
    // nothing wrong until it writes.
    std::fs::remove_file(&full).expect("room again");
    let reader = rusqlite::Connection::open(world.path("state/rounds/rounds.db")).expect("the store");
    reader.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).expect("it can be read");
    eventually("there is room", || !loud(&look()));
    let told = full_look();
    assert!(told.contains("no act is possible") && told.contains("the disk is full"), "{told}");
    drop(reader);
    std::fs::remove_file(full).expect("room again");
    eventually("an act is possible", || world.run(&ACT).code() == Some(0));
    disk.remount("ro");
    let refused = world.run(&ACT).exits(77).err();
    assert!(refused.contains("no audit record can be written") && refused.contains("read-only"), "{refused}");
    assert_eq!(world.files("traces").len(), done + 1, "nothing was done");
    let document = look();
    assert!(loud(&document), "{document:#}");
    disk.remount("rw");
    world.run(&ACT).exits(0);
    assert_eq!(world.files("traces").len(), done + 2);
    world.run(&["audit", "verify"]).exits(0);
}

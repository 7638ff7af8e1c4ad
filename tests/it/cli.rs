//! The real binary from outside: answers, documents, exit codes.

mod backups;
mod check;
mod records;
mod refusals;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use crate::architecture::rust_files;
use crate::support::World;

const ROTA: &str = r#"
version = 1
[system]
name = "rota"
timezone = "UTC"
[host] # whatever the machine that runs the tests is doing
cpu = { warn = "> 100 %", crit = "> 100 %" }
memory = { warn = "> 100 %", crit = "> 100 %" }
swap = { warn = "> 100 %" }
load = { warn = "> 1000", crit = "> 1000" }
disk = { free = { warn = "< 0 %", crit = "< 0 %" }, inodes_free = { warn = "< 0 %" } }
[[database]]
id = "rota"
url = "sqlite:{root}/rota.sqlite3"
[[backup]]
id = "rota-db"
database = "rota"
files = "{root}/backups/rota_%Y%m%d_%H%M%S.sqlite3"
keep = { last = 1, daily = 2, min = 1 }
[[task]]
id = "report"
source = "exec"
run = { command = ["/bin/sh", "-c", "echo three lines; exit 3"] }
[[check]]
id = "plugin"
command = ["/bin/sh", "-c", "echo 'WARNING - 7 users | users=7;5;10'; exit 1"]
[[action]]
id = "touch"
title = "Make a file"
risk = "routine"
command = ["/usr/bin/touch", "{root}/made {name}"]
params = [{ name = "name", kind = "text", default = "x" }]
[[action]]
id = "wipe"
title = "Remove everything"
risk = "destructive"
command = ["/bin/true"]
[[action]]
id = "restart"
title = "Restart"
risk = "disruptive"
command = ["/bin/true"]
verify = { check = "plugin", within = "1s" }
[[checklist]]
id = "daily"
title = "Daily check"
every = "day"
items = [
  { text = "Database is well", check = "rota" },
  { text = "Login works" },
]
"#;

fn rota() -> World {
    World::new().config(ROTA).database("rota.sqlite3", 50)
}

#[test]
fn a_wrong_configuration_is_78_everywhere_with_place_and_mend() {
    let world = World::new().config("version = 1\n[[database]]\nid = \"x\"\nurl = \"sqlite:/x\"\nsizee = 3\n");
    for arguments in [&["check"][..], &["config", "check"], &["backup", "list"], &[]] {
        let answer = world.run(arguments).exits(78);
        assert!(answer.err().contains("config.toml:5:1") && answer.err().contains("`size`"), "{}", answer.err());
        assert!(answer.out().is_empty());
    }
}

#[test]
fn words_that_mean_nothing_are_2() {
    let world = rota();
    for arguments in
        [&["chekc"][..], &["check", "--deadline", "soon"], &["backup", "run", "nope"], &["run", "nope", "--yes"]]
    {
        world.run(arguments).exits(2);
    }
}

#[test]
fn a_reader_that_stops_reading_is_no_error() {
    let world = rota();
    let mut child = world
        .command(&["check", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary");
    drop(child.stdout.take());
    let mut errors = String::new();
    child.stderr.take().expect("stderr").read_to_string(&mut errors).expect("its text");
    assert_eq!(errors, "");
    assert_eq!(child.wait().expect("its end").code(), Some(2), "the status of the check, not a panic");
}

#[test]
fn without_a_terminal_the_dashboard_says_so() {
    let answer = rota().run(&[]).exits(1);
    assert!(answer.err().contains("terminal") && answer.err().contains("rounds check"), "{}", answer.err());
}

#[test]
fn completions_and_the_manual_know_every_command() {
    let world = World::new();
    let manual = world.run(&["man"]).exits(0).out();
    for shell in ["bash", "zsh", "fish"] {
        let text = world.run(&["completions", shell]).exits(0).out();
        for command in ["check", "backup", "checklist", "audit", "exec"] {
            assert!(text.contains(command), "{shell} lacks {command}");
            assert!(manual.contains(command), "the manual lacks {command}");
        }
    }
}

#[test]
fn ids_are_chosen_by_text_or_by_pattern() {
    let world = rota();
    let ids = |pattern: &str| {
        let document = world.run(&["check", pattern, "--format", "json"]).json();
        document["checks"]
            .as_array()
            .expect("checks")
            .iter()
            .filter_map(|one| one["id"].as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    world.run(&["check", "rota*"]).exits(3);
    assert_eq!(ids("*:rota*"), ["database:rota", "backup:rota-db"]);
    assert_eq!(ids("plugin"), ["command:plugin"]);
}

#[test]
fn every_command_that_a_sentence_names_is_one() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = rust_files(&here.join("src"));
    texts.extend(
        ["README.md", "config.example.toml", "assets/demo.toml", "assets/this-machine.toml"]
            .map(|name| here.join(name)),
    );
    let named: BTreeSet<Vec<String>> =
        texts.iter().flat_map(|text| commands_in(&fs::read_to_string(text).expect("a text"))).collect();
    assert!(named.len() > 20, "hardly any command is named: {named:?}");
    let world = World::new();
    for words in named {
        let asked: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
        let answer = world.run(&asked);
        assert_eq!(answer.code(), Some(0), "`rounds {}` is no command: {}", words.join(" "), answer.err());
    }
}

/// The commands that stand behind a backtick and the name of the program: a word, and a second
/// one where there is one.
fn commands_in(text: &str) -> Vec<Vec<String>> {
    let word = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase());
    let named = text.split("`rounds ").skip(1).filter_map(|rest| rest.split('`').next());
    named.map(|rest| rest.split(' ').take_while(word).take(2).map(str::to_owned).collect()).collect()
}

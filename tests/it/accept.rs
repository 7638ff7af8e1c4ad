//! What an operator found right of what is installed: quiet from then on, until it is another.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::freeze::Machine;
use crate::support::World;

const CONFIG: &str = "version = 1\n[system]\ntimezone = \"UTC\"\n[[task]]\nid = \"report\"\n\
    source = \"cron\"\nmatch = \"report.sh\"\nschedule = \"0 8 * * *\"\nexport = \"crontab\"\n";

/// The task as `task show` tells of it.
fn task(world: &World) -> Value {
    let shown = world.run(&["task", "show", "report", "--format", "json"]).exits(0).json();
    shown["tasks"][0].clone()
}

/// How bad each of its findings of drift is.
fn drift(task: &Value) -> Vec<(String, String)> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let all = task["findings"].as_array().into_iter().flatten();
    let told = all.filter(|finding| ["drift", "changes"].contains(&finding["key"].as_str().unwrap_or_default()));
    told.map(|finding| (text(finding, "status"), text(finding, "text"))).collect()
}

#[test]
fn a_difference_is_accepted_with_a_reason_and_told_again_when_it_is_another() {
    let world = World::new().config(CONFIG);
    let install = |line: &str| fs::write(world.path("crontab"), format!("{line}\n")).expect("a crontab");
    install("0 9 * * * /srv/report.sh");
    let before = drift(&task(&world));
    assert_eq!(before[0].0, "warning", "{before:?}");
    assert!(before[0].1.starts_with("the crontab says `0 9 * * *`"), "{before:?}");
    assert_eq!(task(&world)["accepted"], Value::Null);

    // Neither a plan, nor what was refused, accepts anything.
    let plan = world.run(&["task", "accept", "report", "--dry-run"]).exits(0).out();
    assert!(plan.contains("write down as right what is installed of report (1 task)"), "{plan}");
    assert!(plan.contains("report: the crontab says `0 9 * * *`"), "{plan}");
    assert!(world.run(&["task", "accept", "report", "--yes"]).exits(77).err().contains("it wants a reason"));
    let accept = ["task", "accept", "report", "--yes", "--reason", "moved to nine"];
    world.run(&[&accept[..], &["--read-only"]].concat()).exits(77);
    assert_eq!(drift(&task(&world)), before);

    world.run(&[&accept[..], &["--operator", "asha"]].concat()).exits(0);
    let after = task(&world);
    assert_eq!(
        (&after["accepted"]["operator"], &after["accepted"]["reason"]),
        (&"asha".into(), &"moved to nine".into())
    );
    let quiet = drift(&after);
    assert_eq!(quiet[0].0, "ok", "{quiet:?}");
    assert!(quiet[0].1.contains("; asha accepted it at ") && quiet[0].1.ends_with(": moved to nine"), "{quiet:?}");
    assert!(world.run(&accept).exits(77).err().contains("what is installed is what asha accepted: moved to nine"));

    install("30 9 * * * /srv/report.sh --all");
    let told = drift(&task(&world));
    assert!(told.iter().all(|(status, _)| status == "warning"), "{told:?}");
    assert!(told[1].1.contains("due `30 9 * * *`, was `0 9 * * *`; command `/srv/report.sh --all`"), "{told:?}");
    assert!(told[1].1.contains("since asha accepted it at"), "{told:?}");

    let audit = world.run(&["audit", "list", "--format", "json"]).exits(0).json();
    let records = audit["records"].as_array().cloned().unwrap_or_default();
    let of = |phase: &str| records.iter().filter(|one| one["action"] == "accept" && one["phase"] == phase).count();
    assert_eq!((of("intent"), of("outcome"), of("refused")), (1, 1, 3), "{records:#?}");
    assert!(records.iter().any(|one| one["phase"] == "intent" && one["reason"] == "moved to nine"), "{records:#?}");
    world.run(&["audit", "verify"]).exits(0);
}

#[test]
#[ignore = "needs root: mounts over /etc and the spool of cron, and the program `crontab`"]
fn root_all_crontabs_are_accepted_once_and_held_against_that_at_every_start() {
    let machine = Machine::new();
    let cron = || machine.run(&["task", "list", "--format", "json"]).exits(0).json()["installed"]["cron"].clone();
    let told = |text: &str| cron()["findings"].to_string().contains(text);
    machine.run(&["task", "accept", "--yes", "--reason", "the new server", "--operator", "asha"]).exits(0);
    assert_eq!(cron()["accepted"]["reason"], "the new server");
    let twice = |status: &str| {
        let found = cron()["findings"].as_array().cloned().unwrap_or_default();
        found.iter().any(|finding| finding["key"] == "twice" && finding["status"] == status)
    };
    assert!(twice("ok"), "two lines that do the same are meant to: {:#}", cron());

    // Holding them back is no edit.
    machine.run(&["task", "freeze", "--yes", "--reason", "an incident"]).exits(0);
    assert!(!told("since asha accepted it"), "{:#}", cron());
    machine.run(&["task", "thaw", "--yes"]).exits(0);
    assert!(!told("since asha accepted it"), "{:#}", cron());

    let lines = "SHELL=/bin/sh\n19 * * * * nobody /srv/hourly.sh --fast\n0 1 * * * root /srv/new.sh\n";
    machine.write("/etc/crontab", lines.as_bytes(), 0o644);
    machine.write("/etc/cron.d/rota", b"*/5 * * * * root /srv/ping.sh\n", 0o644);
    assert!(told("gone from the crontabs since asha accepted it"), "{:#}", cron());
    let edit = "due `19 * * * *`, was `17 * * * *`; user `nobody`, was `root`; command `/srv/hourly.sh --fast`, was";
    assert!(told(edit), "{:#}", cron());
    assert!(told("new in the crontabs since asha accepted it") && told("new (/etc/crontab, line 3)"), "{:#}", cron());
    assert!(twice("warning") || !told("lines run the same"), "{:#}", cron());
    let shown = machine.run(&["task", "list"]).exits(0).out();
    assert!(shown.contains("cron: edited in the crontabs since asha accepted it"), "{shown}");

    // One of them by its own name, then the rest.
    machine.run(&["task", "accept", "new", "--yes", "--reason", "a new job"]).exits(0);
    assert!(!told("new in the crontabs") && told("edited in the crontabs"), "{:#}", cron());
    machine.run(&["task", "accept", "cron", "--yes", "--reason", "all of it"]).exits(0);
    assert!(!told("since asha accepted it") && !told("in the crontabs since"), "{:#}", cron());
    assert!(machine.run(&["task", "accept", "cron", "--yes", "--reason", "x"]).exits(77).err().contains("all of it"));
    machine.run(&["audit", "verify"]).exits(0);
}

#[test]
#[ignore = "needs root: mounts over /etc and the spool of cron, and the program `crontab`"]
fn root_what_the_configuration_does_not_name_stands_in_the_list_too() {
    let machine = Machine::new();
    let config = "version = 1\n[system]\ntimezone = \"UTC\"\n\
                  [[task]]\nid = \"hourly\"\nsource = \"cron\"\nmatch = \"/srv/hourly.sh\"\nschedule = \"17 * * * *\"\n";
    machine.write("/config.toml", config.as_bytes(), 0o600);
    let shown = machine.run(&["task", "list"]).exits(0).out();
    let row = |name: &str| shown.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    assert!(row("ping").contains("every 5 min") && row("ping").ends_with("no task of the configuration"), "{shown}");
    assert!(!row("hourly").is_empty() && !row("hourly").contains("no task of the configuration"), "{shown}");
    let extra = || -> BTreeMap<String, bool> {
        let list = machine.run(&["task", "list", "--format", "json"]).exits(0).json();
        let tasks = list["tasks"].as_array().cloned().unwrap_or_default();
        tasks.iter().map(|one| (one["id"].as_str().unwrap_or_default().to_owned(), one["extra"] == true)).collect()
    };
    let listed = extra();
    assert!(listed["ping"] && !listed["hourly"], "{listed:?}");
    assert!(machine.run(&["task", "show", "ping"]).exits(0).out().contains("every 5 min"));
    // It can be acted upon as any other, and whoever freezes all means all.
    let plan = machine.run(&["task", "freeze", "--dry-run", "--reason", "x"]).exits(0).out();
    assert!(plan.contains("/srv/ping.sh") && plan.contains("/srv/hourly.sh"), "{plan}");
    // Until the configuration names none at all: then each is expected.
    machine.write("/config.toml", b"version = 1\n[system]\ntimezone = \"UTC\"\n", 0o600);
    assert!(extra().values().all(|extra| !extra));
}

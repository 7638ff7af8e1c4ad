//! What is on record afterwards: runs, marks, signatures and the log of acts.

use super::rota;
use serde_json::json;

use crate::support::World;

#[test]
fn a_task_run_by_hand_is_a_run_like_any_other() {
    let world = rota();
    let answer = world.run(&["task", "run", "report", "--yes"]).exits(1).out();
    assert!(answer.starts_with("failed: exit code 3"), "{answer}");
    let tasks = world.run(&["task", "list", "--format", "json"]).exits(0).json();
    let report = tasks["tasks"].as_array().expect("tasks").iter().find(|one| one["id"] == "report").expect("it");
    assert_eq!(report["state"], "failed");
    assert_eq!(report["last"]["exit_code"], 3);
}

#[test]
fn exec_passes_everything_through_and_leaves_a_record() {
    let world = rota();
    let store = world.path("state/rounds/rounds.db");
    let answer = world.run(&[
        "exec",
        "--task",
        "report",
        "--store",
        &format!("sqlite:{}", store.display()),
        "--",
        "/bin/sh",
        "-c",
        "echo out; echo err >&2; exit 5",
    ]);
    assert_eq!((answer.code(), answer.out().as_str(), answer.err().as_str()), (Some(5), "out\n", "err\n"));
    let tasks = world.run(&["task", "list", "--format", "json"]).json();
    assert_eq!(tasks["tasks"][0]["last"]["exit_code"], 5, "{tasks:#}");
}

#[test]
fn a_run_under_a_name_that_nobody_configured_is_listed_as_what_it_is() {
    let world = World::new().config("version = 1\n[[task]]\nid = \"report\"\nsource = \"exec\"\n");
    for (task, code) in [("report", "0"), ("reprot", "3")] {
        let mut command = world.command(&["exec", "--task", task]);
        command.args(["--", "sh", "-c"]).arg(format!("exit {code}"));
        assert_eq!(command.status().expect("it runs").code(), code.parse().ok());
    }
    let list = world.run(&["task", "list"]).exits(0).out();
    let line = |name: &str| list.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(line("reprot").contains("failed") && line("reprot").contains("not configured"), "{list}");
    assert!(!line("report").contains("not configured"), "{list}");
    let json = world.run(&["task", "list", "--format", "json"]).exits(0).json();
    let tasks: Vec<&serde_json::Value> = json["tasks"].as_array().expect("tasks").iter().collect();
    assert_eq!(tasks.iter().filter(|task| task["id"] == "reprot").count(), 1, "{json:#}");
    assert_eq!(tasks.iter().filter(|task| task["id"] == "report").count(), 1, "{json:#}");
    let shown = world.run(&["task", "show", "reprot"]).exits(0).out();
    assert!(shown.contains("exit code 3") && shown.contains("no configuration or crontab names it"), "{shown}");
    world.run(&["task", "show", "nobody"]).exits(2);
}

#[test]
fn what_older_runs_printed_is_told_of_many_tasks_as_of_one() {
    let tasks = (0..40).map(|number| format!("[[task]]\nid = \"t{number}\"\nsource = \"exec\"\n"));
    let world = World::new().config(&format!("version = 1\n{}", tasks.collect::<String>()));
    for said in ["first", "second", "third", "fourth"] {
        let mut command = world.command(&["exec", "--task", "t7"]);
        command.args(["--", "sh", "-c"]).arg(format!("echo {said}"));
        assert!(command.status().expect("it runs").success());
    }
    let said = |arguments: &[&str]| {
        let told = world.run(arguments).exits(0).json();
        let tasks = told["tasks"].as_array().expect("tasks");
        let task = tasks.iter().find(|task| task["id"] == "t7").expect("the task").clone();
        let outputs = task["runs"].as_array().expect("runs").iter().map(|run| run["output"].as_str().expect("text"));
        outputs.map(str::trim).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(said(&["task", "log", "t7", "--runs", "9", "--format", "json"]), "fourth third second first");
    assert_eq!(said(&["task", "log", "--runs", "9", "--format", "json"]), "fourth third second first");
    assert_eq!(said(&["task", "log", "--format", "json"]), "fourth");
    let text = world.run(&["task", "log", "t7", "--runs", "3"]).exits(0).out();
    assert!(text.contains("exit code 0 after") && text.contains("\n  second\n"), "{text}");
    assert!(!text.contains("first"), "{text}");
    let nothing = world.run(&["task", "log", "t8"]).exits(0).out();
    assert!(nothing.contains("no run of t8 is recorded"), "{nothing}");
}

#[test]
fn a_checklist_is_ticked_signed_once_and_remembered() {
    let world = rota();
    let list = world.run(&["checklist", "show", "--format", "json"]).exits(0).json();
    let states: Vec<&str> = list["checklists"][0]["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter_map(|one| one["state"].as_str())
        .collect();
    assert_eq!(states[1], "open");
    world.run(&["checklist", "tick", "1"]).exits(77);
    world.run(&["checklist", "skip", "login"]).exits(77);
    world.run(&["checklist", "sign"]).exits(77);
    world.run(&["checklist", "tick", "login", "--operator", "asha"]).exits(0);
    world.run(&["checklist", "undo", "login"]).exits(0);
    world.run(&["checklist", "skip", "login", "--reason", "no \u{1b}[2Jtest account\u{9b}5n"]).exits(0);
    for told in [vec!["checklist", "show"], vec!["audit", "list", "--format", "json"]] {
        let told = world.run(&told).out();
        assert!(told.contains("test account"), "{told}");
        assert!(!told.contains(['\u{1b}', '\u{9b}']) && !told.contains("\\u001b"), "{told:?}");
    }
    world.run(&["checklist", "undo", "login"]).exits(0);
    world.run(&["checklist", "skip", "login", "--reason", "no test account"]).exits(0);
    world.run(&["checklist", "sign", "--operator", "asha", "--reason", "known"]).exits(0);
    assert!(world.run(&["checklist", "sign"]).exits(77).err().contains("already signed by asha"));
    let history = world.run(&["checklist", "history", "--format", "json"]).exits(0).json();
    assert_eq!(history["checklists"][0]["signed_by"], "asha");
    assert!(history["checklists"][0]["chain_head"].as_str().is_some_and(|head| head.contains(':')));
}

#[test]
fn what_has_not_happened_yet_ticks_nothing() {
    let world = World::new().config(
        r#"
version = 1
[[task]]
id = "alerts"
source = "exec"
schedule = "30 8 1 1 *"
[[checklist]]
id = "daily"
title = "Daily"
every = "day"
items = [{ text = "Alerts sent", check = "alerts" }]
"#,
    );
    let list =
        |world: &World| world.run(&["checklist", "show", "--format", "json"]).exits(0).json()["checklists"][0].clone();
    let before = list(&world);
    assert_eq!(
        (&before["items"][0]["state"], &before["items"][0]["evidence"]),
        (&"open".into(), &"nothing has happened yet".into())
    );
}

#[test]
fn a_list_whose_signature_cannot_be_read_is_unknown_and_not_unsigned() {
    let world = rota();
    world.run(&["checklist", "sign", "--reason", "known"]).exits(0);
    let store = rusqlite::Connection::open(world.path("state/rounds/rounds.db")).expect("the store");
    store.execute_batch("DROP TRIGGER signature_no_update; UPDATE signature SET snapshot = 'torn'").expect("torn");
    let answer = world.run(&["check", "--format", "json"]);
    let document = answer.json();
    assert_eq!(document["checklists"].as_array().map(Vec::len), Some(0), "{document:#}");
    let told = document["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .find(|one| one["id"].as_str().is_some_and(|id| id.ends_with("checklists")));
    let told = told.expect("a check that says so");
    assert_eq!(told["status"], "unknown");
    for command in [&["checklist", "list"][..], &["checklist", "show"], &["checklist", "sign", "--reason", "again"]] {
        let why = world.run(command).exits(1).err();
        assert!(why.contains("what was ticked and signed cannot be read"), "{why}");
    }
}

#[test]
fn the_log_of_acts_is_exported_line_by_line_with_what_was_refused() {
    let world = rota();
    world.run(&["run", "wipe", "--confirm", "wrong"]).exits(77);
    world.run(&["backup", "run", "--yes"]).exits(0);
    let lines = world.run(&["audit", "export"]).exits(0).out();
    let phases: Vec<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON in each line"))
        .map(|record| record["phase"].as_str().expect("a phase").to_owned())
        .collect();
    assert_eq!(phases, ["refused", "intent", "started", "outcome"]);
    assert_eq!(world.run(&["audit", "export", "--format", "csv"]).exits(0).out().matches("\r\n").count(), 5);
}

#[test]
fn what_was_refused_and_what_was_marked_stands_in_the_log_of_acts() {
    let world = rota();
    world.run(&["checklist", "tick", "1"]).exits(77);
    world.run(&["checklist", "sign"]).exits(77);
    world.run(&["checklist", "tick", "login", "--operator", "asha"]).exits(0);
    world.run(&["checklist", "undo", "login", "--read-only"]).exits(77);
    world.run(&["checklist", "sign", "--reason", "known", "--operator", "asha"]).exits(0);
    world.run(&["checklist", "undo", "login"]).exits(77);
    let records = world.run(&["audit", "list", "--format", "json"]).exits(0).json();
    let told: Vec<String> = records["records"]
        .as_array()
        .expect("records")
        .iter()
        .rev()
        .map(|one| format!("{} {}", one["action"].as_str().unwrap_or("?"), one["phase"].as_str().unwrap_or("?")))
        .collect();
    assert_eq!(told, ["tick refused", "sign refused", "tick note", "undo refused", "sign note", "undo refused"]);
    world.run(&["audit", "verify"]).exits(0);
}

#[test]
fn a_task_that_cannot_be_read_stays_in_the_list_with_the_reason() {
    let world = World::new().config(
        "version = 1\n[host]\ntasks = false\n[[database]]\nid = 'rota'\nurl = 'postgres://ann@127.0.0.1:1/rota'\n\
         [[task]]\nid = 'sent'\nsource = 'sql'\ndatabase = 'rota'\nmatch = 'SELECT 1'\nschedule = '0 5 * * *'\n",
    );
    let list = world.run(&["task", "list", "--format", "json"]).exits(0).json();
    let sent = &list["tasks"][0];
    assert_eq!((&sent["id"], &sent["source"], &sent["schedule"]), (&json!("sent"), &json!("sql"), &json!("0 5 * * *")));
    assert_eq!((&sent["state"], &sent["status"]), (&json!("unknown"), &json!("unknown")), "{sent:#}");
    assert!(sent["next_due"].is_string() && sent["findings"].to_string().contains("127.0.0.1:1"), "{sent:#}");
    let shown = world.run(&["task", "list"]).exits(0).out();
    assert!(shown.contains("daily at 05:00") && shown.contains("nothing listens there"), "{shown}");
    assert!(world.run(&["task", "show", "sent"]).exits(0).out().contains("nothing listens there"));
}

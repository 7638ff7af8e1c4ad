//! The real binary from outside: answers, documents, exit codes.

use std::io::Read;
use std::process::Stdio;

use rounds::archive::manifest::Manifest;

use crate::support::{World, mode};

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
fn check_says_the_same_in_words_and_in_json() {
    let world = rota();
    let json = world.run(&["check", "--format", "json"]);
    let document = json.json();
    assert_eq!(document["schema"], 1);
    assert_eq!(document["status"], "critical", "there is no backup at all: {document:#}");
    assert_eq!(json.code(), Some(2));
    let checks = document["checks"].as_array().expect("checks");
    let plugin = checks.iter().find(|check| check["id"] == "command:plugin").expect("the plugin");
    assert_eq!(plugin["status"], "warning");
    assert_eq!(plugin["kind"], "command");
    let counts = &document["counts"];
    let total: u64 = ["ok", "warning", "critical", "unknown"].iter().filter_map(|word| counts[word].as_u64()).sum();
    assert_eq!(total as usize, checks.len());
    let text = world.run(&["check"]).exits(2).out();
    let first = text.lines().next().expect("a verdict");
    assert!(first.starts_with("NOT READY: 1 critical"), "{first}");
    assert!(text.contains("mend: rounds backup run rota-db"), "{text}");
}

#[test]
fn a_pattern_reads_only_what_it_names_and_fail_on_critical_lets_warnings_pass() {
    let world = rota();
    let document = world.run(&["check", "plugin", "--format", "json"]).exits(1).json();
    assert_eq!(document["checks"].as_array().map(Vec::len), Some(1));
    world.run(&["check", "plugin", "--fail-on", "critical"]).exits(0);
    assert!(world.run(&["check", "nothing-like-it"]).exits(3).err().contains("no check matches"));
}

#[test]
fn a_backup_is_planned_made_verified_listed_and_recorded() {
    let world = rota();
    let plan = world.run(&["backup", "run", "--dry-run"]).exits(0).out();
    assert!(plan.contains("online copy of"), "{plan}");
    assert!(world.files("backups").is_empty(), "a dry run leaves nothing");
    let done = world.run(&["backup", "run", "rota-db", "--yes", "--reason", "before the move"]).exits(0).out();
    assert!(done.starts_with("succeeded: "), "{done}");
    let files = world.files("backups");
    assert_eq!(files.len(), 2, "the copy and its manifest: {files:?}");
    for file in &files {
        assert_eq!(mode(&world.path("backups").join(file)), 0o600, "{file}");
    }
    world.run(&["backup", "verify", "rota-db"]).exits(0);
    let list = world.run(&["backup", "list", "--format", "json"]).exits(0).json();
    let newest = &list["backups"][0]["newest"];
    assert!(newest["sha256"].is_string() && newest["verified_at"].is_string(), "{list:#}");
    let audit = world.run(&["audit", "list", "--format", "json"]).exits(0).json();
    let phases: Vec<&str> =
        audit["records"].as_array().expect("records").iter().filter_map(|one| one["phase"].as_str()).collect();
    assert_eq!(phases, ["outcome", "started", "intent", "outcome", "started", "intent"], "newest first");
    let reasons = audit["records"].to_string();
    assert!(reasons.contains("before the move"));
    world.run(&["audit", "verify"]).exits(0);
}

/// The store is made while the first round already looks at it.
#[test]
fn the_first_round_of_all_finds_nothing_wrong_with_the_store_it_makes() {
    for _ in 0..5 {
        World::new().run(&["check", "database:rounds", "--fail-on", "critical"]).exits(0);
    }
}

#[test]
fn two_backups_in_one_second_are_both_made() {
    let world = rota();
    for _ in 0..3 {
        world.run(&["backup", "run", "--yes"]).exits(0);
    }
    let copies = world.files("backups").into_iter().filter(|name| name.ends_with(".sqlite3"));
    assert_eq!(copies.count(), 3);
}

#[test]
fn what_could_go_is_told_with_its_reasons_and_nothing_goes() {
    let world = rota();
    world.run(&["backup", "run", "--yes"]).exits(0);
    let folder = world.path("backups");
    let made = world.files("backups").into_iter().find(|name| name.ends_with(".sqlite3")).expect("a copy");
    for day in ["20260302_020000", "20260303_020000", "20260303_030000"] {
        std::fs::copy(folder.join(&made), folder.join(format!("rota_{day}.sqlite3"))).expect("copy");
    }
    let mut manifest = Manifest::of(&folder.join(&made)).expect("manifest");
    manifest.format = 99;
    let later = folder.join("rota_20260302_020000.sqlite3.manifest.json");
    std::fs::write(later, manifest.to_bytes().expect("document")).expect("write");
    let before = world.files("backups");
    let judged = world.run(&["backup", "prune", "rota-db", "--dry-run", "--format", "json"]).exits(0).json();
    assert_eq!((judged["schema"].as_i64(), judged["id"].as_str()), (Some(1), Some("rota-db")));
    let said = |document: &serde_json::Value| -> Vec<(bool, String)> {
        let files = document["files"].as_array().expect("files");
        files.iter().map(|one| (one["keep"].as_bool().expect("keep"), one["reasons"].to_string())).collect()
    };
    let expected = [
        (true, r#"["last","daily","newest","newest verified"]"#),
        (false, "[]"),
        (true, r#"["daily"]"#),
        (true, r#"["newer format"]"#),
    ]
    .map(|(keep, reasons)| (keep, reasons.to_owned()));
    assert_eq!(said(&judged), expected);
    assert_eq!(judged["guards"], serde_json::json!([]));

    let list = world.run(&["backup", "list", "--format", "json"]).exits(0).json();
    assert_eq!(said(&list["backups"][0]), expected);
    assert_eq!(list["backups"][0]["slots"]["last"]["have"], 1, "{list:#}");
    assert_eq!(list["backups"][0]["slots"]["daily"]["want"], 2);

    let text = world.run(&["backup", "prune", "--dry-run"]).exits(0).out();
    assert!(text.starts_with("rota-db: 1 of 4 files superfluous, "), "{text}");
    let refused = world.run(&["backup", "prune", "--yes"]).exits(77).err();
    assert!(refused.contains("it wants the name `rota-db` typed"), "{refused}");
    assert_eq!(world.files("backups"), before, "nothing is deleted");
}

#[test]
fn a_damaged_backup_fails_its_verification_and_the_check() {
    let world = rota();
    world.run(&["backup", "run", "--yes"]).exits(0);
    let file = world.files("backups").into_iter().find(|name| name.ends_with(".sqlite3")).expect("a copy");
    let path = world.path("backups").join(file);
    let mut bytes = std::fs::read(&path).expect("the copy");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&path, bytes).expect("a flipped bit");
    let verify = world.run(&["backup", "verify"]).exits(1).out();
    assert!(verify.starts_with("failed: "), "{verify}");
    let check = world.run(&["check", "backup", "--format", "json"]).exits(2).json();
    assert_eq!(check["checks"][0]["status"], "critical", "{check:#}");
}

#[test]
fn read_only_refuses_everything_and_records_the_refusal() {
    let world = rota();
    let refused = world.run(&["--read-only", "backup", "run", "--yes"]).exits(77);
    assert!(refused.err().contains("read-only"), "{}", refused.err());
    assert!(world.files("backups").is_empty());
    let audit = world.run(&["audit", "list", "--format", "json"]).json();
    assert_eq!(audit["records"][0]["phase"], "refused");
}

#[test]
fn without_a_yes_nothing_happens_and_yes_is_too_weak_for_destruction() {
    let world = rota();
    world.run(&["run", "touch"]).exits(77);
    assert!(!world.path("made x").exists());
    world.run(&["run", "touch", "--yes", "--param", "name=a b;c"]).exits(0);
    assert!(world.path("made a b;c").exists(), "one argument stays one argument");
    world.run(&["run", "wipe", "--yes"]).exits(77);
    world.run(&["run", "wipe", "--confirm", "wype"]).exits(77);
    world.run(&["run", "wipe", "--confirm", "wipe"]).exits(0);
}

#[test]
fn exit_zero_without_the_effect_is_not_success() {
    let world = rota();
    let answer = world.run(&["run", "restart", "--yes"]).exits(1).out();
    assert!(answer.starts_with("not-effective: ran, but command:plugin is not ok after 1.0 s"), "{answer}");
}

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
fn a_machine_nobody_prepared_can_be_checked() {
    let world = World::new();
    let document = world.run(&["check", "--format", "json"]).json();
    let ids: Vec<&str> =
        document["checks"].as_array().expect("checks").iter().filter_map(|check| check["id"].as_str()).collect();
    for wanted in ["host", "database:rounds", "backup:rounds"] {
        assert!(ids.contains(&wanted), "{wanted} is not in {ids:?}");
    }
    assert!(ids.iter().any(|id| id.starts_with("disk:")), "{ids:?}");
    assert_eq!(document["checklists"][0]["id"], "daily");
    world.run(&["backup", "run", "--yes"]).exits(0);
    world.run(&["database", "integrity", "--yes"]).exits(0);
    world.run(&["database", "vacuum", "--yes"]).exits(0);
    assert_eq!(mode(&world.path("state/rounds/rounds.db")), 0o600);
    assert_eq!(mode(&world.path("state/rounds")), 0o700);
}

#[test]
fn a_store_that_cannot_be_opened_leaves_the_check_working_and_refuses_acts() {
    let world = rota();
    std::fs::write(world.path("foreign.db"), "not a database, but long enough to look at").expect("a file");
    let store = format!("sqlite:{}", world.path("foreign.db").display());
    let document = world.run(&["check", "--format", "json", "--store", &store]).exits(2).json();
    assert!(document["checks"].as_array().expect("checks").len() > 4);
    world.run(&["backup", "run", "--yes", "--store", &store]).exits(77);
    assert!(world.files("backups").is_empty(), "no audit, no act");
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
fn a_file_that_is_no_database_is_no_backup_whatever_its_name_says() {
    let world = rota();
    world.run(&["backup", "run", "--yes"]).exits(0);
    let name = world.files("backups").into_iter().find(|name| name.ends_with(".sqlite3")).expect("a copy");
    let copy = std::fs::read(world.path("backups").join(&name)).expect("the copy");
    for (stamp, bytes) in [("20260301_020000", &b"bogus"[..]), ("20260302_020000", &copy[..copy.len() / 2])] {
        let path = world.path("backups").join(format!("rota_{stamp}.sqlite3"));
        std::fs::write(path, bytes).expect("a file");
    }
    let list = world.run(&["backup", "list", "--format", "json"]).exits(0).json();
    let states: Vec<&str> = list["backups"][0]["files"]
        .as_array()
        .expect("files")
        .iter()
        .filter_map(|file| file["state"].as_str())
        .collect();
    assert_eq!(states[0], "complete");
    assert!(states[1].starts_with("damaged: cut off: "), "{states:?}");
    assert_eq!(states[2], "damaged: 5 B that are no SQLite database");
}

#[test]
fn backups_that_were_verified_and_are_gone_are_critical_not_new() {
    let world = rota();
    world.run(&["backup", "run", "--yes"]).exits(0);
    std::fs::rename(world.path("backups"), world.path("elsewhere")).expect("moved");
    let text = world.run(&["check", "rota-db"]).exits(2).out();
    assert!(text.contains("1 verified backup gone: nothing is left in "), "{text}");
}

#[test]
fn a_database_known_to_be_gone_or_broken_is_critical_and_a_locked_one_unknown() {
    let world = rota();
    let lock = rusqlite::Connection::open(world.path("rota.sqlite3")).expect("the database");
    lock.execute_batch("PRAGMA journal_mode = delete; BEGIN EXCLUSIVE").expect("a lock");
    world.run(&["check", "database:rota"]).exits(3);
    drop(lock);
    std::fs::write(world.path("rota.sqlite3"), "something else, and long enough to be looked at").expect("a file");
    world.run(&["check", "database:rota"]).exits(2);
    std::fs::remove_file(world.path("rota.sqlite3")).expect("gone");
    world.run(&["check", "database:rota"]).exits(2);
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
fn every_time_in_every_document_is_written_the_same_way() {
    fn times(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::String(text) => {
                let mut letters = text.chars();
                let dated = text.len() > 18 && letters.by_ref().take(4).all(|c| c.is_ascii_digit());
                if dated && text[4..].starts_with('-') && text[10..].starts_with('T') {
                    found.push(text.clone());
                }
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| times(item, found)),
            serde_json::Value::Object(fields) => fields.values().for_each(|field| times(field, found)),
            _ => {}
        }
    }
    let world = rota();
    let config = std::fs::read_to_string(world.path("config.toml")).expect("configuration");
    let world = world.config(&format!("{config}\n[[task]]\nid = \"alerts\"\nsource = \"exec\"\n"));
    world.run(&["backup", "run", "--yes"]).exits(0);
    world.run(&["backup", "verify"]).exits(0);
    world.run(&["exec", "--task", "alerts", "--", "true"]).exits(0);
    world.run(&["checklist", "skip", "login", "--reason", "no test account"]).exits(0);
    world.run(&["checklist", "sign", "--reason", "known"]).exits(0);
    for command in [
        &["check"][..],
        &["backup", "list"],
        &["database", "list"],
        &["task", "list"],
        &["checklist", "list"],
        &["checklist", "show"],
        &["checklist", "history"],
        &["audit", "list"],
    ] {
        let document = world.run(&[command, &["--format", "json"]].concat()).json();
        let mut found = Vec::new();
        times(&document, &mut found);
        assert!(!found.is_empty() || command[0] == "database", "{command:?} tells a time");
        let others: Vec<&String> = found.iter().filter(|text| !text.ends_with("+00:00")).collect();
        assert!(others.is_empty(), "{command:?}: {others:?}");
    }
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
fn a_part_of_the_round_is_not_blamed_for_the_store() {
    let world = rota();
    std::fs::create_dir_all(world.path("state/rounds")).expect("state");
    std::fs::write(world.path("state/rounds/rounds.db"), "no database at all, but long enough to be looked at")
        .expect("junk");
    world.run(&["check"]).exits(2);
    let part = world.run(&["check", "plugin"]).exits(1).out();
    assert!(!part.contains("store"), "{part}");
}

#[test]
fn a_log_that_cannot_be_written_is_no_warning_of_what_was_looked_at() {
    let world = World::new().config("version = 1\n");
    let log = world.path("missing/rounds.log").display().to_string();
    let check = world.run(&["check", "--log-file", &log]).exits(3);
    assert!(check.err().contains(&log) && check.out().is_empty(), "{}", check.err());
    assert!(world.run(&["task", "list", "--log-file", &log]).exits(2).err().contains(&log));
}

#[test]
fn what_is_impossible_is_refused_on_record() {
    let watched = "[[backup]]\nid = \"theirs\"\nfiles = \"{root}/theirs/x_%Y%m%d_%H%M%S.sqlite3\"\n";
    let world = World::new().config(&format!("version = 1\n{watched}"));
    let refused = world.run(&["backup", "run", "theirs", "--yes", "--operator", "asha"]).exits(77).err();
    let _shown = world.run(&["backup", "run", "theirs", "--dry-run"]).exits(77);
    let records = world.run(&["audit", "list", "--format", "json"]).exits(0).json();
    let records = records["records"].as_array().expect("records");
    assert_eq!(records.len(), 1, "{records:#?}");
    assert_eq!(records[0]["phase"], "refused");
    assert_eq!((&records[0]["operator"], &records[0]["target"]), (&"asha".into(), &"backup:theirs".into()));
    let why = records[0]["detail"].as_str().expect("why");
    assert!(!why.is_empty() && refused.contains(why), "{why} {refused}");
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

#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs root: mounts a file system that cannot be written"]
#[expect(clippy::disallowed_methods, reason = "the mount is made by a program of the system")]
fn root_a_store_that_cannot_be_written_is_still_read() {
    let world = World::new().config(
        "version = 1\n[[action]]\nid = \"mark\"\ntitle = \"Mark\"\nrisk = \"routine\"\n\
        command = [\"/usr/bin/touch\", \"{root}/mark\"]\n",
    );
    world.run(&["run", "mark", "--yes"]).exits(0);
    let state = world.path("state").display().to_string();
    let frozen = |arguments: &[&str]| {
        let inner = world.command(arguments);
        let mut outer = std::process::Command::new("unshare");
        outer.args(["--mount", "--propagation", "private", "sh", "-c"]);
        outer.arg("mount --bind \"$1\" \"$1\" && mount -o remount,ro,bind \"$1\" && shift && exec \"$@\"");
        outer.args(["frozen", &state]).arg(inner.get_program()).args(inner.get_args()).env_clear();
        outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
        crate::support::Answer(outer.output().expect("unshare of util-linux"))
    };
    assert!(frozen(&["audit", "verify"]).exits(0).out().contains("3 records"));
    let records = frozen(&["audit", "list", "--format", "json"]).exits(0).json();
    assert_eq!(records["records"].as_array().map(Vec::len), Some(3), "{records:#}");
    std::fs::remove_file(world.path("mark")).expect("the mark");
    frozen(&["run", "mark", "--yes"]).exits(77);
    assert!(!world.path("mark").exists(), "no act without a record");
}

//! What one look says, in words and in documents, and which exit code it ends with.

use super::rota;
use crate::support::{World, mode};

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

/// The store is made while the first round already looks at it. On a machine that hardly gets to
/// it nothing is known of the store yet, which is no fault of it either.
#[test]
fn the_first_round_of_all_finds_nothing_wrong_with_the_store_it_makes() {
    for _ in 0..5 {
        let answer = World::new().run(&["check", "database:rounds", "--fail-on", "critical"]);
        assert!(matches!(answer.code(), Some(0 | 3)), "{}", answer.out());
    }
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

//! Backups from the command line: made, verified, told of, and what counts as one.

use rounds::archive::manifest::Manifest;

use super::rota;
use crate::support::mode;

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

//! Exports that another tool makes and tells of in manifests, as a document store's exporter does: made
//! by a command, held against what is there, verified, listed and pruned.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::{Answer, World};

/// What the exporter of a document store does: it writes the export, and then a manifest that claims it
/// was completed, whatever became of it.
const EXPORTER: &str = r#"#!/bin/sh
stamp=$(date -u +%Y%m%d_%H%M%S)
case "$1" in
    broken) printf '[{"model": "units", "pk": 1}, {"mod' > "$2/exports/export_$stamp.json" ;;
    missing) ;;
    *) printf '[{"model": "units", "pk": 1}, {"model": "units", "pk": 2}, {"model": "dues", "pk": 1}]' \
           > "$2/exports/export_$stamp.json" ;;
esac
[ "$1" = silent ] && exit 0
cat > "$2/backup-manifests/$stamp.json" << EOF
{"date": "$stamp", "project": "sams", "location": "gs://sams-backups/backups/$stamp", "type": "scheduled",
 "status": "$3"}
EOF
"#;

fn world(what: &str, status: &str, more: &str) -> World {
    let world = World::new().config(&format!(
        "version = 1\n[host]\nevery = '1h'\n[system]\ntimezone = 'UTC'\n[store]\nurl = 'sqlite:{{root}}/state/rounds.db'\n\
         [[backup]]\nid = 'firestore'\nmanifest = '{{root}}/backup-manifests/*.json'\nrpo = '24h'\n\
         command = ['{{root}}/export-firestore', '{what}', '{{root}}', '{status}']\n{more}\n"
    ));
    for folder in ["exports", "backup-manifests"] {
        fs::create_dir(world.path(folder)).expect("a folder");
    }
    fs::write(world.path("export-firestore"), EXPORTER).expect("the exporter");
    fs::set_permissions(world.path("export-firestore"), fs::Permissions::from_mode(0o700)).expect("its mode");
    world
}

const FILES: &str = "files = '{root}/exports/export_%Y%m%d_%H%M%S.json'\nkeep = { last = 1, min = 1 }";

fn run(world: &World) -> Answer {
    world.run(&["backup", "run", "firestore", "--yes"])
}

fn listed(world: &World) -> serde_json::Value {
    world.run(&["backup", "list", "--format", "json"]).json()["backups"][0].clone()
}

/// An export of an earlier night, with its manifest; `status` as it claims.
fn earlier(world: &World, stamp: &str, status: &str) -> [PathBuf; 2] {
    let export = world.path(&format!("exports/export_{stamp}.json"));
    let manifest = world.path(&format!("backup-manifests/{stamp}.json"));
    fs::write(&export, r#"[{"model": "units", "pk": 1}]"#).expect("an export");
    fs::write(&manifest, format!(r#"{{"date": "{stamp}", "status": "{status}"}}"#)).expect("its manifest");
    for path in [&export, &manifest] {
        let file = fs::File::options().write(true).open(path).expect("open");
        let written = file.metadata().and_then(|file| file.modified()).expect("when it was written");
        file.set_modified(written - Duration::from_hours(48)).expect("it is older");
    }
    [export, manifest]
}

#[test]
fn an_export_is_made_held_against_its_manifest_verified_listed_and_pruned() {
    let world = world("whole", "completed", FILES);
    let old = earlier(&world, "20260301_020000", "completed");
    let failed = earlier(&world, "20260302_020000", "FAILED");
    let told = run(&world).exits(0).out();
    assert!(told.contains("a new backup is there after"), "{told}");
    let told = world.run(&["backup", "verify", "firestore"]).exits(0).out();
    assert!(told.contains("one whole JSON document, 3 objects of 2 models"), "{told}");
    let backup = listed(&world);
    let files = backup["files"].as_array().expect("files");
    assert_eq!(files.len(), 3, "{backup:#}");
    let newest = files[0]["path"].as_str().expect("a path");
    assert!(newest.contains("/exports/export_") && files[0]["verified_at"].is_string(), "{backup:#}");
    assert!(backup["findings"].to_string().contains("its manifest says `failed`"), "{backup:#}");

    let told = world.run(&["backup", "prune", "firestore", "--confirm", "firestore"]).exits(0).out();
    assert!(told.contains("1 file deleted"), "{told}");
    for path in &old {
        assert!(!path.exists(), "{} is still there", path.display());
    }
    for path in &failed {
        assert!(path.exists(), "what failed is looked at by somebody: {}", path.display());
    }
    assert_eq!((world.files("exports").len(), world.files("backup-manifests").len()), (2, 2));
    let told = listed(&world)["findings"].to_string();
    assert!(!told.contains("orphan"), "{told}");
}

#[test]
fn whatever_an_exporter_claims_is_believed_only_as_far_as_it_can_be_seen() {
    let cases: [(&str, &str, &str, i32, &str); 5] = [
        ("silent", "completed", FILES, 1, "no new complete backup appeared"),
        ("missing", "completed", FILES, 1, "no new complete backup appeared"),
        ("whole", "failed", FILES, 1, "no new complete backup appeared"),
        ("whole", "running", FILES, 1, "no new complete backup appeared"),
        // Only the bucket has it: what is claimed is all that is known.
        ("missing", "completed", "", 0, "a new backup is there after"),
    ];
    for (what, status, more, code, said) in cases {
        let world = world(what, status, more);
        let told = run(&world).exits(code).out();
        assert!(told.contains(said), "{what} {status}: {told}");
        let refused = world.run(&["backup", "prune", "firestore", "--confirm", "firestore"]);
        assert_ne!(refused.code(), Some(0), "{what} {status}: {}", refused.out());
        if what == "missing" {
            let refused = world.run(&["backup", "verify", "firestore"]);
            let told = format!("{}{}", refused.out(), refused.err());
            assert_ne!(refused.code(), Some(0), "a claim is not verified by itself: {told}");
            assert!(told.contains("is not there") || told.contains("has no `files` on this machine"), "{told}");
        }
    }
    let world = world("broken", "completed", FILES);
    run(&world).exits(0);
    let told = world.run(&["backup", "verify", "firestore"]).exits(1).out();
    assert!(told.contains("not one whole JSON document"), "{told}");
    let backup = listed(&world);
    assert_eq!(backup["status"], "critical", "{backup:#}");
    assert!(backup["findings"].to_string().contains("verification failed"), "{backup:#}");
}

/// What a prune leaves that is killed when it has deleted an export, and nothing of what tells of it.
fn killed_prune(world: &World, stamp: &str) -> PathBuf {
    fs::remove_file(world.path(&format!("exports/export_{stamp}.json"))).expect("it was deleted");
    let note = world.path("exports/.prune-killed");
    fs::write(&note, format!(r#"["export_{stamp}.json", "../export-firestore", "export_{stamp}.json/../../victim"]"#))
        .expect("its note");
    let file = fs::File::options().write(true).open(&note).expect("open");
    let written = file.metadata().and_then(|file| file.modified()).expect("when it was written");
    file.set_modified(written - Duration::from_mins(1)).expect("it is older");
    note
}

#[test]
fn the_next_prune_finishes_one_that_was_killed_before_it_had_removed_what_tells_of_an_export() {
    let world = world("whole", "completed", FILES);
    let [export, manifest] = earlier(&world, "20260301_020000", "completed");
    let [_, missed] = earlier(&world, "20260302_020000", "completed");
    fs::remove_file(world.path("exports/export_20260302_020000.json")).expect("nobody knows who removed it");
    run(&world).exits(0);
    world.run(&["backup", "verify", "firestore"]).exits(0);
    let note = killed_prune(&world, "20260301_020000");
    fs::write(world.path("victim"), "nobody's").expect("a file");
    let told = listed(&world)["files"].to_string();
    assert!(told.contains("a prune that was interrupted deleted"), "{told}");

    let told = world.run(&["backup", "prune", "firestore", "--confirm", "firestore"]).exits(0).out();
    assert!(told.contains("what an interrupted prune had left of 1 file is gone, too"), "{told}");
    assert!(!export.exists() && !manifest.exists() && !note.exists(), "what was begun is done");
    assert!(missed.exists(), "what no prune deleted is looked at by somebody");
    assert!(world.path("victim").exists() && world.path("export-firestore").exists());
    assert_eq!((world.files("exports").len(), world.files("backup-manifests").len()), (1, 2));
    let again = world.run(&["backup", "prune", "firestore", "--confirm", "firestore"]).exits(0).out();
    assert!(again.starts_with("nothing is superfluous"), "{again}");
}

#[test]
fn an_export_that_is_a_directory_is_as_large_as_its_files_and_goes_with_what_tells_of_it() {
    let files = FILES.replace(".json", ".dir");
    let world = world("whole", "completed", &files);
    let mut made = Vec::new();
    for (stamp, size) in [("20260301_020000", 7), ("20260302_020000", 7), ("20260303_020000", 8)] {
        let [export, manifest] = earlier(&world, stamp, "completed");
        fs::remove_file(export).expect("it is a directory instead");
        let export = world.path(&format!("exports/export_{stamp}.dir"));
        fs::create_dir(&export).expect("an export");
        fs::write(export.join("units.json"), "[1]").expect("a part");
        fs::write(export.join("dues.json"), "[12]").expect("a part");
        fs::write(&manifest, format!(r#"{{"date": "{stamp}", "status": "completed", "size_bytes": {size}}}"#))
            .expect("its manifest");
        made.push((export, manifest));
    }
    let backup = listed(&world);
    let files = backup["files"].as_array().expect("files");
    assert_eq!(files[1]["size_bytes"], 7, "{backup:#}");
    assert_eq!((files[1]["state"].as_str(), files[2]["state"].as_str()), (Some("complete"), Some("complete")));
    assert!(files[0]["state"].to_string().contains("7 B where its manifest says 8 B"), "{backup:#}");

    fs::remove_dir_all(&made[2].0).and_then(|()| fs::remove_file(&made[2].1)).expect("looked at, and removed");
    let plan = world.run(&["backup", "prune", "firestore", "--dry-run", "--format", "json"]).exits(0).json();
    let doomed = plan["files"].as_array().expect("files").iter().filter(|file| file["keep"] == false);
    assert_eq!(doomed.count(), 1, "{plan:#}");
}

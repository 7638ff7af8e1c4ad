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

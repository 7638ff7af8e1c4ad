//! What other tools claim in their manifests, and what of it can be seen.

use super::*;
use std::fs;

fn claims(folder: &Path, objects: bool) -> Claims {
    let pattern = format!("{}/objects/export_%Y%m%d_%H%M%S.tar", folder.display());
    Claims {
        pattern: format!("{}/manifests/*.json", folder.display()),
        objects: objects.then(|| StampPattern::parse(&pattern, Zone::utc()).expect("pattern")),
        zone: Zone::utc(),
    }
}

fn scratch() -> tempfile::TempDir {
    let scratch = tempfile::tempdir().expect("scratch");
    for folder in ["manifests", "objects"] {
        fs::create_dir(scratch.path().join(folder)).expect("folder");
    }
    scratch
}

fn put(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join("manifests").join(name), text).expect("manifest");
}

#[test]
fn a_manifest_is_a_claim_that_is_held_against_what_can_be_seen() {
    let scratch = scratch();
    let folder = scratch.path();
    let sams = r#"{"date": "20260302_020000", "project": "sams", "location": "gs://sams-backups/backups/20260302_020000",
                  "type": "scheduled", "status": "completed"}"#;
    put(folder, "20260302_020000.json", sams);
    put(folder, "20260301_020000.json", r#"{"status": "FAILED"}"#);
    put(folder, "20260228_020000.json", r#"{"status": "completed", "location": "/nowhere/at/all"}"#);
    put(folder, "20260227_020000.json", r#"{"status": "completed""#);
    put(folder, "20260226_020000.json", "");
    put(folder, "20260225_020000.json", r#"{"status": "running"}"#);
    put(folder, "notes.json", "{}");
    let (catalogue, findings) = claims(folder, false).look().expect("looked");
    assert!(findings.is_empty(), "{findings:?}");
    let states: Vec<String> = catalogue.files.iter().map(|file| format!("{:?}", file.state)).collect();
    let expected = [
        "Complete",
        "its manifest says `failed`",
        "what it tells of, /nowhere/at/all, is not there or empty",
        "not one whole JSON document",
        "it is empty",
        "Growing",
        "neither it nor its name says when",
    ];
    assert_eq!(states.len(), expected.len(), "{states:?}");
    for (state, expected) in states.iter().zip(expected) {
        assert!(state.contains(expected), "{state} is not {expected}");
    }
    assert_eq!(catalogue.files[0].taken_at.to_rfc3339(), "2026-03-02T02:00:00+00:00");
}

#[test]
fn orphans_are_told_on_either_side() {
    let scratch = scratch();
    let folder = scratch.path();
    put(folder, "20260302_020000.json", r#"{"date": "20260302_020000", "status": "completed"}"#);
    put(folder, "20260301_020000.json", r#"{"date": "20260301_020000", "status": "completed"}"#);
    for name in ["export_20260302_020000.tar", "export_20260227_020000.tar", "export_20260228_020000.tar.gz"] {
        fs::write(folder.join("objects").join(name), "x").expect("object");
    }
    let (catalogue, findings) = claims(folder, true).look().expect("looked");
    assert_eq!(catalogue.files[0].state, BackupState::Complete);
    let BackupState::Damaged(why) = &catalogue.files[1].state else { unreachable!("{:?}", catalogue.files[1]) };
    assert!(why.contains("export_20260301_020000.tar, is not there"), "{why}");
    let [finding] = &findings[..] else { unreachable!("{findings:?}") };
    assert_eq!(finding.text, "no manifest tells of 2 files, the newest is export_20260228_020000.tar.gz");
}

#[test]
fn times_are_read_as_tools_write_them() {
    let utc = Zone::utc();
    for text in ["2026-03-02T02:00:00Z", "2026-03-02T03:00:00+01:00", "20260302_020000", "2026-03-02 02:00:00"] {
        assert_eq!(stamp(text, &utc).map(|at| at.to_rfc3339()).as_deref(), Some("2026-03-02T02:00:00+00:00"), "{text}");
    }
    assert_eq!(stamp("20260302", &utc).map(|at| at.to_rfc3339()).as_deref(), Some("2026-03-02T00:00:00+00:00"));
    assert_eq!(stamp("yesterday", &utc), None);
}

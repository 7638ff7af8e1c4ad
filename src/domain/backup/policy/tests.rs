//! Tables of (facts, now, what is said).

use chrono::NaiveDateTime;

use super::*;
use crate::domain::vitals::{Proof, ProofKind};

const HOUR: Duration = Duration::from_hours(1);

fn at(text: &str) -> Timestamp {
    NaiveDateTime::parse_from_str(&format!("2026-03-{text}"), "%Y-%m-%d %H:%M:%S").expect("test time").and_utc()
}

fn file(taken: &str, size: u64) -> Backup {
    let taken_at = at(taken);
    Backup {
        path: format!("/srv/db_{}.sqlite3", taken_at.format("%Y%m%d")).into(),
        taken_at,
        size_bytes: Some(size),
        sha256: None,
        took_s: None,
        verified_at: None,
        state: BackupState::Complete,
    }
}

fn damaged(taken: &str) -> Backup {
    Backup { state: BackupState::Damaged("20 B where the manifest says 48.1 MB".into()), ..file(taken, 20) }
}

fn growing(taken: &str) -> Backup {
    Backup { state: BackupState::Growing, ..file(taken, 7) }
}

fn catalogue(files: Vec<Backup>) -> Catalogue {
    Catalogue { files, ..Catalogue::default() }
}

/// Nightly at two, half an hour of grace.
fn nightly(rpo_hours: Option<u32>) -> BackupPolicy {
    BackupPolicy {
        schedule: Some(Schedule::parse("0 2 * * *", Zone::utc()).expect("schedule")),
        grace: Duration::from_mins(30),
        rpo: rpo_hours.map(|hours| HOUR * hours),
        can_run: true,
        ..BackupPolicy::default()
    }
}

fn judge(policy: &BackupPolicy, catalogue: Catalogue, now: &str) -> Verdict {
    policy.judge(&Reading::default().with(Detail::backups(catalogue)), at(now))
}

fn said(policy: &BackupPolicy, catalogue: Catalogue, now: &str) -> Vec<String> {
    judge(policy, catalogue, now).findings.iter().map(|one| format!("{}: {}", one.status, one.text)).collect()
}

fn age_of(verdict: &Verdict) -> &JudgedSample {
    verdict.samples.iter().find(|judged| judged.sample.key == "age").expect("an age")
}

#[test]
fn the_sentence_of_the_contract() {
    let policy = BackupPolicy { rpo: Some(HOUR * 24), grace: HOUR * 2, can_run: true, ..BackupPolicy::default() };
    let took = Backup { took_s: Some(0.4), ..file("01 02:00:00", 48_100_000) };
    let verdict = judge(&policy, catalogue(vec![took]), "02 09:04:00");
    assert_eq!(verdict.findings[0].text, "last backup 31 h 04 m ago, limit 26 h (RPO 24 h)");
    assert_eq!(verdict.findings[0].status, Status::Critical);
    assert_eq!(verdict.findings[0].mend, Some(ActionName::BACKUP));
    let age = age_of(&verdict);
    assert_eq!(age.sample, Sample::seconds("age", 111_840.0));
    assert_eq!((age.status, age.warning), (Status::Critical, None));
}

#[test]
fn a_nightly_backup_is_late_only_after_its_slot_its_duration_and_its_grace() {
    let made = || catalogue(vec![Backup { took_s: Some(600.0), ..file("01 02:00:00", 1000) }]);
    let policy = nightly(None);
    let table = [
        ("01 09:00:00", None),
        ("02 02:00:00", None),
        ("02 02:40:00", None),
        ("02 02:40:01", Some("critical: last backup 24 h 40 m ago, limit 24 h 40 m")),
        ("03 02:41:00", Some("critical: last backup 2 d ago, limit 24 h 40 m")),
    ];
    for (now, expected) in table {
        assert_eq!(said(&policy, made(), now).first().map(String::as_str), expected, "{now}");
    }
}

#[test]
fn a_missed_slot_is_a_warning_while_the_objective_holds() {
    let policy = nightly(Some(48));
    let facts = || catalogue(vec![file("01 02:00:00", 1000)]);
    let table = [
        ("02 02:30:00", Vec::new()),
        ("02 02:31:01", vec!["warning: last backup 24 h 31 m ago, limit 24 h 31 m (RPO 2 d)"]),
        ("03 02:32:00", vec!["critical: last backup 2 d ago, limit 2 d (RPO 2 d)"]),
    ];
    for (now, expected) in table {
        assert_eq!(said(&policy, facts(), now), expected, "{now}");
    }
    let verdict = judge(&policy, facts(), "02 03:00:00");
    assert_eq!(verdict.findings[0].since, Some(at("02 02:31:00")), "since the limit was passed, not since it was seen");
    let expected = (Some(Limit::over(88_260.0, Unit::Seconds)), Some(Limit::over(174_660.0, Unit::Seconds)));
    assert_eq!((age_of(&verdict).warning, age_of(&verdict).critical), expected);
}

#[test]
fn a_schedule_too_sparse_for_the_objective_shows() {
    let policy = BackupPolicy { rpo: Some(HOUR * 12), ..nightly(None) };
    let facts = catalogue(vec![file("01 02:00:00", 1000)]);
    assert_eq!(said(&policy, facts, "01 15:00:00"), ["warning: last backup 13 h ago, limit 12 h 31 m (RPO 12 h)"]);
}

#[test]
fn a_backup_by_hand_does_not_excuse_the_night_after() {
    let facts = || catalogue(vec![file("01 14:00:00", 1000)]);
    assert!(said(&nightly(None), facts(), "02 02:30:00").is_empty());
    assert_eq!(said(&nightly(None), facts(), "02 02:32:00"), ["critical: last backup 12 h 32 m ago, limit 12 h 31 m"]);
}

#[test]
fn one_that_started_seconds_early_answers_its_slot() {
    assert!(said(&nightly(None), catalogue(vec![file("02 01:59:58", 1000)]), "02 12:00:00").is_empty());
}

#[test]
fn having_none_is_a_warning_until_the_first_could_be_there() {
    let policy = nightly(None);
    let facts = |since: Option<&str>| Catalogue { source_since: since.map(at), ..Catalogue::default() };
    let table = [
        (facts(Some("01 09:00:00")), "01 09:00:01", "warning: no backup yet; the first is due Mon 02:00"),
        (facts(Some("01 09:00:00")), "02 02:31:00", "warning: no backup yet; the first is due 02:00"),
        (facts(Some("01 09:00:00")), "02 02:31:01", "critical: no backup at all; the first was due 02:00"),
        (facts(None), "01 09:00:01", "critical: no backup at all"),
        (
            Catalogue { shelf_missing: Some("/mnt/gone".into()), ..facts(Some("01 09:00:00")) },
            "01 09:00:01",
            "warning: no backup yet, and /mnt/gone is not there; the first is due Mon 02:00",
        ),
        (
            Catalogue { shelf_missing: Some("/mnt/gone".into()), ..facts(None) },
            "01 09:00:01",
            "critical: no backup at all, and /mnt/gone is not there",
        ),
        (
            catalogue(vec![growing("01 09:00:00")]),
            "01 09:00:09",
            "warning: no backup yet; the first one is being written",
        ),
    ];
    for (facts, now, expected) in table {
        let verdict = judge(&policy, facts, now);
        assert_eq!(format!("{}: {}", verdict.findings[0].status, verdict.findings[0].text), expected, "{now}");
    }
    let mend = judge(&policy, facts(Some("01 09:00:00")), "01 09:00:01").findings[0].mend.clone();
    assert_eq!(mend, Some(ActionName::BACKUP));
    let watched = BackupPolicy { can_run: false, ..policy };
    assert_eq!(judge(&watched, facts(None), "01 09:00:01").findings[0].mend, None, "no act of ours makes it");
}

#[test]
fn a_file_that_grows_is_not_the_newest_backup() {
    let facts = catalogue(vec![growing("02 02:00:01"), file("01 02:00:01", 1000)]);
    let verdict = judge(&nightly(None), facts, "02 02:20:00");
    assert!(verdict.findings.is_empty(), "not late yet, and growing is no fault");
    assert_eq!(age_of(&verdict).sample, Sample::seconds("age", 87_599.0));
}

#[test]
fn damage_is_found_and_never_counted() {
    let latest = catalogue(vec![damaged("02 02:00:01"), file("01 02:00:01", 1000)]);
    assert_eq!(
        said(&nightly(None), latest, "02 02:20:00"),
        ["critical: db_20260302.sqlite3 is damaged: 20 B where the manifest says 48.1 MB"]
    );
    let older = catalogue(vec![file("03 02:00:01", 1000), damaged("02 02:00:01"), damaged("01 02:00:01")]);
    assert_eq!(
        said(&nightly(None), older, "03 02:20:00"),
        ["warning: 2 damaged backups; the latest, db_20260302.sqlite3: 20 B where the manifest says 48.1 MB"]
    );
}

#[test]
fn sizes_are_held_against_a_floor_and_against_the_usual() {
    let policy = BackupPolicy {
        min_size: Some(1_000_000),
        size_warning: Some(Limit::over(40.0, Unit::Percent)),
        ..nightly(None)
    };
    let with_newest = |size| {
        catalogue(vec![
            file("05 02:00:01", size),
            file("04 02:00:01", 50_000_000),
            file("03 02:00:01", 48_000_000),
            file("02 02:00:01", 46_000_000),
        ])
    };
    let table = [
        (47_000_000, Vec::new()),
        (28_800_000, Vec::new()),
        (
            12_000_000,
            vec!["warning: newest backup 12.0 MB, 75 % smaller than the median of those before (48.0 MB), limit 40 %"],
        ),
        (
            96_000_000,
            vec!["warning: newest backup 96.0 MB, 100 % larger than the median of those before (48.0 MB), limit 40 %"],
        ),
    ];
    for (size, expected) in table {
        assert_eq!(said(&policy, with_newest(size), "05 09:00:00"), expected, "{size}");
    }
    let tiny = said(&policy, catalogue(vec![file("05 02:00:01", 20)]), "05 09:00:00");
    assert_eq!(tiny, ["critical: newest backup 20 B, at least 1.0 MB expected"]);
}

#[test]
fn verification_grows_old_by_itself() {
    let policy = BackupPolicy { verify_every: Some(HOUR * 24), ..nightly(None) };
    let never = || catalogue(vec![file("05 02:00:01", 1000), file("04 02:00:01", 1000)]);
    assert_eq!(
        said(&policy, never(), "05 09:00:01"),
        ["warning: no backup verified, the oldest is of 31 h ago; limit 24 h"]
    );
    let fresh = catalogue(vec![file("05 02:00:01", 1000)]);
    assert!(said(&policy, fresh, "05 09:00:00").is_empty(), "the first one may be verified within a day");
    let verified = || {
        let mut files = never().files;
        files[1].verified_at = Some(at("04 08:00:00"));
        catalogue(files)
    };
    assert!(said(&policy, verified(), "05 08:00:00").is_empty());
    let verdict = judge(&policy, verified(), "05 09:00:00");
    assert_eq!(verdict.findings[0].text, "last verification 25 h ago, limit 24 h");
    assert_eq!(verdict.findings[0].mend, Some(ActionName::VERIFY));
    let blind = Catalogue { proofs_unknown: Some("the store is locked".into()), ..never() };
    assert_eq!(
        said(&policy, blind, "05 09:00:00"),
        ["unknown: the last verification cannot be told: the store is locked"]
    );
}

#[test]
fn a_stamp_from_the_future_hides_nothing() {
    let facts = catalogue(vec![file("04 02:00:01", 1000), file("01 02:00:00", 1000)]);
    let verdict = judge(&nightly(None), facts, "02 09:00:00");
    let texts: Vec<&str> = verdict.findings.iter().map(|finding| finding.text.as_str()).collect();
    assert_eq!(texts, ["last backup 31 h ago, limit 24 h 31 m", "db_20260304.sqlite3 is stamped 41 h in the future"]);
    let skewed = judge(&nightly(None), catalogue(vec![file("02 02:00:30", 1000)]), "02 02:00:00");
    assert!(skewed.findings.is_empty(), "half a minute is two clocks, not a fault");
    assert_eq!(age_of(&skewed).sample, Sample::seconds("age", 0.0));
}

#[test]
fn a_failed_verification_takes_a_file_out_of_the_count() {
    let proof = |ok, when| Proof {
        subject: "/srv/db_20260305.sqlite3".into(),
        kind: ProofKind::Verify,
        at: at(when),
        ok,
        detail: "its SHA-256 is not the manifest's".into(),
        took_s: 0.1,
    };
    let fresh = file("05 02:00:01", 1000);
    let proven = |proof: Proof| {
        let mut file = fresh.clone();
        file.take_proof(&proof);
        file
    };
    assert_eq!(proven(proof(true, "05 03:00:00")).verified_at, Some(at("05 03:00:00")));
    let failed = proven(proof(false, "05 03:00:00"));
    assert_eq!(failed.state, BackupState::Damaged("verification failed: its SHA-256 is not the manifest's".into()));
    assert_eq!(proven(proof(false, "04 03:00:00")), fresh, "that was another file of this name");
}

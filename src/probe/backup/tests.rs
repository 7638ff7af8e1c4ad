//! Shelves with all sorts of things on them, and what a look makes of each.

use std::fs::{self, File};
use std::path::Path;

use chrono::NaiveDateTime;

use super::look::{Known, Memory, Shelf, readable, taken_at};
use super::*;
use crate::archive::shelf::Seen;
use crate::domain::backup::StampPattern;
use crate::domain::time::Zone;
use crate::ledger::LedgerError;

fn at(text: &str) -> Timestamp {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").expect("test time").and_utc()
}

const NOW: &str = "2026-03-05 09:00:00";

fn shelf(dir: &Path) -> Shelf {
    let pattern = |name: &str| StampPattern::parse(&format!("{}/{name}", dir.display()), Zone::utc()).expect("pattern");
    Shelf { files: pattern("db_%Y%m%d_%H%M%S.sqlite3"), pair: None, source: None }
}

/// Puts a file there that has not changed since `modified`.
fn put(path: &Path, content: &str, modified: &str) {
    fs::write(path, content).expect("write");
    let file = File::options().write(true).open(path).expect("open");
    file.set_modified(at(modified).into()).expect("time");
}

fn look(shelf: &Shelf, memory: &Memory, now: &str) -> (Vec<(String, BackupState)>, Memory) {
    let (catalogue, memory) = shelf.look(memory, at(now)).expect("look");
    (catalogue.files.into_iter().map(|file| (file.name(), file.state)).collect(), memory)
}

#[test]
fn the_newest_comes_first_and_strangers_are_left_out() {
    let scratch = tempfile::tempdir().expect("scratch");
    let dir = scratch.path();
    for name in ["db_20260301_020000.sqlite3", "db_20260303_020000.sqlite3", "db_20260302_020000.sqlite3", "notes.txt"]
    {
        put(&dir.join(name), "x", "2026-03-03 02:00:00");
    }
    fs::create_dir(dir.join("db_20260304_020000.sqlite3")).expect("a directory");
    #[cfg(unix)]
    std::os::unix::fs::symlink("/nowhere", dir.join("db_20260305_020000.sqlite3")).expect("a link to nowhere");
    let (files, _) = look(&shelf(dir), &Memory::new(), NOW);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["db_20260303_020000.sqlite3", "db_20260302_020000.sqlite3", "db_20260301_020000.sqlite3"]);
}

#[test]
fn a_shelf_that_is_not_there_yet_is_empty_and_one_that_is_a_file_is_an_error() {
    let scratch = tempfile::tempdir().expect("scratch");
    let (files, _) = look(&shelf(&scratch.path().join("later")), &Memory::new(), NOW);
    assert!(files.is_empty());
    put(&scratch.path().join("file"), "x", NOW);
    let error = shelf(&scratch.path().join("file")).look(&Memory::new(), at(NOW)).expect_err("no directory");
    assert!(matches!(error, ProbeError::Unreachable(_)), "{error}");
}

/// The least that passes for a SQLite database at a look: its header, with no page count.
fn whole() -> String {
    format!("SQLite format 3\0{}", "\0".repeat(84))
}

#[test]
fn a_file_grows_while_it_changes_and_for_a_moment_after() {
    let scratch = tempfile::tempdir().expect("scratch");
    let shelf = shelf(scratch.path());
    let path = scratch.path().join("db_20260305_085900.sqlite3");
    put(&path, "half", "2026-03-05 08:59:58");
    let (files, memory) = look(&shelf, &Memory::new(), NOW);
    assert_eq!(files[0].1, BackupState::Growing, "changed two seconds ago");
    put(&path, &whole(), "2026-03-05 09:00:10");
    let (files, memory) = look(&shelf, &memory, "2026-03-05 09:00:30");
    assert_eq!(files[0].1, BackupState::Growing, "changed since the last look");
    let (files, _) = look(&shelf, &memory, "2026-03-05 09:01:00");
    assert_eq!(files[0].1, BackupState::Complete);
    let (files, _) = look(&shelf, &Memory::new(), "2026-03-05 09:01:00");
    assert_eq!(files[0].1, BackupState::Complete, "and a first look says the same");
}

#[test]
fn what_is_no_backup_says_why() {
    let scratch = tempfile::tempdir().expect("scratch");
    let dir = scratch.path();
    let shelf = shelf(dir).with_pair(dir);
    let old = "2026-03-01 02:00:00";
    put(&dir.join("db_20260301_020000.sqlite3"), "", old);
    put(&dir.join("db_20260302_020000.sqlite3"), "x", old);
    put(&dir.join("db_20260302_020000.sqlite3-journal"), "x", old);
    put(&dir.join("db_20260303_020000.sqlite3"), &whole(), old);
    put(&dir.join("db_20260304_020000.sqlite3"), "x", old);
    put(&dir.join("db_20260304_020000.sqlite3.manifest.json"), "{", old);
    put(&dir.join("db_20260305_020000.sqlite3"), &whole(), old);
    put(&dir.join("pair_20260305_020000.json"), "{}", old);
    let (files, _) = look(&shelf, &Memory::new(), NOW);
    let damaged = |why: &str| BackupState::Damaged(why.to_owned());
    assert_eq!(files[0].1, BackupState::Complete);
    assert!(matches!(&files[1].1, BackupState::Damaged(why) if why.starts_with("its manifest is damaged")));
    assert_eq!(files[2].1, damaged("its pair pair_20260303_020000.json is missing"));
    assert_eq!(files[3].1, damaged("a journal lies beside it: its copy was interrupted"));
    assert_eq!(files[4].1, damaged("the file is empty"));
}

impl Shelf {
    fn with_pair(self, dir: &Path) -> Self {
        let text = format!("{}/pair_%Y%m%d_%H%M%S.json", dir.display());
        Self { pair: Some(StampPattern::parse(&text, Zone::utc()).expect("pattern")), ..self }
    }
}

#[test]
fn a_stamp_of_a_day_takes_the_hour_from_the_file() {
    let pattern = StampPattern::parse("/srv/%Y%m%d.tar", Zone::utc()).expect("pattern");
    let seen = |modified: &str| Seen {
        path: "/srv/20260305.tar".into(),
        stamp: at("2026-03-05 00:00:00").naive_utc(),
        size: 1,
        modified: Some(at(modified).into()),
        pinned: false,
        is_link: false,
    };
    assert_eq!(taken_at(&pattern, &seen("2026-03-05 02:07:00"), &Known::Nothing), at("2026-03-05 02:07:00"));
    assert_eq!(taken_at(&pattern, &seen("2026-04-01 00:00:00"), &Known::Nothing), at("2026-03-05 00:00:00"));
}

#[test]
fn what_a_restore_replaced_wants_no_pair() {
    let scratch = tempfile::tempdir().expect("scratch");
    let dir = scratch.path();
    let of_time = dir.join("db_20260301_020000.sqlite3");
    let aside = StampPattern::replaced(&of_time, "019aa7d6-91c2");
    for path in [&of_time, &aside] {
        put(path, &whole(), "2026-03-01 02:00:00");
    }
    let (files, _) = look(&shelf(dir).with_pair(dir), &Memory::new(), NOW);
    let found: Vec<(bool, bool)> =
        files.iter().map(|(name, state)| (StampPattern::is_replaced(name), *state == BackupState::Complete)).collect();
    assert!(found.contains(&(true, true)) && found.contains(&(false, false)), "{files:?}");
}

#[derive(Debug)]
struct Proofs(Result<Vec<Proof>, LedgerError>);

impl Ledger for Proofs {
    fn runs<'a>(
        &'a self,
        _: &'a str,
        _: usize,
    ) -> BoxFuture<'a, Result<Vec<crate::domain::task::TaskRun>, LedgerError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn proofs<'a>(&'a self, _: ProofKind, prefix: &'a str) -> BoxFuture<'a, Result<Vec<Proof>, LedgerError>> {
        let proofs = self.0.clone().map(|all| all.into_iter().filter(|one| one.subject.starts_with(prefix)).collect());
        Box::pin(async { proofs })
    }
}

fn probe(shelf: Shelf) -> BackupProbe {
    BackupProbe {
        target: "backup:rota-db".into(),
        makes: false,
        shelf,
        second: None,
        ledger: Arc::new(Proofs(Ok(Vec::new()))),
        blocking: Blocking::new(),
        memory: Memory::new(),
        proofs: Vec::new(),
    }
}

async fn told(probe: &mut BackupProbe) -> String {
    let findings = probe.read(at(NOW)).await.expect("reading").findings;
    findings.into_iter().map(|one| [&*one.key, ": ", &one.text, "\n"].concat()).collect()
}

#[tokio::test]
async fn a_directory_that_is_not_there_and_names_of_no_day_are_told() {
    let scratch = tempfile::tempdir().expect("scratch");
    let place = scratch.path().join("shelf");
    let mut watching = probe(shelf(&place));
    assert_eq!(told(&mut watching).await, format!("shelf: {} is not there\n", place.display()));
    let mut making = BackupProbe { makes: true, ..probe(shelf(&place)) };
    assert_eq!(told(&mut making).await, "", "the first backup makes it, and that there is none says where");
    let gone = |read: Reading| match read.detail {
        Detail::Backups(catalogue) => catalogue.shelf_missing.clone(),
        _ => None,
    };
    assert_eq!(gone(making.take(at(NOW)).await.expect("read")), Some(place.clone()));
    assert_eq!(gone(watching.take(at(NOW)).await.expect("read")), None, "it is told once");
    fs::create_dir(&place).expect("a directory");
    assert_eq!(told(&mut watching).await, "");
    for name in
        ["db_20260231_020000.sqlite3", "db_2026030_020000.sqlite3", "db_20260301.sqlite3", "db_20260301_020000.sql"]
    {
        put(&place.join(name), &whole(), "2026-03-01 02:00:00");
    }
    let one = "name: db_20260231_020000.sqlite3 is called like a backup, of a time that does not exist\n";
    assert_eq!(told(&mut watching).await, one, "the others are somebody else's");
    put(&place.join("db_20260301_246000.sqlite3.zst"), "x", "2026-03-01 02:00:00");
    let both = "name: 2 files are called like backups, of times that do not exist: db_20260231_020000.sqlite3\n";
    assert_eq!(told(&mut watching).await, both);
}

#[cfg(unix)]
#[test]
fn a_link_fills_no_slot_whatever_it_leads_to() {
    let scratch = tempfile::tempdir().expect("scratch");
    let dir = scratch.path();
    put(&dir.join("db_20260301_020000.sqlite3"), &whole(), "2026-03-01 02:00:00");
    std::os::unix::fs::symlink(dir.join("db_20260301_020000.sqlite3"), dir.join("db_20260302_020000.sqlite3"))
        .expect("a link");
    let (files, _) = look(&shelf(dir), &Memory::new(), NOW);
    assert_eq!(files.len(), 2);
    assert!(matches!(&files[0].1, BackupState::Damaged(why) if why.contains("it is a link to ")), "{files:?}");
    assert_eq!(files[1].1, BackupState::Complete);
}

#[test]
fn what_cannot_be_read_is_not_said_to_be_something_else() {
    let scratch = tempfile::tempdir().expect("scratch");
    let missing = readable(&scratch.path().join("nothing")).expect_err("it is not there");
    assert!(missing.starts_with("it cannot be read: "), "{missing}");
    assert_eq!(readable(scratch.path()), Ok(()));
}

#[tokio::test]
async fn proofs_are_taken_from_the_ledger_and_kept_while_it_is_silent() {
    let scratch = tempfile::tempdir().expect("scratch");
    let path = scratch.path().join("db_20260304_020000.sqlite3");
    put(&path, "x", "2026-03-04 02:00:00");
    let proof = Proof {
        subject: path.display().to_string(),
        kind: ProofKind::Verify,
        at: at("2026-03-04 08:00:00"),
        ok: true,
        detail: String::new(),
        took_s: 0.1,
    };
    let mut probe = BackupProbe { ledger: Arc::new(Proofs(Ok(vec![proof.clone()]))), ..probe(shelf(scratch.path())) };
    let verified = |reading: Reading| match reading.detail {
        Detail::Backups(catalogue) => (catalogue.files[0].verified_at, catalogue.proofs_unknown.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(verified(probe.read(at(NOW)).await.expect("reading")), (Some(proof.at), None));
    probe.ledger = Arc::new(Proofs(Err(LedgerError("the store is locked".into()))));
    let reading = probe.read(at(NOW)).await.expect("reading");
    assert_eq!(verified(reading), (Some(proof.at), Some("the store is locked".to_owned())));
}

#[test]
fn what_is_plainly_unfinished_is_seen_without_being_read() {
    let scratch = tempfile::tempdir().expect("scratch");
    let dir = scratch.path();
    let pattern = |name: &str| StampPattern::parse(&format!("{}/{name}", dir.display()), Zone::utc()).expect("pattern");
    let dump = "-- MariaDB dump 10.19\n--\nINSERT INTO `a` VALUES (1);\n";
    put(
        &dir.join("db_20260301_020000.sql"),
        &format!("{dump}-- Dump completed on 2026-03-01\n"),
        "2026-03-01 02:00:00",
    );
    put(&dir.join("db_20260302_020000.sql"), dump, "2026-03-02 02:00:00");
    put(&dir.join("db_20260303_020000.sql.gz"), "twenty bytes of text", "2026-03-03 02:00:00");
    put(&dir.join("db_20260304_020000.sql"), "SELECT 1;\n", "2026-03-04 02:00:00");
    let shelf = Shelf { files: pattern("db_%Y%m%d_%H%M%S.sql"), pair: None, source: None };
    let (files, _) = look(&shelf, &Memory::new(), NOW);
    let states: Vec<String> = files.iter().map(|(_, state)| format!("{state:?}")).collect();
    assert_eq!(states.len(), 4, "{files:?}");
    assert_eq!((&*states[0], &*states[3]), ("Complete", "Complete"), "of nobody that is known, and whole");
    assert!(states[1].contains("20 B that are not packed by gzip"), "{states:?}");
    assert!(states[2].contains("it is cut off: its last line is not `-- Dump completed`"), "{states:?}");
}

//! Backups under fire: writers that never rest, processes that are killed, bits that rot, and
//! directories one must not trust.
#![expect(clippy::print_stdout, reason = "how many trials, from which seed, under what load")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rounds::archive::manifest::{Manifest, path_for};
use rounds::archive::{ArchiveError, Made, Request, Verified, verify};
use rounds::config::Address;
use rounds::domain::backup::{Compression, StampPattern};
use rounds::domain::time::{Timestamp, Zone};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::random::Random;

fn scratch() -> TempDir {
    tempfile::tempdir().expect("scratch")
}

fn at(second: i64) -> Timestamp {
    chrono::DateTime::from_timestamp(1_772_416_800 + second, 0).expect("instant")
}

fn pattern(dir: &Path) -> StampPattern {
    let text = format!("{}/db_%Y%m%d_%H%M%S.sqlite3", dir.display());
    StampPattern::parse(&text, Zone::utc()).expect("pattern")
}

fn request(source: &Path, shelf: &Path, second: i64) -> Request {
    Request {
        backup: "rota-db".into(),
        source: Address::File(source.to_owned()),
        password: None,
        destination: pattern(shelf).name_for(at(second)),
        compress: Compression::None,
        rows: Vec::new(),
        at: at(second),
        host: "db1".into(),
        by: "alice".into(),
        why: "a test".into(),
        log: None,
    }
}

/// The same, packed.
fn packed(source: &Path, shelf: &Path, second: i64, compress: Compression) -> Request {
    let plain = request(source, shelf, second);
    Request { destination: compress.name(&plain.destination), compress, ..plain }
}

async fn make(source: &Path, shelf: &Path, second: i64) -> Result<Made, ArchiveError> {
    rounds::archive::make(request(source, shelf, second), |_, _| {}, CancellationToken::new()).await
}

async fn check(file: &Path) -> Verified {
    verify(file.to_owned(), Vec::new(), CancellationToken::new()).await.expect("a verdict")
}

/// A bank: whatever is transferred, the sum stays what it was.
const ACCOUNTS: i64 = 100;
const SUM: i64 = ACCOUNTS * 1000;

fn bank(path: &Path, mode: &str, filler_rows: u32) -> Connection {
    let db = Connection::open(path).expect("open");
    db.execute_batch(&format!(
        "PRAGMA journal_mode = {mode}; PRAGMA synchronous = NORMAL;
         CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
         CREATE TABLE transfer (id INTEGER PRIMARY KEY, source INTEGER, target INTEGER, amount INTEGER);
         CREATE TABLE filler (id INTEGER PRIMARY KEY, x BLOB);
         CREATE INDEX by_amount ON transfer (amount);
         INSERT INTO account WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ACCOUNTS})
         SELECT i, 1000 FROM n;"
    ))
    .expect("schema");
    db.execute(
        "INSERT INTO filler WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         SELECT i, randomblob(1000) FROM n",
        [filler_rows],
    )
    .expect("filler");
    db
}

fn transfer(db: &Connection, random: &mut Random) -> rusqlite::Result<()> {
    let (source, target, amount) = (1 + random.below(100), 1 + random.below(100), random.below(50));
    db.execute_batch(&format!(
        "BEGIN IMMEDIATE;
         UPDATE account SET balance = balance - {amount} WHERE id = {source};
         UPDATE account SET balance = balance + {amount} WHERE id = {target};
         INSERT INTO transfer (source, target, amount) VALUES ({source}, {target}, {amount});
         COMMIT;"
    ))
}

fn sum(file: &Path) -> i64 {
    let db = Connection::open(file).expect("open");
    db.query_row("SELECT sum(balance) FROM account", [], |row| row.get(0)).expect("sum")
}

#[tokio::test]
async fn a_backup_is_one_whole_file_for_its_owner_alone() {
    for mode in ["WAL", "DELETE"] {
        let scratch = scratch();
        let (source, shelf) = (scratch.path().join("db.sqlite3"), scratch.path().join("made/for/it"));
        let _owner = bank(&source, mode, 500);
        let copied = make(&source, &shelf, 0).await.expect("copy");
        println!("{}", copied.sentence);
        let mut names: Vec<_> =
            fs::read_dir(&shelf).expect("list").map(|entry| entry.expect("entry").file_name()).collect();
        names.sort();
        assert_eq!(names, ["db_20260302_020000.sqlite3", "db_20260302_020000.sqlite3.manifest.json"]);
        let permissions = |path: &Path| fs::metadata(path).expect("meta").permissions().mode() & 0o777;
        assert_eq!(permissions(&shelf), 0o700);
        assert_eq!(permissions(&copied.path), 0o600);
        assert_eq!((copied.tables, copied.rows), (3, 600));
        assert_eq!(sum(&copied.path), SUM);

        let manifest = Manifest::of(&copied.path).expect("manifest");
        assert_eq!(manifest.source.journal_mode, mode.to_lowercase());
        assert_eq!(manifest.data().map(|data| &data.sha256), Some(&copied.sha256));
        assert_eq!(manifest.counts.tables.get("filler"), Some(&Some(500)));
        assert!(!manifest.clock_suspect);
        let verdict = check(&copied.path).await;
        assert!(verdict.ok && verdict.detail.contains("as in the manifest"), "{}", verdict.detail);

        let earlier = make(&source, &shelf, -60).await.expect("copy");
        assert!(Manifest::of(&earlier.path).expect("manifest").clock_suspect, "the clock went back a minute");
    }
}

#[tokio::test]
async fn a_packed_backup_is_proven_like_any_other_and_says_what_is_in_it() {
    for (compress, ending) in [(Compression::Zstd, "sqlite3.zst"), (Compression::Gzip, "sqlite3.gz")] {
        let scratch = scratch();
        let (source, shelf) = (scratch.path().join("db.sqlite3"), scratch.path().join("shelf"));
        let owner = bank(&source, "WAL", 500);
        owner.execute_batch("UPDATE filler SET x = zeroblob(1000)").expect("something to pack");
        let steps = Arc::new(std::sync::Mutex::new(Vec::new()));
        let told = Arc::clone(&steps);
        let progress = move |done, of| told.lock().expect("steps").push((done, of));
        let request = packed(&source, &shelf, 0, compress);
        let made = rounds::archive::make(request, progress, CancellationToken::new()).await.expect("made");
        println!("{}", made.sentence);
        assert!(made.path.display().to_string().ends_with(ending), "{}", made.path.display());
        assert!(made.sentence.contains(&format!("by {} from", compress.word())), "{}", made.sentence);
        assert_eq!(fs::metadata(&made.path).expect("meta").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&shelf).expect("list").count(), 2, "it and its manifest");
        let steps = steps.lock().expect("steps").clone();
        assert!(steps.windows(2).all(|pair| pair[0].0 <= pair[1].0), "progress never goes back: {steps:?}");
        assert!(steps.last().is_some_and(|(done, of)| done == of), "{steps:?}");

        let manifest = Manifest::of(&made.path).expect("manifest");
        let data = manifest.data().expect("data");
        assert_eq!(data.bytes, fs::metadata(&made.path).expect("meta").len());
        assert!(data.plain_bytes() > 2 * data.bytes && data.plain_sha256() != data.sha256, "{data:?}");
        let verdict = check(&made.path).await;
        assert!(verdict.ok && verdict.detail.contains("3 tables with 600 rows as in the manifest"), "{verdict:?}");
        assert!(!leftovers(&shelf), "the scratch of the verification is gone");

        let sound = fs::read(&made.path).expect("read");
        let mut random = Random::new();
        for n in 0..60 {
            let mut bytes = sound.clone();
            if n % 3 == 2 {
                bytes.truncate(random.below(sound.len() as u64) as usize);
            } else {
                bytes[random.below(sound.len() as u64) as usize] ^= 1 << random.below(8);
            }
            fs::write(&made.path, &bytes).expect("write");
            let verdict = check(&made.path).await;
            assert!(!verdict.ok, "{n}: {}", verdict.detail);
        }
        // Without its manifest what is packed in it has to do.
        fs::remove_file(rounds::archive::manifest::path_for(&made.path)).expect("remove");
        fs::write(&made.path, &sound).expect("write");
        let verdict = check(&made.path).await;
        assert!(verdict.ok && verdict.detail.contains("3 tables with 600 rows"), "{verdict:?}");
        for (bytes, why) in
            [(&sound[..sound.len() / 2], "cut off"), (&sound[..20], "cut off"), (b"twenty bytes of text", "cut off")]
        {
            fs::write(&made.path, bytes).expect("write");
            let verdict = check(&made.path).await;
            assert!(!verdict.ok && verdict.detail.contains(why), "{} bytes: {}", bytes.len(), verdict.detail);
        }
    }
}

#[tokio::test]
async fn a_scratch_of_a_killed_verification_is_cleared_by_the_next_copy() {
    let scratch = scratch();
    let (source, shelf) = (scratch.path().join("db.sqlite3"), scratch.path().join("shelf"));
    drop(bank(&source, "WAL", 10));
    make(&source, &shelf, 0).await.expect("copy");
    let dead = shelf.join(".partial-verify-0190");
    fs::create_dir(&dead).expect("dir");
    fs::write(dead.join("lock"), "").expect("lock");
    fs::write(dead.join("plain"), "half of it").expect("scratch");
    let made = make(&source, &shelf, 1).await.expect("copy");
    assert!(made.sentence.contains("1 leftover of interrupted copies removed"), "{}", made.sentence);
    assert!(!dead.exists());
}

#[tokio::test]
async fn nothing_that_exists_is_ever_overwritten() {
    let scratch = scratch();
    let (source, shelf) = (scratch.path().join("db.sqlite3"), scratch.path().join("shelf"));
    drop(bank(&source, "DELETE", 10));
    let first = make(&source, &shelf, 0).await.expect("copy");
    let before = fs::read(&first.path).expect("read");
    let error = make(&source, &shelf, 0).await.expect_err("the same second").to_string();
    assert!(error.ends_with("exists already; nothing was overwritten, try again in a second"), "{error}");
    assert_eq!(before, fs::read(&first.path).expect("read"));

    symlink("/nowhere/at/all", pattern(&shelf).name_for(at(1))).expect("a link to nowhere");
    assert!(matches!(make(&source, &shelf, 1).await, Err(ArchiveError::Exists(_))));
    assert!(!leftovers(&shelf), "and nothing is left of the attempt");
}

/// Makes every directory of a copy in the making a minute older than it is.
fn grow_old(shelf: &Path) {
    for entry in fs::read_dir(shelf).expect("list").flatten().filter(|entry| entry.path().is_dir()) {
        let dir = fs::File::open(entry.path()).expect("the directory");
        let then = entry.metadata().and_then(|meta| meta.modified()).expect("its time") - Duration::from_mins(1);
        dir.set_modified(then).expect("its time can be set");
    }
}

fn leftovers(shelf: &Path) -> bool {
    let names: Vec<String> = fs::read_dir(shelf)
        .expect("list")
        .map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned())
        .collect();
    let orphan =
        |name: &String| name.strip_suffix(".manifest.json").is_some_and(|data| !names.contains(&data.to_owned()));
    names.iter().any(|name| name.starts_with(".partial-") || orphan(name))
}

#[tokio::test]
async fn directories_that_cannot_be_trusted_are_refused() {
    let scratch = scratch();
    let source = scratch.path().join("db.sqlite3");
    drop(bank(&source, "DELETE", 10));
    let (open, link, file) = (scratch.path().join("open"), scratch.path().join("link"), scratch.path().join("file"));
    fs::create_dir(&open).expect("dir");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).expect("chmod");
    symlink("/nowhere/at/all", &link).expect("link");
    fs::write(&file, "").expect("file");
    for (shelf, why) in
        [(&open, "can be written by others"), (&link, "is a symbolic link"), (&file, "is not a directory")]
    {
        let error = make(&source, shelf, 0).await.expect_err(why);
        assert!(matches!(error, ArchiveError::Destination(_)) && error.to_string().contains(why), "{error}");
    }
    assert!(fs::read_dir(&open).expect("list").next().is_none());
}

#[tokio::test]
async fn sources_that_are_no_sound_database_leave_no_backup() {
    let scratch = scratch();
    let shelf = scratch.path().join("shelf");
    let named = |name: &str| scratch.path().join(name);
    fs::write(named("empty"), "").expect("write");
    fs::write(named("text"), "no database\n".repeat(100)).expect("write");
    drop(bank(&named("corrupt"), "DELETE", 3_000));
    let mut bytes = fs::read(named("corrupt")).expect("read");
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0);
    fs::write(named("corrupt"), bytes).expect("write");
    // Damage that can be read over: an index that says something else than its table.
    let db = Connection::open(named("rotten")).expect("open");
    db.execute_batch("CREATE TABLE t (x); CREATE INDEX i ON t (x); INSERT INTO t VALUES ('needle')").expect("rows");
    drop(db);
    let mut bytes = fs::read(named("rotten")).expect("read");
    let needle = bytes.windows(6).rposition(|window| window == b"needle").expect("in the index");
    bytes[needle] = b'x';
    fs::write(named("rotten"), bytes).expect("write");
    crate::sqlite::hot_journal(&named("hot"));
    for (source, why) in [
        ("absent", "there is no such file"),
        ("empty", "the file is empty"),
        ("text", "not a SQLite database"),
        ("corrupt", "corrupt: database disk image is malformed"),
        ("rotten", "as damaged as its source"),
        ("hot", "a hot journal lies beside it"),
    ] {
        let error = make(&named(source), &shelf, 0).await.expect_err(why).to_string();
        assert!(error.contains(why), "{error}");
    }
    assert!(fs::read_dir(&shelf).expect("list").next().is_none(), "nothing was kept");
}

#[tokio::test]
async fn a_cancelled_copy_leaves_nothing() {
    let scratch = scratch();
    let (source, shelf) = (scratch.path().join("db.sqlite3"), scratch.path().join("shelf"));
    drop(bank(&source, "WAL", 20_000));
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let mut told = Vec::new();
    let (sender, receiver) = std::sync::mpsc::channel();
    let progress = move |done, of| {
        stop.cancel();
        sender.send((done, of)).expect("test listens");
    };
    let result = rounds::archive::make(request(&source, &shelf, 0), progress, cancel).await;
    told.extend(receiver.try_iter());
    assert!(matches!(result, Err(ArchiveError::Cancelled)), "{result:?}");
    assert_eq!(told.len(), 1, "cancelled after the first step");
    assert!(fs::read_dir(&shelf).expect("list").next().is_none());
}

/// Copies while somebody transfers without rest, and looks at every copy.
async fn copy_under_load(mode: &str, patience: Duration, copies: i64) -> Load {
    let scratch = scratch();
    let (source, shelf) = (scratch.path().join("db.sqlite3"), scratch.path().join("shelf"));
    drop(bank(&source, mode, 12_000));
    let (done, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writer = std::thread::spawn({
        let (source, done, refused) = (source.clone(), Arc::clone(&done), Arc::clone(&refused));
        move || {
            let db = Connection::open(source).expect("open");
            db.busy_timeout(patience).expect("timeout");
            db.execute_batch("PRAGMA synchronous = NORMAL").expect("pragma");
            let mut random = Random::new();
            let (mut commits, mut longest) = (0_u64, Duration::ZERO);
            while !done.load(Ordering::Relaxed) {
                let started = Instant::now();
                if transfer(&db, &mut random).is_ok() {
                    commits += 1;
                } else {
                    refused.fetch_add(1, Ordering::Relaxed);
                    let _nothing_begun = db.execute_batch("ROLLBACK");
                }
                longest = longest.max(started.elapsed());
            }
            (commits, longest)
        }
    });
    let started = Instant::now();
    for second in 0..copies {
        let copied = make(&source, &shelf, second).await.expect("copy under load");
        assert_eq!(sum(&copied.path), SUM, "{mode}: copy {second} is not one moment");
        assert!(check(&copied.path).await.ok);
    }
    let took = started.elapsed();
    done.store(true, Ordering::Relaxed);
    let (commits, longest_wait) = writer.join().expect("writer");
    let load = Load { commits, refused: refused.load(Ordering::Relaxed), longest_wait };
    println!("{mode}: {copies} copies of 14 MB in {took:?} during {load:?}");
    load
}

#[derive(Debug)]
struct Load {
    commits: u64,
    refused: u64,
    longest_wait: Duration,
}

#[tokio::test]
async fn a_busy_database_with_a_log_is_copied_without_disturbing_its_writer() {
    let load = copy_under_load("WAL", Duration::ZERO, 10).await;
    assert_eq!(load.refused, 0, "a writer without patience was refused");
    assert!(load.commits > 150, "{load:?} is no load");
}

#[tokio::test]
async fn a_busy_database_without_a_log_is_copied_and_its_writer_waits_a_bounded_time() {
    let load = copy_under_load("DELETE", Duration::from_secs(10), 10).await;
    assert_eq!(load.refused, 0, "a writer with patience was refused");
    assert!(load.longest_wait < Duration::from_secs(4), "{load:?}");
}

#[tokio::test]
async fn every_flipped_bit_and_every_cut_is_noticed() {
    let scratch = scratch();
    let (source, shelf) = (scratch.path().join("db.sqlite3"), scratch.path().join("shelf"));
    drop(bank(&source, "WAL", 200));
    let path = make(&source, &shelf, 0).await.expect("copy").path;
    let manifest = rounds::archive::manifest::path_for(&path);
    let mut random = Random::new();
    let mut noticed = 0;
    for file in [&path, &manifest] {
        let sound = fs::read(file).expect("read");
        for n in 0..300 {
            let mut bytes = sound.clone();
            if n % 3 == 2 {
                bytes.truncate(random.below(sound.len() as u64) as usize);
            } else {
                bytes[random.below(sound.len() as u64) as usize] ^= 1 << random.below(8);
            }
            fs::write(file, &bytes).expect("write");
            let verdict = check(&path).await;
            assert!(!verdict.ok, "{} {n}: {}", file.display(), verdict.detail);
            noticed += 1;
        }
        fs::write(file, &sound).expect("write");
    }
    assert!(check(&path).await.ok, "and the sound one is sound");
    println!("{noticed} of 600 flips and cuts noticed");
}

#[tokio::test]
async fn without_a_manifest_the_verdict_says_how_little_it_knows() {
    let scratch = scratch();
    let (source, shelf) = (scratch.path().join("db.sqlite3"), scratch.path().join("shelf"));
    drop(bank(&source, "DELETE", 2_000));
    let path = make(&source, &shelf, 0).await.expect("copy").path;
    let sound = fs::read(&path).expect("read");
    fs::remove_file(rounds::archive::manifest::path_for(&path)).expect("remove");
    let verdict = check(&path).await;
    assert!(verdict.ok, "{}", verdict.detail);
    assert_eq!(
        verdict.detail,
        "no manifest, so only the structure could be checked; structure sound, 3 tables with 2100 rows"
    );
    let emptied = scratch.path().join("emptied.sqlite3");
    Connection::open(&emptied).expect("open").execute_batch("CREATE TABLE t (x); DROP TABLE t").expect("nothing in it");
    let cases = [
        (Vec::new(), "the file is empty"),
        (b"SQLite format 3\0\x10\0\x01\x01".to_vec(), "not a SQLite database"),
        (b"another file altogether\n".repeat(40), "not a SQLite database"),
        (sound[..sound.len() / 2].to_vec(), ""),
        (sound[..sound.len() - 4096].to_vec(), ""),
        (fs::read(emptied).expect("read"), "it has no tables"),
    ];
    for (bytes, why) in cases {
        fs::write(&path, &bytes).expect("write");
        let verdict = check(&path).await;
        assert!(!verdict.ok && verdict.detail.contains(why), "{} bytes: {}", bytes.len(), verdict.detail);
    }
    fs::write(&path, &sound).expect("write");
    fs::write(format!("{}-journal", path.display()), "x").expect("write");
    assert!(!check(&path).await.ok, "a copy that was interrupted opens fine and may be empty");
    let absent = verify(scratch.path().join("absent.sqlite3"), Vec::new(), CancellationToken::new()).await;
    assert!(absent.is_err(), "no verdict on what cannot be read");
}

#[tokio::test]
async fn the_json_beside_a_backup_is_read_to_its_end() {
    let scratch = scratch();
    let path = scratch.path().join("export.json");
    let rows: Vec<String> = (0..20_000).map(|n| format!(r#"{{"id": {n}, "name": "é"}}"#)).collect();
    let sound = format!("[{}]", rows.join(","));
    fs::write(&path, &sound).expect("write");
    assert!(check(&path).await.ok);
    let cut = sound.len() / 3;
    for bytes in [&sound.as_bytes()[..cut], b"[1] and more", b"\xff\xfe", &b"[".repeat(100_000)] {
        fs::write(&path, bytes).expect("write");
        assert!(!check(&path).await.ok, "{}", String::from_utf8_lossy(&bytes[..bytes.len().min(20)]));
    }
    fs::write(scratch.path().join("dump.tar"), "x").expect("write");
    let unknown = verify(scratch.path().join("dump.tar"), Vec::new(), CancellationToken::new()).await;
    assert!(matches!(unknown, Err(ArchiveError::Unsupported(_))), "no verdict is not a good verdict");
}

/// Starts the copy in a process of its own, in a group of its own; waits for its `go`.
#[expect(clippy::disallowed_methods, reason = "a test starts itself anew to be killed")]
fn spawn_copy(source: &Path, shelf: &Path, second: i64, file_limit: Option<u64>) -> Child {
    let mut child = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--ignored", "--exact", "backup::child_copies", "--nocapture"])
        .env("ROUNDS_TEST_SOURCE", source)
        .env("ROUNDS_TEST_SHELF", shelf)
        .env("ROUNDS_TEST_SECOND", second.to_string())
        .env("ROUNDS_TEST_FILE_LIMIT", file_limit.map_or(String::new(), |limit| limit.to_string()))
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("start");
    let output = BufReader::new(child.stdout.as_mut().expect("piped"));
    assert!(output.lines().map_while(Result::ok).any(|line| line == "go"), "the child never began");
    child
}

#[tokio::test]
#[ignore = "started by the tests that kill it"]
async fn child_copies() {
    let given = |name: &str| std::env::var_os(name).expect("set by the test that starts this");
    let text = |name: &str| given(name).into_string().expect("text");
    if let Ok(limit) = text("ROUNDS_TEST_FILE_LIMIT").parse() {
        // A handler, so that the limit is an error of the write and not the end of the process.
        let _handler = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(25)).expect("SIGXFSZ");
        let limit = rustix::process::Rlimit { current: Some(limit), maximum: Some(limit) };
        rustix::process::setrlimit(rustix::process::Resource::Fsize, limit).expect("limit");
    }
    let second = text("ROUNDS_TEST_SECOND").parse().expect("number");
    println!("\ngo");
    let (source, shelf) = (given("ROUNDS_TEST_SOURCE"), given("ROUNDS_TEST_SHELF"));
    // One of two is packed.
    let compress = if second / 2 % 2 == 0 { Compression::Zstd } else { Compression::None };
    let request = packed(Path::new(&source), Path::new(&shelf), second, compress);
    rounds::archive::make(request, |_, _| {}, CancellationToken::new()).await.expect("copy");
}

/// Everything with a final name, and what is in it.
fn published(shelf: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(shelf).expect("list").map(|entry| entry.expect("entry").path());
    let pattern = pattern(shelf);
    files
        .filter(|path| {
            let name = path.file_name().expect("name").to_string_lossy().into_owned();
            pattern.stamp_of(&name).is_some()
        })
        .map(|path| (path.clone(), fs::read(path).expect("read")))
        .collect()
}

#[tokio::test]
async fn killed_copies_leave_no_incomplete_backup() {
    // Kills that find a copy alive; what a busy machine kills too late does not count.
    let kills: i64 = if std::env::var_os("ROUNDS_TEST_TRIALS").is_some() { 200 } else { 40 };
    let trials = 10 * kills;
    let scratch = scratch();
    let (source, shelf) = (scratch.path().join("db.sqlite3"), scratch.path().join("shelf"));
    let _owner = bank(&source, "WAL", 6_000);
    let mut unharmed = spawn_copy(&source, &shelf, 0, None);
    let started = Instant::now();
    assert!(unharmed.wait().expect("wait").success());
    // The shortest seen: an instant drawn within it is one of the copy itself.
    let mut usual = started.elapsed();

    let mut random = Random::new();
    let (mut interrupted, mut messes, mut second) = (0, 0, 0);
    let mut before = published(&shelf);
    while interrupted < kills && second < trials {
        second += 1;
        let started = Instant::now();
        let mut child = spawn_copy(&source, &shelf, second * 2, None);
        tokio::time::sleep(Duration::from_micros(random.below(usual.as_micros() as u64))).await;
        let group = rustix::process::Pid::from_child(&child);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        if child.wait().expect("wait").success() {
            usual = usual.min(started.elapsed());
        } else {
            interrupted += 1;
        }
        messes += i64::from(leftovers(&shelf));

        let after = published(&shelf);
        for (path, bytes) in &before {
            assert_eq!(after.get(path), Some(bytes), "{} is not what it was", path.display());
        }
        for path in after.keys().filter(|path| !before.contains_key(*path)) {
            let verdict = check(path).await;
            assert!(verdict.ok, "{}: {}", path.display(), verdict.detail);
            assert!(Manifest::of(path).is_ok(), "{} has no manifest", path.display());
        }
        make(&source, &shelf, second * 2 + 1).await.expect("the next one succeeds");
        if leftovers(&shelf) {
            // Killed before its lock was there: for ten seconds such a directory may still be
            // somebody's who just begins. Here it grows old at once.
            grow_old(&shelf);
            make(&source, &shelf, 10 * trials + second).await.expect("the one after succeeds");
        }
        assert!(!leftovers(&shelf), "and clears up");
        before = published(&shelf);
        // A few are enough to be harmed.
        for path in before.keys().take(before.len().saturating_sub(4)) {
            fs::remove_file(path).and_then(|()| fs::remove_file(path_for(path))).expect("the oldest go");
        }
        before = published(&shelf);
    }
    println!(
        "{interrupted} kills within {usual:?} ({second} trials), {messes} left debris, {} backups, none incomplete",
        before.len()
    );
    assert!(interrupted == kills && messes >= kills / 8, "too few kills hit the copy to say anything");
}

#[tokio::test]
async fn a_copy_that_finds_no_room_leaves_nothing_and_harms_nothing() {
    let scratch = scratch();
    let (source, shelf) = (scratch.path().join("db.sqlite3"), scratch.path().join("shelf"));
    drop(bank(&source, "WAL", 3_000));
    make(&source, &shelf, 0).await.expect("copy");
    let before = published(&shelf);
    let size = fs::metadata(&source).expect("meta").len();
    let mut random = Random::new();
    for second in 1..=10 {
        let status = spawn_copy(&source, &shelf, second, Some(random.below(size))).wait().expect("wait");
        assert_eq!(status.code(), Some(101), "it fails by itself, and is not killed by the limit");
        assert!(before == published(&shelf), "nothing new, nothing changed");
        assert!(!leftovers(&shelf), "and nothing left");
    }
}

#[tokio::test]
async fn two_copies_at_once_do_not_take_each_other_for_dead() {
    let scratch = scratch();
    let (source, shelf) = (scratch.path().join("db.sqlite3"), scratch.path().join("shelf"));
    drop(bank(&source, "WAL", 3_000));
    let copies: Vec<_> = (0..8)
        .map(|second| {
            let (source, shelf) = (source.clone(), shelf.clone());
            tokio::spawn(async move { make(&source, &shelf, second).await })
        })
        .collect();
    for copy in copies {
        let copied = copy.await.expect("join").expect("copy");
        assert!(check(&copied.path).await.ok);
    }
    assert!(!leftovers(&shelf));
}

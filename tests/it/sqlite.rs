//! SQLite databases in every state one finds them in.

use std::collections::BTreeMap;
use std::fs;
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
#[cfg(unix)]
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rounds::database::{Assignment, Database, DatabaseError, Upkeep};
use rounds::domain::upkeep::{Maintenance, Scope, TableName, Verb};
use rounds::domain::vitals::Vitals;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

fn engine(path: &Path) -> Arc<dyn Database> {
    rounds::database::sqlite::at(path)
}

async fn vitals(path: &Path) -> Result<Vitals, DatabaseError> {
    engine(path).vitals().await
}

async fn maintain(path: &Path, verb: Verb) -> Result<Upkeep, DatabaseError> {
    engine(path).maintain(Assignment::quiet(Maintenance::whole(verb), CancellationToken::new())).await
}

/// A database of some megabytes in `mode`, with its connection still open.
fn database(path: &Path, mode: &str, rows: u32) -> Connection {
    let db = Connection::open(path).expect("open");
    db.execute_batch(&format!(
        "PRAGMA journal_mode = {mode};
         CREATE TABLE staff (id INTEGER PRIMARY KEY, name BLOB);
         CREATE TABLE shift (id INTEGER PRIMARY KEY, staff INTEGER REFERENCES staff (id));
         CREATE INDEX by_name ON staff (name);"
    ))
    .expect("schema");
    db.execute(
        "INSERT INTO staff WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         SELECT i, randomblob(400) FROM n",
        [rows],
    )
    .expect("rows");
    db
}

fn scratch() -> TempDir {
    tempfile::tempdir().expect("scratch")
}

/// Every file with its content and the time of its last change.
fn snapshot(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    fs::read_dir(dir)
        .expect("list")
        .map(|entry| {
            let path = entry.expect("entry").path();
            let modified = fs::metadata(&path).expect("meta").modified().expect("time");
            (path.clone(), (fs::read(&path).expect("read"), modified))
        })
        .collect()
}

#[tokio::test]
async fn vital_signs_are_those_of_the_file() {
    let scratch = scratch();
    let path = scratch.path().join("db.sqlite3");
    let db = database(&path, "WAL", 5_000);
    let vitals = vitals(&path).await.expect("vitals");
    let number = |question: &str| db.query_row(question, [], |row| row.get::<_, i64>(0)).expect("answer") as u64;
    assert_eq!(vitals.engine, "sqlite");
    assert_eq!(vitals.journal_mode.as_deref(), Some("wal"));
    assert_eq!(vitals.pages, Some(number("PRAGMA page_count")));
    assert_eq!(vitals.tables, Some(2));
    let wal = fs::metadata(scratch.path().join("db.sqlite3-wal")).expect("log").len();
    assert_eq!(vitals.wal_bytes, Some(wal));
    assert_eq!(vitals.size_bytes, Some(fs::metadata(&path).expect("file").len() + wal));
    assert!(vitals.latency_s > 0.0);
}

#[tokio::test]
async fn polling_changes_nothing() {
    for mode in ["WAL", "DELETE"] {
        let scratch = scratch();
        let path = scratch.path().join("db.sqlite3");
        let _owner = database(&path, mode, 2_000);
        // The index of the log is shared memory: readers mark themselves there while they read.
        let of = |dir: &Path| {
            let mut files = snapshot(dir);
            files.retain(|path, _| !path.to_string_lossy().ends_with("-shm"));
            files
        };
        let before = of(scratch.path());
        for _ in 0..200 {
            vitals(&path).await.expect("vitals");
        }
        assert!(before == of(scratch.path()), "{mode}: something changed");
        println!("{mode}: 200 polls, {} files unchanged", before.len());
    }
}

#[tokio::test]
async fn a_writer_is_never_refused_because_of_a_poll() {
    for mode in ["WAL", "DELETE"] {
        let scratch = scratch();
        let path = scratch.path().join("db.sqlite3");
        let writer = database(&path, mode, 100);
        writer.busy_timeout(Duration::from_secs(1)).expect("timeout");
        let polls = tokio::spawn({
            let path = path.clone();
            async move {
                for _ in 0..100 {
                    vitals(&path).await.expect("vitals");
                }
            }
        });
        let commits = tokio::task::spawn_blocking(move || {
            let mut commits = 0;
            while !polls.is_finished() {
                writer.execute("UPDATE staff SET name = randomblob(400) WHERE id = 7", []).expect("commit");
                commits += 1;
            }
            commits
        });
        println!("{mode}: {} commits during 100 polls", commits.await.expect("writer"));
    }
}

#[tokio::test]
async fn every_trouble_has_its_own_sentence() {
    let scratch = scratch();
    let at = |name: &str| scratch.path().join(name);
    let said = |path: PathBuf| async move { vitals(&path).await.expect_err("trouble").to_string() };

    // The cause comes before the place: what a narrow screen cuts is the end.
    assert!(said(at("absent")).await.starts_with("there is no such file: /"));
    assert!(said(at("absent")).await.ends_with("absent; check the path, or restore a backup"));
    assert!(!at("absent").exists(), "and it is not made");
    assert!(said(scratch.path().to_owned()).await.starts_with("not a file"));
    fs::write(at("empty"), "").expect("write");
    assert!(said(at("empty")).await.starts_with("the file is empty"));
    fs::write(at("text"), "SQL is not spoken here. ".repeat(100)).expect("write");
    assert!(said(at("text")).await.contains("not a SQLite database: its header is something else's"));
    fs::write(at("noise"), noise(8192)).expect("write");
    assert!(said(at("noise")).await.contains("as those of an encrypted one do"));

    let locked = database(&at("locked"), "DELETE", 10);
    locked.execute_batch("BEGIN EXCLUSIVE").expect("lock");
    assert!(matches!(vitals(&at("locked")).await, Err(DatabaseError::Unreachable(_))));
    assert!(said(at("locked")).await.contains("locked by another connection; wait for its transaction to end"));

    drop(database(&at("corrupt"), "DELETE", 1_000));
    let mut bytes = fs::read(at("corrupt")).expect("read");
    bytes[100..200].fill(0xff);
    fs::write(at("corrupt"), bytes).expect("write");
    let corrupt = said(at("corrupt")).await;
    assert!(corrupt.contains("corrupt") && corrupt.contains("restore the last verified backup"), "{corrupt}");
}

/// The state a program leaves that is killed while it writes: pages and their journal.
pub(crate) fn hot_journal(path: &Path) {
    let aside = path.with_extension("running");
    let running = database(&aside, "DELETE", 2_000);
    running.execute_batch("PRAGMA cache_size = 5; BEGIN; UPDATE staff SET name = randomblob(400);").expect("half done");
    let journal = |path: &Path| PathBuf::from(format!("{}-journal", path.display()));
    fs::copy(&aside, path).expect("copy");
    fs::copy(journal(&aside), journal(path)).expect("copy of the journal");
}

#[tokio::test]
async fn a_hot_journal_is_left_to_its_owner() {
    let scratch = scratch();
    let path = scratch.path().join("db.sqlite3");
    hot_journal(&path);
    fs::remove_file(scratch.path().join("db.running")).expect("remove");
    let before = snapshot(scratch.path());
    let error = vitals(&path).await.expect_err("trouble").to_string();
    assert!(error.contains("a hot journal lies beside it") && error.contains("start that program once"), "{error}");
    assert!(before == snapshot(scratch.path()), "nobody rolled it back behind its owner's back");
}

#[cfg(unix)]
#[test]
fn missing_rights_are_named() {
    let scratch = scratch();
    let dir = scratch.path().join("of somebody else");
    fs::create_dir(&dir).expect("dir");
    drop(database(&dir.join("secret"), "DELETE", 10));
    drop(database(&dir.join("log"), "WAL", 10));
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
    mode(&dir.join("secret"), 0o000);
    mode(&dir.join("log"), 0o444);
    mode(&dir, 0o555);
    mode(scratch.path(), 0o755);
    let secret = as_nobody(scratch.path(), &dir.join("secret"));
    let log = as_nobody(scratch.path(), &dir.join("log"));
    mode(&dir, 0o755);
    assert!(secret.contains("no permission to read the file: ") && secret.contains("; run as its owner"), "{secret}");
    assert!(log.contains("in WAL mode every reader writes a -shm file") && log.contains("is not writable"), "{log}");
}

/// What the engine says of a database to a user without any rights: root has them all.
#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "a test starts itself anew as another user")]
fn as_nobody(scratch: &Path, path: &Path) -> String {
    let program = scratch.join("program");
    if !program.exists() {
        fs::copy(std::env::current_exe().expect("this program"), &program).expect("a copy anybody can run");
    }
    let mut command = std::process::Command::new(program);
    command.args(["--ignored", "--exact", "sqlite::child_reads_vitals", "--nocapture"]).env("ROUNDS_TEST_PATH", path);
    if rustix::process::geteuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    let output = command.output().expect("run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[cfg(unix)]
#[tokio::test]
#[ignore = "started by `missing_rights_are_named`, as another user"]
async fn child_reads_vitals() {
    let path = std::env::var_os("ROUNDS_TEST_PATH").expect("a path from the test that starts this");
    println!("{}", vitals(Path::new(&path)).await.expect_err("no rights"));
}

#[tokio::test]
async fn vacuum_gives_back_what_it_says() {
    for mode in ["WAL", "DELETE"] {
        let scratch = scratch();
        let path = scratch.path().join("db.sqlite3");
        let db = database(&path, mode, 10_000);
        db.execute("DELETE FROM staff WHERE id % 4 > 0", []).expect("delete");
        let before = vitals(&path).await.expect("vitals");
        assert!(before.free_pages > Some(500), "{before:?}");
        let upkeep = maintain(&path, Verb::Vacuum).await.expect("vacuum");
        let after = vitals(&path).await.expect("vitals");
        println!("{mode}: {}", upkeep.detail);
        assert!(upkeep.ok, "{}", upkeep.detail);
        assert_eq!(after.free_pages, Some(0));
        assert!(after.pages < before.pages && after.size_bytes < before.size_bytes);
        assert!(upkeep.detail.contains("reclaimed") && upkeep.detail.contains("0 of"), "{}", upkeep.detail);
        let rows: i64 = db.query_row("SELECT count(*) FROM staff", [], |row| row.get(0)).expect("rows");
        assert_eq!(rows, 2_500);
    }
}

#[tokio::test]
async fn vacuum_waits_for_nobody_for_ever() {
    let scratch = scratch();
    let path = scratch.path().join("db.sqlite3");
    let owner = database(&path, "DELETE", 100);
    owner.execute_batch("BEGIN EXCLUSIVE").expect("lock");
    let before = snapshot(scratch.path());
    let error = maintain(&path, Verb::Vacuum).await.expect_err("locked").to_string();
    assert!(error.contains("locked by another connection"), "{error}");
    assert!(before == snapshot(scratch.path()));
}

#[tokio::test]
async fn a_cancelled_act_ends_soon_and_changes_nothing() {
    let scratch = scratch();
    let path = scratch.path().join("db.sqlite3");
    drop(database(&path, "DELETE", 40_000));
    let before = snapshot(scratch.path());
    for operation in [Verb::Vacuum, Verb::Integrity] {
        let cancel = CancellationToken::new();
        let stop = cancel.clone();
        // Whatever it says first, it says when it is at it.
        let tell = Box::new(move |_| stop.cancel());
        let act = Assignment { work: Maintenance::whole(operation), cancel, tell };
        let result = engine(&path).maintain(act).await;
        assert_eq!(result, Err(DatabaseError::Cancelled), "{operation:?}");
        assert!(before == snapshot(scratch.path()), "{operation:?} changed something");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_vacuum_tells_how_far_it_is_by_the_pages_that_it_has_written() {
    for mode in ["WAL", "DELETE"] {
        let scratch = scratch();
        let path = scratch.path().join("db.sqlite3");
        let _owner = database(&path, mode, 60_000);
        let used = vitals(&path).await.expect("vitals").pages.expect("pages");
        let deadline = tokio::time::Instant::now() + Duration::from_mins(2);
        // One that is over before anybody could look is done again.
        loop {
            let told = Arc::new(std::sync::Mutex::new(Vec::new()));
            let hears = Arc::clone(&told);
            let tell = Box::new(move |news| hears.lock().expect("nobody panicked").push(news));
            let act = Assignment { work: Maintenance::whole(Verb::Vacuum), cancel: CancellationToken::new(), tell };
            assert!(engine(&path).maintain(act).await.expect("an answer").ok);
            let told = told.lock().expect("nobody panicked").clone();
            let steps: Vec<u64> = told
                .iter()
                .map(|news| match news {
                    rounds::database::News::Progress { done, of } if *of == used * 2 && done <= of => *done,
                    other => unreachable!("{mode}: {other:?} of {used} pages"),
                })
                .collect();
            assert!(steps.first() == Some(&0) && steps.is_sorted(), "{mode}: {steps:?}");
            if steps.len() > 1 {
                println!("{mode}: {steps:?} of {}", used * 2);
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "{mode}: it never says how far it is");
        }
    }
}

#[tokio::test]
async fn statistics_and_indexes_tell_how_far_they_are_by_their_tables() {
    let scratch = scratch();
    let path = scratch.path().join("db.sqlite3");
    let owner = database(&path, "WAL", 500);
    owner.execute_batch("CREATE TABLE \"odd \"\" one\" (id INTEGER PRIMARY KEY, note TEXT UNIQUE)").expect("a table");
    let tables = vitals(&path).await.expect("vitals").tables.expect("tables");
    for verb in [Verb::Analyze, Verb::Reindex] {
        let told = Arc::new(std::sync::Mutex::new(Vec::new()));
        let hears = Arc::clone(&told);
        let tell = Box::new(move |news| hears.lock().expect("nobody panicked").push(news));
        let act = Assignment { work: Maintenance::whole(verb), cancel: CancellationToken::new(), tell };
        let did = engine(&path).maintain(act).await.expect("an answer");
        assert!(did.ok && did.detail.contains(&format!("{tables} tables")), "{}", did.detail);
        let steps = (0..=tables).map(|done| rounds::database::News::Progress { done, of: tables });
        assert_eq!(*told.lock().expect("nobody panicked"), steps.collect::<Vec<_>>(), "{verb:?}");
    }
}

#[tokio::test]
async fn integrity_tells_sound_from_broken() {
    let scratch = scratch();
    let path = scratch.path().join("db.sqlite3");
    let db = database(&path, "DELETE", 2_000);
    let sound = maintain(&path, Verb::Integrity).await.expect("verdict");
    assert!(sound.ok && sound.detail.starts_with("structure and references sound"), "{}", sound.detail);

    db.execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO shift (staff) VALUES (999999)").expect("orphan");
    let orphan = maintain(&path, Verb::Integrity).await.expect("verdict");
    assert!(!orphan.ok && orphan.detail.contains("1 broken reference"), "{}", orphan.detail);
    assert!(orphan.detail.contains("shift refers to a missing row of staff"), "{}", orphan.detail);
    drop(db);

    let mut bytes = fs::read(&path).expect("read");
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0);
    fs::write(&path, &bytes).expect("write");
    let broken = maintain(&path, Verb::Integrity).await.expect("verdict");
    assert!(!broken.ok && broken.detail.contains("structural fault"), "{}", broken.detail);

    fs::write(&path, noise(4096)).expect("write");
    let noise = maintain(&path, Verb::Integrity).await.expect("verdict");
    assert!(!noise.ok && noise.detail.contains("not a SQLite database"), "{}", noise.detail);
}

/// Bytes without a pattern, the same each time.
fn noise(length: usize) -> Vec<u8> {
    let mut random = crate::random::Random::seeded(7);
    (0..length).map(|_| random.below(256) as u8).collect()
}

/// Upkeep of one table.
async fn of_table(path: &Path, verb: Verb, table: &str) -> Result<Upkeep, DatabaseError> {
    let scope = Scope::Table(TableName::parse(table).expect("a name"));
    engine(path).maintain(Assignment::quiet(Maintenance { verb, scope }, CancellationToken::new())).await
}

#[tokio::test]
async fn statistics_and_indexes_are_made_anew_whatever_their_tables_are_called() {
    let scratch = scratch();
    let path = scratch.path().join("db.sqlite3");
    let db = database(&path, "WAL", 500);
    db.execute_batch(
        "CREATE TABLE \"odd \"\"name\"\"; --\" (id INTEGER PRIMARY KEY, note TEXT);
         CREATE INDEX odd ON \"odd \"\"name\"\"; --\" (note); INSERT INTO \"odd \"\"name\"\"; --\" (note) VALUES ('a');
         CREATE TABLE nobody (id INTEGER)",
    )
    .expect("a table with an odd name");
    let analyzed = |table: &'static str| {
        let found = "SELECT count(*) FROM sqlite_stat1 WHERE tbl = ?1";
        db.query_row(found, [table], |row| row.get::<_, i64>(0)).unwrap_or(0)
    };
    let one = of_table(&path, Verb::Analyze, r#""odd ""name""; --""#).await.expect("an answer");
    assert!(one.ok && one.detail.starts_with("1 table analyzed in "), "{}", one.detail);
    assert_eq!((analyzed(r#"odd "name"; --"#), analyzed("staff")), (1, 0));
    let all = maintain(&path, Verb::Analyze).await.expect("an answer");
    assert!(all.ok && analyzed("staff") > 0, "{}", all.detail);
    let one = of_table(&path, Verb::Reindex, r#""odd ""name""; --""#).await.expect("an answer");
    assert!(one.ok && one.detail.starts_with("1 index of 1 table built anew in "), "{}", one.detail);
    for verb in [Verb::Analyze, Verb::Reindex] {
        let absent = of_table(&path, verb, "nowhere").await;
        assert!(absent.is_err(), "{verb:?} of a table that is not there: {absent:?}");
    }
    assert!(db.query_row("SELECT count(*) FROM staff", [], |row| row.get::<_, i64>(0)).is_ok_and(|rows| rows == 500));
}

#[tokio::test]
async fn an_index_that_is_wrong_is_put_right() {
    let scratch = scratch();
    let path = scratch.path().join("db.sqlite3");
    let db = database(&path, "DELETE", 50);
    db.execute_batch(
        "CREATE TABLE person (name TEXT); CREATE INDEX by_person ON person (name);
         INSERT INTO person VALUES ('ann'), ('BEN'), ('cid'), ('DOT'); PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = replace(sql, '(name)', '(name COLLATE NOCASE)') WHERE name = 'by_person'",
    )
    .expect("an index in another order than its definition says");
    drop(db);
    let before = maintain(&path, Verb::Integrity).await.expect("verdict");
    assert!(!before.ok, "{}", before.detail);
    let mended = maintain(&path, Verb::Reindex).await.expect("an answer");
    assert!(mended.ok, "{}", mended.detail);
    assert!(maintain(&path, Verb::Integrity).await.expect("verdict").ok);
}

#[tokio::test]
async fn a_log_that_a_reader_needs_is_not_called_empty() {
    let scratch = scratch();
    let path = scratch.path().join("db.sqlite3");
    let db = database(&path, "WAL", 500);
    let log = scratch.path().join("db.sqlite3-wal");
    let size = || fs::metadata(&log).map_or(0, |meta| meta.len());
    let reader = Connection::open(&path).expect("a reader");
    reader.execute_batch("BEGIN; SELECT count(*) FROM staff").expect("it reads");
    db.execute("DELETE FROM staff WHERE id > 400", []).expect("delete");
    let kept = maintain(&path, Verb::Checkpoint).await.expect("an answer");
    assert!(!kept.ok && size() > 0, "{}", kept.detail);
    reader.execute_batch("COMMIT").expect("it is done");
    let emptied = maintain(&path, Verb::Checkpoint).await.expect("an answer");
    assert!(emptied.ok && size() == 0, "{}", emptied.detail);
    drop((db, reader));
    drop(database(&scratch.path().join("other.sqlite3"), "DELETE", 1));
    let none = maintain(&scratch.path().join("other.sqlite3"), Verb::Checkpoint).await.expect_err("it has no log");
    assert!(none.to_string().contains("its journal mode is delete"), "{none}");
}

//! Opening: the library, and a store that has to be changed first.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::domain::audit::{AuditEntry, Phase};

/// The schema after the present one, as a later version may bring it.
const NEXT: Steps = &[
    MIGRATIONS[0],
    MIGRATIONS[1],
    MIGRATIONS[2],
    MIGRATIONS[3],
    "PRAGMA user_version = 5; CREATE TABLE later (number INTEGER NOT NULL) STRICT; \
     INSERT INTO later WITH RECURSIVE n (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM n LIMIT 20000) \
     SELECT number FROM n;",
];
/// One whose second half does not work.
const BROKEN: Steps = &[
    MIGRATIONS[0],
    MIGRATIONS[1],
    MIGRATIONS[2],
    MIGRATIONS[3],
    "PRAGMA user_version = 5; CREATE TABLE later (number INTEGER) STRICT; INSERT INTO nothing VALUES (1);",
];

fn nine() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().expect("test time")
}

async fn append(store: &Store, many: usize) {
    for number in 0..many {
        let entry = AuditEntry {
            at: nine(),
            phase: Phase::Note,
            correlation: number.to_string(),
            actor: crate::domain::audit::Actor::default(),
            action: "note".into(),
            target: "action:x".into(),
            risk: "routine".into(),
            reason: String::new(),
            plan: String::new(),
            outcome: None,
            detail: String::new(),
            took_s: None,
        };
        store.append(entry).await.expect("append");
    }
}

/// A store of the present version with some records, closed.
async fn present(directory: &Path, records: usize) -> PathBuf {
    let path = directory.join("rounds.db");
    let store = Store::open(&path, nine()).await.expect("open");
    append(&store, records).await;
    store.close().await;
    path
}

async fn open_next(path: &Path, steps: Steps) -> Result<Store, StoreError> {
    Store::open_at(path, nine(), Limits::default(), steps).await
}

fn version(path: &Path) -> i64 {
    let raw = rusqlite::Connection::open(path).expect("raw connection");
    raw.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("version")
}

#[test]
fn an_old_library_is_refused_by_name() {
    for (found, good) in [("3.51.2", false), ("3.40.1", false), ("3.51.3", true), ("3.52.0", true), ("4.0", true)] {
        assert_eq!(refuse_old_library(found).is_ok(), good, "{found}");
    }
    let text = refuse_old_library("3.46.0").unwrap_err().to_string();
    assert!(text.contains("3.46.0") && text.contains("3.51.3"), "{text}");
}

#[tokio::test]
async fn a_store_is_copied_and_the_copy_proven_before_it_is_changed() {
    let directory = tempfile::tempdir().expect("scratch directory");
    let path = present(directory.path(), 5).await;
    let store = open_next(&path, NEXT).await.expect("changed");
    append(&store, 1).await;
    store.close().await;
    assert_eq!(version(&path), KNOWN + 1);
    let copy = directory.path().join(format!("rounds.db.v{KNOWN}"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(copy.metadata().expect("copy").permissions().mode() & 0o777, 0o600);
    }
    let before = Store::open(&copy, nine()).await.expect("the copy is a store of its own");
    let found = before.verify(1, None).await.expect("verify");
    assert_eq!((found.is_ok(), found.checked), (true, 5));
    assert_eq!(version(&copy), KNOWN);
    let names = std::fs::read_dir(directory.path()).expect("directory").flatten();
    assert!(names.map(|one| one.file_name()).all(|name| !name.to_string_lossy().ends_with(".part")), "nothing is left");
    assert!(matches!(Store::open(&path, nine()).await, Err(StoreError::Newer { found, .. }) if found == KNOWN + 1));
}

#[tokio::test]
async fn a_store_that_cannot_be_copied_is_not_changed_and_one_whose_change_fails_is_as_before() {
    let directory = tempfile::tempdir().expect("scratch directory");
    let path = present(directory.path(), 5).await;
    let in_the_way = directory.path().join(format!("rounds.db.v{KNOWN}.part"));
    std::fs::create_dir(&in_the_way).expect("directory");
    let error = open_next(&path, NEXT).await.unwrap_err();
    assert!(matches!(error, StoreError::NoCopy { found, .. } if found == KNOWN), "{error:?}");
    assert!(error.to_string().contains("could not be copied first"), "{error}");
    std::fs::remove_dir(in_the_way).expect("directory");
    assert!(open_next(&path, BROKEN).await.is_err());
    assert_eq!(version(&path), KNOWN);
    let store = Store::open(&path, nine()).await.expect("as before");
    append(&store, 1).await;
    assert_eq!(store.verify(1, None).await.expect("verify").checked, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_start_together_change_a_store_once() {
    let directory = tempfile::tempdir().expect("scratch directory");
    let path = present(directory.path(), 3).await;
    let starts: Vec<_> = (0..6)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move { append(&open_next(&path, NEXT).await.expect("open"), 1).await })
        })
        .collect();
    for start in starts {
        start.await.expect("start");
    }
    let raw = rusqlite::Connection::open(&path).expect("raw connection");
    let rows = |sql: &str| raw.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("count");
    assert_eq!((rows("SELECT count(*) FROM later"), rows("SELECT count(*) FROM audit")), (20_000, 9));
}

/// Tells the second process that it is one, and which store to change.
const CHILD: &str = "ROUNDS_TEST_CHILD_CHANGE";

#[expect(clippy::disallowed_methods, reason = "how a test tells its second process what it is")]
fn child_path() -> Option<String> {
    std::env::var(CHILD).ok()
}

/// Parent and child in one: the child, known by its variable, changes the store until killed.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_killed_while_it_changes_the_store_loses_nothing() {
    if let Some(path) = child_path() {
        open_next(Path::new(&path), NEXT).await.expect("changed");
        return;
    }
    kill_changes(8).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: three hundred kills"]
async fn a_start_that_is_killed_while_it_changes_the_store_loses_nothing_long() {
    kill_changes(300).await;
}

async fn kill_changes(kills: u64) {
    println!("n = {kills}");
    let mut unchanged = 0;
    for round in 0..kills {
        let directory = tempfile::tempdir().expect("scratch directory");
        let path = present(directory.path(), 5).await;
        #[expect(clippy::disallowed_methods, reason = "the test starts itself as a second process")]
        let mut command = std::process::Command::new(std::env::current_exe().expect("this binary"));
        let mut child = command
            .args(["--exact", "store::open::tests::a_start_that_is_killed_while_it_changes_the_store_loses_nothing"])
            .env(CHILD, &path)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("second process");
        tokio::time::sleep(Duration::from_micros(2_000 + 100_000 * round / kills)).await;
        child.kill().expect("kill");
        child.wait().expect("reaped");
        unchanged += u32::from(version(&path) == KNOWN);
        let store = open_next(&path, NEXT).await.expect("opens");
        append(&store, 1).await;
        let found = store.verify(1, None).await.expect("verify");
        // The guards are those of the present schema, which the next one leaves alone.
        assert_eq!((found.is_ok(), found.checked), (true, 6), "round {round}: {found}");
        let raw = rusqlite::Connection::open(&path).expect("raw connection");
        let later: i64 = raw.query_row("SELECT count(*) FROM later", [], |row| row.get(0)).expect("count");
        assert_eq!((later, version(&path)), (20_000, KNOWN + 1), "round {round}");
    }
    assert!(unchanged > 0, "no kill came in time: the test proves nothing");
}

//! The store from outside: real files, several connections, and whatever can be wrong with them.

mod audit;
mod instances;
#[cfg(unix)]
mod intent;
mod memory;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rounds::domain::audit::{Actor, AuditEntry, Phase};
use rounds::domain::drift::{Acceptance, Installed, Set};
use rounds::domain::time::Timestamp;
use rounds::store::{Limits, Store, StoreError};
use rusqlite::Connection;
use tempfile::TempDir;

/// A fixed moment: 2026-03-02 09:00 UTC.
fn nine() -> Timestamp {
    Timestamp::from_timestamp(1_772_442_000, 0).expect("time")
}

fn scratch() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("scratch directory");
    let path = directory.path().join("state/rounds.db");
    (directory, path)
}

async fn open(path: &Path) -> Store {
    Store::open(path, nine()).await.expect("open")
}

fn raw(path: &Path) -> Connection {
    Connection::open(path).expect("raw connection")
}

fn entry(phase: Phase, correlation: &str) -> AuditEntry {
    AuditEntry {
        at: nine(),
        phase,
        correlation: correlation.to_owned(),
        actor: Actor {
            operator: "ada".into(),
            os_user: "root".into(),
            host: "db1".into(),
            origin: "tty /dev/pts/3".into(),
        },
        action: "vacuum".into(),
        target: "database:rota".into(),
        risk: "disruptive".into(),
        reason: "weekly".into(),
        plan: "VACUUM".into(),
        outcome: None,
        detail: String::new(),
        took_s: Some(0.5),
    }
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_the_store() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| std::fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    let (_directory, path) = scratch();
    let store = open(&path).await;
    store.append(entry(Phase::Note, "j")).await.expect("append");
    assert_eq!(mode(path.parent().expect("parent")), 0o700);
    let files = ["rounds.db", "rounds.db-wal", "rounds.db-shm"].map(|name| path.with_file_name(name));
    assert_eq!(files.each_ref().map(|file| mode(file)), [0o600; 3]);
    for file in &files {
        std::fs::set_permissions(file, PermissionsExt::from_mode(0o644)).expect("loosen");
    }
    let again = open(&path).await;
    again.append(entry(Phase::Note, "j")).await.expect("append");
    assert_eq!(files.each_ref().map(|file| mode(file)), [0o600; 3], "an existing one is tightened");
}

/// A store of each version of the schema as that version left it, with every sort of row.
const RELEASED: [&str; 4] = [
    include_str!("store/fixtures/v1.sql"),
    include_str!("store/fixtures/v2.sql"),
    include_str!("store/fixtures/v3.sql"),
    include_str!("store/fixtures/v4.sql"),
];

#[tokio::test]
async fn every_older_store_opens_with_all_that_is_in_it() {
    for (sql, version) in std::iter::once("").chain(RELEASED).zip(0_u64..) {
        let (_directory, path) = scratch();
        std::fs::create_dir_all(path.parent().expect("parent")).expect("directory");
        raw(&path).execute_batch(sql).expect("old store");
        let store = open(&path).await;
        let expected: u64 = if version == 0 { 0 } else { 9 };
        assert_eq!(store.append(entry(Phase::Note, "j")).await.expect("append").seq, expected + 1);
        let found = store.verify(1, None).await.expect("verify");
        assert_eq!((found.is_ok(), found.checked), (true, expected + 1), "from version {version}: {found}");
        let now: usize =
            raw(&path).query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0)).expect("version") as usize;
        assert_eq!(now, RELEASED.len(), "the present version has a store of its own in fixtures/");
        if version == 0 {
            continue;
        }
        let (marks, signed) = (store.marks("daily", "2026-11-21").await, store.history("daily", 9).await);
        assert_eq!((marks.expect("marks").len(), signed.expect("signatures").len()), (3, 1), "from version {version}");
        assert_eq!(store.runs("alerts", 9).await.expect("runs").len(), 2);
        assert_eq!(store.statuses().await.expect("statuses").len(), 1);
        let proofs = store.proofs(rounds::domain::vitals::ProofKind::Integrity, "database:").await;
        assert_eq!(proofs.expect("proofs").len(), 1);
        let series = store.series(&"disk:/".into(), Timestamp::UNIX_EPOCH).await.expect("series");
        assert_eq!(series.len(), 1);
        assert!(store.open_jobs().await.expect("jobs").is_empty());
        let frozen = store.open_freezes().await.expect("freezes");
        assert_eq!(frozen.len(), usize::from(version > 1), "from version {version}");
        let accepted = store.accepted(None).await.expect("what was accepted");
        assert_eq!(accepted.len(), usize::from(version > 3), "from version {version}");
        for one in accepted {
            let names: Vec<&str> = one.set.keys().map(String::as_str).collect();
            assert_eq!(
                (one.scope.as_str(), one.operator.as_str(), &names[..]),
                ("alerts", "asha", &["alerts", "reports"][..])
            );
            assert!(
                one.set["reports"].is_none() && one.set["alerts"].as_ref().is_some_and(|one| one.when == "0 8 * * *")
            );
        }
    }
}

#[tokio::test]
async fn what_was_accepted_last_is_what_counts_and_is_there_after_a_start() {
    let (_directory, path) = scratch();
    let one = |scope: &str, second: i64, name: &str| Acceptance {
        scope: scope.to_owned(),
        job: "j".to_owned(),
        at: nine() + chrono::TimeDelta::seconds(second),
        operator: "asha".to_owned(),
        reason: format!("reason {second}"),
        set: Set::from([(name.to_owned(), Some(Installed { user: "root".to_owned(), ..Installed::default() }))]),
    };
    let store = open(&path).await;
    store.accept(&[one("cron", 0, "old"), one("report", 1, "report")]).await.expect("accept");
    store.accept(&[one("cron", 2, "new")]).await.expect("accept");
    store.close().await;
    let again = open(&path).await;
    let expected = [one("cron", 2, "new"), one("report", 1, "report")];
    assert_eq!(again.accepted(None).await.expect("all"), expected);
    assert_eq!(again.accepted(Some("report")).await.expect("one"), expected[1..]);
    assert_eq!(again.accepted(Some("nobody")).await.expect("none"), []);
    let recorded = again.recorded(9).await.expect("all at once").accepted;
    assert_eq!(recorded.into_values().collect::<Vec<_>>(), expected);
}

#[cfg(unix)]
#[tokio::test]
async fn a_directory_where_others_may_replace_the_store_is_closed_or_refused() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("scratch directory");
    // Named after us: closed. Any other: refused where others may write, else left as it is.
    let table =
        [("rounds", 0o777, Some(0o700)), ("rounds", 0o755, Some(0o700)), ("var", 0o777, None), ("var", 0o775, None)]
            .into_iter()
            .chain([("var", 0o755, Some(0o755)), ("var", 0o1777, Some(0o1777))]);
    for (name, mode, expected) in table {
        let place = directory.path().join(format!("{mode:o}")).join(name);
        std::fs::create_dir_all(&place).expect("directory");
        std::fs::set_permissions(&place, std::fs::Permissions::from_mode(mode)).expect("mode");
        let opened = Store::open(&place.join("rounds.db"), nine()).await;
        let Some(expected) = expected else {
            let error = opened.unwrap_err();
            assert!(matches!(error, StoreError::Exposed { .. }), "{name} {mode:o}: {error:?}");
            assert!(error.to_string().contains("chmod go-w"), "{error}");
            assert!(!place.join("rounds.db").exists());
            continue;
        };
        opened.expect("open").close().await;
        let found = |path: &Path| path.metadata().expect("metadata").permissions().mode() & 0o7777;
        assert_eq!((found(&place), found(&place.join("rounds.db"))), (expected, 0o600), "{name} {mode:o}");
    }
}

/// Parent and child in one: the child, known by its variable, is in the middle of writing the
/// store, as a program is that gets no time on a busy machine.
#[cfg(unix)]
#[tokio::test]
async fn a_store_that_is_being_written_is_waited_for_and_not_called_damaged() {
    use rustix::fs::{FlockOperation, fcntl_lock};
    use std::io::{BufRead, BufReader, Write};
    const CHILD: &str = "ROUNDS_TEST_CHILD_HALF_WRITTEN";
    if let Some(path) = std::env::var_os(CHILD).map(PathBuf::from) {
        let whole = std::fs::read(&path).expect("bytes");
        let mut file = std::fs::OpenOptions::new().write(true).open(&path).expect("file");
        fcntl_lock(&file, FlockOperation::LockExclusive).expect("lock");
        std::fs::write(path.with_file_name("rounds.db-journal"), "not done yet").expect("journal");
        file.set_len(whole.len() as u64 / 2).expect("half of it");
        println!("\nwriting");
        std::thread::sleep(Duration::from_millis(1500));
        file.write_all(&whole).expect("all of it");
        std::fs::remove_file(path.with_file_name("rounds.db-journal")).expect("journal");
        return;
    }
    let (_directory, path) = scratch();
    let store = open(&path).await;
    store.append(entry(Phase::Note, "j")).await.expect("append");
    store.close().await;
    #[expect(clippy::disallowed_methods, reason = "the test starts itself as a second process")]
    let mut command = std::process::Command::new(std::env::current_exe().expect("this binary"));
    let name = "store::a_store_that_is_being_written_is_waited_for_and_not_called_damaged";
    command.args(["--exact", name, "--nocapture"]).env(CHILD, &path).stdout(std::process::Stdio::piped());
    let mut child = command.stderr(std::process::Stdio::null()).spawn().expect("second process");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "writing"), "the child is in the middle of it");
    let opened = Store::open(&path, nine()).await;
    child.wait().expect("reaped");
    assert_eq!(opened.expect("whole").head().await.expect("head").seq, 1);
}

#[tokio::test]
async fn a_newer_store_is_refused_by_name_and_left_alone() {
    let (_directory, path) = scratch();
    open(&path).await.close().await;
    raw(&path).execute_batch("PRAGMA user_version = 99").expect("newer");
    let before = std::fs::read(&path).expect("bytes");
    for error in [Store::open(&path, nine()).await, Store::open_read_only(&path).await].map(Result::unwrap_err) {
        assert!(matches!(error, StoreError::Newer { found: 99, known: 4, .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("99") && text.contains("rounds.db") && text.contains("newer rounds"), "{text}");
    }
    assert_eq!(std::fs::read(&path).expect("bytes"), before);
}

#[tokio::test]
async fn what_is_not_ours_is_refused_by_name_and_not_a_byte_of_it_changes() {
    fn foreign(statements: &'static str) -> impl Fn(&Path) {
        move |path| raw(path).execute_batch(statements).expect("foreign")
    }
    type Make = Box<dyn Fn(&Path)>;
    type Expected = fn(&StoreError) -> bool;
    let table: [(Make, Expected); 5] = [
        (Box::new(foreign("CREATE TABLE staff (id INTEGER)")), |e| matches!(e, StoreError::Foreign { .. })),
        (Box::new(foreign("PRAGMA journal_mode = WAL; CREATE TABLE staff (id INTEGER)")), |e| {
            matches!(e, StoreError::Foreign { .. })
        }),
        (Box::new(foreign("PRAGMA application_id = 5; CREATE TABLE a (b)")), |e| {
            matches!(e, StoreError::Foreign { .. })
        }),
        (Box::new(|path| std::fs::write(path, "not a database at all").expect("write")), |e| {
            matches!(e, StoreError::NotADatabase { .. })
        }),
        (Box::new(|path| std::fs::create_dir(path).expect("directory")), |e| matches!(e, StoreError::Io { .. })),
    ];
    for (number, (make, expected)) in table.iter().enumerate() {
        let (_directory, path) = scratch();
        std::fs::create_dir_all(path.parent().expect("parent")).expect("directory");
        make(&path);
        let bytes = || std::fs::read(&path).unwrap_or_default();
        let before = (bytes(), std::fs::metadata(&path).expect("metadata").permissions());
        let error = Store::open(&path, nine()).await.unwrap_err();
        assert!(expected(&error), "{number}: {error:?}");
        assert!(error.to_string().contains("rounds.db"), "{error}");
        assert_eq!((bytes(), std::fs::metadata(&path).expect("metadata").permissions()), before, "{number}");
        let beside = std::fs::read_dir(path.parent().expect("parent")).expect("directory").count();
        assert_eq!(beside, 1, "{number}: nothing is left beside it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_that_start_together_make_one_store() {
    let (_directory, path) = scratch();
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move { open(&path).await.head().await.expect("head").hash })
        })
        .collect();
    let mut ids = Vec::new();
    for start in starts {
        ids.push(start.await.expect("start"));
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "one store has one id");
}

#[tokio::test]
async fn a_locked_store_says_so_after_the_time_it_was_given() {
    let (_directory, path) = scratch();
    let busy = Duration::from_millis(80);
    let limits = Limits { busy, ..Limits::default() };
    let store = Store::open_within(&path, nine(), limits).await.expect("open");
    let other = raw(&path);
    other.execute_batch("BEGIN EXCLUSIVE").expect("lock");
    let began = tokio::time::Instant::now();
    let error = store.append(entry(Phase::Intent, "j")).await.unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    assert!(began.elapsed() >= busy && began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert!(store.head().await.is_ok(), "reading goes on");
    other.execute_batch("COMMIT").expect("unlock");
    assert_eq!(store.append(entry(Phase::Intent, "j")).await.expect("append").seq, 1);

    let (_directory, path) = scratch();
    std::fs::create_dir_all(path.parent().expect("parent")).expect("directory");
    let other = raw(&path);
    other.execute_batch("BEGIN EXCLUSIVE").expect("lock");
    let error = Store::open_within(&path, nine(), limits).await.unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
}

#[tokio::test]
async fn a_full_disk_stops_writing_only_and_not_for_ever() {
    let (_directory, path) = scratch();
    open(&path).await.close().await;
    let pages: u32 = raw(&path).query_row("PRAGMA page_count", [], |row| row.get(0)).expect("pages");
    let limits = Limits { max_pages: Some(pages + 6), ..Limits::default() };
    let small = Store::open_within(&path, nine(), limits).await.expect("open");
    let big = AuditEntry { plan: "x".repeat(3000), ..entry(Phase::Note, "big") };
    let mut written = 0;
    let error = loop {
        match small.append(big.clone()).await {
            Ok(record) => written = record.seq,
            Err(error) => break error,
        }
        assert!(written < 100, "six pages cannot hold this");
    };
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(error.to_string().contains("full"), "{error}");
    let found = small.verify(1, None).await.expect("verify");
    assert_eq!((found.is_ok(), found.checked), (true, written));
    assert!(written > 0 && small.append(big.clone()).await.is_err(), "still full");
    assert_eq!(small.audit(nine(), 100).await.expect("audit").len() as u64, written);
    small.close().await;
    let roomy = open(&path).await;
    assert_eq!(roomy.append(big).await.expect("append").seq, written + 1);
    assert!(roomy.verify(1, None).await.expect("verify").is_ok());
}

#[tokio::test]
async fn a_store_that_was_moved_away_takes_no_more_records() {
    let (_directory, path) = scratch();
    let store = open(&path).await;
    store.append(entry(Phase::Note, "j")).await.expect("append");
    std::fs::rename(&path, path.with_extension("old")).expect("rename");
    let gone = store.append(entry(Phase::Intent, "j")).await.unwrap_err();
    assert!(matches!(gone, StoreError::Replaced { .. }), "{gone:?}");
    drop(open(&path).await);
    assert!(matches!(store.append(entry(Phase::Intent, "j")).await, Err(StoreError::Replaced { .. })));
}

#[tokio::test]
async fn a_store_opened_for_reading_refuses_to_write() {
    let (_directory, path) = scratch();
    assert!(matches!(Store::open_read_only(&path).await, Err(StoreError::Missing { .. })));
    let writer = open(&path).await;
    writer.append(entry(Phase::Note, "j")).await.expect("append");
    let reader = Store::open_read_only(&path).await.expect("open");
    assert!(reader.is_read_only() && !writer.is_read_only());
    assert_eq!(reader.audit(nine(), 9).await.expect("audit").len(), 1);
    assert!(matches!(reader.append(entry(Phase::Note, "j")).await, Err(StoreError::ReadOnly { .. })));
}

/// A future that nobody waits for any more must not leave a transaction behind.
#[tokio::test(flavor = "multi_thread")]
async fn dropped_futures_leave_no_transaction_open() {
    let (_directory, path) = scratch();
    let limits = Limits { busy: Duration::from_secs(2), ..Limits::default() };
    let store = Store::open_within(&path, nine(), limits).await.expect("open");
    store.append(entry(Phase::Note, "connected")).await.expect("append");
    let mut dropped = 0;
    for round in 0..200 {
        let writer = store.clone();
        let append = tokio::spawn(async move { writer.append(entry(Phase::Note, "j")).await });
        let reader = store.clone();
        let head = tokio::spawn(async move { reader.head().await });
        for _ in 0..round * 5 {
            tokio::task::yield_now().await;
        }
        append.abort();
        head.abort();
        dropped += u32::from(append.await.is_err());
    }
    assert!(dropped > 20, "only {dropped} of 200 were dropped: the test proves nothing");
    // Whatever was begun goes on to its end; then nobody holds the write lock.
    let last = store.append(entry(Phase::Note, "last")).await.expect("append").seq;
    raw(&path).execute_batch("BEGIN IMMEDIATE; COMMIT").expect("no lock is left");
    let found = store.verify(1, None).await.expect("verify");
    assert_eq!((found.is_ok(), found.checked), (true, last));
}

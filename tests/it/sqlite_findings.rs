//! What is told of a SQLite database beside its figures: who keeps its log from shrinking,
//! migrations, and where it lies.

#![expect(clippy::disallowed_methods, reason = "another process holds a database open")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rounds::config::Environment;
use rounds::domain::action_name::ActionName;
use rounds::domain::status::Status;
use rounds::domain::vitals::Vitals;
use rusqlite::Connection;

use crate::support::watching::Watching;

async fn vitals(path: &Path) -> Vitals {
    rounds::database::sqlite::at(path).vitals().await.expect("vitals")
}

fn findings(vitals: &Vitals) -> Vec<String> {
    vitals.measured.findings.iter().map(|finding| format!("{}: {}", finding.status, finding.text)).collect()
}

/// Another process in the middle of a read transaction, which ends with its input.
fn reader(path: &Path) -> Child {
    let ourselves = std::env::current_exe().expect("this test binary");
    let mut child = Command::new(ourselves)
        .args(["--ignored", "--exact", "--nocapture", "sqlite_findings::started_by_a_log_that_grows"])
        .env("ROUNDS_TEST_DATABASE", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let reads = lines.map_while(Result::ok).any(|line| line.contains("it reads"));
    assert!(reads, "it never began to read");
    child
}

#[test]
#[ignore = "started by another test, as a process that reads"]
fn started_by_a_log_that_grows() {
    let path = std::env::var_os("ROUNDS_TEST_DATABASE").expect("a database");
    let db = Connection::open(path).expect("open");
    db.execute_batch("BEGIN").expect("a transaction");
    db.query_row("SELECT count(*) FROM staff", [], |row| row.get::<_, i64>(0)).expect("it reads");
    println!("it reads");
    std::io::stdout().flush().expect("told");
    let _until_it_ends = std::io::stdin().read_line(&mut String::new());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn whoever_keeps_the_log_from_being_emptied_is_named() {
    let scratch = tempfile::tempdir().expect("scratch");
    let path = scratch.path().join("db.sqlite3");
    let db = Connection::open(&path).expect("open");
    db.execute_batch(
        "PRAGMA journal_mode = WAL; CREATE TABLE staff (id INTEGER PRIMARY KEY, name BLOB);
         INSERT INTO staff VALUES (1, randomblob(2000000))",
    )
    .expect("schema");
    let told = |vitals: &Vitals| vitals.measured.remarks.iter().find(|remark| remark.key == "wal").cloned();
    assert_eq!(told(&vitals(&path).await), None, "nobody reads");
    let mut child = reader(&path);
    db.execute("UPDATE staff SET name = randomblob(2000000)", []).expect("more of a log");
    let remark = told(&vitals(&path).await).expect("somebody reads");
    assert!(remark.text.starts_with("the write-ahead log has ") && remark.text.contains("keeps it from"), "{remark:?}");
    assert!(remark.text.contains(&format!("(pid {})", child.id())), "{remark:?}");
    assert!(remark.advice.is_some_and(|advice| advice.contains(&format!("pid {}", child.id()))));
    drop(child.stdin.take());
    child.wait().expect("its end");
    assert_eq!(told(&vitals(&path).await), None, "nobody reads any more");
}

#[tokio::test]
async fn a_file_that_anybody_can_write_is_told_and_its_own_numbers_are_shown() {
    let scratch = tempfile::tempdir().expect("scratch");
    let path = scratch.path().join("db.sqlite3");
    let db = Connection::open(&path).expect("open");
    db.execute_batch("PRAGMA user_version = 42; PRAGMA application_id = 252006673; CREATE TABLE staff (id)")
        .expect("schema");
    drop(db);
    let well = vitals(&path).await;
    assert_eq!(findings(&well), [] as [String; 0]);
    let facts: Vec<(&str, &str)> = well.measured.facts.iter().map(|(key, text)| (&**key, text.as_str())).collect();
    assert_eq!(facts, [("application id", "0x0f055111"), ("user version", "42")]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("its mode");
    let open = vitals(&path).await;
    assert_eq!(findings(&open), ["warning: anybody on this machine can write the file (mode 0666)"]);
}

#[tokio::test]
async fn free_space_that_is_worth_a_vacuum_is_told_with_it() {
    let scratch = tempfile::tempdir().expect("scratch");
    let path = scratch.path().join("db.sqlite3");
    let db = Connection::open(&path).expect("open");
    db.execute_batch(
        "CREATE TABLE photo (id INTEGER PRIMARY KEY, data BLOB);
         WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 60)
         INSERT INTO photo SELECT x, zeroblob(1000000) FROM n",
    )
    .expect("sixty megabytes");
    let look = async |more: &str| {
        let text = format!("version = 1\n[[database]]\nid = 'rota'\nurl = 'sqlite:{}'\n{more}", path.display());
        let environment = Environment { xdg_state_home: Some("/nowhere".into()), ..Environment::default() };
        let config = rounds::config::parse("test.toml", Path::new("/"), &text, &environment).expect("a configuration");
        Watching::of(config.databases.into_iter().next().expect("one database")).look().await
    };
    let free = async |more: &str| look(more).await.findings.into_iter().find(|finding| finding.key == "free");
    assert_eq!(free("").await, None, "nothing of it is free");
    db.execute_batch("DELETE FROM photo WHERE id > 15").expect("delete");
    assert_eq!(free("").await, None, "three quarters, but not much");
    db.execute_batch("DELETE FROM photo WHERE id > 5").expect("delete");
    let told = free("").await.expect("it is much");
    assert!(told.text.starts_with("92 % of the file is free space (5"), "{}", told.text);
    assert!(told.text.ends_with(" MB), limit 20 %"), "{}", told.text);
    assert_eq!((told.status, told.mend), (Status::Warning, Some(ActionName::VACUUM)));
    assert_eq!(free("free = { warn = '> 95 %' }").await, None);
    assert_eq!(free("free = { crit = '> 90 %' }").await.map(|told| told.status), Some(Status::Critical));
    assert_eq!(free("free = {}").await, None);
    db.execute_batch("VACUUM").expect("vacuum");
    assert_eq!(free("").await, None, "that mends it");
}

#[tokio::test]
async fn a_migration_that_failed_half_way_or_is_not_applied_is_told_where_that_is_known() {
    let scratch = tempfile::tempdir().expect("scratch");
    let sqlx = scratch.path().join("sqlx.db");
    let db = Connection::open(&sqlx).expect("open");
    db.execute_batch(
        "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT, success BOOLEAN);
         INSERT INTO _sqlx_migrations VALUES (1, 'init', TRUE), (2, 'staff', FALSE)",
    )
    .expect("schema");
    let failed = vitals(&sqlx).await;
    assert_eq!(findings(&failed), ["critical: 1 migration of sqlx failed half way, 2 staff first"]);
    db.execute("UPDATE _sqlx_migrations SET success = TRUE", []).expect("mended");
    assert_eq!(findings(&vitals(&sqlx).await), [] as [String; 0]);

    let app = scratch.path().join("app");
    fs::create_dir_all(app.join("storage")).expect("folders");
    fs::create_dir_all(app.join("db/migrate")).expect("folders");
    let rails = app.join("storage/production.sqlite3");
    let db = Connection::open(&rails).expect("open");
    db.execute_batch(
        "CREATE TABLE ar_internal_metadata (key); CREATE TABLE schema_migrations (version TEXT);
         INSERT INTO schema_migrations VALUES ('20240101120000')",
    )
    .expect("schema");
    for name in ["20240101120000_create_staff.rb", "20240201120000_add_shift.rb", "README.md"] {
        fs::write(app.join("db/migrate").join(name), "").expect("a migration");
    }
    let told = vitals(&rails).await;
    let text = "warning: 1 migration of Rails is there and not applied, 20240201120000_add_shift first";
    assert_eq!(findings(&told), [text]);
    db.execute("INSERT INTO schema_migrations VALUES ('20240201120000')", []).expect("applied");
    assert_eq!(findings(&vitals(&rails).await), [] as [String; 0]);
}

#[tokio::test]
async fn of_django_only_apps_that_were_migrated_before_are_told() {
    let scratch = tempfile::tempdir().expect("scratch");
    let write = |name: &str| {
        let path = scratch.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(path, "").expect("a file");
    };
    for name in ["__init__", "0001_initial", "0002_shift", "0001_squashed_0002_shift"] {
        write(&format!("scheduling/migrations/{name}.py"));
    }
    // An app nobody knows to be installed, and one in a folder that holds what others made.
    write("attic/migrations/__init__.py");
    write("attic/migrations/0001_initial.py");
    write("venv/scheduling/migrations/__init__.py");
    write("venv/scheduling/migrations/0099_other.py");
    let path = scratch.path().join("db.sqlite3");
    let db = Connection::open(&path).expect("open");
    db.execute_batch(
        "CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT);
         INSERT INTO django_migrations (app, name) VALUES ('scheduling', '0001_initial'), ('auth', '0001_initial')",
    )
    .expect("schema");
    assert_eq!(findings(&vitals(&path).await), [] as [String; 0], "whose migrations they are is not known");
    write("manage.py");
    let told = vitals(&path).await;
    assert_eq!(
        findings(&told),
        ["warning: 1 migration of Django is there and not applied, scheduling.0002_shift first"]
    );
    assert!(told.measured.findings[0].advice.as_deref().is_some_and(|advice| advice.contains("manage.py migrate")));
    assert_eq!(told.measured.findings[0].status, Status::Warning);
}

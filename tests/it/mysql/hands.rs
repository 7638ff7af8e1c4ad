//! What somebody sees who looks by hand: tables with their growth, statements with their time.

use std::sync::Arc;

use rounds::database::{Database, Engine};

use super::server::{PATIENT, Server, one, run, until_one};

fn open(server: &Server, user: &str) -> Arc<dyn Database> {
    let spec = server.spec(user, PATIENT);
    (Engine::of(&spec).open)(&spec)
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn tables_are_told_with_their_growth_and_what_is_not_seen_with_its_grant() {
    let server = Server::start(&[]);
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE TABLE small (id int); CREATE USER plain@localhost; CREATE TABLE shift (id int, note text)")
        .await;
    run(&mut rota, "INSERT INTO shift SELECT seq, repeat('x', 100) FROM seq_1_to_5000; ANALYZE TABLE shift").await;
    let database = open(&server, "root");
    database.vitals().await.expect("a reading that is kept");
    run(&mut rota, "INSERT INTO shift SELECT seq, repeat('x', 100) FROM seq_1_to_20000; ANALYZE TABLE shift").await;
    let size = "SELECT data_length + index_length FROM information_schema.tables WHERE table_name = 'shift'";
    let size = one(&mut rota, size).await;
    let tables = database.tables().await.expect("tables");
    let shift = &tables.rows[0];
    assert_eq!((shift.schema.as_str(), shift.name.as_str(), tables.rows.len()), ("rota", "shift", 2));
    assert_eq!(shift.size_bytes.map(|bytes| bytes.to_string()), Some(size));
    assert!(shift.estimated && shift.rows.is_some_and(|rows| rows > 20_000), "{shift:?}");
    assert!(shift.grown_bytes.is_some_and(|bytes| bytes > 1_000_000), "{shift:?}");
    run(&mut rota, "GRANT SELECT ON rota.shift TO plain@localhost").await;
    let veiled = open(&server, "plain").tables().await.expect("an answer");
    let grant = veiled.hidden.and_then(|veil| veil.grant);
    assert_eq!(grant.as_deref(), Some("GRANT SELECT ON `rota`.* TO `plain`@`localhost`"));
    assert!(veiled.rows.is_empty(), "one of two tables is not all there is");
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn statements_are_told_by_their_time_without_secrets_and_what_is_not_counted_says_so() {
    let server = Server::start(&["--performance-schema=1"]);
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE USER plain@localhost; GRANT SELECT ON rota.* TO plain@localhost").await;
    run(&mut rota, "SELECT SLEEP(0.3), 'hunter2'; SET PASSWORD FOR plain@localhost = PASSWORD('hunter2')").await;
    let statements = open(&server, "root").statements().await.expect("statements");
    let slept = statements.rows.iter().find(|one| one.text.starts_with("SELECT `SLEEP`")).expect("it is counted");
    assert!(slept.calls >= 1.0 && slept.total_s >= 0.3 && slept.share.is_some_and(|share| share > 0.0), "{slept:?}");
    assert!(!format!("{statements:?}").contains("hunter2"));
    // With an earlier look it is told what came since.
    let database = open(&server, "root");
    // A statement is counted a moment after its answer.
    let counted = "SELECT count_star FROM performance_schema.events_statements_summary_by_digest
                    WHERE digest_text = 'SELECT `SLEEP` (?) , ?'";
    run(&mut rota, "SELECT SLEEP(0.2), 'hunter2'").await;
    until_one(&mut rota, counted, "1").await;
    database.vitals().await.expect("a reading that is kept");
    run(&mut rota, "SELECT SLEEP(0.2), 'hunter2'").await;
    until_one(&mut rota, counted, "2").await;
    let since = database.statements().await.expect("statements");
    let slept = since.rows.iter().find(|one| one.text.starts_with("SELECT `SLEEP`")).expect("it is counted");
    let ours = ["information_schema", "innodb_flush"];
    assert!(!since.rows.iter().any(|one| ours.iter().any(|word| one.text.contains(word))), "{since:?}");
    assert!((slept.calls - 1.0).abs() < f64::EPSILON && slept.within_s.is_some(), "{slept:?}");
    let silent = Server::start(&["--performance-schema=0"]);
    drop(silent.rota().await);
    let silent = open(&silent, "root").statements().await.expect("an answer");
    let grant = silent.hidden.and_then(|veil| veil.grant);
    assert!(silent.rows.is_empty() && grant.is_some_and(|grant| grant.starts_with("performance_schema = ON")));
}

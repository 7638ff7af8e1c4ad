//! What somebody sees who looks by hand: tables with their growth, statements with their time.

use std::sync::Arc;

use rounds::database::{Database, Engine};

use super::faults::PATIENT;
use super::server::{Server, one, run};

fn open(server: &Server, role: &str) -> Arc<dyn Database> {
    let spec = server.spec(role, PATIENT);
    (Engine::of(&spec).open)(&spec)
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn tables_are_measured_and_a_table_that_somebody_holds_hides_none() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(
        &mut rota,
        "CREATE TABLE shift (id int PRIMARY KEY, note text); CREATE TABLE small (id int);
         INSERT INTO shift SELECT g, repeat('x', 100) FROM generate_series(1, 5000) g",
    )
    .await;
    run(&mut rota, "VACUUM ANALYZE shift").await;
    let database = open(&server, "postgres");
    database.vitals().await.expect("a reading that is kept");
    run(&mut rota, "INSERT INTO shift SELECT g, repeat('x', 100) FROM generate_series(5001, 20000) g").await;
    run(&mut rota, "SELECT pg_stat_force_next_flush()").await;
    let size = one(&mut rota, "SELECT pg_total_relation_size('shift')").await;
    let tables = database.tables().await.expect("tables");
    let shift = &tables.rows[0];
    assert_eq!((shift.schema.as_str(), shift.name.as_str(), tables.rows.len()), ("public", "shift", 2));
    assert_eq!(shift.size_bytes.map(|bytes| bytes.to_string()), Some(size));
    assert!(!shift.estimated && shift.vacuumed_s.is_some() && shift.analyzed_s.is_some(), "{shift:?}");
    assert!(shift.grown_bytes.is_some_and(|bytes| bytes > 1_000_000), "{shift:?}");
    assert!(tables.hidden.is_none(), "{:?}", tables.hidden);
    let mut holder = server.rota().await;
    run(&mut holder, "BEGIN; LOCK TABLE small IN ACCESS EXCLUSIVE MODE").await;
    let held = database.tables().await.expect("tables all the same");
    assert!(held.rows[0].estimated && held.rows[0].name == "shift", "{held:?}");
    let note = "sizes are what the server remembers: somebody holds a lock that it needs";
    assert_eq!(held.notes, [note]);
    run(&mut holder, "ROLLBACK").await;
    assert!(!database.tables().await.expect("tables").rows[0].estimated);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn statements_are_told_by_their_time_without_secrets_and_a_missing_right_is_named() {
    let server = Server::start("shared_preload_libraries = 'pg_stat_statements'");
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE ROLE plain LOGIN; CREATE ROLE app LOGIN PASSWORD 'hunter2'").await;
    let absent = open(&server, "postgres").statements().await.expect("an answer");
    let grant = absent.hidden.and_then(|veil| veil.grant);
    assert_eq!(grant.as_deref(), Some("CREATE EXTENSION pg_stat_statements"));
    run(&mut rota, "CREATE EXTENSION pg_stat_statements").await;
    run(&mut rota, "ALTER ROLE app PASSWORD 'hunter2'; SELECT pg_sleep(0.2), 'hunter2'").await;
    let database = open(&server, "postgres");
    let counted = database.statements().await.expect("statements");
    let sleep = counted.rows.iter().find(|one| one.text.starts_with("SELECT pg_sleep")).expect("the slow one");
    assert!(sleep.calls >= 1.0 && sleep.mean_s >= 0.2 && sleep.within_s.is_none(), "{sleep:?}");
    assert!(sleep.share.is_some_and(|share| share > 0.0 && share <= 100.0), "{sleep:?}");
    assert!(!format!("{counted:?}").contains("hunter2"), "{counted:?}");
    database.vitals().await.expect("a reading that is kept");
    run(&mut rota, "SELECT pg_sleep(0.2), 'hunter2'").await;
    let since = database.statements().await.expect("statements");
    let sleep = since.rows.iter().find(|one| one.text.starts_with("SELECT pg_sleep")).expect("the slow one");
    assert!((sleep.calls - 1.0).abs() < f64::EPSILON && sleep.within_s.is_some(), "{sleep:?}");
    let blind = open(&server, "plain").statements().await.expect("an answer");
    assert!(blind.rows.is_empty());
    assert_eq!(blind.hidden.and_then(|veil| veil.grant).as_deref(), Some(r#"GRANT pg_monitor TO "plain""#));
}

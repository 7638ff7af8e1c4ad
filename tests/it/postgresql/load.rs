//! What a server does under load, or fails to do: archive, vacuum, write in time, keep its pages.

use rounds::domain::status::Status;
use sqlx::AssertSqlSafe;

use super::faults::{PATIENT, named, watching};
use super::server::{Server, number, one, run};
use crate::support::watching::{Watching, sentences};

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn an_archiver_that_hangs_without_failing_is_told_to_whoever_may_see_it() {
    // It ends with the server's directory.
    let hangs = "archive_mode = on\narchive_command = 'while test -e %p; do sleep 0.1; done; false'";
    let server = Server::start(hangs);
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE ROLE plain LOGIN; CREATE ROLE monitor LOGIN; GRANT pg_monitor TO monitor").await;
    run(&mut rota, "CREATE TABLE t (a int); INSERT INTO t VALUES (1); SELECT pg_switch_wal()").await;
    let limit = format!("{PATIENT}archiver = {{ warn = '> 100ms' }}");
    for role in ["postgres", "monitor"] {
        let hung = Watching::of(server.spec(role, &limit)).until("has waited").await;
        assert!(hung.text.contains("for the archiver, which does not fail, 1 log in all"), "{}", hung.text);
        assert_eq!(hung.status, Status::Warning);
    }
    let assessment = Watching::of(server.spec("plain", &limit)).look().await;
    assert!(assessment.sample("archiver").is_none(), "it cannot know");
    let unknown = assessment.findings.iter().find(|finding| finding.text.contains("which logs wait for the archiver"));
    let unknown = unknown.unwrap_or_else(|| unreachable!("{:?}", sentences(&assessment)));
    assert_eq!(unknown.status, Status::Unknown);
    assert_eq!(unknown.advice.as_deref(), Some(r#"GRANT pg_monitor TO "plain""#));
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn checkpoints_before_their_time_are_counted_from_when_we_look() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    let mut watching = watching(&server, "");
    assert_eq!(sentences(&watching.look().await), [] as [String; 0]);
    for _ in 0..8 {
        run(&mut rota, "CHECKPOINT").await;
    }
    let told = watching.until("did not wait for checkpoint_timeout").await;
    assert!(told.advice.is_some_and(|advice| advice.starts_with("raise max_wal_size")));
    let kept_by = if number(&rota) < 170_000 { "bgwriter" } else { "checkpointer" };
    run(&mut rota, &format!("SELECT pg_stat_reset_shared('{kept_by}')")).await;
    watching.until_well().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_table_that_autovacuum_does_not_get_through_with_is_named() {
    let server = Server::start("autovacuum_naptime = 1s");
    let mut rota = server.rota().await;
    run(
        &mut rota,
        "CREATE TABLE busy (id int, note text) WITH (autovacuum_vacuum_threshold = 10, autovacuum_vacuum_scale_factor = 0);
         INSERT INTO busy SELECT g, 'x' FROM generate_series(1, 1000) g",
    )
    .await;
    let mut holder = named(&server, "the report").await;
    run(&mut holder, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM busy").await;
    run(&mut rota, "UPDATE busy SET note = 'y'; SELECT pg_stat_force_next_flush()").await;
    let mut watching = watching(&server, "vacuum_overdue = { warn = '> 0s' }");
    let told = watching.until("has had more dead rows than autovacuum waits for since").await;
    assert!(told.text.starts_with("public.busy ") && told.text.contains(": 1000, 100 times as many"), "{}", told.text);
    run(&mut holder, "ROLLBACK").await;
    watching.until_well().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn workers_that_are_all_busy_are_told_with_what_keeps_them() {
    let slow = "autovacuum_naptime = 1s\nautovacuum_max_workers = 1\nautovacuum_vacuum_cost_delay = 100ms\n\
                autovacuum_vacuum_cost_limit = 1";
    let server = Server::start(slow);
    let mut rota = server.rota().await;
    run(
        &mut rota,
        "CREATE TABLE wide AS SELECT g, repeat('x', 1000) AS t FROM generate_series(1, 5000) g;
         UPDATE wide SET t = 'y'; SELECT pg_stat_force_next_flush()",
    )
    .await;
    let told = watching(&server, "").until("1 of 1 autovacuum workers are busy, the longest in ").await;
    assert_eq!(told.status, Status::Warning);
    assert!(told.text.contains(" VACUUM ") || told.text.contains(" ANALYZE "), "{}", told.text);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_page_that_is_not_what_was_written_is_critical() {
    let mut server = Server::made_with(&["-k"], "", |_| ());
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE TABLE staff AS SELECT g FROM generate_series(1, 1000) g; CHECKPOINT").await;
    let path = server.path().join("data").join(one(&mut rota, "SELECT pg_relation_filepath('staff')").await);
    let mut watching = watching(&server, "");
    assert_eq!(sentences(&watching.look().await), [] as [String; 0]);
    server.stop();
    let mut bytes = std::fs::read(&path).expect("its file");
    bytes[4000] ^= 0xff;
    std::fs::write(&path, bytes).expect("its file");
    server.start_again();
    let mut rota = server.rota().await;
    assert!(sqlx::raw_sql("SELECT count(*) FROM staff").execute(&mut rota).await.is_err());
    let told = watching.until("1 checksum failure on pages of this database, the last ").await;
    assert_eq!(told.status, Status::Critical);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_restart_between_two_readings_is_nobodys_worry() {
    let mut server = Server::start("");
    drop(server.rota().await);
    // A cold cache is warm again long before five minutes are over.
    let mut watching = watching(&server, "cache_hit = {}");
    for _ in 0..3 {
        let assessment = watching.look().await;
        assert_eq!(sentences(&assessment), [] as [String; 0]);
        assert_eq!(assessment.status, Status::Ok);
        server.stop();
        server.start_again();
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn ids_that_run_out_are_told_with_the_database_and_what_is_left() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    for _ in 0..50 {
        run(&mut rota, "SELECT txid_current()").await;
    }
    let mut watching = watching(&server, "wraparound = { crit = '> 0 %' }\nfreeze_age = { warn = '> 0 %' }");
    // Since 14 a server keeps three millions back for whoever mends it, and one before.
    let left = if number(&rota) >= 140_000 { "2 144 48" } else { "2 146 48" };
    let told = watching.until(&format!("of its transaction ids: writes stop in {left}")).await;
    assert_eq!(told.status, Status::Critical);
    assert!(told.advice.is_some_and(|advice| advice.starts_with("VACUUM in the database ")));
    watching.until("0 % of where autovacuum must have frozen it").await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_statement_that_takes_long_is_told_by_its_last_hour() {
    let server = Server::start("shared_preload_libraries = 'pg_stat_statements'");
    let limit = "slow_statements = { warn = '> 10ms' }";
    let mut rota = server.rota().await;
    let absent = watching(&server, limit).look().await;
    let text = "slow_statements cannot be told: the extension pg_stat_statements is not installed in this database";
    assert_eq!(sentences(&absent), [format!("unknown: {text}")]);
    assert_eq!(absent.findings[0].advice.as_deref(), Some("CREATE EXTENSION pg_stat_statements"));
    run(&mut rota, "CREATE SCHEMA \"ext\"\"s\"; CREATE EXTENSION pg_stat_statements SCHEMA \"ext\"\"s\"").await;
    let slow = "SELECT pg_sleep(0.02), 'hunter2'";
    run(&mut rota, slow).await;
    let mut watching = watching(&server, limit);
    assert_eq!(sentences(&watching.look().await), [] as [String; 0]);
    for _ in 0..12 {
        run(&mut rota, slow).await;
    }
    let told = watching.until("a statement of postgres took").await;
    assert!(told.text.contains("12 times within") && told.text.contains("SELECT pg_sleep($1)"), "{}", told.text);
    assert!(!told.text.contains("hunter2"), "{}", told.text);
    let reset = "SELECT \"ext\"\"s\".pg_stat_statements_reset()";
    sqlx::raw_sql(AssertSqlSafe(reset)).execute(&mut rota).await.expect("a reset");
    watching.until_well().await;
}

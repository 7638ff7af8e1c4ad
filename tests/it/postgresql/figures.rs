//! Figures of a while: how fast a server grows, works and answers, and what it is about to lose.

use std::time::Duration;

use rounds::domain::status::Status;
use sqlx::AssertSqlSafe;

use super::beside::slow;
use super::faults::{PATIENT, watching};
use super::server::{Server, number, one, run, spec, until_one};
use crate::support::watching::{Watching, sentences};

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn what_grows_is_told_by_the_day_and_the_table_that_grows_fastest_is_named() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE TABLE \"lo g\" (note text); CREATE TABLE still (note text)").await;
    let limits = "growth = { warn = '> 1 MB/day' }\ntable_growth = { crit = '> 1 MB/day' }\nsize = { warn = '> 1 MB' }";
    let mut watching = watching(&server, limits);
    let early = watching.look().await;
    assert!(early.sample("growth").is_none() && early.sample("table_growth").is_none(), "one look is no growth");
    assert!(early.findings[0].text.starts_with("size ") && early.findings.len() == 1, "{:?}", sentences(&early));
    for _ in 0..13 {
        run(&mut rota, "INSERT INTO \"lo g\" SELECT repeat('x', 100) FROM generate_series(1, 3000)").await;
        Watching::passes(Duration::from_mins(31)).await;
        watching.look().await;
    }
    let table = watching.until("public.lo g grew by").await;
    assert_eq!((table.status, &*table.key), (Status::Critical, "table_growth"));
    let whole = watching.until("growth ").await;
    assert!(whole.key == "growth" && whole.text.ends_with("/day, limit 1.0 MB/day"), "{}", whole.text);
    for _ in 0..3 {
        Watching::passes(Duration::from_mins(31)).await;
        watching.look().await;
    }
    assert_eq!(watching.look().await.gauge("table_growth"), Some(0.0), "it grows no more");
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn commits_and_rollbacks_are_told_by_the_second() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE TABLE shift (id int)").await;
    let mut program = server.rota().await;
    let works = tokio::spawn(async move {
        let turn = "BEGIN; INSERT INTO shift VALUES (1); ROLLBACK; BEGIN; INSERT INTO shift VALUES (2); COMMIT";
        while sqlx::raw_sql(AssertSqlSafe(turn)).execute(&mut program).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let mut watching =
        watching(&server, "commits = { warn = '> 0.1' }\nrollbacks = { crit = '> 0.1' }\ncache_hit = {}");
    let commits = watching.until("commits a second ").await;
    assert_eq!((commits.status, &*commits.key), (Status::Warning, "commits"));
    let rollbacks = watching.until("rollbacks a second ").await;
    assert_eq!((rollbacks.status, &*rollbacks.key), (Status::Critical, "rollbacks"));
    works.abort();
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_slot_that_has_lost_what_its_reader_needs_is_critical() {
    let server = Server::start("max_wal_size = 32MB\nmin_wal_size = 32MB");
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE TABLE t (a int); SELECT pg_create_physical_replication_slot('left_over', true)").await;
    let mut watching = watching(&server, "checkpoints = {}\nslot_wal = { warn = '> 40 MB' }");
    assert_eq!(sentences(&watching.look().await), [] as [String; 0]);
    if number(&rota) >= 130_000 {
        run(&mut rota, "ALTER SYSTEM SET max_slot_wal_keep_size = 1").await;
        run(&mut rota, "SELECT pg_reload_conf()").await;
        until_one(&mut rota, "SELECT setting FROM pg_settings WHERE name = 'max_slot_wal_keep_size'", "1").await;
    }
    for _ in 0..4 {
        run(&mut rota, "INSERT INTO t VALUES (1); SELECT pg_switch_wal(); CHECKPOINT").await;
    }
    if number(&rota) < 130_000 {
        // Such a server keeps everything until its disk is full.
        watching.until("nobody reads the slot left_over, and it keeps").await;
        return;
    }
    let lost = watching.until("the slot left_over has lost log that its reader needs").await;
    assert_eq!((lost.status, &*lost.key), (Status::Critical, "slot_wal"));
    run(&mut rota, "SELECT pg_drop_replication_slot('left_over')").await;
    watching.until_well().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn row_locks_that_many_share_use_up_ids_of_their_own() {
    // Autovacuum would begin far later than with its defaults, and far earlier.
    let server = Server::start("autovacuum_freeze_max_age = 2000000000\nautovacuum_multixact_freeze_max_age = 10000");
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE TABLE staff (id int PRIMARY KEY); INSERT INTO staff VALUES (1)").await;
    let (mut first, mut second) = (server.rota().await, server.rota().await);
    for _ in 0..30 {
        run(&mut first, "BEGIN; SELECT 1 FROM staff FOR SHARE").await;
        run(&mut second, "BEGIN; SELECT 1 FROM staff FOR SHARE").await;
        run(&mut first, "COMMIT").await;
        run(&mut second, "COMMIT").await;
    }
    let used = one(&mut rota, "SELECT mxid_age(datminmxid) FROM pg_database WHERE datname = 'rota'").await;
    let told = watching(&server, "freeze_age = { warn = '> 0 %' }").until("the oldest multixact id of ").await;
    assert!(
        told.text.contains(&format!("is {used} old")) && used.parse::<u32>().is_ok_and(|used| used >= 30),
        "{told:?}"
    );
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_server_that_answers_slowly_is_told_and_read_all_the_same() {
    let server = Server::start("");
    let port = slow(server.path().join(".s.PGSQL.5432")).await;
    let limits = PATIENT.replace("latency = {}\n", "");
    let mut watching = Watching::of(spec(&format!("postgres@127.0.0.1:{port}/postgres"), &limits));
    let told = watching.until("our questions took ").await;
    assert_eq!((told.status, &*told.key), (Status::Warning, "latency"));
    assert!(watching.look().await.sample("wraparound").is_some(), "what is slow is not hidden");
}

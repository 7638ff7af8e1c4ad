//! Every fault is found on a real server in that very state, with its culprit; and a server that
//! is well has none.

use std::time::Duration;

use rounds::domain::status::Status;
use sqlx::postgres::PgConnection;

use super::server::{Server, one, run, until_one};
use crate::support::watching::{Watching, sentences};

pub(super) const PATIENT: &str = "every = '1h'\ntimeout = '60s'\nlatency = {}\n";

pub(super) fn watching(server: &Server, limits: &str) -> Watching {
    Watching::of(server.spec("postgres", &format!("{PATIENT}{limits}")))
}

/// Runs a statement that waits, for as long as the test takes.
pub(super) async fn waits(server: &Server, name: &'static str, statement: &'static str) -> tokio::task::JoinHandle<()> {
    let mut connection = server.rota().await;
    run(&mut connection, &format!("SET application_name = '{name}'")).await;
    tokio::spawn(async move {
        let _ends_with_the_server = sqlx::raw_sql(statement).execute(&mut connection).await;
    })
}

pub(super) async fn named(server: &Server, name: &str) -> PgConnection {
    let mut connection = server.rota().await;
    run(&mut connection, &format!("SET application_name = '{name}'")).await;
    connection
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_server_that_is_well_has_nothing_to_tell() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE TABLE staff (id serial PRIMARY KEY, name text)").await;
    run(&mut rota, "INSERT INTO staff (name) SELECT 'x' FROM generate_series(1, 1000)").await;
    let mut watching = watching(&server, "");
    for _ in 0..3 {
        let assessment = watching.look().await;
        assert_eq!(sentences(&assessment), [] as [String; 0], "{:?}", assessment.samples);
        assert_eq!(assessment.status, Status::Ok);
    }
    let keys =
        ["latency", "size", "connections", "sessions", "commits", "deadlocks", "wraparound", "sequences", "tables"];
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    // What is a difference needs a second look at the server's counters.
    let assessment = loop {
        let assessment = watching.look().await;
        assert_eq!(sentences(&assessment), [] as [String; 0], "{:?}", assessment.samples);
        match keys.iter().find(|key| assessment.sample(key).is_none()) {
            None => break assessment,
            Some(key) => assert!(tokio::time::Instant::now() < deadline, "{key} is missing: {:?}", assessment.samples),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(assessment.gauge("tables"), Some(1.0));
    // What has no limit would be refused in silence.
    let spec = server.spec("postgres", PATIENT);
    let vitals = (rounds::database::Engine::of(&spec).open)(&spec).vitals().await.expect("an answer");
    let mut hidden: Vec<&str> = vitals.measured.hidden.iter().map(|hidden| hidden.key).collect();
    hidden.sort_unstable();
    assert_eq!(hidden, ["slow_statements", "unused_indexes"], "{:?}", vitals.measured.hidden);
    let pages = format!("checksums {}", one(&mut rota, "SHOW data_checksums").await);
    assert!(vitals.measured.facts.contains(&("pages".into(), pages)), "{:?}", vitals.measured.facts);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_chain_of_locks_is_told_from_its_root() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE TABLE shift (id int PRIMARY KEY, note text); INSERT INTO shift VALUES (1, 'a')").await;
    let mut holder = named(&server, "the holder").await;
    let pid = one(&mut holder, "SELECT pg_backend_pid()").await;
    run(&mut holder, "BEGIN; UPDATE shift SET note = 'b' WHERE id = 1").await;
    let first = waits(&server, "first", "UPDATE shift SET note = 'c' WHERE id = 1").await;
    let mut watching = watching(&server, "blocked = { warn = '> 10ms' }\nidle_in_transaction = { warn = '> 10ms' }");
    watching.until("1 session waits behind").await;
    let second = waits(&server, "second", "ALTER TABLE shift ADD COLUMN late int").await;
    watching.until("2 sessions wait behind").await;
    let third = waits(&server, "third", "SELECT * FROM shift").await;
    let found = watching.until("3 sessions wait behind").await;
    let told = format!("3 sessions wait behind pid {pid} (the holder, role postgres), idle in transaction for ");
    assert!(found.text.starts_with(&told), "{}", found.text);
    let mend = format!("end its transaction where it was begun, or `rounds database terminate rota --pid {pid}`");
    assert_eq!(found.advice, Some(mend));
    let idle = watching.until("has been idle in transaction").await;
    assert!(idle.text.starts_with(&format!("pid {pid} (the holder, role postgres)")), "{}", idle.text);
    run(&mut holder, "ROLLBACK").await;
    for waiter in [first, second, third] {
        waiter.await.expect("it went on");
    }
    watching.until_well().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn transactions_that_last_are_named() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE TABLE staff (id int)").await;
    let _running = waits(&server, "the report", "BEGIN; SELECT pg_sleep(600)").await;
    let limits = "oldest_transaction = { crit = '> 300ms' }\nprepared_transaction = { warn = '> 100ms' }";
    let mut watching = watching(&server, limits);
    let oldest = watching.until("has been in one transaction for").await;
    assert!(oldest.text.contains("(the report, role postgres)"), "{}", oldest.text);
    assert_eq!(oldest.status, Status::Critical);
    run(&mut rota, "BEGIN; INSERT INTO staff VALUES (1); PREPARE TRANSACTION 'it''s late'").await;
    let prepared = watching.until("the prepared transaction 'it''s late' of postgres in rota").await;
    assert!(prepared.advice.is_some_and(|advice| advice.contains("ROLLBACK PREPARED 'it''s late' in rota")));
    let behind = waits(&server, "behind", "BEGIN; LOCK TABLE staff; COMMIT").await;
    let mut blocked = super::faults::watching(&server, "blocked = { warn = '> 1ms' }");
    blocked.until("1 session waits behind a prepared transaction").await;
    run(&mut rota, "ROLLBACK PREPARED 'it''s late'").await;
    behind.await.expect("it got its lock");
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn connections_are_counted_against_those_that_are_not_reserved() {
    let server = Server::start("");
    drop(server.rota().await);
    let mut watching = watching(&server, "");
    watching.look().await;
    let mut taken = Vec::new();
    for _ in 0..22 {
        taken.push(server.rota().await);
    }
    let found = watching.until("of 27 connections taken").await;
    assert_eq!(found.status, Status::Warning);
    assert!(found.text.ends_with("limit 80 %"), "{}", found.text);
    // None is left for an ordinary role, and that is known, not unknown.
    run(&mut taken[0], "CREATE ROLE mon LOGIN").await;
    for _ in 0..3 {
        taken.push(server.rota().await);
    }
    let mut ordinary = Watching::of(server.spec("mon", PATIENT));
    let assessment = ordinary.look().await;
    assert_eq!(assessment.status, Status::Critical, "{:?}", sentences(&assessment));
    assert!(assessment.findings[0].text.contains("raise max_connections"), "{:?}", sentences(&assessment));
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn deadlocks_temporary_files_and_misses_are_counted_from_when_we_look() {
    let server = Server::start("deadlock_timeout = 100ms\nshared_buffers = 1MB\nwork_mem = 64kB");
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE TABLE pair (id int PRIMARY KEY); INSERT INTO pair VALUES (1), (2)").await;
    run(&mut rota, "CREATE TABLE wide AS SELECT g, repeat('x', 500) AS t FROM generate_series(1, 60000) g").await;
    let mut watching = watching(&server, "temp_files = { warn = '> 1 MB' }\ncache_hit = { warn = '< 99 %' }");
    assert_eq!(sentences(&watching.look().await), [] as [String; 0]);
    let (mut one, mut two) = (server.rota().await, server.rota().await);
    run(&mut one, "BEGIN; UPDATE pair SET id = id WHERE id = 1").await;
    run(&mut two, "BEGIN; UPDATE pair SET id = id WHERE id = 2").await;
    let crossed = tokio::spawn(async move {
        let _one_of_both_fails = sqlx::raw_sql("UPDATE pair SET id = id WHERE id = 2").execute(&mut one).await;
    });
    let _one_of_both_fails = sqlx::raw_sql("UPDATE pair SET id = id WHERE id = 1").execute(&mut two).await;
    crossed.await.expect("one of both was chosen");
    drop(two);
    let found = watching.until("1 deadlock within").await;
    assert_eq!(found.status, Status::Warning);
    run(&mut rota, "SELECT count(*) FROM (SELECT * FROM wide ORDER BY t DESC, g OFFSET 1) s").await;
    for _ in 0..6 {
        run(&mut rota, "SELECT sum(length(t)) FROM wide").await;
    }
    watching.until("of temporary files within").await;
    let misses = watching.until("of block reads found in memory within").await;
    assert_eq!(misses.key, "cache_hit");
    run(&mut rota, "SELECT pg_stat_reset()").await;
    watching.until_well().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn tables_sequences_and_indexes_in_need_are_named() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(
        &mut rota,
        "CREATE TABLE dead (id int, note text) WITH (autovacuum_enabled = off);
         INSERT INTO dead SELECT g, 'x' FROM generate_series(1, 5000) g; UPDATE dead SET note = 'y'; UPDATE dead SET note = 'z';
         CREATE TABLE eager (id int)
           WITH (autovacuum_enabled = off, autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
         INSERT INTO eager VALUES (1); DELETE FROM eager;
         CREATE TABLE shift (id serial PRIMARY KEY, staff int);
         SELECT setval('shift_id_seq', 1954210119);
         INSERT INTO shift (staff) VALUES (1), (1);",
    )
    .await;
    let refused =
        sqlx::raw_sql("CREATE UNIQUE INDEX CONCURRENTLY \"by \"\"staff\" ON shift (staff)").execute(&mut rota).await;
    assert!(refused.is_err(), "two shifts of one");
    run(&mut rota, "SELECT pg_stat_force_next_flush()").await;
    let mut watching = watching(&server, "");
    let dead = watching.until("public.dead has 10 000 dead rows").await;
    assert!(dead.text.contains("never vacuumed, autovacuum is off for it"), "{}", dead.text);
    assert_eq!(dead.advice.as_deref(), Some(r#"VACUUM (ANALYZE) "public"."dead""#));
    let sequence = watching.until("the sequence public.shift_id_seq, which fills shift.id, has used 91 %").await;
    assert_eq!(sequence.status, Status::Critical);
    let index = watching.until("the index public.by \"staff on shift is not valid").await;
    assert!(index.advice.is_some_and(|advice| advice.contains(r#""public"."by ""staff""#)));
    run(&mut rota, "VACUUM dead, eager").await;
    run(&mut rota, "DROP INDEX \"by \"\"staff\"; ALTER TABLE shift ALTER id TYPE bigint").await;
    run(&mut rota, "ALTER SEQUENCE shift_id_seq AS bigint").await;
    watching.until_well().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn sequences_without_number_are_read_without_taking_every_lock_there_is() {
    // Room for a thousand locks, and some hundreds more.
    let server = Server::start("max_locks_per_transaction = 20");
    let mut rota = server.rota().await;
    for hundreds in 0..40 {
        let made = format!(
            "DO $$ BEGIN FOR n IN 1..100 LOOP EXECUTE format('CREATE SEQUENCE s{hundreds}_%s AS int', n); END LOOP; END $$"
        );
        run(&mut rota, &made).await;
    }
    let at_once = "SELECT max(pg_sequence_last_value(seqrelid)) FROM pg_sequence";
    let refused = sqlx::raw_sql(at_once).execute(&mut rota).await.expect_err("so many locks are not to be had");
    assert!(refused.to_string().contains("out of shared memory"), "{refused}");
    run(&mut rota, "SELECT setval('s0_7', 1954210119), setval('s39_93', 1954210120)").await;
    let mut watching = watching(&server, "cache_hit = {}");
    let found = watching.until("the sequence public.s39_93 has used 91 % of its values: 1 954 210 120").await;
    assert_eq!(found.status, Status::Critical);
    run(&mut rota, "SELECT setval('s39_93', 1)").await;
    watching.until("the sequence public.s0_7 has used 91 %").await;
    run(&mut rota, "SELECT setval('s0_7', 1)").await;
    watching.until_well().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_failing_archiver_a_slot_without_a_reader_and_settings_are_told() {
    let server = Server::start("archive_mode = on\narchive_command = 'false'\nautovacuum = off");
    let mut rota = server.rota().await;
    run(&mut rota, "SELECT pg_create_physical_replication_slot('left_over', true)").await;
    run(
        &mut rota,
        "CREATE TABLE t (a int); INSERT INTO t VALUES (1); SELECT pg_switch_wal(); INSERT INTO t VALUES (2)",
    )
    .await;
    run(&mut rota, "ALTER SYSTEM SET max_connections = 40").await;
    run(&mut rota, "SELECT pg_reload_conf()").await;
    let mut watching = watching(&server, "archiver = { warn = '> 100ms' }\nslot_wal = { warn = '> 1 MB' }");
    let archiver = watching.until("the archiver has never archived anything").await;
    assert!(archiver.text.contains("and fails at 0000"), "{}", archiver.text);
    let slot = watching.until("nobody reads the slot left_over, and it keeps").await;
    assert!(slot.advice.is_some_and(|advice| advice.contains("pg_drop_replication_slot('left_over')")));
    let off = watching.until("autovacuum is off").await;
    assert_eq!(off.status, Status::Critical);
    watching.until("max_connections is changed, and in force only after a restart").await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_standby_that_does_not_replay_is_told_on_both_sides_and_one_that_is_promoted_is_a_primary() {
    let primary = Server::start("");
    let mut rota = primary.rota().await;
    let standby = primary.standby();
    let limits =
        "replication_lag = { warn = '> 200ms' }\nreplication_lag_bytes = { warn = '> 100 kB' }\ncache_hit = {}";
    let (mut here, mut there) = (watching(&primary, limits), watching(&standby, limits));
    let mut replica = standby.connect("postgres", "postgres").await;
    run(&mut rota, "CREATE TABLE first (a int)").await;
    until_one(&mut replica, "SELECT pg_last_xact_replay_timestamp() IS NOT NULL", "t").await;
    run(&mut replica, "SELECT pg_wal_replay_pause()").await;
    run(&mut rota, "CREATE TABLE log AS SELECT g, repeat('x', 100) FROM generate_series(1, 5000) g").await;
    here.until("the standby walreceiver (streaming) is").await;
    let paused = there.until("behind: replay is paused").await;
    assert_eq!(paused.advice.as_deref(), Some("SELECT pg_wal_replay_resume()"));
    run(&mut replica, "SELECT pg_wal_replay_resume()").await;
    there.until_well().await;
    here.until_well().await;
    run(&mut replica, "SELECT pg_promote()").await;
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    let assessment = loop {
        let assessment = there.look().await;
        if assessment.sample("dead_rows").is_some() {
            break assessment;
        }
        assert!(tokio::time::Instant::now() < deadline, "it is still a standby");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(sentences(&assessment), [] as [String; 0], "a primary of its own");
    assert!(assessment.sample("replication_lag").is_none() && assessment.sample("dead_rows").is_some());
}

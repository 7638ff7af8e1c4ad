//! Acts of the real program on real servers: what they change, what they are turned away by, and
//! that nothing is called done that is not.

#![expect(clippy::disallowed_methods, reason = "real processes take real time")]

use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sqlx::postgres::PgConnection;

use super::server::{Server, number, one, run, until_one};
use crate::support::World;
use crate::support::act::{act, assert_said, ended, started, tell};

/// Every row that is dead can be removed, and is told of.
const STAFF: &str = "CREATE TABLE staff (id int PRIMARY KEY, note text) WITH (autovacuum_enabled = off);
     INSERT INTO staff SELECT g, 'x' FROM generate_series(1, 5000) g; DELETE FROM staff WHERE id % 2 = 0;";

/// One operator's machine, which looks at `server` as `role`.
pub(super) fn world(server: &Server, role: &str, more: &str) -> World {
    World::new().config(&format!(
        "version = 1\n[host]\nevery = '1h'\n[[database]]\nid = 'rota'\nurl = 'postgres://{role}@/rota?host={}'\n\
         timeout = '30s'\n{more}\n",
        server.path().display()
    ))
}

async fn with_staff(settings: &str) -> (Server, PgConnection) {
    let server = Server::start(settings);
    let mut rota = server.rota().await;
    run(&mut rota, STAFF).await;
    flushed(&mut rota).await;
    (server, rota)
}

/// Waits until the statistics know of what this session did.
async fn flushed(rota: &mut PgConnection) {
    run(rota, "SELECT pg_stat_force_next_flush()").await;
}

/// A server on which a vacuum takes a minute, and a table that is worth it.
async fn slow() -> (Server, PgConnection) {
    let server = Server::start("vacuum_cost_delay = 100ms\nvacuum_cost_limit = 40");
    let mut rota = server.rota().await;
    run(
        &mut rota,
        "CREATE TABLE log (id int, note text) WITH (autovacuum_enabled = off);
         INSERT INTO log SELECT g, repeat('x', 500) FROM generate_series(1, 60000) g; DELETE FROM log WHERE id % 2 = 0",
    )
    .await;
    (server, rota)
}

/// A command that is at work on the server.
async fn begun(world: &World, rota: &mut PgConnection, arguments: &[&str]) -> Child {
    let child = started(world, arguments);
    until_one(rota, "SELECT count(*) FROM pg_stat_progress_vacuum", "1").await;
    child
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn every_act_is_proven_by_what_is_true_afterwards() {
    let (server, mut rota) = with_staff("").await;
    run(&mut rota, "CREATE SCHEMA ops; CREATE TABLE ops.day (id int, at date) PARTITION BY RANGE (at)").await;
    run(&mut rota, "CREATE TABLE ops.first PARTITION OF ops.day FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')")
        .await;
    let world = world(&server, "postgres", "");
    let ask = async |arguments: &[&str]| act(&world, &[&["database"], arguments, &["--yes"]].concat()).await;
    let done = ask(&["vacuum", "rota", "--table", "staff"]).await;
    assert_said(&done, 0, &["succeeded: 1 table vacuumed in ", "2500 dead rows before, 0 now"]);
    let moved = "SELECT last_vacuum IS NOT NULL AND n_dead_tup = 0 FROM pg_stat_user_tables WHERE relname = 'staff'";
    assert_eq!(one(&mut rota, moved).await, "t");
    assert_said(&ask(&["vacuum"]).await, 0, &["succeeded: 2 tables vacuumed in "]);
    let done = ask(&["vacuum", "--analyze", "--table", "ops.day"]).await;
    assert_said(&done, 0, &["succeeded: 1 table vacuumed and analyzed in "]);
    assert_said(&ask(&["analyze"]).await, 0, &["succeeded: 2 tables analyzed in "]);
    let analyzed = "SELECT count(*) FROM pg_stat_user_tables WHERE last_analyze IS NOT NULL AND relkind_of(relid)";
    let analyzed = analyzed.replace(" AND relkind_of(relid)", "");
    assert!(one(&mut rota, &analyzed).await.parse::<u32>().is_ok_and(|count| count >= 2));
    let file = "SELECT pg_relation_filenode('staff')";
    let (was, indexed) = (one(&mut rota, file).await, "SELECT pg_relation_filenode('staff_pkey')");
    let done = ask(&["vacuum", "--full", "--table", "staff"]).await;
    assert_said(&done, 0, &["succeeded: 1 table rewritten in "]);
    assert_ne!(one(&mut rota, file).await, was);
    let was = one(&mut rota, indexed).await;
    assert_said(&ask(&["reindex", "--table", "staff"]).await, 0, &["succeeded: 1 index built anew, and valid in "]);
    assert_ne!(one(&mut rota, indexed).await, was);
    assert_said(&ask(&["reindex"]).await, 0, &["succeeded: 1 index built anew"]);
    let absent = ask(&["analyze", "--table", "Staff"]).await;
    assert_said(&absent, 1, &["there is no table `Staff` in the schema `public`; did you mean `public.staff`?"]);
    let left = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'rounds%'";
    until_one(&mut rota, left, "0").await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn what_a_role_may_not_do_is_never_called_done() {
    let (server, mut rota) = with_staff("").await;
    run(&mut rota, "CREATE ROLE plain LOGIN; GRANT SELECT ON staff TO plain").await;
    run(&mut rota, "CREATE TABLE own (id int PRIMARY KEY); ALTER TABLE own OWNER TO plain").await;
    let world = world(&server, "plain", "");
    for arguments in [
        &["vacuum", "--table", "staff"][..],
        &["vacuum"],
        &["vacuum", "--analyze"],
        &["analyze", "--table", "staff"],
        &["vacuum", "--full"],
    ] {
        let answer = act(&world, &[&["database"], arguments, &["--yes"]].concat()).await;
        assert_said(&answer, 1, &["not-effective: 1 of ", "public.staff (of postgres)"]);
    }
    let answer = act(&world, &["database", "reindex", "--table", "staff", "--yes"]).await;
    // Since 17 it may be granted, and is denied where it was owed to the owner.
    assert_said(&answer, 1, &["failed: ", " table staff"]);
    let untouched = "SELECT count(*) FROM pg_stat_user_tables WHERE relname = 'staff' AND last_vacuum IS NULL";
    assert_eq!(one(&mut rota, untouched).await, "1");
    let outcomes = world.run(&["audit", "list", "--format", "json"]).exits(0).json();
    let records = outcomes["records"].as_array().expect("records");
    assert_eq!(records.iter().filter(|record| record["outcome"] == "not-effective").count(), 5);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_table_that_is_locked_is_told_with_whoever_holds_it() {
    let (server, mut rota) = with_staff("").await;
    run(&mut rota, "CREATE TABLE shift (id int)").await;
    let world = world(&server, "postgres", "");
    let mut holder = server.rota().await;
    let pid = one(&mut holder, "SELECT pg_backend_pid()").await;
    run(&mut holder, "SET application_name = 'the holder'; BEGIN; LOCK TABLE staff").await;
    let who = format!("pid {pid} (the holder, role postgres), idle in transaction for ");
    let one_table = act(&world, &["database", "vacuum", "--table", "staff", "--yes"]).await;
    assert_said(&one_table, 1, &["failed: nothing was done: ", &who, " holds a lock on it; waited "]);
    let all = act(&world, &["database", "vacuum", "--yes"]).await;
    assert_said(&all, 1, &["not-effective: 1 of 2 tables passed by", "the first: public.staff"]);
    run(&mut holder, "ROLLBACK").await;
    assert_said(&act(&world, &["database", "vacuum", "--yes"]).await, 0, &["succeeded: 2 tables"]);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn rows_that_somebody_may_still_see_are_not_called_removed() {
    let (server, mut rota) = with_staff("").await;
    let world = world(&server, "postgres", "");
    run(&mut rota, "VACUUM staff").await;
    let mut reader = server.rota().await;
    let pid = one(&mut reader, "SELECT pg_backend_pid()").await;
    run(&mut reader, "SET application_name = 'the report'; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM staff")
        .await;
    run(&mut rota, "DELETE FROM staff WHERE id < 1000").await;
    flushed(&mut rota).await;
    let vacuum = ["database", "vacuum", "--table", "staff", "--yes"];
    let who = format!("no dead row could be removed, because pid {pid} (the report, role postgres)");
    assert_said(&act(&world, &vacuum).await, 1, &["not-effective: ", &who, "500 dead rows before, 500 now"]);
    run(&mut reader, "COMMIT").await;
    assert_said(&act(&world, &vacuum).await, 0, &["500 dead rows before, 0 now"]);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn an_act_that_is_cancelled_stops_on_the_server_and_was_on_record_before() {
    let (server, mut rota) = slow().await;
    let world = world(&server, "postgres", "");
    let child =
        begun(&world, &mut rota, &["database", "vacuum", "--table", "log", "--yes", "--operator", "asha"]).await;
    let records = world.run(&["audit", "list", "--format", "json"]).exits(0).json();
    let phases: Vec<&str> =
        records["records"].as_array().expect("records").iter().filter_map(|one| one["phase"].as_str()).collect();
    assert_eq!(phases, ["started", "intent"]);
    assert!(records["records"][1]["plan"].as_str().is_some_and(|plan| plan.contains(r#"VACUUM "public"."log""#)));
    let told = Instant::now();
    while !std::fs::read_to_string(world.path("said")).expect("what it says").contains("log: scanning heap") {
        assert!(told.elapsed() < Duration::from_mins(1), "it never says how far it is");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tell(&child, Signal::INT);
    let answer = ended(child, &world).await;
    assert_said(&answer, 1, &["cancelled: cancelled after ", ", and the server has stopped"]);
    assert_eq!(one(&mut rota, "SELECT count(*) FROM pg_stat_progress_vacuum").await, "0");
    until_one(&mut rota, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'rounds%'", "0").await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn of_two_operators_on_two_machines_one_acts_and_the_other_is_told_who() {
    let (server, mut rota) = slow().await;
    let (here, there) = (world(&server, "postgres", ""), world(&server, "postgres", ""));
    let vacuum = ["database", "vacuum", "--table", "log", "--yes", "--operator", "asha"];
    let first = begun(&here, &mut rota, &vacuum).await;
    let second = act(&there, &["database", "analyze", "--yes", "--operator", "ben"]).await;
    assert_said(&second, 77, &["refused: database:rota is busy: vacuum by asha@", "(role postgres, pid "]);
    // What is in the way may be ended all the same: a session is a target of its own.
    let idle = server.rota().await;
    let mut idle = idle;
    let pid = one(&mut idle, "SELECT pg_backend_pid()").await;
    let ended_one = act(&there, &["database", "terminate", "--pid", &pid, "--yes"]).await;
    assert_said(&ended_one, 0, &[&format!("pid {pid} is gone after ")]);
    tell(&first, Signal::KILL);
    let (code, _) = ended(first, &here).await;
    assert_eq!(code, None, "it was killed");
    if number(&rota) < 140_000 {
        // It gives the lease back, and goes on until it has something to say to whoever is gone.
        run(&mut rota, "SELECT pg_terminate_backend(pid) FROM pg_stat_progress_vacuum").await;
    }
    // The server finds out by itself, ends the vacuum and gives the lease back.
    until_one(&mut rota, "SELECT count(*) FROM pg_stat_progress_vacuum", "0").await;
    until_one(&mut rota, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", "0").await;
    let second = act(&there, &["database", "analyze", "--yes", "--operator", "ben"]).await;
    assert_said(&second, 0, &["succeeded: 1 table analyzed"]);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn whatever_a_table_is_called_it_is_that_table_and_no_other() {
    let (server, mut rota) = with_staff("").await;
    let world = world(&server, "postgres", "");
    let (longest, too_long) = ("é".repeat(31) + "x", "é".repeat(32));
    let names =
        [r#"a"b; DROP TABLE staff; --"#, r"back\slash'); SELECT 1; --", "🐘.🦣", "Sta ff", "$1", longest.as_str()];
    for name in names {
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        run(&mut rota, &format!("CREATE TABLE {quoted} (id int PRIMARY KEY)")).await;
        for verb in ["vacuum", "analyze", "reindex"] {
            let answer = act(&world, &["database", verb, "--table", &quoted, "--yes"]).await;
            assert_said(&answer, 0, &["succeeded: 1 "]);
        }
        let found = format!(
            "SELECT last_vacuum IS NOT NULL AND last_analyze IS NOT NULL FROM pg_stat_user_tables WHERE relname = '{}'",
            name.replace('\'', "''")
        );
        assert_eq!(one(&mut rota, &found).await, "t", "{name}");
    }
    assert_eq!(one(&mut rota, "SELECT count(*) FROM staff").await, "2500");
    assert_eq!(one(&mut rota, "SELECT count(last_vacuum) FROM pg_stat_user_tables WHERE relname = 'staff'").await, "0");
    let cut = act(&world, &["database", "vacuum", "--table", &too_long, "--yes"]).await;
    assert_said(&cut, 2, &["a name of more than 63 bytes would be cut, and be another's"]);
    let escape = act(&world, &["database", "vacuum", "--table", "a\u{1b}[2Jb", "--yes"]).await;
    assert_said(&escape, 2, &["it holds a character that no terminal shows"]);
    assert!(!escape.1.contains('\u{1b}'));
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_standby_and_a_read_only_session_refuse_and_production_asks_for_more() {
    let (server, mut rota) = with_staff("").await;
    let standby = server.standby();
    let answer =
        act(&world(&standby, "postgres", ""), &["database", "vacuum", "--yes", "--reason", "it must be"]).await;
    assert_said(&answer, 77, &["refused: it is a standby, which only replays what its primary does"]);
    let here = world(&server, "postgres", "");
    for verb in ["vacuum", "analyze", "reindex"] {
        let answer = act(&here, &["--read-only", "database", verb, "--yes"]).await;
        assert_said(&answer, 77, &["this is a read-only session"]);
    }
    let looked = act(&here, &["--read-only", "database", "vacuum", "--full", "--table", "staff", "--dry-run"]).await;
    assert_said(&looked, 0, &[r#"SQL on rota: VACUUM (FULL) "public"."staff""#, "risk         disruptive"]);
    let production = world(&server, "postgres", "[system]\nname = 'rota'\nenvironment = 'production'");
    let answer = act(&production, &["database", "vacuum", "--full", "--yes"]).await;
    assert_said(&answer, 77, &["this is destructive: it wants the name `rota` typed"]);
    let untouched = "SELECT count(last_vacuum) + count(last_analyze) FROM pg_stat_user_tables";
    assert_eq!(one(&mut rota, untouched).await, "0");
    let answer = act(&production, &["database", "vacuum", "--full", "--table", "staff", "--confirm", "rota"]).await;
    assert_said(&answer, 0, &["succeeded: 1 table rewritten"]);
}

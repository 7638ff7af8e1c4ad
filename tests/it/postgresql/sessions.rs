//! The sessions of a real server: who is shown, who waits for whom, and that nobody is signalled
//! but the one who was meant.

use std::time::Duration;

use rounds::database::{Assignment, Engine};
use rounds::domain::session::{Session, SessionState};
use rounds::domain::upkeep::{Maintenance, Scope, Verb};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use tokio_util::sync::CancellationToken;

use super::acts::world;
use super::server::{Server, one, run, until_one};

/// A session of that name, its pid, and what it runs for as long as it takes.
async fn runs(server: &Server, name: &str, statement: &str) -> (String, tokio::task::JoinHandle<PgConnection>) {
    let mut connection = server.rota().await;
    run(&mut connection, &format!("SET application_name = '{name}'")).await;
    let pid = one(&mut connection, "SELECT pg_backend_pid()").await;
    let statement = statement.to_owned();
    let task = tokio::spawn(async move {
        let _may_be_cancelled = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await;
        connection
    });
    (pid, task)
}

async fn until_runs(rota: &mut PgConnection, pid: &str) {
    until_one(rota, &format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND state = 'active'"), "1")
        .await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn sessions_are_listed_with_whoever_is_in_their_way_and_without_secrets() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE TABLE shift (id int PRIMARY KEY); INSERT INTO shift VALUES (1); CREATE ROLE plain LOGIN")
        .await;
    let (holder, held) = runs(&server, "the holder", "BEGIN; UPDATE shift SET id = 1 WHERE id = 1").await;
    let _held = held.await.expect("it holds a row");
    let (waiter, _waits) = runs(&server, "the \u{1b}[31mwaiter", "UPDATE shift SET id = 1 WHERE id = 1").await;
    until_one(&mut rota, "SELECT count(*) FROM pg_locks WHERE NOT granted", "1").await;
    let secret = "SELECT pg_sleep(600) /* password = hunter2-4711 */";
    let (sleeper, _sleeps) = runs(&server, "sleeper", secret).await;
    until_runs(&mut rota, &sleeper).await;
    let world = world(&server, "postgres", "");
    let answer = world.run(&["database", "activity", "--format", "json"]).exits(0).json();
    let sessions = answer["sessions"].as_array().expect("sessions");
    let find = |pid: &str| sessions.iter().find(|one| one["pid"].as_u64() == pid.parse().ok()).expect("it is listed");
    assert_eq!(find(&holder)["state"], "idle-in-transaction");
    assert_eq!(find(&waiter)["state"], "waiting");
    assert_eq!(find(&waiter)["blocked_by"][0].to_string(), holder);
    assert!(find(&waiter)["statement"].as_str().is_some_and(|text| text.starts_with("UPDATE shift")));
    assert_eq!(find(&sleeper)["state"], "running");
    assert!(!answer.to_string().contains("hunter2-4711"), "{answer:#}");
    let text = world.run(&["database", "activity"]).exits(0).out();
    assert!(!text.contains('\u{1b}'), "{text}");
    let place =
        |of: &str| text.lines().position(|line| line.contains(of)).unwrap_or_else(|| unreachable!("{of}: {text}"));
    assert_eq!(place(&format!("└ {waiter}")), place(&holder) + 1, "{text}");
    let blind = super::acts::world(&server, "plain", "").run(&["database", "activity"]).exits(0);
    assert!(blind.err().contains(r#"GRANT pg_monitor TO "plain""#), "{}", blind.err());
    assert!(blind.out().contains("hidden"), "{}", blind.out());
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_session_is_shown_before_it_is_ended_and_proven_to_be_gone() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE ROLE plain LOGIN").await;
    let (pid, task) = runs(&server, "the report", "SELECT pg_sleep(600)").await;
    until_runs(&mut rota, &pid).await;
    let world = world(&server, "postgres", "");
    let plan = world.run(&["database", "cancel", "--pid", &pid, "--dry-run"]).exits(0).out();
    for text in [
        &format!("Cancel the statement of pid {pid} of rota"),
        "risk         disruptive",
        &format!("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = {pid} AND backend_start = '20"),
        &format!("pid {pid} is the report (role postgres), running for "),
        "its statement: SELECT pg_sleep(600)",
    ] {
        assert!(plan.contains(text), "{text}: {plan}");
    }
    let refused = super::acts::world(&server, "plain", "").run(&["database", "cancel", "--pid", &pid, "--yes"]);
    assert!(refused.exits(77).err().contains("cannot be told"), "a role that sees nothing of it");
    let done = world.run(&["database", "cancel", "--pid", &pid, "--yes"]).exits(0).out();
    assert!(done.starts_with(&format!("succeeded: pid {pid} has ended its statement after ")), "{done}");
    let mut session = task.await.expect("its statement ended");
    assert_eq!(one(&mut session, "SELECT pg_backend_pid()").await, pid, "the session stays");
    let idle = world.run(&["database", "cancel", "--pid", &pid, "--yes"]).exits(77).err();
    assert!(idle.contains("is idle: it runs nothing that could be cancelled; terminate ends it"), "{idle}");
    let done = world.run(&["database", "terminate", "--pid", &pid, "--yes"]).exits(0).out();
    assert!(done.contains(&format!("succeeded: pid {pid} is gone after ")), "{done}");
    let gone = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}");
    assert_eq!(one(&mut rota, &gone).await, "0");
    let none = world.run(&["database", "terminate", "--pid", &pid, "--yes"]).exits(2).err();
    assert!(none.contains(&format!("rota has no session with pid {pid}")), "{none}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_pid_that_was_given_again_is_left_alone() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    let (pid, task) = runs(&server, "innocent", "SELECT pg_sleep(600)").await;
    until_runs(&mut rota, &pid).await;
    let spec = server.spec("postgres", "timeout = '30s'");
    let handle = (Engine::of(&spec).open)(&spec);
    let sessions = handle.activity().await.expect("the sessions").sessions;
    let innocent = sessions.into_iter().find(|one| one.application == "innocent").expect("it is there");
    assert_eq!(innocent.state, SessionState::Running);
    let other = Session { started: "2026-01-01 00:00:00+00".to_owned(), ..innocent.clone() };
    let work = |session: &Session| Maintenance { verb: Verb::Terminate, scope: Scope::Session(session.key()) };
    let found = handle.hindrances(&work(&other)).await.expect("an answer");
    assert!(found.len() == 1 && !found[0].soft && found[0].text.contains("another session by now"), "{found:?}");
    let sent = handle.maintain(Assignment::quiet(work(&other), CancellationToken::new())).await;
    assert!(sent.as_ref().is_err_and(|error| error.to_string().contains("another session by now")), "{sent:?}");
    until_runs(&mut rota, &pid).await;
    assert!(!task.is_finished());
    let sent = handle.maintain(Assignment::quiet(work(&innocent), CancellationToken::new())).await;
    assert!(sent.is_ok_and(|upkeep| upkeep.ok));
    let ended = tokio::time::timeout(Duration::from_mins(1), task).await;
    assert!(ended.is_ok(), "now it was meant");
}

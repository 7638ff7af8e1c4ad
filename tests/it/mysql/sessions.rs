//! The sessions of a real server: who is shown, who waits for whom, and that nobody is signalled
//! but the one who was meant.

use std::time::Duration;

use rounds::database::{Assignment, Engine};
use rounds::domain::session::{Session, SessionState};
use rounds::domain::upkeep::{Maintenance, Scope, Verb};
use sqlx::AssertSqlSafe;
use sqlx::mysql::MySqlConnection;
use tokio_util::sync::CancellationToken;

use super::acts::world;
use super::server::{PATIENT, Server, one, run, until_one};

/// A session, its number, and what it runs for as long as it takes.
pub(super) async fn runs(server: &Server, statement: &str) -> (String, tokio::task::JoinHandle<MySqlConnection>) {
    let mut connection = server.rota().await;
    let id = one(&mut connection, "SELECT connection_id()").await;
    let statement = statement.to_owned();
    let task = tokio::spawn(async move {
        let _may_be_cancelled = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await;
        connection
    });
    (id, task)
}

async fn until_runs(rota: &mut MySqlConnection, id: &str) {
    let runs = format!("SELECT count(*) FROM information_schema.processlist WHERE id = {id} AND command = 'Query'");
    until_one(rota, &runs, "1").await;
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn sessions_are_listed_with_whoever_is_in_their_way_and_without_secrets() {
    let server = Server::start(&[]);
    let mut rota = server.rota().await;
    run(
        &mut rota,
        "CREATE TABLE shift (id int PRIMARY KEY); INSERT INTO shift VALUES (1); CREATE USER plain@localhost",
    )
    .await;
    run(&mut rota, "GRANT SELECT ON rota.* TO plain@localhost").await;
    let (holder, held) = runs(&server, "BEGIN; UPDATE shift SET id = 1 WHERE id = 1").await;
    let _held = held.await.expect("it holds a row");
    let (waiter, _waits) = runs(&server, "UPDATE shift SET id = 1 WHERE id = 1 /* \u{1b}[31m */").await;
    until_one(&mut rota, "SELECT count(*) FROM information_schema.innodb_lock_waits", "1").await;
    let (sleeper, _sleeps) = runs(&server, "SELECT SLEEP(600) /* password = hunter2-4711 */").await;
    until_runs(&mut rota, &sleeper).await;
    let (table, _too) = runs(&server, "ALTER TABLE shift ADD COLUMN late int").await;
    let waits = "SELECT count(*) FROM information_schema.processlist WHERE state = 'Waiting for table metadata lock'";
    until_one(&mut rota, waits, "1").await;
    let world = world(&server, "root", "");
    let answer = world.run(&["database", "activity", "--format", "json"]).exits(0).json();
    let sessions = answer["sessions"].as_array().expect("sessions");
    let find = |id: &str| sessions.iter().find(|one| one["pid"].as_u64() == id.parse().ok()).expect("it is listed");
    assert_eq!(find(&holder)["state"], "idle-in-transaction");
    assert_eq!(find(&waiter)["state"], "waiting");
    assert_eq!(find(&waiter)["blocked_by"][0].to_string(), holder);
    assert!(find(&waiter)["statement"].as_str().is_some_and(|text| text.starts_with("UPDATE shift")));
    assert_eq!(find(&sleeper)["state"], "running");
    assert_eq!(find(&table)["state"], "waiting");
    assert_eq!(find(&table)["waits_for"], "Waiting for table metadata lock");
    assert!(!answer.to_string().contains("hunter2-4711"), "{answer:#}");
    let text = world.run(&["database", "activity"]).exits(0).out();
    assert!(!text.contains('\u{1b}'), "{text}");
    let place =
        |of: &str| text.lines().position(|line| line.contains(of)).unwrap_or_else(|| unreachable!("{of}: {text}"));
    let line = |id: &str| place(&format!("\n{id} ")[1..]);
    assert_eq!(place(&format!("└ {waiter}")), line(&holder) + 1, "{text}");
    let blind = super::acts::world(&server, "plain", "").run(&["database", "activity"]).exits(0);
    assert!(blind.err().contains("GRANT PROCESS ON *.* TO `plain`@`localhost`"), "{}", blind.err());
    assert!(!blind.out().contains("UPDATE shift"), "{}", blind.out());
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn a_session_is_shown_before_it_is_ended_and_proven_to_be_gone() {
    let server = Server::start(&[]);
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE USER plain@localhost; CREATE USER seer@localhost; GRANT PROCESS ON *.* TO seer@localhost")
        .await;
    let (id, task) = runs(&server, "SELECT SLEEP(600)").await;
    until_runs(&mut rota, &id).await;
    let world = world(&server, "root", "");
    let plan = world.run(&["database", "cancel", "--pid", &id, "--dry-run"]).exits(0).out();
    for text in [
        &format!("Cancel the statement of pid {id} of rota"),
        "risk         disruptive",
        &format!("SQL on rota: KILL QUERY {id}"),
        &format!("pid {id} is somebody (role root), running for "),
        "its statement: SELECT SLEEP(600)",
    ] {
        assert!(plan.contains(text), "{text}: {plan}");
    }
    let unseen = super::acts::world(&server, "plain", "").run(&["database", "cancel", "--pid", &id, "--yes"]);
    let unseen = unseen.exits(77).err();
    assert!(unseen.contains("sees only its own sessions; GRANT PROCESS"), "{unseen}");
    let denied = super::acts::world(&server, "seer", "").run(&["database", "cancel", "--pid", &id, "--yes"]);
    let denied = denied.exits(1);
    let denied = denied.out() + &denied.err();
    assert!(denied.contains("failed: You are not owner of") && denied.contains("GRANT CONNECTION ADMIN"), "{denied}");
    until_runs(&mut rota, &id).await;
    let done = world.run(&["database", "cancel", "--pid", &id, "--yes"]).exits(0).out();
    assert!(done.starts_with(&format!("succeeded: pid {id} has ended its statement after ")), "{done}");
    let mut session = task.await.expect("its statement ended");
    assert_eq!(one(&mut session, "SELECT connection_id()").await, id, "the session stays");
    let idle = world.run(&["database", "cancel", "--pid", &id, "--yes"]).exits(77).err();
    assert!(idle.contains("is idle: it runs nothing that could be cancelled; terminate ends it"), "{idle}");
    let done = world.run(&["database", "terminate", "--pid", &id, "--yes"]).exits(0).out();
    assert!(done.contains(&format!("succeeded: pid {id} is gone after ")), "{done}");
    let gone = format!("SELECT count(*) FROM information_schema.processlist WHERE id = {id}");
    assert_eq!(one(&mut rota, &gone).await, "0");
    let none = world.run(&["database", "terminate", "--pid", &id, "--yes"]).exits(2).err();
    assert!(none.contains(&format!("rota has no session with pid {id}")), "{none}");
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn a_number_that_was_given_again_is_left_alone() {
    let server = Server::start(&[]);
    let mut rota = server.rota().await;
    let (id, task) = runs(&server, "SELECT SLEEP(600)").await;
    until_runs(&mut rota, &id).await;
    let spec = server.spec("root", PATIENT);
    let handle = (Engine::of(&spec).open)(&spec);
    let sessions = handle.activity().await.expect("the sessions").sessions;
    let innocent = sessions.into_iter().find(|one| one.pid.to_string() == id).expect("it is there");
    assert_eq!(innocent.state, SessionState::Running);
    let (began, who) = innocent.started.split_once(' ').expect("when the server began, and who it is");
    let earlier = began.parse::<u64>().expect("a moment") - 60;
    let of_another_run = Session { started: format!("{earlier} {who}"), ..innocent.clone() };
    let of_somebody_else = Session { started: format!("{began} web@10.0.0.3:512"), ..innocent.clone() };
    let work = |session: &Session| Maintenance { verb: Verb::Terminate, scope: Scope::Session(session.key()) };
    for other in [of_another_run, of_somebody_else] {
        let found = handle.hindrances(&work(&other)).await.expect("an answer");
        assert!(found.len() == 1 && !found[0].soft && found[0].text.contains("another session by now"), "{found:?}");
        let sent = handle.maintain(Assignment::quiet(work(&other), CancellationToken::new())).await;
        assert!(sent.as_ref().is_err_and(|error| error.to_string().contains("another session by now")), "{sent:?}");
    }
    until_runs(&mut rota, &id).await;
    assert!(!task.is_finished());
    let sent = handle.maintain(Assignment::quiet(work(&innocent), CancellationToken::new())).await;
    assert!(sent.as_ref().is_ok_and(|upkeep| upkeep.ok), "{sent:?}");
    let ended = tokio::time::timeout(Duration::from_mins(1), task).await;
    assert!(ended.is_ok(), "now it was meant");
}

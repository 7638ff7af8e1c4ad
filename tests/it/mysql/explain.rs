//! Plans of what sessions of a real server run: told without running or disturbing anything, of the
//! session that was meant, and refused in words where there is none.

use std::sync::Arc;

use rounds::database::{Database, DatabaseError, Engine};
use rounds::domain::explain::{Explanation, Subject};
use rounds::domain::session::Session;
use sqlx::mysql::MySqlConnection;

use super::server::{PATIENT, Server, one, run, until_one};
use super::sessions::runs;

const STAFF: &str = "CREATE TABLE staff (id int PRIMARY KEY, name varchar(40), KEY by_name (name));
    INSERT INTO staff SELECT seq, concat('name ', seq) FROM seq_1_to_1000; ANALYZE TABLE staff";

fn open(server: &Server, user: &str, manners: &str) -> Arc<dyn Database> {
    let spec = server.spec(user, manners);
    (Engine::of(&spec).open)(&spec)
}

async fn found(database: &Arc<dyn Database>, id: &str) -> Session {
    let sessions = database.activity().await.expect("sessions").sessions;
    sessions.into_iter().find(|one| one.pid.to_string() == id).expect("it is connected")
}

fn meant(session: &Session) -> Subject {
    Subject::Session { pid: session.pid, started: session.started.clone() }
}

async fn plan(database: &Arc<dyn Database>, id: &str) -> Result<Explanation, DatabaseError> {
    let subject = meant(&found(database, id).await);
    database.explain(&subject).await
}

/// Waits until a session is in the midst of its statement.
async fn until_sleeps(rota: &mut MySqlConnection, id: &str) {
    let sleeps =
        format!("SELECT count(*) FROM information_schema.processlist WHERE id = {id} AND state = 'User sleep'");
    until_one(rota, &sleeps, "1").await;
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn what_a_session_runs_has_a_plan_and_goes_on_running() {
    let server = Server::start(&[]);
    let mut rota = server.rota().await;
    run(&mut rota, STAFF).await;
    run(&mut rota, "CREATE USER mon@localhost; GRANT PROCESS ON *.* TO mon@localhost; CREATE USER plain@localhost")
        .await;
    let database = open(&server, "mon", PATIENT);
    let select = "SELECT SLEEP(600) FROM staff WHERE name LIKE 'name 1%' /* \u{1b}[31m password = 'hunter2-4711' */";
    let (reader, _reads) = runs(&server, select).await;
    until_sleeps(&mut rota, &reader).await;
    let told = plan(&database, &reader).await.expect("a plan");
    assert!(told.statement.starts_with("SELECT SLEEP(600) FROM staff WHERE name LIKE 'name 1%'"), "{told:?}");
    assert!(told.lines[0].starts_with("1 SIMPLE staff: range, about "), "{told:?}");
    assert_eq!(told.lines[1..], ["  key by_name", "  Using where; Using index"], "{told:?}");
    let said = format!("{told:?}");
    assert!(!said.contains("hunter2-4711") && !said.contains("\\u{1b}"), "{said}");
    // A plan for a change changes nothing, neither by us nor by whoever makes it.
    let megabyte = format!("UPDATE staff SET name = 'x' WHERE SLEEP(600) = 7 /* {} */", "\u{1b}[31m".repeat(200_000));
    let (writer, _writes) = runs(&server, &megabyte).await;
    until_sleeps(&mut rota, &writer).await;
    let told = plan(&database, &writer).await.expect("a plan");
    assert!(told.lines[0].starts_with("1 SIMPLE staff: index, about "), "{told:?}");
    assert!(told.statement.len() < 10_000 && !told.statement.contains('\u{1b}'), "{} bytes", told.statement.len());
    for id in [&reader, &writer] {
        until_sleeps(&mut rota, id).await;
    }
    assert_eq!(one(&mut rota, "SELECT count(*) FROM staff WHERE name = 'x'").await, "0");
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn a_session_without_a_plan_says_so_and_nobody_elses_is_told_for_it() {
    let server = Server::start(&[]);
    let mut rota = server.rota().await;
    run(&mut rota, STAFF).await;
    let database = open(&server, "root", PATIENT);
    let (reader, _reads) = runs(&server, "SELECT SLEEP(600) FROM staff").await;
    until_sleeps(&mut rota, &reader).await;
    let reads = found(&database, &reader).await;
    let Some((began, who)) = reads.started.split_once(' ') else { unreachable!("{reads:?}") };
    let earlier = began.parse::<u64>().expect("a moment") - 60;
    for started in [format!("{earlier} {who}"), format!("{began} web@10.0.0.3:512"), String::new()] {
        let other = database.explain(&Subject::Session { pid: reads.pid, started }).await;
        assert!(other.as_ref().is_err_and(|why| why.to_string().contains("another session by now")), "{other:?}");
    }
    let counted = database.explain(&Subject::Statement("SELECT 1; DROP TABLE staff".to_owned())).await;
    assert!(counted.is_err_and(|why| why.to_string().contains("this server plans nothing anew")));
    let (idle, ended) = runs(&server, "BEGIN; UPDATE staff SET name = 'y' WHERE id = 1").await;
    let _holds = ended.await.expect("it holds a row");
    let none = plan(&database, &idle).await.expect_err("it runs nothing").to_string();
    assert_eq!(none, format!("pid {idle} runs nothing now, and only what runs has a plan here"));
    let (call, _calls) = runs(&server, "SET @slept = SLEEP(600)").await;
    until_sleeps(&mut rota, &call).await;
    let none = plan(&database, &call).await.expect_err("nothing of it is planned").to_string();
    assert!(none.contains(&format!("pid {call} ")) && none.contains("plan"), "{none}");
    // One that waits does not come to the question; whoever asks is not held up with it.
    let (waiter, _waits) = runs(&server, "UPDATE staff SET name = 'z' WHERE id = 1").await;
    until_one(&mut rota, "SELECT count(*) FROM information_schema.innodb_lock_waits", "1").await;
    let hasty = open(&server, "root", "every = '1h'\ntimeout = '3s'");
    let subject = meant(&found(&database, &waiter).await);
    let none = hasty.explain(&subject).await.expect_err("it waits").to_string();
    assert!(none.contains("it cannot while it waits for a lock") || none.contains("no answer within"), "{none}");
    until_one(&mut rota, "SELECT count(*) FROM information_schema.innodb_lock_waits", "1").await;
}

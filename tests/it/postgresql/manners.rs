//! How a server is treated: one connection for each lane, nothing that writes or waits, and one
//! server in trouble is no trouble for another.

use std::collections::BTreeSet;
use std::time::Duration;

use rounds::database::Engine;
use rounds::domain::status::Status;
use rustix::process::{Signal, kill_process};
use sqlx::AssertSqlSafe;

use super::server::{Server, one, run, spec};
use crate::support::watching::{Watching, sentences};

const PATIENT: &str = "every = '1h'\ntimeout = '60s'\nlatency = {}\n";

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn two_connections_serve_every_reading_and_can_neither_write_nor_wait() {
    let server = Server::start("log_statement = 'all'\nlog_line_prefix = '%a|'");
    let mut rota = server.rota().await;
    let mut watching = Watching::of(server.spec("postgres", PATIENT));
    let ours = "FROM pg_stat_activity WHERE application_name = 'rounds'";
    let who = format!("SELECT coalesce(string_agg(pid::text, ' ' ORDER BY pid), '') {ours}");
    watching.look().await;
    let first = one(&mut rota, &who).await;
    for _ in 0..4 {
        watching.look().await;
    }
    assert_eq!(first.split(' ').count(), 2, "{first}");
    assert_eq!(one(&mut rota, &who).await, first, "the same two all along");
    let idle = format!("SELECT count(*) {ours} AND state = 'idle' AND xact_start IS NULL");
    assert_eq!(one(&mut rota, &idle).await, "2", "no transaction is left open");
    let log = std::fs::read_to_string(server.path().join("log")).expect("the log");
    let statements: Vec<&str> = log.lines().filter(|line| line.starts_with("rounds|")).collect();
    assert!(statements.len() >= 20, "{} statements", statements.len());
    for word in ["BEGIN", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "SET "] {
        assert!(statements.iter().all(|line| !line.contains(&format!("statement: {word}"))), "{word}");
    }
    drop(watching);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn what_is_asked_again_is_planned_once_and_anew_when_its_plan_is_lost() {
    let server = Server::start("log_statement = 'all'\nlog_line_prefix = '%a|'");
    let mut rota = server.rota().await;
    let table =
        "CREATE TABLE jobs (operation_type text, table_name text, started_at timestamptz, status text, details jsonb);
                 INSERT INTO jobs VALUES ('vacuum', 'staff', now() - interval '7 hours', 'running', '{}')";
    run(&mut rota, table).await;
    let mut watching = Watching::of(server.spec("postgres", &format!("{PATIENT}operations_table = 'public.jobs'")));
    let mut statements = async || {
        let seen = watching.look().await;
        let told = sentences(&seen).join("\n");
        assert!(told.contains("has called vacuum of staff running for 7 h"), "{told}");
        let log = std::fs::read_to_string(server.path().join("log")).expect("the log");
        let ours = log.lines().filter_map(|line| line.strip_prefix("rounds|LOG:  statement: "));
        ours.map(str::to_owned).collect::<Vec<String>>()
    };
    let first = statements().await;
    assert!(!first.iter().any(|one| one.starts_with("PREPARE") || one.starts_with("EXECUTE")), "once is no habit");
    let second = statements().await;
    let third = statements().await;
    let (again, planned) = (&third[second.len()..], &second[first.len()..]);
    assert!(again.len() >= 20 && again.iter().all(|one| one.starts_with("EXECUTE rounds_")), "{again:#?}");
    assert_eq!(planned.iter().filter(|one| one.starts_with("PREPARE rounds_")).count(), again.len());
    // The answer of a plan has other types from now on, which the server refuses to give.
    run(&mut rota, "ALTER TABLE jobs ALTER COLUMN operation_type TYPE varchar(40)").await;
    let anew = statements().await;
    let log = std::fs::read_to_string(server.path().join("log")).expect("the log");
    assert!(log.contains("cached plan must not change result type"), "the plan was lost");
    assert!(
        anew[third.len()..].iter().any(|one| one.starts_with("SELECT NOT row_security_active")),
        "and asked as it is"
    );
}

/// What was said in a log of all statements by one program; a statement of several lines is one.
fn said(log: &str, program: &str) -> BTreeSet<String> {
    let mut said: Vec<String> = Vec::new();
    let mut ours = false;
    for line in log.lines() {
        if let Some(more) = line.strip_prefix('\t') {
            if let Some(last) = said.last_mut().filter(|_| ours) {
                *last += &format!("\n{more}");
            }
            continue;
        }
        let statement = line.strip_prefix(&format!("{program}|LOG:  statement: "));
        ours = statement.is_some();
        said.extend(statement.map(str::to_owned));
    }
    said.into_iter().collect()
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn no_question_takes_a_lock_that_anybody_waits_for() {
    let server = Server::start(
        "log_statement = 'all'\nlog_line_prefix = '%a|'\nshared_preload_libraries = 'pg_stat_statements'\n\
         archive_mode = on\narchive_command = 'true'",
    );
    let mut rota = server.rota().await;
    run(
        &mut rota,
        "CREATE EXTENSION pg_stat_statements; CREATE TABLE staff (id serial PRIMARY KEY, of int REFERENCES staff);
         CREATE TABLE ops (operation_type text, table_name text, started_at timestamptz, completed_at timestamptz,
                           status text, details jsonb)",
    )
    .await;
    let spec = server.spec("postgres", &format!("{PATIENT}operations_table = 'ops'"));
    let mut watching = Watching::of(spec.clone());
    watching.look().await;
    // What an operator asks by hand.
    let database = (Engine::of(&spec).open)(&spec);
    database.activity().await.expect("sessions");
    database.tables().await.expect("tables");
    database.statements().await.expect("statements");
    drop((watching, database));
    let log = std::fs::read_to_string(server.path().join("log")).expect("the log");
    let mut questions = said(&log, "rounds");
    // What was asked once as it is.
    questions.retain(|question| !question.starts_with("PREPARE ") && !question.starts_with("EXECUTE "));
    assert!(questions.len() >= 30, "{} questions: {questions:#?}", questions.len());
    let locks =
        "SELECT coalesce(string_agg(DISTINCT l.mode || ' on ' || coalesce(c.relkind::text, l.locktype), ', '), '')
                   FROM pg_locks l LEFT JOIN pg_class c ON c.oid = l.relation
                  WHERE l.pid = pg_backend_pid() AND l.locktype <> 'virtualxid' AND l.mode <> 'AccessShareLock'";
    let mut sequences = 0;
    for question in &questions {
        run(&mut rota, "BEGIN").await;
        let asked = sqlx::raw_sql(AssertSqlSafe(question.clone())).execute(&mut rota).await;
        asked.unwrap_or_else(|error| unreachable!("{question}: {error}"));
        match &*one(&mut rota, locks).await {
            "" => {}
            // To read a sequence the server takes the lock of whoever counts with it, and of whom nobody
            // that counts or reads has to wait.
            "RowExclusiveLock on S" => sequences += 1,
            other => unreachable!("{other} for {question}"),
        }
        run(&mut rota, "ROLLBACK").await;
    }
    assert_eq!(sequences, 1, "the locks were looked at");
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_table_that_somebody_holds_hides_nothing_but_what_needs_it() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE TABLE staff (id serial PRIMARY KEY)").await;
    let mut holder = server.rota().await;
    run(&mut holder, "BEGIN; LOCK TABLE staff IN ACCESS EXCLUSIVE MODE; LOCK TABLE pg_sequence").await;
    let mut watching = Watching::of(server.spec("postgres", PATIENT));
    let started = tokio::time::Instant::now();
    let assessment = watching.look().await;
    assert!(started.elapsed() < Duration::from_secs(30), "it did not wait for the lock");
    let unknown = "unknown: sequences cannot be told: somebody holds a lock that it needs";
    assert_eq!(sentences(&assessment), [unknown]);
    assert!(assessment.sample("connections").is_some() && assessment.sample("size").is_some());
    run(&mut holder, "ROLLBACK").await;
    watching.until_well().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_server_that_hangs_costs_one_deadline_and_no_other_server_anything() {
    let (hung, well) = (Server::start(""), Server::start(""));
    drop((hung.rota().await, well.rota().await));
    let mut there = Watching::of(hung.spec("postgres", "every = '30s'\ntimeout = '2s'"));
    let mut here = Watching::of(well.spec("postgres", PATIENT));
    comes_to_be_well(&mut there).await;
    comes_to_be_well(&mut here).await;
    freeze(&hung, Signal::STOP);
    let looks = async {
        let mut looks = 0;
        while looks < 5 {
            assert_eq!(here.look().await.status, Status::Ok);
            looks += 1;
        }
    };
    let (assessment, ()) = tokio::join!(there.look(), looks);
    assert_eq!(assessment.status, Status::Unknown, "{:?}", sentences(&assessment));
    assert!(assessment.findings[0].text.contains("no answer to"), "{:?}", sentences(&assessment));
    let assessment = there.look().await;
    let rests = assessment.findings[0].text.contains("asked again in");
    assert!(rests, "it rests instead of hanging again: {:?}", sentences(&assessment));
    freeze(&hung, Signal::CONT);
    comes_to_be_well(&mut there).await;
}

/// Looks until all is well: a server takes its time on a machine that is busy.
async fn comes_to_be_well(watching: &mut Watching) {
    let deadline = tokio::time::Instant::now() + Duration::from_mins(2);
    while watching.look().await.status != Status::Ok {
        assert!(tokio::time::Instant::now() < deadline, "it is well, and nobody noticed");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Stops or wakes the server with all its sessions.
fn freeze(server: &Server, signal: Signal) {
    let parent = server.pid();
    let children = format!("/proc/{0}/task/{0}/children", parent.as_raw_nonzero());
    let children = std::fs::read_to_string(children).expect("its sessions");
    for child in children.split_whitespace() {
        let child = child.parse().ok().and_then(rustix::process::Pid::from_raw).expect("a pid");
        let _gone_already = kill_process(child, signal);
    }
    kill_process(parent, signal).expect("the server is there");
}

#[tokio::test]
async fn a_listener_that_never_speaks_is_unknown_by_its_deadline() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let keeps = tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            kept.push(socket);
        }
    });
    let address = format!("mon@127.0.0.1:{port}/rota");
    let mut watching = Watching::of(spec(&address, "every = '30s'\ntimeout = '1s'"));
    let assessment = watching.look().await;
    assert_eq!(sentences(&assessment), ["unknown: no answer to the connection within 900 ms"]);
    keeps.abort();
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_known_to_be_down() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    drop(listener);
    let mut watching = Watching::of(spec(&format!("mon@127.0.0.1:{port}/rota"), PATIENT));
    let assessment = watching.look().await;
    assert_eq!(assessment.status, Status::Critical);
    let text = &assessment.findings[0].text;
    assert!(text.contains("nothing listens there") && text.contains("start the server, or mend `url`"), "{text}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn every_way_of_not_being_let_in_has_its_own_sentence_and_no_password_in_it() {
    let mut server = Server::start("");
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE ROLE mon LOGIN PASSWORD 'right one'; CREATE ROLE barred").await;
    let said = |role: &'static str, more: &'static str| {
        let mut watching = Watching::of(server.spec(role, &format!("{PATIENT}{more}")));
        async move { watching.look().await.findings.remove(0) }
    };
    let barred = said("barred", "").await;
    assert_eq!(barred.status, Status::Unknown);
    assert!(barred.text.contains("is not permitted to log in"), "{}", barred.text);
    let data = server.path().join("data/pg_hba.conf");
    std::fs::write(&data, "local all postgres trust\nlocal all mon scram-sha-256\n").expect("its rules");
    run(&mut rota, "SELECT pg_reload_conf()").await;
    let secret = server.path().join("secret");
    std::fs::write(&secret, "hunter2 is wrong\n").expect("a secret");
    std::os::unix::fs::chown(&secret, Some(rustix::process::geteuid().as_raw()), None).expect("its owner");
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("its mode");
    let with = |path: &std::path::Path| format!("password = 'file:{}'", path.display());
    let more: &'static str = with(&secret).leak();
    let wrong = said("mon", more).await;
    assert_eq!(wrong.status, Status::Unknown);
    assert!(
        wrong.text.contains("password authentication failed") && wrong.text.contains("mend `password`"),
        "{}",
        wrong.text
    );
    assert!(!format!("{wrong:?}").contains("hunter2"), "{wrong:?}");
    std::fs::write(&secret, "right one\n").expect("a secret");
    let right = Watching::of(server.spec("mon", &format!("{PATIENT}{more}"))).look().await;
    assert!(right.sample("latency").is_some(), "{:?}", sentences(&right));
    let missing = said("mon", "password = 'env:ROUNDS_TEST_NOT_SET'").await;
    assert!(missing.text.starts_with("env:ROUNDS_TEST_NOT_SET"), "{}", missing.text);
    let stranger = said("nobody_here", "").await;
    assert!(stranger.text.contains("no pg_hba.conf entry"), "{}", stranger.text);
    let spec = {
        let mut spec = server.spec("postgres", PATIENT);
        if let rounds::config::Address::Server(address) = &mut spec.address {
            address.database = "no such \"one\"".into();
        }
        spec
    };
    let absent = Watching::of(spec).look().await;
    assert_eq!(absent.status, Status::Critical);
    assert!(absent.findings[0].text.contains("does not exist; mend `url`"), "{:?}", sentences(&absent));
    server.stop();
    let gone = Watching::of(server.spec("postgres", PATIENT)).look().await;
    assert_eq!(gone.status, Status::Critical);
    assert!(gone.findings[0].text.contains("nothing listens there"), "{:?}", sentences(&gone));
}

//! How a server is treated: one connection for each lane, nothing that writes or waits, and one
//! server in trouble is no trouble for another.

use std::time::Duration;

use rounds::database::Engine;
use rounds::domain::status::Status;
use rustix::process::{Signal, kill_process};

use super::server::{PATIENT, Server, one, run, spec, until_one};
use crate::support::watching::{Watching, sentences};

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn two_connections_serve_every_reading_and_can_neither_write_nor_wait() {
    let server = Server::start(&["--general-log=1", "--general-log-file=statements", "--autocommit=0"]);
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE USER ours@localhost; GRANT ALL ON *.* TO ours@localhost; COMMIT").await;
    let before = one(&mut rota, "SHOW GLOBAL STATUS LIKE 'Connections'").await;
    run(&mut rota, "CREATE TABLE staff (id int); COMMIT").await;
    let mut watching = server.watching("ours", "");
    for _ in 0..5 {
        watching.look().await;
    }
    let sessions = "FROM information_schema.processlist WHERE user = 'ours'";
    // A server has answered a moment before it takes the session for idle.
    until_one(&mut rota, &format!("SELECT count(*) {sessions} AND command = 'Sleep'"), "2").await;
    assert_eq!(one(&mut rota, &format!("SELECT count(*) {sessions}")).await, "2");
    let opened: Vec<u64> = [before, one(&mut rota, "SHOW GLOBAL STATUS LIKE 'Connections'").await]
        .iter()
        .filter_map(|count| count.parse().ok())
        .collect();
    assert_eq!(opened[1] - opened[0], 2, "each lane keeps its own");
    // None is left open, not even where a question of the operator's own has read rows of a table.
    let own = server.spec("ours", PATIENT);
    let own = (Engine::of(&own).open)(&own);
    let rows = own.first_value("SELECT count(*) FROM staff").await.expect("an answer");
    assert_eq!(rows.as_deref(), Some("0"));
    until_one(&mut rota, "SELECT count(*) FROM information_schema.innodb_trx", "0").await;
    drop(own);
    let log = std::fs::read_to_string(server.path().join("data/statements")).expect("the log");
    let ours: Vec<&str> = log.lines().filter(|line| line.contains("/* rounds */")).collect();
    assert!(ours.len() >= 10, "{} statements", ours.len());
    let changes = ["INSERT ", "UPDATE ", "DELETE ", "CREATE ", "ALTER ", "DROP ", "FLUSH ", "LOCK ", "START ", "BEGIN"];
    for word in changes {
        assert!(ours.iter().all(|line| !line.to_uppercase().contains(word)), "{word}");
    }
    assert!(log.contains("SET SESSION TRANSACTION READ ONLY"), "it gives up writing before anything else");
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn a_server_that_hangs_costs_one_deadline_and_no_other_server_anything() {
    let (hung, well) = (Server::start(&[]), Server::start(&[]));
    drop((hung.rota().await, well.rota().await));
    let mut there = Watching::of(hung.spec("root", "every = '30s'\ntimeout = '2s'"));
    let mut here = well.watching("root", "");
    assert_eq!(there.look().await.status, Status::Ok);
    assert_eq!(here.look().await.status, Status::Ok);
    kill_process(hung.pid(), Signal::STOP).expect("the server is there");
    let looks = async {
        for _ in 0..5 {
            assert_eq!(here.look().await.status, Status::Ok);
        }
    };
    let (assessment, ()) = tokio::join!(there.look(), looks);
    assert_eq!(assessment.status, Status::Unknown, "{:?}", sentences(&assessment));
    assert!(assessment.findings[0].text.contains("no answer to"), "{:?}", sentences(&assessment));
    let again = there.look().await;
    assert!(again.findings[0].text.contains("asked again in"), "{:?}", sentences(&again));
    kill_process(hung.pid(), Signal::CONT).expect("the server is there");
    let deadline = tokio::time::Instant::now() + Duration::from_mins(2);
    while there.look().await.status != Status::Ok {
        assert!(tokio::time::Instant::now() < deadline, "it came back, and nobody noticed");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_listener_that_never_speaks_is_unknown_by_its_deadline_and_nobody_listening_is_known() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let address = format!("mon@127.0.0.1:{port}/rota");
    let secret = "password = 'command:[\"echo\", \"x\"]'\n";
    let mut watching = Watching::of(spec(&address, &format!("every = '30s'\ntimeout = '1s'\n{secret}")));
    let assessment = watching.look().await;
    assert_eq!(sentences(&assessment), ["unknown: no answer to the connection within 900 ms"]);
    drop(listener);
    let assessment = Watching::of(spec(&address, &format!("{PATIENT}{secret}"))).look().await;
    assert_eq!(assessment.status, Status::Critical);
    let text = &assessment.findings[0].text;
    assert!(text.contains("nothing listens there") && text.contains("start the server, or mend `url`"), "{text}");
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn every_way_of_not_being_let_in_has_its_own_sentence_and_no_password_in_it() {
    let mut server = Server::start(&[]);
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE USER mon@localhost IDENTIFIED BY 'right one'; GRANT SELECT ON rota.* TO mon@localhost")
        .await;
    run(&mut rota, "CREATE USER locked@localhost ACCOUNT LOCK").await;
    let secret = server.path().join("secret");
    let keep = |text: &str| {
        std::fs::write(&secret, text).expect("a secret");
        std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("its mode");
    };
    let with = format!("password = 'file:{}'", secret.display());
    keep("hunter2 is wrong\n");
    let wrong = server.watching("mon", &with).look().await.findings.remove(0);
    assert_eq!(wrong.status, Status::Unknown);
    assert!(wrong.text.contains("Access denied for user 'mon'") && wrong.text.contains("mend `password`"), "{wrong:?}");
    assert!(!format!("{wrong:?}").contains("hunter2"), "{wrong:?}");
    keep("right one\n");
    let right = server.watching("mon", &with).look().await;
    assert!(right.sample("latency").is_some(), "{:?}", sentences(&right));
    let locked = server.watching("locked", "").look().await.findings.remove(0);
    assert!(locked.text.contains("ACCOUNT UNLOCK"), "{locked:?}");
    let missing = server.watching("mon", "password = 'env:ROUNDS_TEST_NOT_SET'").look().await.findings.remove(0);
    assert!(missing.text.starts_with("env:ROUNDS_TEST_NOT_SET"), "{missing:?}");
    let absent = spec(&format!("root@/no%60such?socket={}", server.socket().display()), PATIENT);
    let absent = Watching::of(absent).look().await;
    assert_eq!(absent.status, Status::Critical, "{:?}", sentences(&absent));
    assert!(absent.findings[0].text.contains("Unknown database 'no`such'; mend `url`"), "{:?}", sentences(&absent));
    server.stop();
    let gone = server.watching("root", "").look().await;
    assert_eq!(gone.status, Status::Critical);
    assert!(gone.findings[0].text.contains("nothing listens there"), "{:?}", sentences(&gone));
}

//! Acts of the real program on real servers: what they change, what they are turned away by, and
//! that nothing is called done that is not.

use std::fs;
use std::process::Child;

use rustix::process::Signal;
use sqlx::mysql::MySqlConnection;

use super::server::{Server, one, run, until_one};
use crate::support::World;
use crate::support::act::{act, assert_said, ended, started, tell};

/// Half of its rows are gone again.
const STAFF: &str = "CREATE TABLE staff (id int PRIMARY KEY, note text) STATS_AUTO_RECALC = 0;
     INSERT INTO staff SELECT seq, repeat('x', 200) FROM seq_1_to_5000; DELETE FROM staff WHERE id % 2 = 0";

/// What our own sessions leave behind.
const OURS: &str = "SELECT count(*) FROM information_schema.processlist WHERE user = 'ops'";
const OPTIMIZES: &str =
    "SELECT count(*) FROM information_schema.processlist WHERE user = 'ops' AND info LIKE '%OPTIMIZE TABLE%'";

/// One operator's machine, which looks at `server` as `user`.
pub(super) fn world(server: &Server, user: &str, more: &str) -> World {
    World::new().config(&format!(
        "version = 1\n[host]\nevery = '1h'\n[[database]]\nid = 'rota'\nurl = 'mariadb://{user}@/rota?socket={}'\n\
         timeout = '30s'\n{more}\n",
        server.socket().display()
    ))
}

/// A server with a table, and an operator who may do everything.
async fn with_staff() -> (Server, MySqlConnection) {
    let server = Server::start(&[]);
    let mut rota = server.rota().await;
    run(&mut rota, STAFF).await;
    run(&mut rota, "CREATE USER ops@localhost; GRANT ALL ON *.* TO ops@localhost").await;
    (server, rota)
}

/// When a table was last written anew, and when what queries are planned by was counted.
async fn made(rota: &mut MySqlConnection, table: &str) -> u64 {
    let question =
        format!("SELECT UNIX_TIMESTAMP(create_time) FROM information_schema.tables WHERE table_name = '{table}'");
    one(rota, &question).await.parse().expect("a moment")
}

async fn counted(rota: &mut MySqlConnection, table: &str) -> u64 {
    let question =
        format!("SELECT UNIX_TIMESTAMP(last_update) FROM mysql.innodb_table_stats WHERE table_name = '{table}'");
    one(rota, &question).await.parse().expect("a moment")
}

/// The number that InnoDB knows a table by; one that is written anew gets another.
async fn id(rota: &mut MySqlConnection, table: &str) -> u64 {
    let question = format!("SELECT table_id FROM information_schema.innodb_sys_tables WHERE name = 'rota/{table}'");
    one(rota, &question).await.parse().expect("a number")
}

/// A dozen tables that somebody is reading: an optimization of each waits for some seconds.
async fn held() -> (Server, MySqlConnection, MySqlConnection) {
    let (server, mut rota) = with_staff().await;
    let mut holder = server.rota().await;
    run(&mut holder, "DROP TABLE staff").await;
    for place in 10..22 {
        run(&mut holder, &format!("CREATE TABLE log{place} (id int)")).await;
    }
    run(&mut holder, "BEGIN").await;
    for place in 10..22 {
        run(&mut holder, &format!("SELECT * FROM log{place}")).await;
    }
    until_one(&mut rota, "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'rota'", "12").await;
    (server, rota, holder)
}

/// An optimization of everything that is at work on the server.
async fn begun(world: &World, rota: &mut MySqlConnection) -> Child {
    let child = started(world, &["database", "vacuum", "--yes", "--operator", "asha"]);
    until_one(rota, &format!("{OPTIMIZES} AND state LIKE 'Waiting for%'"), "1").await;
    child
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn every_act_is_proven_by_what_is_true_afterwards() {
    let (server, mut rota) = with_staff().await;
    run(
        &mut rota,
        "CREATE TABLE day (id int, at int) PARTITION BY RANGE (at) (PARTITION a VALUES LESS THAN (10), PARTITION b VALUES LESS THAN MAXVALUE);
         CREATE VIEW everybody AS SELECT * FROM staff",
    )
    .await;
    let world = world(&server, "ops", "");
    let ask = async |arguments: &[&str]| act(&world, &[&["database"], arguments, &["--yes"]].concat()).await;
    let was = made(&mut rota, "staff").await;
    let number = id(&mut rota, "staff").await;
    let done = ask(&["vacuum", "--table", "staff"]).await;
    assert!(id(&mut rota, "staff").await > number);
    assert_said(&done, 0, &["succeeded: 1 table optimized in ", " before, ", " now"]);
    assert!(!done.1.contains("the server's word"), "{}", done.1);
    let rewritten = made(&mut rota, "staff").await;
    assert!(rewritten >= was && !done.1.contains("time of creation"), "{}", done.1);
    let was = counted(&mut rota, "staff").await;
    assert_said(&ask(&["analyze", "--table", "rota.staff"]).await, 0, &["succeeded: 1 table analyzed in "]);
    assert!(counted(&mut rota, "staff").await > was);
    let done = ask(&["reindex", "--table", "staff"]).await;
    assert_said(&done, 0, &["succeeded: 1 table rewritten with their indexes in "]);
    assert!(made(&mut rota, "staff").await >= rewritten && id(&mut rota, "staff").await > number + 1);
    assert_said(&ask(&["vacuum"]).await, 0, &["day (1 of 2)", "succeeded: 2 tables optimized in "]);
    let done = ask(&["analyze"]).await;
    assert_said(&done, 0, &["succeeded: 2 tables analyzed in "]);
    assert!(!done.1.contains("the server's word"), "{}", done.1);
    assert_said(&ask(&["integrity"]).await, 0, &["succeeded: 2 tables found sound in "]);
    let absent = ask(&["analyze", "--table", "Staff"]).await;
    assert_said(&absent, 1, &["there is no table `Staff` in the database `rota`; did you mean `staff`?"]);
    assert_said(&ask(&["vacuum", "--table", "everybody"]).await, 1, &["`everybody` is a view, and no table"]);
    assert_said(&ask(&["vacuum", "--full"]).await, 77, &["mysql has no vacuum full"]);
    until_one(&mut rota, OURS, "0").await;
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn what_a_server_only_says_is_told_as_its_word_and_what_has_no_such_thing_is_not_done() {
    let (server, mut rota) = with_staff().await;
    run(&mut rota, "CREATE TABLE old (id int) ENGINE = MyISAM; INSERT INTO old VALUES (1), (2)").await;
    run(&mut rota, "CREATE TABLE fast (id int) ENGINE = MEMORY; CREATE USER clerk@localhost").await;
    run(&mut rota, "GRANT SELECT, INSERT ON rota.* TO clerk@localhost").await;
    let world = world(&server, "clerk", "");
    let analyzed = act(&world, &["database", "analyze", "--table", "staff", "--yes"]).await;
    let word = "of 1 table the server's word is all there is; SELECT on mysql.innodb_table_stats would show InnoDB's";
    assert_said(&analyzed, 0, &["succeeded: 1 table analyzed in ", word]);
    let optimized = act(&world, &["database", "vacuum", "--table", "staff", "--yes"]).await;
    let time = "1 table proven by the time of creation; PROCESS would show new table ids";
    assert_said(&optimized, 0, &["succeeded: 1 table optimized in ", time]);
    let none = act(&world, &["database", "vacuum", "--table", "fast", "--yes"]).await;
    assert_said(&none, 1, &["not-effective: nothing was optimized: the storage engine of 1 table has no such thing"]);
    let all = act(&world, &["database", "vacuum", "--yes"]).await;
    assert_said(&all, 0, &["succeeded: 2 tables optimized in ", "of 1 table the server's word is all there is"]);
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn what_a_user_may_not_do_is_never_called_done() {
    let (server, mut rota) = with_staff().await;
    run(&mut rota, "CREATE TABLE own (id int); CREATE USER plain@localhost").await;
    run(&mut rota, "GRANT SELECT ON rota.* TO plain@localhost; GRANT ALL ON rota.own TO plain@localhost").await;
    let (was, is) = (made(&mut rota, "staff").await, counted(&mut rota, "staff").await);
    let world = world(&server, "plain", "");
    for verb in ["vacuum", "analyze", "reindex"] {
        let answer = act(&world, &["database", verb, "--table", "staff", "--yes"]).await;
        assert_said(&answer, 1, &["failed: ", "command denied to user 'plain'@'localhost'"]);
        let answer = act(&world, &["database", verb, "--yes"]).await;
        assert_said(&answer, 1, &["not-effective: 1 of 2 tables not ", "the first: staff: ", "command denied to user"]);
    }
    assert_eq!((made(&mut rota, "staff").await, counted(&mut rota, "staff").await), (was, is));
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn a_table_that_is_locked_is_told_with_whoever_holds_it() {
    let (server, mut rota) = with_staff().await;
    run(&mut rota, "CREATE TABLE shift (id int)").await;
    let world = world(&server, "ops", "");
    let mut holder = server.rota().await;
    let id = one(&mut holder, "SELECT connection_id()").await;
    run(&mut holder, "BEGIN; SELECT count(*) FROM staff").await;
    let who = format!("pid {id} (root@localhost), asleep in a transaction for ");
    let vacuum = ["database", "vacuum", "--table", "staff", "--yes"];
    let guessed = act(&world, &vacuum).await;
    let perhaps = format!("failed: nothing was done: somebody holds a lock on it, perhaps {who}");
    assert_said(&guessed, 1, &[&perhaps, "(INSTALL SONAME 'metadata_lock_info' shows who); waited "]);
    run(&mut rota, "INSTALL SONAME 'metadata_lock_info'").await;
    let shown = act(&world, &vacuum).await;
    assert_said(&shown, 1, &[&format!("failed: nothing was done: {who}"), " holds a lock on it; waited "]);
    let all = act(&world, &["database", "vacuum", "--yes"]).await;
    assert_said(&all, 1, &["not-effective: 1 of 2 tables not optimized; the first: staff: pid ", "holds a lock on it"]);
    run(&mut holder, "ROLLBACK; LOCK TABLES staff WRITE").await;
    let checked = act(&world, &["database", "integrity", "--yes"]).await;
    assert_said(&checked, 1, &["failed: 1 of 2 tables not found sound; the first: staff: pid "]);
    let shown = world.run(&["database", "show", "rota"]).out();
    assert!(!shown.contains("not found sound"), "what nobody could look at is not damaged: {shown}");
    run(&mut holder, "UNLOCK TABLES").await;
    assert_said(&act(&world, &["database", "vacuum", "--yes"]).await, 0, &["succeeded: 2 tables optimized"]);
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn a_table_that_is_damaged_is_found_and_remembered() {
    let (server, mut rota) = with_staff().await;
    run(&mut rota, "CREATE TABLE old (id int PRIMARY KEY) ENGINE = MyISAM").await;
    run(&mut rota, "INSERT INTO old SELECT seq FROM seq_1_to_1000; FLUSH TABLES").await;
    let file = server.path().join("data/rota/old.MYD");
    let bytes = fs::read(&file).expect("its rows");
    fs::write(&file, &bytes[..bytes.len() / 2]).expect("half of them");
    let world = world(&server, "ops", "");
    let checked = act(&world, &["database", "integrity", "--yes"]).await;
    assert_said(&checked, 1, &["failed: 1 of 2 tables not found sound; the first: old: "]);
    let shown = world.run(&["database", "show", "rota"]).out();
    assert!(shown.contains("1 of 2 tables not found sound"), "{shown}");
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn an_act_that_is_cancelled_stops_on_the_server_and_was_on_record_before() {
    let (server, mut rota, _holder) = held().await;
    let world = world(&server, "ops", "");
    let child = begun(&world, &mut rota).await;
    let records = world.run(&["audit", "list", "--format", "json"]).exits(0).json();
    let phases: Vec<&str> =
        records["records"].as_array().expect("records").iter().filter_map(|one| one["phase"].as_str()).collect();
    assert_eq!(phases, ["started", "intent"]);
    let plan = "OPTIMIZE TABLE `rota`.… -- for each of its tables, one after another";
    assert!(records["records"][1]["plan"].as_str().is_some_and(|said| said.contains(plan)), "{records:#}");
    tell(&child, Signal::INT);
    let answer = ended(child, &world).await;
    assert_eq!(one(&mut rota, OPTIMIZES).await, "0", "{}", answer.1);
    // It would have given up waiting by itself some seconds later: it was told.
    assert_ne!(one(&mut rota, "SHOW GLOBAL STATUS LIKE 'Com_kill'").await, "0");
    let said = "and the server has stopped; 0 of 12 tables were optimized before";
    assert_said(&answer, 1, &["cancelled: cancelled after ", said]);
    until_one(&mut rota, OURS, "0").await;
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn of_two_operators_on_two_machines_one_acts_and_the_other_is_told_who() {
    let (server, mut rota, mut holder) = held().await;
    let (here, there) = (world(&server, "ops", ""), world(&server, "ops", ""));
    let first = begun(&here, &mut rota).await;
    let second = act(&there, &["database", "analyze", "--yes", "--operator", "ben"]).await;
    assert_said(&second, 77, &["refused: database:rota is busy: vacuum by asha@", " (ops@localhost, connection "]);
    // What is in the way may be ended all the same: a session is a target of its own.
    let mut idle = server.rota().await;
    let id = one(&mut idle, "SELECT connection_id()").await;
    let ended_one = act(&there, &["database", "terminate", "--pid", &id, "--yes"]).await;
    assert_said(&ended_one, 0, &[&format!("pid {id} is gone after ")]);
    tell(&first, Signal::KILL);
    let (code, _) = ended(first, &here).await;
    assert_eq!(code, None, "it was killed");
    // The server finds out by itself, and gives the lease back.
    until_one(&mut rota, OURS, "0").await;
    run(&mut holder, "ROLLBACK").await;
    let second = act(&there, &["database", "analyze", "--yes", "--operator", "ben"]).await;
    assert_said(&second, 0, &["succeeded: 12 tables analyzed"]);
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn whatever_a_table_is_called_it_is_that_table_and_no_other() {
    let (server, mut rota) = with_staff().await;
    let (was, is) = (made(&mut rota, "staff").await, counted(&mut rota, "staff").await);
    let world = world(&server, "ops", "");
    let longest = "é".repeat(63) + "x";
    let names = [
        "a`b; DROP TABLE staff; --",
        r"back\slash'); SELECT 1; --",
        r#"say "hi""#,
        "Sta ff.x",
        "STAFF",
        "a#P#b",
        longest.as_str(),
    ];
    for name in names {
        run(&mut rota, &format!("CREATE TABLE `{}` (id int PRIMARY KEY)", name.replace('`', "``"))).await;
    }
    for verb in ["vacuum", "analyze", "reindex"] {
        for name in names {
            let quoted = format!("\"{}\"", name.replace('"', "\"\""));
            let answer = act(&world, &["database", verb, "--table", &quoted, "--yes"]).await;
            assert_said(&answer, 0, &["succeeded: 1 table "]);
            assert!(!answer.1.contains("the server's word"), "{name}: {}", answer.1);
        }
    }
    assert_eq!(one(&mut rota, "SELECT count(*) FROM staff").await, "2500");
    let untouched = "SELECT UNIX_TIMESTAMP(create_time) FROM information_schema.tables \
                     WHERE table_name = 'staff' AND BINARY table_name = 'staff'";
    assert_eq!(one(&mut rota, untouched).await, was.to_string());
    assert_eq!(counted(&mut rota, "staff").await, is);
    let escape = act(&world, &["database", "vacuum", "--table", "a\u{1b}[2Jb", "--yes"]).await;
    assert_said(&escape, 2, &["it holds a character that no terminal shows"]);
    assert!(!escape.1.contains('\u{1b}'));
    // Among all of them it is reached all the same.
    run(&mut rota, "CREATE TABLE `log \u{1b}[31m` (id int)").await;
    let all = act(&world, &["database", "analyze", "--yes"]).await;
    assert_said(&all, 0, &["succeeded: 9 tables analyzed"]);
    assert!(!all.1.contains('\u{1b}') && !all.1.contains("the server's word"), "{:?}", all.1);
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn a_replica_and_a_read_only_session_refuse_a_backup_wants_a_reason_and_production_asks_for_more() {
    let (server, mut rota) = with_staff().await;
    let here = world(&server, "ops", "");
    run(&mut rota, "SET GLOBAL read_only = 1").await;
    let answer = act(&here, &["database", "vacuum", "--yes", "--reason", "it must be"]).await;
    assert_said(&answer, 77, &["refused: it is read-only, as a replica is; act on its source"]);
    run(&mut rota, "SET GLOBAL read_only = 0").await;
    for verb in ["vacuum", "analyze", "reindex", "integrity"] {
        let answer = act(&here, &["--read-only", "database", verb, "--yes"]).await;
        assert_said(&answer, 77, &["this is a read-only session"]);
    }
    let looked = act(&here, &["--read-only", "database", "vacuum", "--table", "staff", "--dry-run"]).await;
    assert_said(&looked, 0, &["SQL on rota: OPTIMIZE TABLE `rota`.`staff`", "risk         disruptive"]);
    let production = world(&server, "ops", "[system]\nname = 'rota'\nenvironment = 'production'");
    let was = made(&mut rota, "staff").await;
    let answer = act(&production, &["database", "vacuum", "--yes"]).await;
    assert_said(&answer, 77, &["this is destructive: it wants the name `rota` typed"]);
    let mut dump = server.rota().await;
    let id = one(&mut dump, "SELECT connection_id()").await;
    let dumping = tokio::spawn(async move {
        let long = "SELECT /*!40001 SQL_NO_CACHE */ SLEEP(600)";
        let _is_ended = sqlx::raw_sql(long).execute(&mut dump).await;
    });
    let runs = format!("SELECT count(*) FROM information_schema.processlist WHERE id = {id} AND state = 'User sleep'");
    until_one(&mut rota, &runs, "1").await;
    let vacuum = ["database", "vacuum", "--table", "staff", "--confirm", "rota"];
    let answer = act(&production, &vacuum).await;
    assert_said(&answer, 77, &["refused: a backup runs: pid ", "give a reason to do it all the same"]);
    assert_eq!(made(&mut rota, "staff").await, was);
    let answer = act(&production, &[&vacuum[..], &["--reason", "it must be"]].concat()).await;
    assert_said(&answer, 0, &["succeeded: 1 table optimized"]);
    dumping.abort();
}

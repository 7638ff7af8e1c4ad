//! Every fault is found on a real server in that very state, with its culprit; and a server that
//! is well has none.

use std::time::Duration;

use rounds::domain::status::Status;
use sqlx::mysql::MySqlConnection;

use super::server::{Server, one, run, until_one};
use crate::support::watching::{Watching, sentences};

/// Runs a statement that waits, for as long as the test takes.
async fn waits(server: &Server, statement: &'static str) -> tokio::task::JoinHandle<()> {
    let mut connection = server.rota().await;
    tokio::spawn(async move {
        let _ends_with_the_server = sqlx::raw_sql(statement).execute(&mut connection).await;
    })
}

/// What must fail.
async fn fails(connection: &mut MySqlConnection, statement: &'static str) {
    let done = sqlx::raw_sql(statement).execute(connection).await;
    assert!(done.is_err(), "{statement} went through");
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn a_server_that_is_well_has_nothing_to_tell() {
    let server = Server::start(&[]);
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE TABLE staff (id int AUTO_INCREMENT PRIMARY KEY, name varchar(50))").await;
    run(&mut rota, "INSERT INTO staff (name) SELECT 'x' FROM seq_1_to_1000").await;
    let mut watching = server.watching("root", "");
    for _ in 0..3 {
        let assessment = watching.look().await;
        assert_eq!(sentences(&assessment), [] as [String; 0], "{:?}", assessment.samples);
        assert_eq!(assessment.status, Status::Ok);
    }
    let keys = [
        "latency",
        "size",
        "connections",
        "sessions",
        "threads_running",
        "aborted_connects",
        "row_lock_waits",
        "uptime",
        "idle_in_transaction",
        "oldest_transaction",
        "blocked",
        "deadlocks",
        "history_list",
        "auto_increment",
        "tables",
        "not_transactional",
        "narrow_charset",
    ];
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
    assert!(assessment.gauge("size").is_some_and(|size| size > 0.0), "{:?}", assessment.samples);
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn a_chain_of_locks_is_told_from_its_root_and_who_idles_is_named() {
    let server = Server::start(&[]);
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE TABLE shift (id int PRIMARY KEY, note text); INSERT INTO shift VALUES (1, 'a'), (2, 'b')")
        .await;
    run(&mut rota, "CREATE USER web@localhost; GRANT ALL ON rota.* TO web@localhost").await;
    let mut holder = server.connect("web").await;
    let id = one(&mut holder, "SELECT CONNECTION_ID()").await;
    run(&mut holder, "USE rota; BEGIN; UPDATE shift SET note = 'b' WHERE id = 1").await;
    let first = waits(
        &server,
        "BEGIN; UPDATE shift SET note = 'c' WHERE id = 2; UPDATE shift SET note = 'c' WHERE id = 1; COMMIT",
    )
    .await;
    let limits = "blocked = { warn = '> 500ms' }\nidle_in_transaction = { warn = '> 500ms' }\noldest_transaction = { crit = '> 500ms' }";
    let mut watching = server.watching("root", limits);
    watching.until("1 session waits behind").await;
    let second = waits(&server, "UPDATE shift SET note = 'd' WHERE id = 2").await;
    let found = watching.until("2 sessions wait behind").await;
    let told = format!("2 sessions wait behind connection {id} (web@localhost), asleep in a transaction for ");
    assert!(found.text.starts_with(&told), "{}", found.text);
    let mend = format!("end its transaction where it was begun, or `rounds database terminate rota --pid {id}`");
    assert_eq!(found.advice, Some(mend));
    let idle = watching.until("has been idle in transaction").await;
    assert!(idle.text.starts_with(&format!("connection {id} (web@localhost)")), "{}", idle.text);
    let oldest = watching.until("has been in one transaction for").await;
    assert!(
        oldest.text.contains(&format!("connection {id} ")) && oldest.text.contains("1 row changed"),
        "{}",
        oldest.text
    );
    assert_eq!(oldest.status, Status::Critical);
    let third = waits(&server, "ALTER TABLE shift ADD COLUMN late int").await;
    watching.until("2 sessions wait behind").await;
    watching.until("1 more elsewhere").await;
    run(&mut holder, "ROLLBACK").await;
    for waiter in [first, second, third] {
        waiter.await.expect("it went on");
    }
    watching.until_well().await;
    run(&mut holder, "BEGIN; SELECT * FROM shift").await;
    let fourth = waits(&server, "ALTER TABLE shift ADD COLUMN early int").await;
    watching.until("1 session waits for a lock on a whole table").await;
    run(&mut holder, "ROLLBACK").await;
    fourth.await.expect("it went on");
    watching.until_well().await;
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn what_is_counted_is_counted_from_when_we_look() {
    let server = Server::start(&[
        "--long-query-time=0",
        "--slow-query-log=1",
        "--slow-query-log-file=slow",
        "--tmp-memory-table-size=1024",
    ]);
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE TABLE pair (id int PRIMARY KEY); INSERT INTO pair VALUES (1), (2)").await;
    run(&mut rota, "CREATE TABLE wide (t longtext); INSERT INTO wide SELECT repeat('x', 900) FROM seq_1_to_20").await;
    let limits = "aborted_connects = { warn = '> 2' }\nslow_queries = { warn = '> 50 %' }\nuptime = { warn = '< 1h' }";
    let mut watching = server.watching("root", limits);
    watching.until("the server was restarted").await;
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
    for _ in 0..3 {
        let refused = server.try_connect("nobody-here").await;
        assert!(refused.is_err(), "there is no such user");
    }
    watching.until("3 connections refused within").await;
    let mut asked = 0;
    while asked < 600 {
        run(&mut rota, "SELECT t, count(*) FROM wide GROUP BY t").await;
        asked += 1;
    }
    let slow = watching.until("statements within").await;
    assert_eq!(slow.key, "slow_queries");
    let disk = watching.until("temporary tables within").await;
    assert!(disk.text.contains("were made on disk, 100 %"), "{}", disk.text);
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn a_statement_that_takes_long_is_told_by_its_last_hour() {
    let server = Server::start(&["--performance-schema=1"]);
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE USER plain@localhost; GRANT PROCESS, REPLICA MONITOR ON *.* TO plain@localhost").await;
    run(&mut rota, "GRANT SELECT ON rota.* TO plain@localhost").await;
    let slow = "SELECT SLEEP(0.02), 'hunter2'";
    // A statement is counted a moment after its answer.
    let counted = "SELECT count_star FROM performance_schema.events_statements_summary_by_digest
                    WHERE digest_text = 'SELECT `SLEEP` (?) , ?'";
    run(&mut rota, slow).await;
    until_one(&mut rota, counted, "1").await;
    let limit = "slow_statements = { warn = '> 10ms' }";
    let mut watching = server.watching("root", limit);
    assert_eq!(sentences(&watching.look().await), [] as [String; 0]);
    for _ in 0..12 {
        run(&mut rota, slow).await;
    }
    until_one(&mut rota, counted, "13").await;
    let told = watching.until("a statement took").await;
    assert!(told.text.contains("12 times within") && told.text.contains("SELECT `SLEEP` (?)"), "{}", told.text);
    assert!(!told.text.contains("hunter2"), "{}", told.text);
    run(&mut rota, "TRUNCATE performance_schema.events_statements_summary_by_digest").await;
    watching.until_well().await;
    // Whoever may not see it is told the right that is missing, and it is the one that helps.
    let blind = server.watching("plain", limit).look().await;
    let [unknown] = &blind.findings[..] else { unreachable!("{:?}", sentences(&blind)) };
    assert_eq!(unknown.status, Status::Unknown);
    run(&mut rota, unknown.advice.as_deref().expect("a grant")).await;
    assert_eq!(sentences(&server.watching("plain", limit).look().await), [] as [String; 0]);
    let silent = Server::start(&["--performance-schema=0"]);
    drop(silent.rota().await);
    let silent = silent.watching("root", limit).look().await;
    let [unknown] = &silent.findings[..] else { unreachable!("{:?}", sentences(&silent)) };
    assert!(unknown.text.contains("performance_schema is off"), "{}", unknown.text);
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn tables_in_need_are_named() {
    let server = Server::start(&[]);
    let mut rota = server.rota().await;
    run(
        &mut rota,
        "CREATE TABLE shift (id int AUTO_INCREMENT PRIMARY KEY, staff int) AUTO_INCREMENT = 1954210120;
         CREATE TABLE wide (id bigint unsigned AUTO_INCREMENT PRIMARY KEY) AUTO_INCREMENT = 4000000000;
         CREATE TABLE tiny (id tinyint unsigned AUTO_INCREMENT PRIMARY KEY);
         INSERT INTO shift (staff) VALUES (1); INSERT INTO tiny VALUES (120);
         CREATE TABLE `log \u{1b}[31m` (a int) ENGINE = MyISAM; CREATE TABLE old (a varchar(9)) CHARACTER SET latin1",
    )
    .await;
    let mut watching = server.watching("root", "narrow_charset = { warn = '> 0' }");
    let used = watching.until("shift.id (int(11)) has used 91 % of its values, the last is 1 954 210 120").await;
    assert_eq!(used.status, Status::Critical);
    watching.until("1 table without transactions, log").await;
    watching.until("1 table that cannot hold every character, old (latin1) among them").await;
    run(&mut rota, "INSERT INTO tiny VALUES (255)").await;
    let full = watching.until("tiny.id (tinyint(3) unsigned) has used 100 %").await;
    assert!(full.advice.is_some_and(|advice| advice.starts_with("ALTER TABLE `tiny` MODIFY `id` BIGINT UNSIGNED")));
    fails(&mut rota, "INSERT INTO tiny VALUES (NULL)").await;
    run(&mut rota, "DROP TABLE tiny, shift, old, `log \u{1b}[31m`").await;
    watching.until_well().await;
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn what_keeps_a_server_busy_is_told() {
    let server = Server::start(&["--innodb-buffer-pool-size=6M"]);
    let mut rota = server.rota().await;
    run(
        &mut rota,
        "CREATE TABLE wide (id int PRIMARY KEY, note text); CREATE TABLE shift (id int PRIMARY KEY, n int);
         INSERT INTO wide SELECT seq, repeat('x', 900) FROM seq_1_to_20000; INSERT INTO shift VALUES (1, 0), (2, 0)",
    )
    .await;
    let limits =
        "threads_running = { warn = '> 3' }\nrow_lock_waits = { warn = '> 0.01' }\nhistory_list = { warn = '> 200' }
                  oldest_transaction = {}\nidle_in_transaction = {}\nblocked = {}";
    let mut watching = server.watching("root", limits);
    assert_eq!(sentences(&watching.look().await), [] as [String; 0]);
    // More blocks than fit into memory, one here and one there.
    let scattered = "SELECT SUM(LENGTH(wide.note)) FROM seq_1_to_20000 AS s
                       STRAIGHT_JOIN wide ON wide.id = s.seq * 7919 MOD 20000 + 1";
    for _ in 0..3 {
        run(&mut rota, scattered).await;
    }
    let misses = watching.until("of block reads found in memory within").await;
    assert_eq!((misses.key.as_ref(), misses.status), ("cache_hit", Status::Critical));
    // Somebody who looks at what was keeps it from being purged.
    let mut reader = server.rota().await;
    run(&mut reader, "START TRANSACTION WITH CONSISTENT SNAPSHOT").await;
    for _ in 0..300 {
        run(&mut rota, "UPDATE shift SET n = n + 1 WHERE id = 2").await;
    }
    let kept = watching.until("old versions of rows not purged yet").await;
    assert_eq!(kept.key, "history_list");
    run(&mut reader, "ROLLBACK").await;
    let mut sleepers = Vec::new();
    for _ in 0..4 {
        sleepers.push(waits(&server, "SELECT SLEEP(600)").await);
    }
    let running = watching.until("running statements at once").await;
    assert_eq!(running.key, "threads_running");
    let mut holder = server.rota().await;
    run(&mut holder, "BEGIN; UPDATE shift SET n = 1 WHERE id = 1").await;
    let mut waiter = server.rota().await;
    run(&mut waiter, "SET SESSION innodb_lock_wait_timeout = 1").await;
    let again_and_again = tokio::spawn(async move {
        loop {
            let _given_up = sqlx::raw_sql("UPDATE shift SET n = 2 WHERE id = 1").execute(&mut waiter).await;
        }
    });
    let waiting = watching.until("waits for a row lock a second").await;
    assert_eq!(waiting.key, "row_lock_waits");
    again_and_again.abort();
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn what_grows_is_told_by_the_day_and_the_table_that_grows_fastest_is_named() {
    let server = Server::start(&[]);
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE TABLE `lo g` (note text); CREATE TABLE still (note text)").await;
    let limits = "growth = { warn = '> 1 MB/day' }\ntable_growth = { crit = '> 1 MB/day' }\nsize = { warn = '> 1 kB' }";
    let mut watching = server.watching("root", limits);
    let early = watching.look().await;
    assert!(early.sample("growth").is_none() && early.sample("table_growth").is_none(), "one look is no growth");
    assert!(early.findings[0].text.starts_with("size ") && early.findings.len() == 1, "{:?}", sentences(&early));
    for _ in 0..13 {
        run(&mut rota, "INSERT INTO `lo g` SELECT repeat('x', 100) FROM seq_1_to_2000; ANALYZE TABLE `lo g`").await;
        Watching::passes(Duration::from_mins(31)).await;
        watching.look().await;
    }
    // A server takes room in steps of some megabytes.
    run(&mut rota, "INSERT INTO `lo g` SELECT repeat('x', 1000) FROM seq_1_to_9000; ANALYZE TABLE `lo g`").await;
    let table = watching.until("lo g grew by").await;
    assert_eq!((table.status, &*table.key), (Status::Critical, "table_growth"));
    let whole = watching.until("growth ").await;
    assert!(whole.key == "growth" && whole.text.ends_with("/day, limit 1.0 MB/day"), "{}", whole.text);
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn a_replica_that_does_not_replay_is_critical_and_one_that_can_be_written_is_told() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port();
    let port_option = format!("--port={port}");
    let source = Server::start(&["--skip-networking=0", "--bind-address=127.0.0.1", &port_option, "--log-bin=bin"]);
    let replica = Server::start(&["--server-id=2", "--read-only=1"]);
    let mut there = source.rota().await;
    run(&mut there, "CREATE USER repl@'127.0.0.1'; GRANT REPLICATION SLAVE ON *.* TO repl@'127.0.0.1'").await;
    let mut here = replica.connect("root").await;
    let follow = format!(
        "CHANGE MASTER TO master_host = '127.0.0.1', master_port = {port}, master_user = 'repl', \
         master_use_gtid = slave_pos, master_connect_retry = 1; START SLAVE"
    );
    run(&mut here, &follow).await;
    run(&mut there, "CREATE TABLE rota.shift (id int PRIMARY KEY)").await;
    until_one(&mut here, "SELECT count(*) FROM information_schema.tables WHERE table_name = 'shift'", "1").await;
    let mut watching = replica.watching("root", "replication_lag = { warn = '> 500ms' }");
    watching.until_well().await;
    assert_eq!(watching.look().await.gauge("replication_lag"), Some(0.0));
    run(&mut here, "SET GLOBAL read_only = 0").await;
    watching.until("this replica is not read-only").await;
    // A row that is there already stops the replay, as a write on a replica does sooner or later.
    run(&mut here, "INSERT INTO rota.shift VALUES (1); SET GLOBAL read_only = 1").await;
    run(&mut there, "INSERT INTO rota.shift VALUES (1)").await;
    let stopped = watching.until("does not replay: 1062").await;
    assert_eq!(stopped.status, Status::Critical);
    assert!(stopped.text.contains(&format!("127.0.0.1:{port}")), "{}", stopped.text);
    assert_eq!(watching.look().await.gauge("replication_lag"), None, "an unknown lag is no lag of nought");
    run(&mut here, "DELETE FROM rota.shift").await;
    run(&mut here, "START SLAVE SQL_THREAD").await;
    watching.until_well().await;
    run(&mut here, "STOP SLAVE IO_THREAD").await;
    watching.until("receives nothing").await;
    run(&mut here, "START SLAVE IO_THREAD").await;
    watching.until_well().await;
    let slow = "SET STATEMENT sql_log_bin = 1 FOR SELECT 1; SET SESSION binlog_format = 'STATEMENT'; \
                INSERT INTO rota.shift SELECT 2 + SLEEP(4)";
    run(&mut there, slow).await;
    watching.until("s behind 127.0.0.1").await;
    watching.until_well().await;
    // One that is made a server of its own has nobody to be behind, and may be written.
    run(&mut here, "STOP SLAVE").await;
    watching.until("does not replay").await;
    run(&mut here, "RESET SLAVE ALL; SET GLOBAL read_only = 0").await;
    watching.until_well().await;
    assert_eq!(watching.look().await.gauge("replica_writable"), None);
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn connections_are_counted_against_the_limit() {
    let server = Server::start(&[]);
    drop(server.rota().await);
    let mut watching = server.watching("root", "");
    watching.look().await;
    let mut taken = Vec::new();
    for _ in 0..15 {
        taken.push(server.connect("root").await);
    }
    let found = watching.until("of 20 connections taken").await;
    assert_eq!(found.status, Status::Warning);
    assert!(found.text.ends_with("limit 80 %"), "{}", found.text);
    // None is left for an ordinary user, and that is known, not unknown.
    run(&mut taken[0], "CREATE USER mon@localhost").await;
    while let Ok(connection) = server.try_connect("mon").await {
        taken.push(connection);
        assert!(taken.len() < 30, "it never was full");
    }
    let assessment = server.watching("mon", "").look().await;
    assert_eq!(assessment.status, Status::Critical, "{:?}", sentences(&assessment));
    assert!(assessment.findings[0].text.contains("raise max_connections"), "{:?}", sentences(&assessment));
}

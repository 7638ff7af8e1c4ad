//! What three users are told of the same server: what one may not see is unknown to it, and never
//! well.

use std::collections::BTreeSet;

use rounds::domain::status::Status;

use super::server::{Server, run};
use crate::support::watching::{Watching, sentences};

/// Everything a right hides, limited by what is always passed: whatever the user is told is then
/// told in a finding.
const STRICT: &str = "connections = { warn = '> 0 %' }\nidle_in_transaction = { warn = '> 500ms' }
oldest_transaction = { warn = '> 500ms' }\nblocked = { warn = '> 500ms' }\nsize = { warn = '> 0 B' }
auto_increment = { warn = '> 1 %' }\nhistory_list = { warn = '>= 0' }\nreplica_writable = {}\nslow_queries = {}
temp_disk = {}\ncache_hit = {}\nthreads_running = {}";

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn no_user_is_told_that_all_is_well_because_it_sees_less() {
    let server = Server::start(&[]);
    let mut rota = server.rota().await;
    run(
        &mut rota,
        "CREATE TABLE shift (id int AUTO_INCREMENT PRIMARY KEY, n int) AUTO_INCREMENT = 1954210120;
         INSERT INTO shift (n) VALUES (1); CREATE TABLE odd (a int) ENGINE = MyISAM;
         CREATE USER monitor@localhost; GRANT PROCESS ON *.* TO monitor@localhost; CREATE USER plain@localhost;
         CREATE USER partly@localhost; GRANT SELECT ON rota.odd TO partly@localhost;
         CREATE USER full@localhost; GRANT PROCESS, REPLICA MONITOR ON *.* TO full@localhost;
         CREATE ROLE reader; GRANT SELECT ON rota.* TO reader; GRANT reader TO full@localhost;
         SET DEFAULT ROLE reader FOR full@localhost",
    )
    .await;
    let mut holder = server.rota().await;
    run(&mut holder, "BEGIN; UPDATE shift SET n = 2").await;
    let mut waiter = server.rota().await;
    let _waits = tokio::spawn(async move {
        let _ends_with_the_server = sqlx::raw_sql("UPDATE shift SET n = 3").execute(&mut waiter).await;
    });
    let mut root =
        server.watching("root", "blocked = { warn = '> 500ms' }\nidle_in_transaction = { warn = '> 500ms' }");
    root.until("waits behind").await;
    root.until("has been idle in transaction").await;
    let everybody = ["connections", "history_list"];
    let sessions = ["idle_in_transaction", "oldest_transaction", "blocked"];
    let tables = ["size", "not_transactional", "auto_increment"];
    let table = [
        ("root", [&sessions[..], &tables[..]].concat(), vec![]),
        ("full", [&sessions[..], &tables[..]].concat(), vec![]),
        ("monitor", sessions.to_vec(), vec!["REPLICA MONITOR", "SELECT ON `rota`.*"]),
        ("partly", vec![], vec!["PROCESS", "REPLICA MONITOR", "SELECT ON `rota`.*"]),
        ("plain", vec![], vec!["PROCESS", "REPLICA MONITOR", "SELECT ON `rota`.*"]),
    ];
    for (user, seen, missing) in table {
        let mut watching = server.watching(user, STRICT);
        watching.until("old versions of rows").await;
        let assessment = watching.look().await;
        let told: BTreeSet<&str> = assessment
            .findings
            .iter()
            .filter(|finding| finding.status != Status::Unknown)
            .map(|finding| &*finding.key)
            .collect();
        let wanted: BTreeSet<&str> = seen.into_iter().chain(everybody).collect();
        assert_eq!(told, wanted, "{user}: {:?}", sentences(&assessment));
        let grants: BTreeSet<String> = assessment
            .findings
            .iter()
            .filter(|finding| finding.status == Status::Unknown)
            .map(|finding| finding.advice.clone().expect("every unknown names its grant"))
            .collect();
        assert_eq!(grants.len(), missing.len(), "{user}: {:?}", sentences(&assessment));
        for right in missing {
            assert!(grants.iter().any(|grant| grant.contains(right)), "{user}, {right}: {grants:?}");
        }
        for key in sessions.iter().chain(&tables).filter(|key| !told.contains(*key)) {
            assert!(assessment.sample(key).is_none(), "{user} is told a figure of {key} that it cannot know");
        }
    }
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn the_grant_that_is_named_is_the_one_that_helps_whatever_the_user_is_called() {
    let server = Server::start(&[]);
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE DATABASE `ro``ta`; CREATE USER 'mo`n x'@localhost").await;
    let address = format!("mo%60n%20x@/ro%60ta?socket={}", server.socket().display());
    let look = || Watching::of(super::server::spec(&address, super::server::PATIENT));
    let mut kept = look();
    let assessment = kept.look().await;
    let grants: Vec<String> = assessment.findings.iter().filter_map(|finding| finding.advice.clone()).collect();
    assert_eq!(grants.len(), 3, "{:?}", sentences(&assessment));
    for grant in grants {
        run(&mut rota, &grant).await;
    }
    // Rights on a database hold at once, those on the server from the next connection on.
    assert_eq!(sentences(&look().look().await), [] as [String; 0]);
}

//! What three roles are told of the same server: what one may not see is unknown to it, and never
//! well.

use std::collections::BTreeMap;

use rounds::domain::status::Status;

use super::server::{Server, number, run, until_one};
use crate::support::watching::{Watching, sentences};

/// Everything that can be limited, limited by what is always passed: whatever the role is told
/// is then told in a finding.
const STRICT: &str = "every = '1h'\ntimeout = '60s'\nlatency = {}
connections = { warn = '> 0 %' }\nidle_in_transaction = { warn = '> 0s' }\noldest_transaction = { warn = '> 0s' }
blocked = { warn = '> 0s' }\nxmin_age = { warn = '> 0' }\nsequences = { warn = '> 1 %' }
autovacuum_workers = { warn = '>= 0 %' }
invalid_indexes = { warn = '> 0' }\nprepared_transaction = { warn = '> 0s' }\nreplication_lag_bytes = { warn = '>= 0 B' }
replication_lag = {}\nsettings_off = {}\narchiver = {}\nfreeze_age = { warn = '> 0 %' }\n";

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn no_role_is_told_that_all_is_well_because_it_sees_less() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(
        &mut rota,
        "CREATE ROLE monitor LOGIN; GRANT pg_monitor TO monitor; CREATE ROLE plain LOGIN; CREATE ROLE full_monitor LOGIN;
         GRANT pg_monitor, pg_read_all_data TO full_monitor;
         CREATE TABLE shift (id serial PRIMARY KEY, staff int); SELECT setval('shift_id_seq', 1954210119);
         INSERT INTO shift (staff) VALUES (1), (1);",
    )
    .await;
    let refused = sqlx::raw_sql("CREATE UNIQUE INDEX CONCURRENTLY by_staff ON shift (staff)").execute(&mut rota).await;
    assert!(refused.is_err(), "two shifts of one");
    run(&mut rota, "BEGIN; INSERT INTO shift (staff) VALUES (2); PREPARE TRANSACTION 'late'").await;
    let _standby = server.standby();
    until_one(&mut rota, "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn IS NOT NULL", "1").await;
    let mut holder = server.rota().await;
    run(&mut holder, "BEGIN; LOCK TABLE shift IN ROW EXCLUSIVE MODE").await;
    let mut waiter = server.rota().await;
    let _waits = tokio::spawn(async move {
        let _ends_with_the_server = sqlx::raw_sql("BEGIN; LOCK TABLE shift").execute(&mut waiter).await;
    });
    let seen = |keys: &[&'static str]| keys.iter().map(|key| (*key, Status::Warning)).collect::<Vec<_>>();
    let everybody = seen(&["blocked", "prepared_transaction", "invalid_indexes", "freeze_age"]);
    let sessions = ["connections", "idle_in_transaction", "oldest_transaction", "xmin_age", "autovacuum_workers"];
    // Before 14 only the sessions tell since when one of them waits.
    let before_14 = number(&rota) < 140_000;
    let table = [
        ("postgres", seen(&sessions), seen(&["sequences", "replication_lag_bytes"]), ""),
        ("full_monitor", seen(&sessions), seen(&["sequences", "replication_lag_bytes"]), ""),
        ("monitor", seen(&sessions), seen(&["replication_lag_bytes"]), "sequences"),
        (
            "plain",
            Vec::new(),
            Vec::new(),
            if before_14 {
                "connections, idle_in_transaction, oldest_transaction, blocked, xmin_age, replication_lag_bytes and autovacuum_workers|sequences"
            } else {
                "connections, idle_in_transaction, oldest_transaction, xmin_age, replication_lag_bytes and autovacuum_workers|sequences"
            },
        ),
    ];
    for (role, sessions, others, hidden) in table {
        let mut watching = Watching::of(server.spec(role, STRICT));
        let blind = before_14 && role == "plain";
        watching.until(if blind { "the prepared transaction" } else { "waits behind" }).await;
        let assessment = watching.look().await;
        let unknown: Vec<&str> = assessment
            .findings
            .iter()
            .filter(|finding| finding.status == Status::Unknown)
            .filter_map(|finding| finding.text.split_once(" cannot be told").map(|(keys, _)| keys))
            .collect();
        assert_eq!(unknown.join("|"), hidden, "{role}: {:?}", sentences(&assessment));
        let told: BTreeMap<&str, Status> = assessment
            .findings
            .iter()
            .filter(|finding| finding.status != Status::Unknown)
            .map(|finding| (&*finding.key, finding.status))
            .collect();
        let mut wanted: BTreeMap<&str, Status> = sessions.into_iter().chain(others).chain(everybody.clone()).collect();
        wanted.retain(|key, _| *key != "blocked" || !blind);
        assert_eq!(told, wanted, "{role}: {:?}", sentences(&assessment));
        let samples: Vec<&str> = assessment.samples.iter().map(|judged| &*judged.sample.key).collect();
        for key in
            hidden.split(['|', ',']).flat_map(|keys| keys.split(" and ")).map(str::trim).filter(|key| !key.is_empty())
        {
            assert!(
                key == "sequences" || !samples.contains(&key),
                "{role} is told a figure of {key} that it cannot know"
            );
        }
        for finding in assessment.findings.iter().filter(|finding| finding.status == Status::Unknown) {
            assert!(finding.advice.as_deref().is_some_and(|grant| grant.starts_with("GRANT ")), "{finding:?}");
        }
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn the_grant_that_is_named_is_the_one_that_helps_whatever_the_role_is_called() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    let role = "mo\"n🐘";
    run(&mut rota, "CREATE ROLE \"mo\"\"n🐘\" LOGIN; CREATE SCHEMA \"ap\"\"p\"; CREATE SEQUENCE \"ap\"\"p\".\"s' --\"")
        .await;
    let written = "mo%22n%F0%9F%90%98";
    let look = || Watching::of(server.spec(written, "every = '1h'\ntimeout = '60s'"));
    let assessment = look().look().await;
    let grants: Vec<String> = assessment.findings.iter().filter_map(|finding| finding.advice.clone()).collect();
    assert_eq!(grants.len(), 2, "{role}: {:?}", sentences(&assessment));
    for grant in grants {
        // The second names two ways, of which the first is enough.
        run(&mut rota, &grant).await;
    }
    assert_eq!(sentences(&look().look().await), [] as [String; 0]);
}

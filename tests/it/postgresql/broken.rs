//! One server on which as much as possible is wrong at once: everything is found with its culprit
//! by the second refresh, and no role is told less of it without being told what it lacks.

use std::collections::BTreeMap;
use std::sync::Arc;

use rounds::database::{Database, Engine};
use rounds::domain::engine::POSTGRESQL;
use rounds::domain::status::Status;
use rounds::domain::vitals::Vitals;
use sqlx::postgres::PgConnection;
use tokio::task::JoinHandle;

use super::faults::{named, waits};
use super::server::{Server, run, until_one};
use crate::support::watching::{Watching, sentences};

const SETTINGS: &str = "shared_preload_libraries = 'pg_stat_statements'\narchive_mode = on\narchive_command = 'false'\n\
                        autovacuum = off\ndeadlock_timeout = 100ms\nwork_mem = 64kB";

/// What is wrong, by the gauge that finds it, with a limit that is passed, and what names the culprit.
const FAULTS: &[(&str, &str, &str)] = &[
    ("connections", "warn = '> 1 %'", "of 27 connections taken"),
    ("idle_in_transaction", "warn = '> 0s'", "(the idler, role postgres) has been idle in transaction"),
    ("oldest_transaction", "warn = '> 0s'", "has been in one transaction for"),
    ("blocked", "warn = '> 0s'", "1 session waits behind pid"),
    ("prepared_transaction", "warn = '> 0s'", "the prepared transaction 'left over' of postgres in rota"),
    ("xmin_age", "warn = '> 0'", "keeps vacuum from removing what died"),
    ("replication_lag_bytes", "warn = '> 0 B'", "the standby walreceiver (streaming) is"),
    ("slot_wal", "warn = '> 1 MB'", "nobody reads the slot left_over"),
    ("archiver", "warn = '> 0s'", "the archiver has never archived anything"),
    ("dead_rows", "warn = '> 2'", "public.dead has 10 000 dead rows"),
    ("bloat", "warn = '> 1 GiB'", "of public.big hold nothing"),
    ("sequences", "warn = '> 75 %'", "the sequence public.shift_id_seq, which fills shift.id, has used 91 %"),
    ("invalid_indexes", "warn = '> 0'", "the index public.by_staff on shift is not valid"),
    ("settings_off", "crit = '> 0'", "autovacuum is off"),
    ("pending_restart", "warn = '> 0'", "max_connections is changed"),
    ("duplicate_indexes", "warn = '> 0'", "on public.pref is the same as"),
    ("unindexed_keys", "warn = '> 0'", "no index helps the foreign key"),
    ("exposed_tables", "warn = '> 0'", "anon may read every row of public.notes"),
    ("mute_audits", "warn = '> 0'", "changes of public.prefs fail for ordinary roles"),
    ("stuck_operations", "warn = '> 6h'", "ops has called vacuum of staff running for 7 h"),
    ("freeze_age", "warn = '> 0 %'", "of where autovacuum must have frozen it"),
    ("deadlocks", "warn = '> 0'", "1 deadlock within"),
    ("temp_files", "warn = '> 1 MB'", "of temporary files within"),
    ("checkpoints", "warn = '> 50 %'", "did not wait for checkpoint_timeout"),
    ("slow_statements", "warn = '> 10ms'", "SELECT pg_sleep($1)"),
    ("missing_indexes", "warn = '> 0'", "public.scanned was read from end to end"),
];

/// What this server has no figure of, and why.
const NOT_HERE: &[(&str, &str)] = &[
    ("latency", "it is of our own questions"),
    ("growth", "the probe makes it of sizes"),
    ("size", "it is told apart from the others, and compared below"),
    ("checksum_failures", "its pages have no checksums"),
    ("table_growth", "it wants ten minutes"),
    ("unused_indexes", "it wants thirty days"),
];

struct Broken {
    server: Server,
    rota: PgConnection,
    _standby: Server,
    _sessions: (PgConnection, JoinHandle<()>),
}

impl Broken {
    /// Everything that is wrong as it stands.
    async fn begin() -> Self {
        let server = Server::start(SETTINGS);
        let mut rota = server.rota().await;
        run(
            &mut rota,
            "CREATE EXTENSION pg_stat_statements; CREATE ROLE anon; CREATE ROLE authenticated;
             CREATE TABLE dead (id int, note text);
             INSERT INTO dead SELECT g, 'x' FROM generate_series(1, 5000) g; UPDATE dead SET note = 'y'; UPDATE dead SET note = 'z';
             CREATE TABLE shift (id serial PRIMARY KEY, staff int); SELECT setval('shift_id_seq', 1954210119);
             INSERT INTO shift (staff) VALUES (1), (1);
             CREATE TABLE pref (id int PRIMARY KEY, user_id int UNIQUE); CREATE INDEX again ON pref (user_id);
             CREATE TABLE owner (id int PRIMARY KEY); CREATE TABLE owned (id int PRIMARY KEY, owner int REFERENCES owner);
             INSERT INTO owner SELECT g FROM generate_series(1, 2000) g;
             INSERT INTO owned SELECT g, g FROM generate_series(1, 2000) g;
             CREATE TABLE notes (id int); GRANT SELECT ON notes TO anon;
             CREATE TABLE prefs (id int); ALTER TABLE prefs ENABLE ROW LEVEL SECURITY; GRANT ALL ON prefs TO authenticated;
             CREATE TABLE audit_log (what text); ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
             CREATE FUNCTION log_it() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN INSERT INTO public.audit_log (what) VALUES (TG_TABLE_NAME); RETURN NEW; END $$;
             CREATE TRIGGER audit AFTER INSERT ON prefs FOR EACH ROW EXECUTE FUNCTION log_it();
             CREATE TABLE ops (operation_type text, table_name text, started_at timestamptz, completed_at timestamptz,
                               status text, details jsonb);
             INSERT INTO ops VALUES ('vacuum', 'staff', now() - interval '7 hours', NULL, 'running', NULL);
             CREATE TABLE scanned (id int PRIMARY KEY, note text); INSERT INTO scanned SELECT g, 'x' FROM generate_series(1, 20000) g;
             CREATE TABLE pair (id int PRIMARY KEY); INSERT INTO pair VALUES (1), (2);
             CREATE TABLE wide AS SELECT g, repeat('x', 500) AS t FROM generate_series(1, 20000) g;
             CREATE TABLE big AS SELECT g AS id, repeat('x', 100) AS note FROM generate_series(1, 1000) g; ANALYZE;
             UPDATE pg_class SET relpages = 400000 WHERE relname = 'big';
             SELECT count(*) FROM scanned WHERE note = 'y'; SELECT pg_sleep(0.02); SELECT pg_create_physical_replication_slot('left_over', true);
             SELECT pg_switch_wal(); INSERT INTO notes VALUES (1)",
        )
        .await;
        let twice =
            sqlx::raw_sql("CREATE UNIQUE INDEX CONCURRENTLY by_staff ON shift (staff)").execute(&mut rota).await;
        assert!(twice.is_err(), "two shifts of one");
        run(&mut rota, "ALTER SYSTEM SET max_connections = 40").await;
        run(&mut rota, "SELECT pg_reload_conf()").await;
        until_one(&mut rota, "SELECT pending_restart FROM pg_settings WHERE name = 'max_connections'", "t").await;
        until_one(&mut rota, "SELECT failed_count > 0 FROM pg_stat_archiver", "t").await;
        let standby = server.standby();
        let replayed = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn IS NOT NULL";
        until_one(&mut rota, replayed, "1").await;
        run(&mut standby.connect("postgres", "postgres").await, "SELECT pg_wal_replay_pause()").await;
        run(&mut rota, "BEGIN; INSERT INTO notes VALUES (2); PREPARE TRANSACTION 'left over'").await;
        let mut idler = named(&server, "the idler").await;
        run(&mut idler, "BEGIN; UPDATE shift SET staff = staff").await;
        let waiter = waits(&server, "the waiter", "BEGIN; LOCK TABLE shift").await;
        until_one(&mut rota, "SELECT count(*) FROM pg_locks WHERE NOT granted", "1").await;
        run(
            &mut rota,
            "INSERT INTO dead SELECT g, 'w' FROM generate_series(1, 10) g; SELECT pg_stat_force_next_flush()",
        )
        .await;
        Self { server, rota, _standby: standby, _sessions: (idler, waiter) }
    }

    /// What only shows in the difference of two looks; the server has counted it all when this is done.
    async fn go_on(&mut self) {
        let (mut first, mut second) = (self.server.rota().await, self.server.rota().await);
        run(&mut first, "BEGIN; UPDATE pair SET id = id WHERE id = 1").await;
        run(&mut second, "BEGIN; UPDATE pair SET id = id WHERE id = 2").await;
        let flush = "ROLLBACK; SELECT pg_stat_force_next_flush()";
        let crossed = tokio::spawn(async move {
            let _one_of_both_fails = sqlx::raw_sql("UPDATE pair SET id = id WHERE id = 2").execute(&mut first).await;
            run(&mut first, flush).await;
        });
        let _one_of_both_fails = sqlx::raw_sql("UPDATE pair SET id = id WHERE id = 1").execute(&mut second).await;
        run(&mut second, flush).await;
        crossed.await.expect("one of both was chosen");
        let rota = &mut self.rota;
        run(rota, "SELECT count(*) FROM (SELECT * FROM wide ORDER BY t DESC, g OFFSET 1) s").await;
        for _ in 0..12 {
            run(rota, "SELECT pg_sleep(0.02)").await;
        }
        for _ in 0..30 {
            run(rota, "SELECT count(*) FROM scanned WHERE note = 'y'").await;
        }
        for _ in 0..8 {
            run(rota, "CHECKPOINT").await;
        }
        // More blocks than are chance.
        for _ in 0..10 {
            run(rota, "SELECT count(*) FROM wide").await;
        }
        run(rota, "SELECT pg_stat_force_next_flush()").await;
        let counted = "SELECT d.deadlocks > 0 AND d.temp_bytes > 1000000 AND s.seq_scan > 30
                         FROM pg_stat_database d, pg_stat_user_tables s WHERE d.datname = 'rota' AND s.relname = 'scanned'";
        until_one(rota, counted, "t").await;
    }

    fn open(&self, role: &str) -> Arc<dyn Database> {
        let spec = self.server.spec(role, &limits());
        (Engine::of(&spec).open)(&spec)
    }
}

fn limits() -> String {
    let mut text = "every = '1h'\ntimeout = '60s'\noperations_table = 'ops'\n".to_owned();
    for (gauge, limit, _) in FAULTS {
        text += &format!("{gauge} = {{ {limit} }}\n");
    }
    text
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn everything_that_is_wrong_is_found_by_the_second_refresh() {
    let mut broken = Broken::begin().await;
    let mut watching = Watching::of(broken.server.spec("postgres", &limits()));
    let _first = watching.look().await;
    broken.go_on().await;
    let assessment = watching.look().await;
    let missed: Vec<&str> = FAULTS
        .iter()
        .filter(|(gauge, _, culprit)| {
            !assessment.findings.iter().any(|one| {
                one.key == *gauge
                    && one.status >= Status::Warning
                    && one.status != Status::Unknown
                    && one.text.contains(culprit)
            })
        })
        .map(|(gauge, ..)| *gauge)
        .collect();
    assert!(missed.is_empty(), "not found: {missed:?}, but {:#?}", sentences(&assessment));
    // Nothing that is well was called wrong beside them.
    let keys: Vec<&str> = assessment.findings.iter().map(|one| &*one.key).filter(|key| *key != "cache_hit").collect();
    let strangers: Vec<&&str> = keys.iter().filter(|key| !FAULTS.iter().any(|(gauge, ..)| gauge == *key)).collect();
    assert!(strangers.is_empty(), "{strangers:?}: {:#?}", sentences(&assessment));
    assert!(FAULTS.len() >= 20);
    eprintln!("n = {} of {} seeded faults found by the second refresh", FAULTS.len(), FAULTS.len());
}

/// What a reading says of every gauge.
fn figures(vitals: &Vitals) -> BTreeMap<&'static str, f64> {
    let figure = |key: &'static str| {
        let sample = vitals.measured.samples.iter().find(|sample| sample.key == key)?;
        Some((key, sample.value.number(chrono::DateTime::UNIX_EPOCH)?.0))
    };
    POSTGRESQL.gauges.iter().filter_map(|gauge| figure(gauge.key)).collect()
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn whatever_a_role_is_told_otherwise_than_the_superuser_is_unknown_with_the_grant_that_helps() {
    let mut broken = Broken::begin().await;
    run(
        &mut broken.rota,
        "CREATE ROLE plain LOGIN; CREATE ROLE monitor LOGIN; GRANT pg_monitor TO monitor;
         CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader;
         CREATE ROLE full_monitor LOGIN; GRANT pg_monitor, pg_read_all_data TO full_monitor",
    )
    .await;
    let roles = ["postgres", "full_monitor", "monitor", "reader", "plain"];
    let handles: Vec<_> = roles.iter().map(|role| broken.open(role)).collect();
    for handle in &handles {
        handle.vitals().await.expect("a first look");
    }
    broken.go_on().await;
    let all = handles[0].vitals().await.expect("what the superuser sees");
    let truth = figures(&all);
    let told = |key: &str| truth.contains_key(key) || NOT_HERE.iter().any(|(absent, _)| *absent == key);
    let untold: Vec<&str> = POSTGRESQL.gauges.iter().map(|gauge| gauge.key).filter(|key| !told(key)).collect();
    assert!(untold.is_empty(), "nothing is compared of {untold:?}");
    let mut compared = 0;
    for (role, handle) in roles.iter().zip(&handles).skip(1) {
        let seen = handle.vitals().await.expect("a look");
        let mine = figures(&seen);
        let differs = differing(&truth, &mine);
        compared += truth.len();
        for key in differs {
            let hidden = seen.measured.hidden.iter().find(|hidden| hidden.key == key);
            let hidden = hidden
                .unwrap_or_else(|| unreachable!("{role} is told {:?} of {key}, not {:?}", mine.get(key), truth[key]));
            assert!(hidden.grant.is_some(), "{role}: nothing mends {hidden:?}");
        }
        assert_eq!(seen.size_bytes.is_some(), all.size_bytes.is_some(), "{role}");
        // Each grant is carried out as it is named; then nothing is hidden any more.
        let mut grants: Vec<&str> = seen.measured.hidden.iter().filter_map(|hidden| hidden.grant.as_deref()).collect();
        grants.sort_unstable();
        grants.dedup();
        assert_eq!(grants.is_empty(), *role == "full_monitor", "{role}: {grants:?}");
        for grant in grants {
            run(&mut broken.rota, grant).await;
        }
        let after = handle.vitals().await.expect("a look");
        let for_all = |key| all.measured.hidden.iter().any(|hidden| hidden.key == key);
        let left: Vec<_> = after.measured.hidden.iter().filter(|hidden| !for_all(hidden.key)).collect();
        assert!(left.is_empty(), "{role}: {left:?}");
        let mut differs = differing(&truth, &figures(&after));
        // What is a difference of two looks has had one since the grant.
        differs.retain(|key| *key != "slow_statements");
        assert_eq!(differs, [] as [&str; 0], "{role}");
    }
    eprintln!("n = {compared} figures of {} gauges, as {} roles see them", truth.len(), roles.len() - 1);
}

/// Which figures are not those of the superuser. Ages grow from look to look, and so does what is counted
/// by the second.
fn differing(truth: &BTreeMap<&'static str, f64>, mine: &BTreeMap<&'static str, f64>) -> Vec<&'static str> {
    const OF_THE_MOMENT: [&str; 4] = ["commits", "rollbacks", "cache_hit", "connections"];
    let same = |(key, value): (&&'static str, &f64)| match mine.get(*key) {
        None => false,
        Some(_) if OF_THE_MOMENT.contains(key) => true,
        Some(mine) => (*mine > 0.0) == (*value > 0.0) && *mine >= value * 0.5,
    };
    truth.iter().filter(|(key, value)| !same((*key, *value))).map(|(key, _)| *key).collect()
}

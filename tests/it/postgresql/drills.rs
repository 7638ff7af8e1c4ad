//! Drills on a real server: what a dump would bring back is brought back beside the live database,
//! compared and asked; what would not come back is told with its reason; and whoever is killed leaves
//! nothing that the next drill does not remove.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use rounds::archive::manifest::{Manifest, path_for};
use sha2::{Digest, Sha256};
use sqlx::postgres::PgConnection;

use super::server::{Server, number, one, run, until_one};
use crate::random::Random;
use crate::support::{Answer, World};

pub(super) const SCRATCHES: &str = "SELECT count(*)::text FROM pg_database WHERE datname LIKE 'rounds\\_%'";

/// A world whose backup `rota` is a dump of the server's database.
pub(super) fn world(server: &Server, role: &str, more: &str) -> World {
    World::new().config(&format!(
        "version = 1\n[host]\nevery = '1h'\n[system]\nname = 'rota'\ntimezone = 'UTC'\n\
         [store]\nurl = 'sqlite:{{root}}/state/rounds.db'\n\
         [[database]]\nid = 'rota'\nurl = 'postgres://{role}@/rota?host={}'\n\
         [[backup]]\nid = 'rota'\ndatabase = 'rota'\nfiles = '{{root}}/shelf/rota_%Y%m%d_%H%M%S.dump'\n{more}\n",
        server.path().display()
    ))
}

/// Makes a backup, and names its file.
pub(super) async fn back_up(world: &World) -> PathBuf {
    asked(world, &["backup", "run", "rota", "--yes"]).await.exits(0);
    let data = |name: &String| !name.contains(".manifest.") && !name.contains(".globals.") && !name.starts_with('.');
    world.path("shelf").join(world.files("shelf").into_iter().rfind(data).expect("a dump"))
}

pub(super) async fn asked(world: &World, arguments: &[&str]) -> Answer {
    let mut command = world.command(arguments);
    tokio::task::spawn_blocking(move || Answer(command.output().expect("the binary runs"))).await.expect("it ends")
}

async fn drill(world: &World) -> Answer {
    asked(world, &["backup", "drill", "rota", "--yes"]).await
}

pub(super) async fn filled(server: &Server) -> PgConnection {
    let mut rota = server.rota().await;
    run(
        &mut rota,
        "CREATE TABLE staff (id serial PRIMARY KEY, name text);
         INSERT INTO staff (name) SELECT 'person ' || n FROM generate_series(1, 2000) n;
         CREATE EXTENSION hstore; CREATE SCHEMA \"odd schema\";
         CREATE TABLE \"odd schema\".\"a \"\"b.c\" (x hstore); INSERT INTO \"odd schema\".\"a \"\"b.c\" VALUES ('a=>1');
         CREATE ROLE carer NOLOGIN; GRANT SELECT ON staff TO carer; ALTER TABLE \"odd schema\".\"a \"\"b.c\" OWNER TO carer",
    )
    .await;
    rota
}

/// What is in the live database.
pub(super) async fn fingerprint(rota: &mut PgConnection) -> String {
    one(rota, "SELECT md5(string_agg(s::text, ',' ORDER BY id)) FROM staff s").await
}

/// The backup's findings, as the list tells them.
async fn findings(world: &World) -> String {
    asked(world, &["backup", "list", "--format", "json"]).await.json()["backups"][0]["findings"].to_string()
}

/// Seals a changed manifest anew.
pub(super) fn reseal(dump: &Path, change: impl FnOnce(&mut Manifest)) {
    let mut manifest = Manifest::of(dump).expect("manifest");
    change(&mut manifest);
    fs::write(path_for(dump), manifest.to_bytes().expect("document")).expect("sealed anew");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_drill_brings_a_dump_back_beside_the_live_one_and_leaves_nothing() {
    let server = Server::start("");
    let mut rota = filled(&server).await;
    let before = fingerprint(&mut rota).await;
    for packing in ["none", "zstd", "gzip"] {
        let drill_keys = "drill = { every = '30d', queries = ['SELECT count(*) = 2000 FROM staff', 'SELECT current_database() <> ''rota''', 'SELECT sum(id) FROM staff'] }";
        let drill_keys = drill_keys.replace("''rota''", "$$rota$$");
        let world = world(&server, "postgres", &format!("compress = '{packing}'\nrto = '4h'\n{drill_keys}"));
        back_up(&world).await;
        let told = drill(&world).await.exits(0).out();
        assert!(told.contains("2 tables with 2001 rows as in the manifest, 3 questions answered"), "{told}");
        assert!(!told.contains("without owners"), "{told}");
        assert_eq!(one(&mut rota, SCRATCHES).await, "0");
        let listed = asked(&world, &["backup", "list", "--format", "json"]).await.json();
        let backup = &listed["backups"][0];
        assert!(backup["files"][0]["drilled_at"].is_string(), "{backup:#}");
        assert!(backup["drill_took_s"].as_f64().is_some_and(|took| took > 0.0), "{backup:#}");
        assert_eq!(findings(&world).await, "[]");
        assert_eq!(fingerprint(&mut rota).await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn what_would_not_come_back_makes_a_drill_red_with_its_reason() {
    type Harm = fn(&Path);
    let server = Server::start("");
    let mut rota = filled(&server).await;
    let before = fingerprint(&mut rota).await;
    let harms: [(Harm, &str, &str); 6] = [
        (|_| {}, "SELECT count(*) > 2001 FROM staff", "answers f"),
        (|_| {}, "SELECT * FROM carers", "relation \"carers\" does not exist"),
        (|_| {}, "DELETE FROM staff", "would change what it asks"),
        (
            |dump| {
                reseal(dump, |manifest| {
                    manifest.counts.tables.insert("public.staff".into(), Some(2001));
                });
            },
            "SELECT 1",
            "table `public.staff` has 2000 rows instead of 2001",
        ),
        (
            |dump| {
                let mut bytes = fs::read(dump).expect("the dump");
                let middle = bytes.len() / 2;
                bytes[middle] ^= 0x10;
                fs::write(dump, bytes).expect("a flipped bit");
            },
            "SELECT 1",
            "manifest",
        ),
        (
            |dump| {
                let mut bytes = fs::read(dump).expect("the dump");
                for at in 0..bytes.len() - 6 {
                    if &bytes[at..at + 6] == b"hstore" {
                        bytes[at + 5] = b'f';
                    }
                }
                fs::write(dump, &bytes).expect("another extension");
                let sha256 =
                    Sha256::digest(&bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
                reseal(dump, |manifest| manifest.files[0].sha256 = sha256);
            },
            "SELECT 1",
            "it needs the extension `hstorf`, which this server does not have; install it there",
        ),
    ];
    for (harm, query, why) in harms {
        let world = world(&server, "postgres", &format!("compress = 'none'\ndrill = {{ queries = ['{query}'] }}"));
        harm(&back_up(&world).await);
        let told = drill(&world).await.exits(1).out();
        assert!(told.starts_with("failed: ") && told.contains(why), "{why}: {told}");
        let found = findings(&world).await;
        assert!(found.contains("critical") && found.contains("drilled"), "{why}: {found}");
        assert_eq!(one(&mut rota, SCRATCHES).await, "0", "{why}");
    }
    let odd = format!(
        "[[database]]\nid = 'odd'\nurl = 'postgres://postgres@/rounds_drill_x?host={}'",
        server.path().display()
    );
    let world = world(&server, "postgres", &odd);
    back_up(&world).await;
    let told = drill(&world).await.exits(1).out();
    assert!(told.contains("the database rounds_drill_x is called as scratches are"), "{told}");
    assert_eq!(fingerprint(&mut rota).await, before);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn whoever_may_make_no_database_is_told_what_allows_it_and_whoever_may_holds_drills_without_owners() {
    let server = Server::start("");
    let mut rota = filled(&server).await;
    run(&mut rota, "CREATE ROLE keeper LOGIN; GRANT pg_read_all_data TO keeper").await;
    let world = world(&server, "keeper", "");
    back_up(&world).await;
    let told = drill(&world).await.exits(1).out();
    assert!(told.contains("`ALTER ROLE \"keeper\" CREATEDB` allows it"), "{told}");
    assert!(!findings(&world).await.contains("drilled"), "no drill was held");
    run(&mut rota, "ALTER ROLE keeper CREATEDB").await;
    if number(&rota) < 130_000 {
        // No extension could be trusted yet: one takes a superuser, and that is told.
        let told = drill(&world).await.exits(1).out();
        assert!(told.contains("permission denied to create extension") && told.contains("without owners"), "{told}");
        assert_eq!(one(&mut rota, SCRATCHES).await, "0");
        run(&mut rota, "ALTER ROLE keeper SUPERUSER").await;
        drill(&world).await.exits(0);
        return;
    }
    let told = drill(&world).await.exits(0).out();
    assert!(told.contains("2001 rows as in the manifest; without owners and rights"), "{told}");
    assert_eq!(one(&mut rota, SCRATCHES).await, "0");
    drop(rota);
    // The day it is for: the database is gone.
    let mut postgres = server.connect("postgres", "postgres").await;
    run(&mut postgres, "DROP DATABASE rota WITH (FORCE)").await;
    drill(&world).await.exits(0);
    assert_eq!(one(&mut postgres, SCRATCHES).await, "0");
}

/// Starts a drill in a group of its own.
fn started(world: &World) -> Child {
    let mut command = world.command(&["backup", "drill", "rota", "--yes"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().expect("the binary runs")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_cancelled_drill_ends_on_the_server_and_nobody_clears_away_one_that_is_held() {
    let server = Server::start("");
    let mut rota = filled(&server).await;
    let long = world(&server, "postgres", "drill = { queries = ['SELECT pg_sleep(3600)'] }");
    let short = world(&server, "postgres", "");
    back_up(&long).await;
    back_up(&short).await;
    let mut held = started(&long);
    let sleeping = "SELECT (count(*) > 0)::text FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' AND pid <> pg_backend_pid()";
    until_one(&mut rota, sleeping, "true").await;
    drill(&short).await.exits(0);
    assert_eq!(one(&mut rota, SCRATCHES).await, "1", "that of the drill that is being held");
    assert_eq!(one(&mut rota, sleeping).await, "true");
    let group = rustix::process::Pid::from_child(&held);
    rustix::process::kill_process(group, rustix::process::Signal::INT).expect("it runs");
    let ended = tokio::task::spawn_blocking(move || held.wait().expect("it ends")).await.expect("it ends");
    assert_eq!(ended.code(), Some(1));
    assert_eq!(one(&mut rota, SCRATCHES).await, "0");
    assert_eq!(one(&mut rota, sleeping).await, "false");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn what_a_killed_drill_leaves_goes_with_the_next_and_nothing_that_is_only_called_alike() {
    let server = Server::start("");
    let mut rota = filled(&server).await;
    let theirs = ["rounds_drill_mine", "rounds_drill_0123456789abcdef0123_0123456789ab", "rounds_restore_2026"];
    for name in theirs {
        run(&mut rota, &format!("CREATE DATABASE {name}")).await;
        run(&mut rota, &format!("COMMENT ON DATABASE {name} IS 'rounds scratch: drill of backup rota'")).await;
    }
    let world = world(&server, "postgres", "");
    let started_at = tokio::time::Instant::now();
    back_up(&world).await;
    drill(&world).await.exits(0);
    let mut usual = started_at.elapsed();
    let trials = if std::env::var_os("ROUNDS_TEST_TRIALS").is_some() { 100 } else { 8 };
    let (mut random, mut hit, mut left) = (Random::new(), 0, 0);
    for _ in 0..trials {
        let begun = tokio::time::Instant::now();
        let mut child = started(&world);
        tokio::time::sleep(Duration::from_micros(random.below(usual.as_micros() as u64))).await;
        let group = rustix::process::Pid::from_child(&child);
        let _ended_already = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        if child.wait().expect("it ends").success() {
            usual = usual.min(begun.elapsed());
        } else {
            hit += 1;
        }
        left += u32::from(one(&mut rota, SCRATCHES).await != "3");
    }
    // One that is killed for certain while its scratch is there.
    let mut child = started(&world);
    until_one(&mut rota, "SELECT (count(*) > 3)::text FROM pg_database WHERE datname LIKE 'rounds\\_%'", "true").await;
    let group = rustix::process::Pid::from_child(&child);
    let _ended_already = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    let _killed = child.wait().expect("it ends");
    // Its server notices when it next looks; until then somebody is at it.
    until_one(&mut rota, "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory'", "0").await;
    drill(&world).await.exits(0);
    println!("{hit} of {trials} kills hit a drill, {left} times a scratch was left");
    let names = "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE datname LIKE 'rounds\\_%'";
    let mut sorted = theirs;
    sorted.sort_unstable();
    assert_eq!(one(&mut rota, names).await, sorted.join(" "));
}

//! Dumps of a real server that is in use: what the manifest counts is what restores, passwords
//! are nowhere to be seen, and whoever is killed leaves nothing that looks like a backup.
#![expect(clippy::print_stdout, reason = "how many kills hit a dump")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rounds::archive::manifest::{Manifest, path_for};
use rounds::archive::verify;
use tokio_util::sync::CancellationToken;

use super::server::{Server, one, run, until_one};
use crate::random::Random;
use crate::support::dump::{back_up, check, dumps};
use crate::support::kill::Killer;
use crate::support::{World, mode};

const CANARY: &str = "tweety-4711-ünli:ke\\ly";

/// A world whose backup `rota` is a dump of the server's database.
fn world(server: &Server, role: &str, more: &str) -> World {
    World::new().config(&format!(
        "version = 1\n[host]\nevery = '1h'\n[system]\nname = 'rota'\ntimezone = 'UTC'\n\
         [store]\nurl = 'sqlite:{{root}}/state/rounds.db'\n\
         [[database]]\nid = 'rota'\nurl = 'postgres://{role}@/rota?host={}'\npassword = 'env:ROTA_PASSWORD'\n\
         [[backup]]\nid = 'rota'\ndatabase = 'rota'\nfiles = '{{root}}/shelf/rota_%Y%m%d_%H%M%S.dump'\n{more}\n",
        server.path().display()
    ))
}

async fn filled(server: &Server) -> sqlx::postgres::PgConnection {
    let mut rota = server.rota().await;
    run(
        &mut rota,
        "CREATE TABLE staff (id serial PRIMARY KEY, name text);
         INSERT INTO staff (name) SELECT 'person ' || n FROM generate_series(1, 20000) n;
         CREATE SCHEMA \"odd schema\"; CREATE TABLE \"odd schema\".\"a \"\"b.c\" (x text);
         INSERT INTO \"odd schema\".\"a \"\"b.c\" VALUES (E'two\\nlines'), (E'\\\\.');
         CREATE TABLE nobody (x int); CREATE ROLE carer NOLOGIN PASSWORD 'not to be shown'",
    )
    .await;
    rota
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn what_the_manifest_counts_is_what_restores_while_somebody_writes() {
    let server = Server::start("");
    let mut rota = filled(&server).await;
    let mut writer = server.connect("postgres", "rota").await;
    let (stop, writing) = (CancellationToken::new(), CancellationToken::new());
    let writing = tokio::spawn({
        let (stop, begun) = (stop.clone(), writing.clone());
        async move {
            while !stop.is_cancelled() {
                run(&mut writer, "INSERT INTO staff (name) SELECT 'late ' || n FROM generate_series(1, 100) n").await;
                begun.cancel();
            }
        }
    });
    for (compress, ending) in [("none", "dump"), ("zstd", "dump.zst")] {
        let world = world(&server, "postgres", &format!("compress = '{compress}'"));
        let said = tokio::task::block_in_place(|| back_up(&world, CANARY)).exits(0).out();
        assert!(said.contains("3 tables and ") && said.contains("at the moment of the dump"), "{said}");
        let dump = dumps(&world, "dump").pop().expect("a dump");
        assert!(dump.display().to_string().ends_with(ending), "{}", dump.display());
        let manifest = Manifest::of(&dump).expect("its manifest");
        assert_eq!((manifest.engine.as_str(), manifest.files.len()), ("postgresql", 2), "{manifest:?}");
        assert!(manifest.warnings.is_empty(), "{:?}", manifest.warnings);
        let globals = dump.with_file_name(&manifest.files[1].name);
        assert!(fs::read_to_string(&globals).expect("the globals").contains("CREATE ROLE carer"));
        assert_eq!((mode(&dump), mode(&globals)), (0o600, 0o600));
        let verdict = check(&dump).await;
        assert!(
            verdict.ok && verdict.detail.contains("3 tables with ") && verdict.detail.ends_with("as in the manifest"),
            "{verdict:?}"
        );

        run(&mut rota, "DROP DATABASE IF EXISTS again").await;
        run(&mut rota, "CREATE DATABASE again").await;
        let plain = world.path("plain.dump");
        let bytes = fs::read(&dump).expect("the dump");
        let bytes = if compress == "zstd" { zstd::decode_all(&bytes[..]).expect("zstd") } else { bytes };
        fs::write(&plain, bytes).expect("its content");
        let restored =
            server.client("pg_restore").args(["-d", "again", "-e"]).arg(&plain).output().expect("pg_restore");
        assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
        let mut again = server.connect("postgres", "again").await;
        let mut found = BTreeMap::new();
        for (name, table) in [
            ("public.staff", "public.staff"),
            ("odd schema.a \"b.c", "\"odd schema\".\"a \"\"b.c\""),
            ("public.nobody", "public.nobody"),
        ] {
            let rows = one(&mut again, &format!("SELECT count(*)::text FROM {table}")).await;
            found.insert(name.to_owned(), Some(rows.parse::<u64>().expect("a number")));
        }
        assert_eq!(manifest.counts.tables, found, "{compress}");
        assert!(found["public.staff"] > Some(20_000), "somebody wrote meanwhile");
    }
    stop.cancel();
    writing.await.expect("the writer");
}

/// Where a dump of the custom format has it: after `PGDMP` and the major version.
const MINOR_VERSION: usize = 6;

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn every_cut_and_every_flip_of_a_dump_is_noticed_and_a_cut_one_without_its_manifest_too() {
    let server = Server::start("");
    let _rota = filled(&server).await;
    for more in ["", "compress = 'zstd'"] {
        let world = world(&server, "postgres", more);
        back_up(&world, CANARY).exits(0);
        let dump = dumps(&world, "dump").pop().expect("a dump");
        let sound = fs::read(&dump).expect("the dump");
        let mut random = Random::new();
        for n in 0..40 {
            let mut bytes = sound.clone();
            if n % 3 == 2 {
                bytes.truncate(random.below(sound.len() as u64) as usize);
            } else {
                bytes[random.below(sound.len() as u64) as usize] ^= 1 << random.below(8);
            }
            fs::write(&dump, &bytes).expect("write");
            let verdict = check(&dump).await;
            assert!(!verdict.ok, "{n}: {}", verdict.detail);
        }
        fs::write(&dump, &sound).expect("write");
        let globals = dump.with_file_name(&Manifest::of(&dump).expect("manifest").files[1].name);
        let roles = fs::read(&globals).expect("the globals");
        fs::write(&globals, &roles[..roles.len() / 2]).expect("write");
        let verdict = check(&dump).await;
        assert!(!verdict.ok && verdict.detail.contains("globals.sql, which belongs to it"), "{verdict:?}");
        fs::write(&globals, &roles).expect("write");

        fs::remove_file(path_for(&dump)).expect("remove");
        assert!(check(&dump).await.ok);
        for cut in [1, 100, sound.len() / 2, sound.len() * 9 / 10, sound.len() - 20] {
            fs::write(&dump, &sound[..sound.len() - cut]).expect("write");
            let verdict = check(&dump).await;
            assert!(!verdict.ok, "without its last {cut} bytes: {}", verdict.detail);
        }
        if more.is_empty() {
            // A format that the programs here do not know yet, as its header tells.
            let mut newer = sound.clone();
            newer[MINOR_VERSION] = 99;
            fs::write(&dump, &newer).expect("write");
            let unknown = verify(dump.clone(), Vec::new(), CancellationToken::new()).await;
            let why = unknown.expect_err("nothing is known of it").to_string();
            assert!(why.contains("a newer pg_dump made it"), "{why}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_dump_that_waits_for_a_lock_shows_no_password_and_can_be_cancelled() {
    let server = Server::start("");
    let mut rota = filled(&server).await;
    let password = CANARY.replace('\\', "\\\\");
    let role = format!(
        "CREATE ROLE mon LOGIN PASSWORD E'{password}'; GRANT USAGE ON SCHEMA public, \"odd schema\" TO mon;
         GRANT SELECT ON ALL TABLES IN SCHEMA public, \"odd schema\" TO mon;
         GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO mon"
    );
    run(&mut rota, &role).await;
    let rules = "local all postgres trust\nlocal all mon scram-sha-256\n";
    fs::write(server.path().join("data/pg_hba.conf"), rules).expect("its rules");
    run(&mut rota, "SELECT pg_reload_conf()").await;
    let world = world(&server, "mon", "");
    let said = tokio::task::block_in_place(|| back_up(&world, CANARY)).exits(0).out();
    assert!(said.contains("the roles are without their passwords"), "{said}");
    let first = dumps(&world, "dump");
    let before = fs::read(&first[0]).expect("the first dump");

    let mut holder = server.connect("postgres", "rota").await;
    run(&mut holder, "BEGIN; LOCK TABLE staff IN ACCESS EXCLUSIVE MODE").await;
    let mut command = world.command(&["backup", "run", "rota", "--yes"]);
    command.env("ROTA_PASSWORD", CANARY).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let child = command.spawn().expect("the binary runs");
    until_one(
        &mut rota,
        "SELECT (count(*) > 0)::text FROM pg_stat_activity WHERE application_name IN ('rounds', 'pg_dump') AND wait_event_type = 'Lock'",
        "true",
    )
    .await;
    for process in fs::read_dir("/proc").expect("/proc").flatten() {
        let of = |file: &str| fs::read(process.path().join(file)).unwrap_or_default();
        let (argv, environment) = (of("cmdline"), of("environ"));
        let holds = |bytes: &[u8]| bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes());
        let argv_text = String::from_utf8_lossy(&argv).into_owned();
        assert!(!holds(&argv), "{argv_text}");
        if argv_text.contains("pg_dump") {
            assert!(!holds(&environment), "{argv_text}");
        }
    }
    let group = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(group, rustix::process::Signal::INT).expect("it runs");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(dumps(&world, "dump"), first);
    assert_eq!(fs::read(&first[0]).expect("the first dump"), before);
    assert!(!world.files("shelf").iter().any(|name| name.starts_with(".partial")), "{:?}", world.files("shelf"));
    run(&mut holder, "ROLLBACK").await;
    let none = "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'pg_dump'";
    until_one(&mut rota, none, "0").await;
}

/// Makes what is half done a minute older: what has no lock yet, or none any more, counts for some
/// seconds as somebody's who is about to take it.
pub(super) fn age_what_is_left(world: &World) {
    for directory in world.files("shelf").iter().filter(|name| name.starts_with(".partial")) {
        let path = world.path("shelf").join(directory);
        let old = fs::metadata(&path).and_then(|meta| meta.modified()).expect("its time") - Duration::from_mins(1);
        fs::File::open(&path).expect("open").set_modified(old).expect("its time can be set");
    }
}

/// Kills `kills` backups at random moments; what is published then is whole, and what was there
/// before is what it was.
async fn killed(kills: u32) {
    let server = Server::start("");
    let _rota = filled(&server).await;
    let world = world(&server, "postgres", "compress = 'zstd'");
    let started = tokio::time::Instant::now();
    back_up(&world, CANARY).exits(0);
    let mut killer = Killer::within(started.elapsed());
    let mut messes = 0;
    while killer.hit < kills && killer.trials < 10 * kills {
        let before: Vec<(PathBuf, Vec<u8>)> =
            dumps(&world, "dump").into_iter().map(|path| (path.clone(), fs::read(path).expect("a dump"))).collect();
        killer.kill(&mut world.command(&["backup", "run", "rota", "--yes"]));
        messes += u32::from(world.files("shelf").iter().any(|name| name.starts_with(".partial")));
        for (path, bytes) in &before {
            assert!(fs::read(path).expect("still there") == *bytes, "{} is not what it was", path.display());
        }
        for path in dumps(&world, "dump").iter().filter(|path| before.iter().all(|(one, _)| one != *path)) {
            assert!(Manifest::of(path).is_ok(), "{} has no manifest", path.display());
            let verdict = check(path).await;
            assert!(verdict.ok, "{}: {}", path.display(), verdict.detail);
        }
        // The next stamp is of another second.
        tokio::time::sleep(Duration::from_millis(1_010)).await;
    }
    age_what_is_left(&world);
    back_up(&world, CANARY).exits(0);
    assert!(!world.files("shelf").iter().any(|name| name.starts_with(".partial")), "{:?}", world.files("shelf"));
    println!("{} of {} kills hit a backup, {messes} times something was left", killer.hit, killer.trials);
    assert_eq!(killer.hit, kills, "too few kills hit a dump to say anything");
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn killed_dumps_leave_no_incomplete_backup() {
    let long = std::env::var_os("ROUNDS_TEST_TRIALS").is_some_and(|trials| trials == "long");
    killed(if long { 300 } else { 12 }).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn the_plan_of_a_dump_is_its_command_line() {
    let server = Server::start("");
    let world = world(&server, "mon", "compress = 'gzip'");
    let plan = world.run(&["backup", "run", "rota", "--dry-run"]).exits(0).out();
    assert!(
        plan.contains(
            "$ pg_dump --format=custom --no-password --lock-wait-timeout=30s '--dbname=postgres://mon@/rota?host="
        ),
        "{plan}"
    );
    assert!(plan.contains(" and $ pg_dumpall --globals-only"), "{plan}");
    assert!(plan.contains(", packed by gzip, to ") && plan.contains("rota_%Y%m%d_%H%M%S.dump.gz"), "{plan}");
}

//! Restores on a real server: the dump is proven beside the live database and takes its name in one
//! transaction; there is what was there or what the backup holds, whoever is connected, killed, or
//! fails, and what was there can be put back.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::drills::{SCRATCHES, asked, back_up, filled, fingerprint, reseal, world};
use super::server::{Server, one, run};
use crate::support::kill::Killer;
use crate::support::{Answer, World};

/// What the database has beside its tables, as a text.
const OWN: &str = "SELECT concat_ws(' | ', datdba::regrole, (SELECT string_agg(a::text, ',' ORDER BY \
                   a::text) FROM unnest(datacl) a), datconnlimit, shobj_description(d.oid, 'pg_database'), \
                   (SELECT string_agg(concat_ws(':', setrole, setconfig), ',' ORDER BY setrole) FROM pg_db_role_setting \
                   WHERE setdatabase = d.oid)) FROM pg_database d WHERE datname = 'rota'";
const KEPT: &str = "SELECT coalesce(string_agg(datname, ' '), '') FROM pg_database WHERE datname LIKE 'rota\\_%'";

async fn restore(world: &World) -> Answer {
    asked(world, &["backup", "restore", "rota", "--confirm", "rota", "--reason", "the import went wrong"]).await
}

/// A connection to the live database, whatever a killed one left the server to do first.
async fn live(server: &Server) -> PgConnection {
    let mut postgres = server.connect("postgres", "postgres").await;
    super::server::until_one(
        &mut postgres,
        "SELECT count(*)::text FROM pg_stat_activity WHERE application_name LIKE 'rounds%'",
        "0",
    )
    .await;
    server.connect("postgres", "rota").await
}

/// It goes on after the backup: what of it will be lost.
async fn goes_on(server: &Server, what: &str) -> String {
    let mut rota = live(server).await;
    run(&mut rota, &format!("UPDATE staff SET name = name || ' {what}'; INSERT INTO staff (name) VALUES ('{what}')"))
        .await;
    // The copy that is made first is of another second.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    fingerprint(&mut rota).await
}

/// What is in the database now.
async fn content(server: &Server) -> String {
    fingerprint(&mut live(server).await).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_proven_dump_takes_the_name_of_its_database_from_whoever_is_connected_and_there_is_a_way_back() {
    let server = Server::start("");
    let mut rota = filled(&server).await;
    run(
        &mut rota,
        "CREATE ROLE owner LOGIN; ALTER DATABASE rota OWNER TO owner; REVOKE CONNECT ON DATABASE rota FROM PUBLIC;
         GRANT CONNECT ON DATABASE rota TO carer WITH GRANT OPTION; ALTER DATABASE rota CONNECTION LIMIT 17;
         ALTER DATABASE rota SET search_path TO \"$user\", public, \"odd schema\";
         ALTER ROLE carer IN DATABASE rota SET work_mem TO '5MB'; ALTER DATABASE rota SET app.title TO 'it''s, ours';
         COMMENT ON DATABASE rota IS 'the rota'",
    )
    .await;
    let world = world(&server, "postgres", "compress = 'zstd'\nkeep = { last = 1, min = 1 }");
    back_up(&world).await;
    let new = fingerprint(&mut rota).await;
    let old = goes_on(&server, "late").await;
    let own = one(&mut rota, OWN).await;
    run(&mut rota, "BEGIN; UPDATE staff SET name = 'never' WHERE id = 1").await;

    let plan = asked(&world, &["backup", "restore", "rota", "--dry-run"]).await.exits(0).out();
    for said in
        ["LOST is whatever was written to rota since", "whoever is connected to rota is sent away", "rota_before_"]
    {
        assert!(plan.contains(said), "{said}: {plan}");
    }
    asked(&world, &["backup", "restore", "rota", "--yes"]).await.exits(77);
    let told = restore(&world).await.exits(0).out();
    assert!(
        told.contains("2 tables with 2001 rows as in the manifest; what was there is the database rota_before_"),
        "{told}"
    );
    let _its_session_is_gone = one_or_error(&mut rota).await.expect_err("it was sent away");
    let mut rota = live(&server).await;
    assert_eq!(fingerprint(&mut rota).await, new);
    assert_eq!(one(&mut rota, OWN).await, own, "its owner, rights, settings and comment");
    assert_eq!(one(&mut rota, SCRATCHES).await, "0");
    let kept = one(&mut rota, KEPT).await;
    let mut before = server.connect("postgres", &kept).await;
    assert_eq!(fingerprint(&mut before).await, old, "what was there is kept as it was");
    let dumps = world.files("shelf").into_iter().filter(|name| name.ends_with(".dump.zst")).count();
    assert_eq!(dumps, 2, "and dumped; and nothing was pruned");
    let audit = asked(&world, &["audit", "list", "--format", "json"]).await.exits(0).json().to_string();
    for field in ["failed at: ", "cause: the import went wrong", "backup used: ", "data lost: ", "lessons learned: "] {
        assert!(audit.contains(field), "{field} in {audit}");
    }

    let copy = world.files("shelf").into_iter().rfind(|name| name.ends_with(".dump.zst")).expect("the copy made first");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    asked(&world, &["backup", "restore", "rota", "--file", &copy, "--confirm", "rota"]).await.exits(0);
    assert_eq!(content(&server).await, old, "the way back");
}

async fn one_or_error(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    connection.ping().await
}

const APPLICATION: &str = "restore = { stop = 'stop', start = 'start', verify = ['well'] }\n\
    [[action]]\nid = 'stop'\ntitle = 'Stop'\nrisk = 'disruptive'\ncommand = ['/bin/sh', '-c', 'echo stop >> {root}/said; test ! -e {root}/no-stop']\n\
    [[action]]\nid = 'start'\ntitle = 'Start'\nrisk = 'disruptive'\nverify = { check = 'well', within = '2s' }\ncommand = ['/bin/sh', '-c', 'echo start >> {root}/said; test ! -e {root}/no-start']\n\
    [[check]]\nid = 'well'\ncommand = ['/usr/bin/test', '!', '-e', '{root}/not-well']";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn whatever_fails_afterwards_brings_back_what_was_there() {
    let server = Server::start("");
    drop(filled(&server).await);
    for (fails, said) in [
        ("no-stop", "stop"),
        ("no-start", "stop start stop start"),
        ("not-well", "stop start stop start"),
        ("nothing", "stop start"),
    ] {
        let world = world(&server, "postgres", APPLICATION);
        back_up(&world).await;
        let new = content(&server).await;
        let old = goes_on(&server, fails).await;
        fs::write(world.path(fails), "").expect("a mark");
        let answer = restore(&world).await;
        assert_eq!(answer.code(), Some(i32::from(fails != "nothing")), "{fails}: {}{}", answer.out(), answer.err());
        let commands = fs::read_to_string(world.path("said")).expect("said").replace('\n', " ");
        assert_eq!(commands.trim(), said, "{fails}: {}", answer.out());
        assert_eq!(content(&server).await, if fails == "nothing" { new } else { old }, "{fails}: {}", answer.out());
        let mut postgres = server.connect("postgres", "postgres").await;
        let beside = one(&mut postgres, KEPT).await;
        let expected = match fails {
            "no-stop" => "",
            "nothing" => "rota_before_",
            _ => "rota_failed_",
        };
        assert!(beside.starts_with(expected) && beside.split_whitespace().count() <= 1, "{fails}: {beside}");
        assert_eq!(one(&mut postgres, SCRATCHES).await, "0", "{fails}");
        for name in beside.split_whitespace() {
            run(&mut postgres, &format!("DROP DATABASE {name}")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn what_cannot_come_back_whole_changes_nothing_and_a_database_that_is_gone_comes_back() {
    let server = Server::start("");
    let mut rota = filled(&server).await;
    let world =
        world(&server, "postgres", "compress = 'none'\ndrill = { queries = ['SELECT count(*) < 2002 FROM staff'] }");
    let dump = back_up(&world).await;
    let new = fingerprint(&mut rota).await;
    let old = goes_on(&server, "late").await;

    run(&mut rota, "BEGIN; INSERT INTO staff (name) VALUES ('prepared'); PREPARE TRANSACTION 'theirs'").await;
    let told = restore(&world).await.exits(1).out();
    assert!(told.contains("1 prepared transactions, with which it cannot be renamed"), "{told}");
    run(&mut rota, "ROLLBACK PREPARED 'theirs'").await;
    let sound = fs::read(&dump).expect("the dump");
    reseal(&dump, |manifest| {
        manifest.counts.tables.insert("public.staff".into(), Some(1999));
    });
    let told = restore(&world).await.exits(1).out();
    assert!(told.contains("table `public.staff` has 2000 rows instead of 1999"), "{told}");
    reseal(&dump, |manifest| {
        manifest.counts.tables.insert("public.staff".into(), Some(2000));
    });
    let mut flipped = sound.clone();
    flipped[sound.len() / 2] ^= 1;
    fs::write(&dump, flipped).expect("a flipped bit");
    let told = restore(&world).await.exits(1).out();
    assert!(told.contains("the backup would not restore, nothing was changed"), "{told}");
    fs::write(&dump, sound).expect("as it was");
    assert_eq!(content(&server).await, old);
    let mut postgres = server.connect("postgres", "postgres").await;
    assert_eq!(one(&mut postgres, KEPT).await, "");
    assert_eq!(one(&mut postgres, SCRATCHES).await, "0");

    drop(rota);
    run(&mut postgres, "DROP DATABASE rota WITH (FORCE)").await;
    let name = dump.file_name().expect("a name").to_string_lossy().into_owned();
    let told = asked(&world, &["backup", "restore", "rota", "--file", &name, "--confirm", "rota"]).await.exits(0).out();
    assert!(told.contains("there was none before"), "{told}");
    assert_eq!(content(&server).await, new);
    assert_eq!(one(&mut postgres, KEPT).await, "");
}

/// Waits until a restore changes the names, or ends; whether it does.
async fn swapping(postgres: &mut PgConnection, child: &mut std::process::Child) -> bool {
    let renames = "SELECT count(*)::text FROM pg_stat_activity WHERE query LIKE '%ALTER DATABASE%RENAME TO%' AND \
                   pid <> pg_backend_pid()";
    while child.try_wait().expect("it can be waited for").is_none() {
        if one(postgres, renames).await != "0" {
            return true;
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_killed_restore_leaves_the_old_or_the_new_and_never_a_mix() {
    let server = Server::start("");
    drop(filled(&server).await);
    let world = world(&server, "postgres", "");
    let dump = back_up(&world).await;
    let new = content(&server).await;
    let name = dump.file_name().expect("a name").to_string_lossy().into_owned();
    let arguments = ["backup", "restore", "rota", "--file", &name, "--confirm", "rota"];
    let trials = if std::env::var_os("ROUNDS_TEST_TRIALS").is_some() { 200 } else { 12 };
    let mut killer = Killer::within(Duration::from_secs(4));
    let (mut aimed, mut olds, mut news) = (0, 0, 0);
    let mut postgres = server.connect("postgres", "postgres").await;
    for trial in 0..trials {
        let old = goes_on(&server, &format!("trial {trial}")).await;
        let mut running = killer.start(&mut world.command(&arguments));
        if trial % 2 == 0 {
            tokio::time::sleep(killer.instant(None)).await;
        } else if swapping(&mut postgres, &mut running.child).await {
            // Around the change of names itself, which is but an instant of it all.
            aimed += 1;
            tokio::time::sleep(killer.instant(Some(Duration::from_millis(30)))).await;
        }
        killer.strike(running);
        let found = content(&server).await;
        assert!(found == old || found == new, "trial {trial}: neither the old nor the new");
        let kept = one(&mut postgres, KEPT).await;
        if found == new {
            news += 1;
            assert_eq!(fingerprint(&mut server.connect("postgres", &kept).await).await, old, "what was there is kept");
            run(&mut postgres, &format!("DROP DATABASE {kept} WITH (FORCE)")).await;
        } else {
            olds += 1;
            assert_eq!(kept, "", "trial {trial}");
        }
    }
    println!("{} restores killed, {aimed} aimed at the change of names, {olds} old, {news} new", killer.hit);
    assert!(aimed > 0 && killer.hit > 0, "no kill came in time");
    let old = goes_on(&server, "at last").await;
    asked(&world, &arguments).await.exits(0);
    assert_eq!(content(&server).await, new, "the next one succeeds");
    assert_eq!(one(&mut postgres, SCRATCHES).await, "0", "and clears up");
    let kept = one(&mut postgres, KEPT).await;
    assert_eq!(fingerprint(&mut server.connect("postgres", &kept).await).await, old);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn whoever_is_killed_after_the_names_were_swapped_leaves_the_new_and_is_told_what_to_look_for() {
    let server = Server::start("");
    drop(filled(&server).await);
    let application = APPLICATION.replace("test ! -e {root}/no-start", "sleep 300");
    let world = world(&server, "postgres", &application);
    let dump = back_up(&world).await;
    let new = content(&server).await;
    let old = goes_on(&server, "late").await;
    let mut command = world.command(&["backup", "restore", "rota", "--confirm", "rota"]);
    let mut child = command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
    let deadline = tokio::time::Instant::now() + Duration::from_mins(2);
    while !fs::read_to_string(world.path("said")).unwrap_or_default().contains("start") {
        assert!(tokio::time::Instant::now() < deadline, "its application is never started");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let group = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).expect("it runs");
    let _killed = child.wait().expect("wait");
    assert_eq!(content(&server).await, new);
    let mut postgres = server.connect("postgres", "postgres").await;
    let kept = one(&mut postgres, KEPT).await;
    assert_eq!(fingerprint(&mut server.connect("postgres", &kept).await).await, old, "what was there is kept");
    let comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname LIKE 'rota\\_before%'";
    let comment = one(&mut postgres, comment).await;
    assert!(comment.starts_with("rounds: what was rota before the restore of "), "{comment}");
    asked(&world, &["backup", "drill", "rota", "--yes"]).await.exits(0);
    let audit = asked(&world, &["audit", "list", "--format", "json"]).await.exits(0).json().to_string();
    assert!(audit.contains("NAME_before_… beside it means that it was restored"), "{audit}");
    assert!(audit.contains("\"lost\"") && dump.exists(), "{audit}");
}

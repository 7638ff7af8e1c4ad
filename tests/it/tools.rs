//! Backups in the repositories of restic, borg and pgBackRest themselves: what these tools tell is
//! judged as files are, and what they cannot tell is never well.
#![expect(clippy::disallowed_methods, reason = "the tools are started as an operator would")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::postgresql::server::{Server, one, run};
use crate::support::World;

const CANARY: &str = "tweety-4711 ünlikely";

/// One backup of a tool, with its password in a file of its own.
fn world(tool: &str) -> World {
    let world = World::new().config(&format!(
        "version = 1\n[host]\nevery = '1h'\n[system]\nname = 'rota'\ntimezone = 'UTC'\n\
         [store]\nurl = 'sqlite:{{root}}/state/rounds.db'\n[[backup]]\nid = 'rota'\n{tool}\n"
    ));
    fs::write(world.path("password"), format!("{CANARY}\nnot this\n")).expect("the password");
    fs::set_permissions(world.path("password"), fs::Permissions::from_mode(0o600)).expect("its mode");
    fs::create_dir(world.path("data")).expect("a folder");
    fs::write(world.path("data/staff"), "staff ".repeat(50_000)).expect("what is backed up");
    world
}

/// The tool as its operator types it.
fn tool(world: &World, program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program)
        .args(arguments)
        .env("HOME", world.path(""))
        .env("RESTIC_PASSWORD", CANARY)
        .env("RESTIC_REPOSITORY", world.path("repository"))
        .env("BORG_PASSPHRASE", CANARY)
        .env("BORG_REPO", world.path("repository"))
        .current_dir(world.path(""))
        .output()
        .expect("the tool starts");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{program} {arguments:?}: {said}");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// The backup as `backup list` tells it, in which no secret may stand.
fn listed(world: &World) -> Value {
    let answer = world.run(&["backup", "list", "--format", "json"]).exits(0);
    for text in [answer.out(), answer.err()] {
        assert!(!text.contains("tweety"), "{text}");
    }
    answer.json()["backups"][0].clone()
}

/// What is said against it.
fn findings(backup: &Value) -> String {
    let findings = backup["findings"].as_array().expect("findings").iter();
    findings.map(|one| format!("{}: {}", one["status"], one["text"])).collect::<Vec<_>>().join("\n").replace('"', "")
}

/// Makes a file as old as that.
fn age(path: &Path, by: Duration) {
    let file = fs::File::open(path).expect("it is there");
    file.set_modified(SystemTime::now() - by).expect("its time");
}

const RESTIC: &str = "tool = 'restic'\nrepository = '{root}/repository'\npassword = 'file:{root}/password'\nrpo = '1h'";

#[test]
#[ignore = "needs restic"]
fn restic_snapshots_are_judged_as_files_are_and_of_the_host_that_is_meant() {
    let world = world(&format!("{RESTIC}\nmin_size = '100 KB'\nmatch = 'db1'\nkeep = {{ daily = 2 }}"));
    tool(&world, "restic", &["init", "-q"]);
    tool(
        &world,
        "restic",
        &["backup", "-q", "--host", "db1", "--tag", "nightly", "--time", "2026-03-01 02:00:00", "data"],
    );
    let backup = listed(&world);
    assert_eq!(backup["status"], "critical", "{backup}");
    assert!(findings(&backup).contains("last backup"), "{backup}");

    tool(&world, "restic", &["backup", "-q", "--host", "web1", "data"]);
    let backup = listed(&world);
    assert!(findings(&backup).contains("critical: last backup"), "that of web1 is none of db1: {backup}");

    tool(&world, "restic", &["backup", "-q", "--host", "db1", "--tag", "nightly", "data"]);
    let backup = listed(&world);
    assert_eq!((&backup["status"], findings(&backup).as_str()), (&Value::from("ok"), ""), "{backup}");
    assert_eq!(backup["files"].as_array().map(Vec::len), Some(2), "{backup}");
    let newest = &backup["files"][0];
    assert_eq!(newest["size_bytes"], 300_000, "{backup}");
    let about = format!("db1: {} [nightly]", world.path("data").display());
    assert_eq!(newest["about"], about, "{backup}");
    assert_eq!(backup["slots"]["daily"]["have"], 1, "{backup}");
    let text = world.run(&["backup", "list"]).exits(0).out();
    assert!(text.contains(&about), "{text}");

    fs::write(world.path("data/staff"), "staff").expect("it shrinks");
    tool(&world, "restic", &["backup", "-q", "--host", "db1", "data"]);
    assert!(findings(&listed(&world)).contains("newest backup 5 B, at least 100 kB expected"), "{}", listed(&world));
    for verb in ["verify", "drill", "copy", "prune"] {
        let refused = world.run(&["backup", verb, "--yes"]).exits(77).err();
        assert!(refused.contains("has no `files` on this machine"), "{verb}: {refused}");
    }
}

#[test]
#[ignore = "needs restic"]
fn restic_leaves_a_damaged_snapshot_out_and_it_is_told_all_the_same() {
    let world = world(RESTIC);
    tool(&world, "restic", &["init", "-q"]);
    tool(&world, "restic", &["backup", "-q", "--host", "db1", "data"]);
    tool(&world, "restic", &["backup", "-q", "--host", "web1", "data"]);
    let backup = listed(&world);
    assert!(findings(&backup).contains("the repository is of 2 hosts (db1, web1)"), "{backup}");

    let lock = world.path("repository/locks/0123456789");
    fs::write(&lock, "a lock").expect("a lock");
    assert!(!findings(&listed(&world)).contains("locked"), "somebody works there");
    age(&lock, Duration::from_hours(2));
    assert!(findings(&listed(&world)).contains("warning: locked since 2 h by 0123456789"), "{}", listed(&world));
    fs::remove_file(&lock).expect("unlocked");

    let snapshots = fs::read_dir(world.path("repository/snapshots")).expect("snapshots");
    let snapshot = snapshots.flatten().next().expect("a snapshot").path();
    fs::set_permissions(&snapshot, fs::Permissions::from_mode(0o600)).expect("its mode");
    let mut bytes = fs::read(&snapshot).expect("it");
    bytes[20] ^= 1;
    fs::write(&snapshot, bytes).expect("a flipped bit");
    let _cached = fs::remove_dir_all(world.path(".cache"));
    let backup = listed(&world);
    assert_eq!(backup["status"], "critical", "{backup}");
    assert!(findings(&backup).contains("critical: a snapshot cannot be read: "), "{backup}");
}

#[test]
#[ignore = "needs restic"]
fn restic_with_a_wrong_password_or_nowhere_is_unknown_with_its_reason() {
    let world = world(RESTIC);
    let backup = listed(&world);
    assert_eq!(backup["status"], "unknown", "{backup}");
    let check = |world: &World| world.run(&["check", "backup:rota"]).exits(3).out();
    assert!(check(&world).contains("there is no restic repository in"), "{}", check(&world));
    tool(&world, "restic", &["init", "-q"]);
    assert_eq!(listed(&world)["status"], "critical", "there is no backup at all");
    fs::write(world.path("password"), "tweety-4712\n").expect("another password");
    let said = check(&world);
    assert!(said.contains("is not opened by this `password`") && !said.contains("tweety"), "{said}");
    fs::remove_file(world.path("password")).expect("no password");
    assert!(check(&world).contains("password"), "{}", check(&world));
}

const BORG: &str = "tool = 'borg'\nrepository = 'repository'\npassword = 'file:{root}/password'\nrpo = '1h'\nmin_size = '100 KB'\nmatch = 'nightly-*'";

#[test]
#[ignore = "needs borg"]
fn borg_archives_are_judged_as_files_are_while_somebody_works_on_them() {
    let world = world(BORG);
    tool(&world, "borg", &["init", "-e", "repokey"]);
    tool(&world, "borg", &["create", "--timestamp", "2026-03-01T02:00:00", "::nightly-1", "data"]);
    tool(&world, "borg", &["create", "::by-hand", "data"]);
    let backup = listed(&world);
    assert!(findings(&backup).contains("critical: last backup"), "that by hand is none of the nightly: {backup}");
    tool(&world, "borg", &["create", "::nightly-2", "data"]);

    // As borg locks it for the time of a backup.
    let lock = world.path("repository/lock.exclusive");
    fs::create_dir(&lock).expect("a lock");
    fs::write(lock.join("db1@4711.17-0"), "").expect("its holder");
    let backup = listed(&world);
    assert_eq!((&backup["status"], findings(&backup).as_str()), (&Value::from("ok"), ""), "{backup}");
    assert_eq!(backup["newest"]["path"], "nightly-2", "{backup}");
    assert_eq!(backup["newest"]["size_bytes"], 300_000, "{backup}");
    let hours = chrono::Utc::now()
        - chrono::DateTime::parse_from_rfc3339(backup["newest"]["taken_at"].as_str().expect("a time"))
            .expect("a time")
            .to_utc();
    assert!(hours.num_minutes().abs() < 30, "whatever the zone of this machine is: {backup}");
    age(&lock.join("db1@4711.17-0"), Duration::from_hours(30));
    assert!(findings(&listed(&world)).contains("warning: locked since 30 h by db1@4711.17-0"), "{}", listed(&world));
}

#[test]
#[ignore = "needs borg"]
fn borg_that_is_damaged_not_there_or_closed_is_unknown_with_its_reason() {
    let world = world(BORG);
    let check = |world: &World| world.run(&["check", "backup:rota"]).exits(3).out();
    assert!(check(&world).contains("there is no borg repository in"), "{}", check(&world));
    tool(&world, "borg", &["init", "-e", "repokey"]);
    tool(&world, "borg", &["create", "::nightly-1", "data"]);
    fs::write(world.path("password"), "tweety-4712\n").expect("another password");
    let said = check(&world);
    assert!(said.contains("is not opened by this `password`") && !said.contains("tweety"), "{said}");
    fs::write(world.path("password"), CANARY).expect("the password");
    assert_eq!(listed(&world)["status"], "ok");
    for segment in fs::read_dir(world.path("repository/data/0")).expect("segments").flatten() {
        fs::write(segment.path(), "no segment of borg").expect("damage");
    }
    assert!(check(&world).contains("is damaged: "), "{}", check(&world));
}

#[tokio::test]
#[ignore = "needs pgbackrest and a PostgreSQL server of its own"]
async fn pgbackrest_tells_of_its_stanza_whatever_its_exit_code() {
    let world =
        world("tool = 'pgbackrest'\nstanza = 'orders'\nrepository = 'repository'\nrpo = '1h'\nmin_size = '1 MB'");
    let server = Server::made_with(&[], "archive_mode = on\narchive_command = '../pgbackrest %p'", |folder| {
        let at = folder.display();
        let text = format!(
            "[global]\nrepo1-path={at}/repository\nlog-path={at}\nlock-path={at}/lock\nspool-path={at}/spool\nstart-fast=y\n\
             repo1-retention-full=2\n[orders]\npg1-path={at}/data\npg1-socket-path={at}\npg1-user=postgres\n"
        );
        fs::write(folder.join("pgbackrest.conf"), text).expect("its configuration");
        fs::create_dir(folder.join("repository")).expect("its repository");
        // It is told the whole path, which the settings do not know yet.
        let archive =
            format!("#!/bin/sh\nexec pgbackrest --config={at}/pgbackrest.conf --stanza=orders archive-push $1\n");
        fs::write(folder.join("pgbackrest"), archive).expect("what archives");
        fs::set_permissions(folder.join("pgbackrest"), fs::Permissions::from_mode(0o755)).expect("its mode");
    });
    std::os::unix::fs::symlink(server.path().join("repository"), world.path("repository")).expect("a link");
    let check = |code| world.run(&["check", "backup:rota"]).exits(code).out();
    assert!(check(3).contains("stanza `orders`: missing stanza path"), "{}", check(3));

    let user = rustix::process::geteuid().is_root();
    let pgbackrest = |verb: &[&str]| {
        let mut command = Command::new("pgbackrest");
        command.arg(format!("--config={}/pgbackrest.conf", server.path().display())).arg("--stanza=orders").args(verb);
        command.current_dir(server.path());
        if user {
            command.uid(65_534).gid(65_534);
        }
        let done = command.output().expect("pgbackrest starts");
        let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{verb:?}: {said}");
    };
    pgbackrest(&["stanza-create"]);
    assert!(check(2).contains("no backup at all"), "{}", check(2));
    let mut postgres = server.connect("postgres", "postgres").await;
    run(&mut postgres, "CREATE TABLE staff AS SELECT generate_series(1, 1000) AS id").await;
    assert_eq!(one(&mut postgres, "SELECT count(*)::text FROM staff").await, "1000");
    pgbackrest(&["--type=full", "backup"]);
    pgbackrest(&["--type=incr", "backup"]);
    let backup = listed(&world);
    assert_eq!((&backup["status"], findings(&backup).as_str()), (&Value::from("ok"), ""), "{backup}");
    let about: Vec<&str> =
        backup["files"].as_array().expect("files").iter().filter_map(|one| one["about"].as_str()).collect();
    assert_eq!(about, ["orders: incr", "orders: full"], "{backup}");
    assert!(backup["newest"]["size_bytes"].as_u64() > Some(10_000_000), "{backup}");
}

//! Restores: what was there, or what the backup holds, and never a mix; with a way back, whoever is
//! killed, holds the database, or fails.

use std::fs;
use std::time::Duration;

use rusqlite::Connection;

use crate::support::kill::Killer;
use crate::support::{Answer, World};

/// A world with a backup of forty rows, whose database has gone on to fifty since.
fn world(mode: &str, more: &str) -> World {
    let config = format!(
        "version = 1\n[host]\nevery = '1h'\n[store]\nurl = 'sqlite:{{root}}/state/rounds.db'\n\
         [[database]]\nid = 'rota'\nurl = 'sqlite:{{root}}/rota.sqlite3'\n\
         [[backup]]\nid = 'rota-db'\ndatabase = 'rota'\nfiles = '{{root}}/shelf/rota_%Y%m%d_%H%M%S.sqlite3'\n{more}\n"
    );
    let world = World::new().config(&config).database("rota.sqlite3", 40);
    live(&world).execute_batch(&format!("PRAGMA journal_mode = {mode}")).expect("its mode");
    world.run(&["backup", "run", "--yes"]).exits(0);
    live(&world).execute_batch("INSERT INTO staff (name) SELECT 'late ' || id FROM staff LIMIT 10").expect("ten more");
    // The copy that is made first is of another second.
    std::thread::sleep(Duration::from_millis(1_100));
    world
}

fn live(world: &World) -> Connection {
    let db = Connection::open(world.path("rota.sqlite3")).expect("open");
    db.busy_timeout(Duration::from_secs(10)).expect("patience");
    db
}

/// Everything in it; fails when its structure is damaged.
fn content(db: &Connection) -> Vec<String> {
    let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a verdict");
    assert_eq!(verdict, "ok");
    let mut rows = db.prepare("SELECT id || ' ' || name FROM staff ORDER BY id").expect("a question");
    rows.query_map([], |row| row.get(0)).expect("rows").collect::<Result<_, _>>().expect("rows")
}

fn restore(world: &World) -> Answer {
    world.run(&["backup", "restore", "rota-db", "--confirm", "rota-db", "--reason", "the import went wrong"])
}

fn data(world: &World) -> Vec<String> {
    world.files("shelf").into_iter().filter(|name| name.ends_with(".sqlite3")).collect()
}

#[test]
fn a_verified_backup_takes_the_place_of_its_database_and_there_is_a_way_back() {
    for mode in ["WAL", "DELETE"] {
        let world = world(mode, "keep = { last = 1, min = 1 }");
        let before = content(&live(&world));
        let plan = world.run(&["backup", "restore", "--dry-run"]).exits(0).out();
        assert!(plan.contains("LOST is whatever was written to rota since"), "{plan}");
        let refused = world.run(&["backup", "restore", "--yes"]).exits(77).err();
        assert!(refused.contains("it wants the name `rota-db` typed"), "{refused}");
        assert_eq!(content(&live(&world)), before, "nothing happened yet");

        let told = restore(&world).exits(0).out();
        assert!(told.contains("1 table with 40 rows, compared"), "{told}");
        assert_eq!(content(&live(&world)).len(), 40);
        let kept: String = live(&world).query_row("PRAGMA journal_mode", [], |row| row.get(0)).expect("mode");
        assert_eq!(kept, mode.to_lowercase());
        assert_eq!(data(&world).len(), 2, "what was there lies on the shelf, and nothing was pruned");

        let audit = world.run(&["audit", "list", "--format", "json"]).exits(0).json().to_string();
        for field in
            ["failed at: ", "cause: the import went wrong", "backup used: ", "data lost: ", "lessons learned: "]
        {
            assert!(audit.contains(field), "{field} in {audit}");
        }
        let lost = audit.split("data lost: ").nth(1).expect("what is lost");
        assert!(lost.starts_with("whatever was written in the ") && lost.contains(" and the restore"), "{lost}");
        // Also the one of the very second of the other has a name by which it is found.
        let copy = data(&world).pop().expect("the copy that was made first");
        assert!(data(&world).iter().all(|name| name.starts_with("rota_")), "{:?}", data(&world));
        world.run(&["backup", "restore", "rota-db", "--file", &copy, "--confirm", "rota-db"]).exits(0);
        assert_eq!(content(&live(&world)), before, "the way back");
        let judged = world.run(&["backup", "prune", "--dry-run", "--format", "json"]).exits(0).json();
        assert!(judged.to_string().contains("before a restore"), "recent copies of before a restore stay: {judged:#}");
        assert!(world.files(".").iter().all(|name| !name.starts_with(".partial-")), "{:?}", world.files("."));
    }
}

#[test]
fn what_a_restore_replaced_can_be_restored_by_its_name_also_after_several_within_one_second() {
    let world = world("WAL", "");
    for restored in 1..=4 {
        restore(&world).exits(0);
        let names = data(&world);
        assert!(names.len() == 1 + restored && names.iter().all(|name| name.starts_with("rota_")), "{names:?}");
    }
    let newest = data(&world).pop().expect("a copy");
    world.run(&["backup", "restore", "rota-db", "--file", &newest, "--confirm", "rota-db"]).exits(0);
}

#[test]
fn what_is_not_verified_or_not_whole_is_not_restored() {
    let world = world("WAL", "");
    let before = content(&live(&world));
    let name = data(&world).pop().expect("a backup");
    let path = world.path("shelf").join(&name);
    let other = world.path("shelf/rota_20260302_020000.sqlite3");
    fs::copy(&path, &other).expect("a file nobody verified");
    let refused =
        world.run(&["backup", "restore", "--file", "rota_20260302_020000.sqlite3", "--confirm", "rota-db"]).exits(77);
    assert!(refused.err().contains("was never verified"), "{}", refused.err());
    let mut bytes = fs::read(&path).expect("the backup");
    let last = bytes.len() - 10;
    bytes[last] ^= 1;
    fs::write(&path, bytes).expect("a flipped bit");
    let told = restore(&world).exits(1).out();
    assert!(told.contains("the backup would not restore, nothing was changed"), "{told}");
    assert_eq!(content(&live(&world)), before);
}

#[test]
fn whoever_has_it_open_sees_the_new_or_keeps_the_old() {
    for mode in ["WAL", "DELETE"] {
        for held in
            ["", "BEGIN; SELECT count(*) FROM staff", "BEGIN IMMEDIATE; UPDATE staff SET name = 'x' WHERE id = 1"]
        {
            let world = world(mode, "");
            let before = content(&live(&world));
            let app = live(&world);
            let _ = content(&app);
            app.execute_batch(held).expect("held");
            let answer = restore(&world);
            let done = answer.code() == Some(0);
            let expected = held.is_empty() || (mode == "WAL" && held.contains("SELECT"));
            assert_eq!(done, expected, "{mode}, {held}: {}{}", answer.out(), answer.err());
            if !done {
                assert!(answer.out().contains("locked") || answer.out().contains("held"), "{}", answer.out());
            }
            if !held.is_empty() {
                app.execute_batch("ROLLBACK").expect("let go");
            }
            let seen = content(&app);
            assert_eq!(seen, content(&live(&world)), "{mode}, {held}: everybody sees one database");
            assert_eq!(seen.len(), if done { 40 } else { before.len() }, "{mode}, {held}");
            app.execute("INSERT INTO staff (name) VALUES ('and on it goes')", []).expect("the application writes on");
            assert_eq!(content(&live(&world)).len(), seen.len() + 1);
        }
    }
}

const APPLICATION: &str = "restore = { stop = 'stop', start = 'start', verify = ['well'] }\n\
    [[action]]\nid = 'stop'\ntitle = 'Stop'\nrisk = 'disruptive'\ncommand = ['/bin/sh', '-c', 'echo stop >> {root}/said; test ! -e {root}/no-stop']\n\
    [[action]]\nid = 'start'\ntitle = 'Start'\nrisk = 'disruptive'\nverify = { check = 'well', within = '2s' }\ncommand = ['/bin/sh', '-c', 'echo start >> {root}/said; test ! -e {root}/no-start']\n\
    [[check]]\nid = 'well'\ncommand = ['/usr/bin/test', '!', '-e', '{root}/not-well']";

#[test]
fn whatever_fails_afterwards_brings_back_what_was_there() {
    for (fails, said, left) in [
        ("nothing", "stop start", 40),
        ("no-stop", "stop", 50),
        ("no-start", "stop start stop start", 50),
        ("not-well", "stop start stop start", 50),
        ("no-shelf", "stop start", 50),
    ] {
        let world = world("WAL", APPLICATION);
        let before = content(&live(&world));
        if fails == "no-shelf" {
            // The first copy cannot be made: the file system is not what it should be.
            fs::set_permissions(world.path("shelf"), std::os::unix::fs::PermissionsExt::from_mode(0o777))
                .expect("mode");
        } else {
            fs::write(world.path(fails), "").expect("a mark");
        }
        let answer = restore(&world);
        assert_eq!(answer.code(), Some(i32::from(fails != "nothing")), "{fails}: {}{}", answer.out(), answer.err());
        let commands = fs::read_to_string(world.path("said")).expect("said").replace('\n', " ");
        assert_eq!(commands.trim(), said, "{fails}: {}", answer.out());
        let after = content(&live(&world));
        assert_eq!(after.len(), left, "{fails}: {}", answer.out());
        if fails != "nothing" {
            assert_eq!(after, before, "{fails}");
        }
    }
}

#[test]
fn a_database_that_is_gone_or_no_database_any_more_is_restored_and_what_was_there_is_kept() {
    let world = world("WAL", "");
    let path = world.path("rota.sqlite3");
    let remove = |suffix: &str| {
        let _ = fs::remove_file(format!("{}{suffix}", path.display()));
    };
    for suffix in ["", "-wal", "-shm"] {
        remove(suffix);
    }
    restore(&world).exits(0);
    assert_eq!(content(&live(&world)).len(), 40);
    for suffix in ["-wal", "-shm"] {
        remove(suffix);
    }
    fs::write(&path, "no database\n".repeat(1000)).expect("garbage");
    fs::write(format!("{}-wal", path.display()), "a log of something else").expect("garbage");
    restore(&world).exits(0);
    assert_eq!(content(&live(&world)).len(), 40);
    let beside: Vec<String> = world.files(".").into_iter().filter(|name| name.contains(".before-")).collect();
    assert_eq!(beside.len(), 1, "the garbage itself: {beside:?}");
    // Its log goes when SQLite has a look at it, and was copied before.
    let raw = world.files("shelf").into_iter().find(|name| name.starts_with("before-restore-")).expect("raw copies");
    let raw = world.files(&format!("shelf/{raw}"));
    let kept = |name: &str| raw.iter().any(|one| one == name);
    assert!(kept("rota.sqlite3") && kept("rota.sqlite3-wal"), "{raw:?}");
}

#[test]
fn a_killed_restore_leaves_the_old_or_the_new_and_never_a_mix() {
    let kills = if std::env::var_os("ROUNDS_TEST_TRIALS").is_some() { 100 } else { 4 };
    for mode in ["WAL", "DELETE"] {
        let world = world(mode, "");
        live(&world).execute_batch("CREATE TABLE filler (x BLOB)").expect("a table");
        for _ in 0..10 {
            live(&world).execute("INSERT INTO filler VALUES (randomblob(1000000))", []).expect("a megabyte");
        }
        world.run(&["backup", "run", "--yes"]).exits(0);
        let newest = data(&world).pop().expect("a backup");
        let new = content(&live(&world));
        let arguments = ["backup", "restore", "rota-db", "--file", &newest, "--confirm", "rota-db"];
        let mut killer = Killer::within(Duration::from_secs(3));
        let (mut olds, mut news) = (0, 0);
        while killer.hit < kills && killer.trials < 10 * kills {
            let trial = killer.trials;
            let db = live(&world);
            db.execute_batch(&format!("DELETE FROM staff; INSERT INTO staff (name) VALUES ('old {trial}'); UPDATE filler SET x = randomblob(900000)")).expect("it goes on");
            let old = content(&db);
            drop(db);
            std::thread::sleep(Duration::from_millis(1_100));
            killer.kill(&mut world.command(&arguments));
            let found = content(&live(&world));
            assert!(found == old || found == new, "{mode}, trial {trial}: neither the old nor the new");
            olds += u32::from(found == old);
            news += u32::from(found == new);
            let sizes: Vec<i64> = {
                let db = live(&world);
                let mut sizes = db.prepare("SELECT DISTINCT length(x) FROM filler").expect("a question");
                sizes.query_map([], |row| row.get(0)).expect("rows").collect::<Result<_, _>>().expect("rows")
            };
            assert_eq!(sizes, [if found == new { 1_000_000 } else { 900_000 }], "{mode}: one moment of every table");
        }
        println!("{mode}: {} restores killed, {olds} old, {news} new", killer.hit);
        assert_eq!(killer.hit, kills, "too few kills hit a restore to say anything");
        std::thread::sleep(Duration::from_millis(1_100));
        world.run(&arguments).exits(0);
        assert_eq!(content(&live(&world)), new, "the next one succeeds");
    }
}

//! Restores: what was there, or what the backup holds, and never a mix; with a way back, whoever is
//! killed, holds the database, or fails.
#![expect(clippy::disallowed_methods, reason = "real processes take real time")]

use std::fs;
use std::time::{Duration, Instant};

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
fn what_a_restore_replaced_is_found_by_its_name_where_names_tell_a_day_and_want_a_pair() {
    let world = World::new()
        .config(
            "version = 1\n[host]\nevery = '1h'\n[store]\nurl = 'sqlite:{root}/state/rounds.db'\n\
             [[database]]\nid = 'rota'\nurl = 'sqlite:{root}/rota.sqlite3'\n\
             [[backup]]\nid = 'rota-db'\ndatabase = 'rota'\nfiles = '{root}/shelf/rota_%Y%m%d.sqlite3'\n\
             pair = '{root}/shelf/rota_%Y%m%d.json'\nkeep = { last = 1, min = 1 }\n",
        )
        .database("rota.sqlite3", 40);
    world.run(&["backup", "run", "--yes"]).exits(0);
    let name = data(&world).pop().expect("the backup of today");
    fs::write(world.path("shelf").join(name.replace(".sqlite3", ".json")), "[]").expect("its pair");
    live(&world).execute_batch("DELETE FROM staff WHERE id > 7").expect("a mistake");
    let before = content(&live(&world));
    for _ in 0..2 {
        restore(&world).exits(0);
        assert_eq!(content(&live(&world)).len(), 40);
    }
    let replaced: Vec<String> = data(&world).into_iter().filter(|one| *one != name).collect();
    assert!(replaced.len() == 2 && replaced.iter().all(|one| one.starts_with("before-restore-")), "{replaced:?}");
    let listed = world.run(&["backup", "list", "--format", "json"]).exits(0).json();
    let files = listed["backups"][0]["files"].as_array().expect("files");
    assert!(files.len() == 3 && files.iter().all(|file| file["state"] == "complete"), "{listed:#}");
    let judged = world.run(&["backup", "prune", "--dry-run", "--format", "json"]).exits(0).json().to_string();
    assert_eq!(judged.matches("before a restore").count(), 2, "{judged}");
    // The first of them is what the mistake had left.
    let way_back = replaced
        .iter()
        .find(|name| {
            let copy = Connection::open(world.path("shelf").join(name)).expect("a copy");
            content(&copy) == before
        })
        .expect("what the first restore replaced");
    world.run(&["backup", "restore", "rota-db", "--file", way_back, "--confirm", "rota-db"]).exits(0);
    assert_eq!(content(&live(&world)), before, "the way back");
}

/// The only incident there is.
fn incident(world: &World) -> serde_json::Value {
    let listed = world.run(&["incident", "list", "--format", "json"]).exits(0).json();
    let all = listed["incidents"].as_array().expect("incidents");
    assert_eq!(all.len(), 1, "{listed:#}");
    all[0].clone()
}

#[test]
fn a_restore_opens_an_incident_that_is_closed_when_all_five_questions_have_an_answer() {
    let world = world("WAL", "");
    let none = world.run(&["incident", "show"]).exits(2).err();
    assert!(none.contains("no incident is open"), "{none}");
    let told = world.run(&["backup", "restore", "rota-db", "--confirm", "rota-db"]).exits(0).out();
    let opened = incident(&world);
    assert!(told.contains(&format!("incident {} opened", opened["number"])), "{told}");
    let backup = data(&world)[0].clone();
    let text = |of: &serde_json::Value, key: &str| of[key].as_str().unwrap_or_default().to_owned();
    assert_eq!((text(&opened, "state"), text(&opened, "target")), ("open".to_owned(), "backup:rota-db".to_owned()));
    assert!(text(&opened, "failed_at").starts_with("before 20"), "{opened:#}");
    assert!(text(&opened, "backup_used").ends_with(&backup), "{opened:#}");
    assert!(text(&opened, "data_lost").starts_with("whatever was written in the "), "{opened:#}");
    assert!(opened["cause"].is_null() && opened["lessons"].is_null(), "{opened:#}");

    let refused = world.run(&["incident", "close"]).exits(77).err();
    assert!(refused.contains("cause, lessons learned; close it with --cause TEXT --lessons TEXT"), "{refused}");
    // The next restore belongs to the same, and takes nothing away that was said.
    world.run(&["incident", "note", "the import was run twice", "--cause", "a script without a lock"]).exits(0);
    restore(&world).exits(0);
    let again = incident(&world);
    assert_eq!((&again["number"], text(&again, "cause")), (&opened["number"], "the import went wrong".to_owned()));
    let shown = world.run(&["incident", "show"]).exits(0).out();
    for part in ["the import was run twice", "lessons learned  to be written", "outcome  restore succeeded: "] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let read_only = world.run(&["--read-only", "incident", "close", "--lessons", "lock it"]).exits(77).err();
    assert!(read_only.contains("read-only"), "{read_only}");
    world.run(&["incident", "close", "--lessons", "lock it"]).exits(0);
    let closed = incident(&world);
    assert_eq!((text(&closed, "state"), text(&closed, "lessons")), ("closed".to_owned(), "lock it".to_owned()));
    let number = closed["number"].to_string();
    let twice = world.run(&["incident", "close", &number]).exits(77).err();
    assert!(twice.contains("was closed by"), "{twice}");
    let filed = world.run(&["incident", "export", &number]).exits(0).out();
    for heading in ["Date and time of failure", "Cause", "Backup used", "Data lost", "Lessons learned"] {
        assert!(filed.contains(&format!("## {heading}\n\n> ")), "{heading}: {filed}");
    }
    // A further one is another incident, and the log of it all is whole.
    restore(&world).exits(0);
    let by_hand = world.run(&["incident", "open", "The drive is gone", "--target", "backup:rota-db"]).exits(0).out();
    assert!(by_hand.contains(" opened"), "{by_hand}");
    let which = world.run(&["incident", "show"]).exits(2).err();
    assert!(which.contains("which one? open are: ") && which.contains("The drive is gone"), "{which}");
    world.run(&["audit", "verify"]).exits(0);
}

#[test]
fn a_restore_that_was_killed_leaves_its_incident_open() {
    let world = world(
        "WAL",
        "restore = { stop = 'never', start = 'never' }\n[[action]]\nid = 'never'\ntitle = 'Stop'\nrisk = 'disruptive'\n\
         command = ['/bin/sh', '-c', 'while kill -0 $PPID 2>/dev/null; do sleep 1; done']\ntimeout = '20m'",
    );
    let mut restoring = Killer::within(Duration::ZERO);
    let arguments = ["backup", "restore", "rota-db", "--confirm", "rota-db", "--reason", "the import went wrong"];
    let running = restoring.start(&mut world.command(&arguments));
    let deadline = Instant::now() + Duration::from_mins(2);
    let opened = loop {
        let listed = world.run(&["incident", "list", "--format", "json"]).exits(0).json();
        if listed["incidents"].as_array().is_some_and(|all| !all.is_empty()) {
            break listed["incidents"][0].clone();
        }
        assert!(Instant::now() < deadline, "no incident was opened");
    };
    assert!(restoring.strike(running), "it was killed while its application would not stop");
    assert_eq!((&opened["state"], &opened["cause"]), (&"open".into(), &"the import went wrong".into()));
    assert_eq!(incident(&world)["data_lost"], serde_json::Value::Null, "nobody knows yet");
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

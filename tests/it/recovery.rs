//! Backups that would be of use one day: drills that find what is wrong, and second copies that are
//! whole or not there.
#![expect(clippy::disallowed_methods, reason = "real processes are started, killed, and take real time")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rounds::archive::manifest::{Manifest, path_for};

use crate::support::kill::Killer;
use crate::support::{Answer, World, mode};

fn world(more: &str, rows: usize) -> World {
    let config = format!(
        "version = 1\n[host]\nevery = '1h'\n[store]\nurl = 'sqlite:{{root}}/state/rounds.db'\n\
         [[database]]\nid = 'rota'\nurl = 'sqlite:{{root}}/rota.sqlite3'\n\
         [[backup]]\nid = 'rota-db'\ndatabase = 'rota'\nfiles = '{{root}}/shelf/rota_%Y%m%d_%H%M%S.sqlite3'\n{more}\n"
    );
    World::new().config(&config).database("rota.sqlite3", rows)
}

fn back_up(world: &World) -> PathBuf {
    world.run(&["backup", "run", "--yes"]).exits(0);
    let data = |name: &String| !name.contains(".manifest.") && !name.starts_with('.');
    let newest = world.files("shelf").into_iter().rfind(data).expect("a backup");
    world.path("shelf").join(newest)
}

fn drill(world: &World) -> Answer {
    world.run(&["backup", "drill", "rota-db", "--yes"])
}

fn listed(world: &World) -> serde_json::Value {
    world.run(&["backup", "list", "--format", "json"]).exits(0).json()["backups"][0].clone()
}

/// The findings of the backup, each `status key: text`.
fn findings(world: &World) -> Vec<String> {
    let backup = listed(world);
    let findings = backup["findings"].as_array().expect("findings").iter();
    let text = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    findings.map(|one| format!("{} {}: {}", text(one, "status"), text(one, "key"), text(one, "text"))).collect()
}

#[test]
fn a_drill_restores_asks_measures_and_leaves_nothing() {
    for packing in ["none", "zstd"] {
        let world = world(
            &format!(
                "compress = '{packing}'\nrto = '4h'\n\
                 drill = {{ every = '30d', queries = ['SELECT count(*) = 40 FROM staff', \"SELECT 'yes'\"] }}"
            ),
            40,
        );
        back_up(&world);
        let told = drill(&world).exits(0).out();
        assert!(told.contains("1 table with 40 rows as in the manifest, 2 questions answered"), "{told}");
        assert!(world.files("state/drills").is_empty(), "{:?}", world.files("state/drills"));
        let backup = listed(&world);
        assert!(backup["files"][0]["drilled_at"].is_string(), "{backup:#}");
        assert_eq!(backup["rto_s"], 14_400.0);
        assert!(backup["drill_took_s"].as_f64().is_some_and(|took| took > 0.0), "{backup:#}");
        assert_eq!(findings(&world), Vec::<String>::new());
    }
}

#[test]
fn whatever_would_not_come_back_makes_a_drill_red_with_its_reason() {
    type Harm = fn(&Path);
    let harms: [(Harm, &str, &str); 4] = [
        (|_| {}, "SELECT count(*) > 41 FROM staff", "answers 0"),
        (|_| {}, "SELECT * FROM carers", "no such table: carers"),
        (|_| {}, "DELETE FROM staff", "would change what it asks"),
        (
            |file| {
                let mut manifest = Manifest::of(file).expect("manifest");
                manifest.counts.tables.insert("staff".into(), Some(41));
                fs::write(path_for(file), manifest.to_bytes().expect("document")).expect("sealed anew");
            },
            "SELECT 1",
            "table `staff` has 40 rows instead of 41",
        ),
    ];
    for (harm, query, why) in harms {
        let world = world(&format!("drill = {{ queries = ['{query}'] }}"), 40);
        harm(&back_up(&world));
        let told = drill(&world).exits(1).out();
        assert!(told.starts_with("failed: ") && told.contains(why), "{told}");
        assert!(world.files("state/drills").is_empty());
        let findings = findings(&world);
        assert!(findings.iter().any(|one| one.starts_with("critical drilled: ") && one.contains(why)), "{findings:?}");
    }
    let world = world("", 4_000);
    let file = back_up(&world);
    let mut bytes = fs::read(&file).expect("the backup");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&file, bytes).expect("a flipped bit");
    let told = drill(&world).exits(1).out();
    assert!(told.contains("manifest"), "{told}");
}

/// Makes what a killed process left a minute older: then it is nobody's who just begins.
fn grow_old(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
        let dir = fs::File::open(entry.path()).expect("the directory");
        dir.set_modified(std::time::SystemTime::now() - Duration::from_mins(1)).expect("its time can be set");
    }
}

fn kills(short: u32) -> u32 {
    if std::env::var_os("ROUNDS_TEST_TRIALS").is_some() { 200 } else { short }
}

/// A database that takes a while.
fn fill(world: &World, megabytes: usize) {
    let db = rusqlite::Connection::open(world.path("rota.sqlite3")).expect("open");
    db.execute_batch("CREATE TABLE filler (x BLOB)").expect("a table");
    for _ in 0..megabytes {
        db.execute("INSERT INTO filler VALUES (randomblob(1000000))", []).expect("a megabyte");
    }
}

#[test]
fn what_a_killed_drill_leaves_the_next_one_removes() {
    let world = world("", 10);
    fill(&world, 8);
    back_up(&world);
    let started = Instant::now();
    drill(&world).exits(0);
    let mut killer = Killer::within(started.elapsed());
    let (kills, mut messes) = (kills(8), 0);
    while killer.hit < kills && killer.trials < 10 * kills {
        killer.kill(&mut world.command(&["backup", "drill", "rota-db", "--yes"]));
        messes += u32::from(!world.files("state/drills").is_empty());
        grow_old(&world.path("state/drills"));
        drill(&world).exits(0);
        assert!(world.files("state/drills").is_empty(), "{:?}", world.files("state/drills"));
    }
    println!("{} of {} drills killed, {messes} left a scratch, all removed", killer.hit, killer.trials);
    assert_eq!(killer.hit, kills, "too few kills hit a drill to say anything");
}

#[test]
fn a_second_copy_is_whole_read_back_and_never_over_another() {
    let world = world(
        "copy = { to = '{root}/drive/rota', max_age = '26h' }\npair = '{root}/shelf/pair_%Y%m%d_%H%M%S.json'",
        40,
    );
    let file = back_up(&world);
    let name = file.file_name().expect("name").to_string_lossy().into_owned();
    let pair = name.replace("rota_", "pair_").replace(".sqlite3", ".json");
    fs::write(world.path("shelf").join(&pair), "[]").expect("its pair");
    let copy = || world.run(&["backup", "copy", "rota-db", "--yes"]);
    let refused = copy().exits(1).out();
    assert!(refused.contains("is not there: mount its disk"), "{refused}");
    assert!(!world.path("drive").exists(), "it would be on the wrong disk");
    let told = findings(&world);
    assert!(told.iter().any(|one| one.starts_with("unknown copied: ")), "{told:?}");

    fs::create_dir_all(world.path("drive/rota")).expect("the drive");
    fs::set_permissions(world.path("drive/rota"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("mode");
    assert!(findings(&world).iter().any(|one| one.contains("no second copy in ")), "{:?}", findings(&world));
    let told = copy().exits(0).out();
    assert!(told.contains("read back there"), "{told}");
    let mut expected = [name.clone(), format!("{name}.manifest.json"), pair.clone()];
    expected.sort();
    assert_eq!(world.files("drive/rota"), expected);
    for one in &expected {
        let far = world.path("drive/rota").join(one);
        assert_eq!(fs::read(&far).expect("far"), fs::read(world.path("shelf").join(one)).expect("near"), "{one}");
        assert_eq!(mode(&far), 0o600);
    }
    assert!(copy().exits(0).out().contains("is there already"));
    let told = findings(&world);
    assert!(told.len() == 1 && told[0].contains("one fault takes both"), "{told:?}");
    let copied = listed(&world)["copied_at"].clone();
    assert!(copied.is_string());

    fs::rename(world.path("drive"), world.path("unplugged")).expect("the drive goes");
    assert_eq!(listed(&world)["copied_at"], copied, "what was copied last is remembered");
    fs::rename(world.path("unplugged"), world.path("drive")).expect("the drive comes back");

    fs::write(world.path("drive/rota").join(&name), "another file").expect("written");
    let refused = copy().exits(1).out();
    assert!(refused.contains("is another file of the same name"), "{refused}");
    assert_eq!(fs::read(world.path("drive/rota").join(&name)).expect("far"), b"another file");
}

#[test]
fn a_backup_that_is_not_what_its_manifest_says_is_not_copied() {
    let world = world("copy = { to = '{root}/drive' }", 4_000);
    fs::create_dir(world.path("drive")).expect("the drive");
    fs::set_permissions(world.path("drive"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("mode");
    let file = back_up(&world);
    let mut bytes = fs::read(&file).expect("the backup");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&file, bytes).expect("a flipped bit");
    let refused = world.run(&["backup", "copy", "rota-db", "--yes"]).exits(1).out();
    assert!(refused.contains("is not what its manifest says, and was not copied"), "{refused}");
    assert!(world.files("drive").is_empty(), "{:?}", world.files("drive"));
}

#[test]
fn a_killed_copy_leaves_no_second_copy_that_is_not_whole() {
    let world = world("copy = { to = '{root}/drive' }", 10);
    fill(&world, 8);
    let file = back_up(&world);
    let name = file.file_name().expect("name").to_string_lossy().into_owned();
    let drive = world.path("drive");
    let empty = || {
        let _ = fs::remove_dir_all(&drive);
        fs::create_dir(&drive).expect("the drive");
        fs::set_permissions(&drive, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("mode");
    };
    let arguments = ["backup", "copy", "rota-db", "--yes"];
    empty();
    let started = Instant::now();
    world.run(&arguments).exits(0);
    let mut killer = Killer::within(started.elapsed());
    let whole = fs::read(&file).expect("the backup");
    let (kills, mut messes) = (kills(8), 0);
    while killer.hit < kills && killer.trials < 10 * kills {
        empty();
        killer.kill(&mut world.command(&arguments));
        if drive.join(&name).exists() {
            assert_eq!(fs::read(drive.join(&name)).expect("far"), whole, "a final name, and not the whole");
            assert!(Manifest::of(&drive.join(&name)).is_ok(), "a final name without a manifest");
        }
        messes += u32::from(world.files("drive").iter().any(|one| one.starts_with('.')));
        grow_old(&drive);
        world.run(&arguments).exits(0);
        let left = world.files("drive");
        assert!(left.len() == 2 || drive.join(&name).exists(), "{left:?}");
        assert_eq!(fs::read(drive.join(&name)).expect("far"), whole);
    }
    println!("{} of {} copies killed, {messes} left debris", killer.hit, killer.trials);
    assert_eq!(killer.hit, kills, "too few kills hit a copy to say anything");
}

/// A file system of its own, which goes when the test does.
struct Disk(PathBuf);

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
#[ignore = "needs root: mounts a file system"]
fn root_a_drive_that_is_full_or_read_only_gets_nothing_and_another_disk_is_no_warning() {
    let world = world("copy = { to = '{root}/drive', max_age = '26h' }", 10);
    fill(&world, 2);
    let disk = Disk(world.path("drive"));
    fs::create_dir(&disk.0).expect("directory");
    let mount = |options: &str| {
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", options, "rounds-test"]).arg(&disk.0).status();
        assert!(status.expect("starts").success());
    };
    let unmount = || assert!(Command::new("umount").arg(&disk.0).status().expect("starts").success());
    mount("size=1m,mode=700");
    back_up(&world);
    let copy = || world.run(&["backup", "copy", "rota-db", "--yes"]);
    let refused = copy().exits(1).out();
    assert!(refused.contains("free"), "{refused}");
    assert!(world.files("drive").is_empty());
    unmount();
    mount("size=9m,mode=700,ro");
    let refused = copy().exits(1).out();
    assert!(refused.contains("Read-only"), "{refused}");
    unmount();
    mount("size=9m,mode=700");
    copy().exits(0);
    assert_eq!(findings(&world), Vec::<String>::new());
}

#[test]
fn a_copy_by_a_command_is_proven_by_what_the_far_end_says_and_by_nothing_else() {
    let cp = "command = ['/bin/cp', '{file}', '{root}/far/{name}']";
    let sum = "hash = ['/usr/bin/sha256sum', '{root}/far/{name}']";
    let cut = "command = ['/bin/sh', '-c', 'head -c 100 \"$1\" > {root}/far/\"$2\"', 'sh', '{file}', '{name}']";
    let cases = [
        (format!("{cp}, {sum}"), 0, "and the far end says the same, SHA-256 "),
        (cp.to_owned(), 0, "what lies there was read by nobody"),
        (format!("{cut}, {sum}"), 1, "is not what was sent: SHA-256 "),
        (format!("{cp}, hash = ['/bin/echo', '{{name}}']"), 1, "nothing there said a SHA-256 of "),
        (format!("{cp}, hash = ['/bin/false', '{{name}}']"), 1, "sent, and not proven: exit code 1"),
        ("command = ['/bin/false', '{file}']".to_owned(), 1, "exit code 1"),
    ];
    for (copy, code, said) in cases {
        let world = world(&format!("copy = {{ {copy}, max_age = '26h' }}"), 10);
        fs::create_dir(world.path("far")).expect("the far end");
        let file = back_up(&world);
        let program = copy.split('\'').nth(1).expect("a program");
        assert_eq!(findings(&world), [format!("warning copied: no second copy by `{program}` yet")], "{copy}");
        let told = world.run(&["backup", "copy", "rota-db", "--yes"]).exits(code).out();
        assert!(told.contains(said), "{copy}: {told}");
        let copied = listed(&world)["copied_at"].clone();
        assert_eq!(copied.is_string(), code == 0, "{copy}: {copied}");
        if code == 0 {
            assert_eq!(findings(&world), Vec::<String>::new(), "{copy}");
            assert_eq!(world.files("far"), world.files("shelf"), "the manifest goes along");
            let name = file.file_name().expect("a name");
            assert_eq!(fs::read(world.path("far").join(name)).expect("far"), fs::read(&file).expect("near"));
        }
    }
}

#[test]
fn a_command_carries_no_backup_that_is_not_what_its_manifest_says_and_its_copies_grow_old() {
    let world = world("copy = { command = ['/bin/cp', '{file}', '{root}/far'], max_age = '26h' }", 10);
    fs::create_dir(world.path("far")).expect("the far end");
    let file = back_up(&world);
    let plan = world.run(&["backup", "copy", "rota-db", "--dry-run"]).exits(0).out();
    assert!(plan.contains("for each file of the newest backup of `rota-db`"), "{plan}");
    assert!(plan.contains("that the far end holds the same is not proven by anybody"), "{plan}");
    let old = world.path("shelf/rota_20260301_020000.sqlite3");
    fs::rename(path_for(&file), path_for(&old)).expect("an older manifest");
    fs::rename(&file, &old).expect("an older backup");
    world.run(&["backup", "copy", "rota-db", "--yes"]).exits(0);
    assert!(
        findings(&world).iter().any(|one| one.contains("copied: newest second copy is of ")),
        "{:?}",
        findings(&world)
    );

    for path in ["far/rota_20260301_020000.sqlite3", "far/rota_20260301_020000.sqlite3.manifest.json"] {
        fs::remove_file(world.path(path)).expect("it came there");
    }
    let mut bytes = fs::read(&old).expect("the backup");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&old, bytes).expect("a flipped bit");
    let told = world.run(&["backup", "copy", "rota-db", "--yes"]).exits(1).out();
    assert!(told.contains("is not what its manifest says, and was not copied"), "{told}");
    assert!(world.files("far").is_empty(), "{:?}", world.files("far"));
}

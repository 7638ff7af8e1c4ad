//! What the kernel can refuse at any moment: a write that fails, a disk that is full or turns
//! read-only, a kill. Each is given at every step in turn, and a restore or a backup is then whole
//! or not there.
#![expect(clippy::disallowed_methods, reason = "real processes are started, killed, and take real time")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rounds::archive::manifest::Manifest;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::support::{Answer, World};

/// What reaches the disk, and what comes from it.
const READS: &str = "pread64";
const WRITES: &str = "pwrite64,ftruncate,fsync,fdatasync,renameat2,rename,unlink";
/// More steps than an act has.
const MOST: usize = 120;

/// A world with a backup of forty rows, whose database has gone on to fifty since.
fn world(mode: &str) -> World {
    let world = World::new()
        .config(
            "version = 1\n[host]\nevery = '1h'\n[store]\nurl = 'sqlite:{root}/state/rounds.db'\n\
             [[database]]\nid = 'rota'\nurl = 'sqlite:{root}/rota.sqlite3'\n\
             [[backup]]\nid = 'rota-db'\ndatabase = 'rota'\nfiles = '{root}/shelf/rota_%Y%m%d_%H%M%S.sqlite3'\n\
             keep = { last = 1, min = 1 }\n",
        )
        .database("rota.sqlite3", 40);
    live(&world).execute_batch(&format!("PRAGMA journal_mode = {mode}")).expect("its mode");
    world.run(&["backup", "run", "--yes"]).exits(0);
    live(&world).execute_batch("INSERT INTO staff (name) SELECT 'late ' || id FROM staff LIMIT 10").expect("ten more");
    world
}

fn live(world: &World) -> Connection {
    Connection::open(world.path("rota.sqlite3")).expect("open")
}

/// Everything in it; fails when its structure is damaged.
fn content(world: &World) -> Vec<String> {
    let db = live(world);
    let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a verdict");
    assert_eq!(verdict, "ok");
    let mut rows = db.prepare("SELECT id || ' ' || name FROM staff ORDER BY id").expect("a question");
    rows.query_map([], |row| row.get(0)).expect("rows").collect::<Result<_, _>>().expect("rows")
}

/// The data of every backup with its final name, and its hash. Each is what its manifest says.
fn shelf(world: &World) -> BTreeMap<PathBuf, String> {
    let names = world.files("shelf").into_iter().filter(|name| !name.starts_with('.') && name.ends_with(".sqlite3"));
    let paths = names.map(|name| world.path("shelf").join(name));
    let hashed = paths.map(|path| {
        let bytes = fs::read(&path).expect("a backup");
        let sha = Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        let manifest = Manifest::of(&path).unwrap_or_else(|why| unreachable!("{}: {why}", path.display()));
        assert_eq!(manifest.data().map(|data| data.sha256.clone()), Some(sha.clone()), "{}", path.display());
        (path, sha)
    });
    hashed.collect()
}

/// Runs the binary, and has the kernel do a fault at one of these calls, the one of that number, to one
/// of `paths` or to any. Answers whether that call ever came.
fn faulty(
    world: &World,
    arguments: &[&str],
    (calls, fault): (&str, &str),
    at: usize,
    paths: &[PathBuf],
) -> (Answer, bool) {
    let inner = world.command(arguments);
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", "signal=none", "-e", &format!("trace={calls}")]);
    command.args(["-e", &format!("inject={calls}:{fault}:when={at}"), "-o"]).arg(world.path("trace"));
    for path in paths {
        command.arg("-P").arg(path);
    }
    command.arg(inner.get_program()).args(inner.get_args()).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let answer = Answer(command.stdin(Stdio::null()).output().expect("strace starts"));
    let trace = fs::read_to_string(world.path("trace")).expect("the trace");
    let killed = answer.0.status.signal().is_some() || answer.code() == Some(137);
    (answer, killed || trace.contains("(INJECTED)"))
}

#[test]
#[ignore = "needs strace, which `tests/run` installs where it may"]
fn root_whatever_fails_at_any_step_of_a_restore_leaves_what_was_there() {
    for mode in ["WAL", "DELETE"] {
        let world = world(mode);
        let newest = shelf(&world).into_keys().next().expect("a backup");
        let name = newest.file_name().expect("a name").to_string_lossy().into_owned();
        let arguments = ["backup", "restore", "rota-db", "--file", &name, "--confirm", "rota-db"];
        // In full, for they are compared as text.
        let paths: Vec<PathBuf> =
            ["", "-wal", "-journal"].iter().map(|suffix| world.path(&format!("rota.sqlite3{suffix}"))).collect();
        world.run(&arguments).exits(0);
        let new = content(&world);
        let faults = [
            (WRITES, "error=EIO"),
            (WRITES, "error=ENOSPC"),
            (WRITES, "error=EROFS"),
            (WRITES, "signal=KILL"),
            (READS, "error=EIO"),
        ];
        for (calls, fault) in faults {
            let (mut steps, mut olds, mut news) = (0, 0, 0);
            for at in 1..MOST {
                let change = format!("DELETE FROM staff; INSERT INTO staff (name) VALUES ('old {calls} {fault} {at}')");
                live(&world).execute_batch(&change).expect("it goes on");
                let old = content(&world);
                let (answer, came) = faulty(&world, &arguments, (calls, fault), at, &paths);
                let (found, told) =
                    (content(&world), format!("{mode}, {fault} at {at}: {}{}", answer.out(), answer.err()));
                // The kernel counts for each thread: the way back may meet the same fault, and says so.
                let failed_twice = answer.out().contains("WHAT WAS THERE COULD NOT BE PUT BACK");
                match answer.code() {
                    Some(0) => assert_eq!(found, new, "{told}"),
                    Some(_) if fault.starts_with("error") => assert!(found == old || failed_twice, "{told}"),
                    _ => assert!(found == old || found == new, "neither the old nor the new: {told}"),
                }
                if found != old {
                    assert!(!answer.out().contains("nothing was changed"), "{told}");
                }
                (olds, news) = (olds + u32::from(found == old), news + u32::from(found == new));
                if !came {
                    break;
                }
                steps = at;
            }
            println!("{mode}, {fault} of {calls}: {steps} steps, {olds} times the old and {news} times the new");
            assert!(steps > 3 && steps < MOST - 1 && olds > 0, "{mode}, {fault}: {steps} steps, {olds} olds");
        }
        shelf(&world);
    }
}

#[test]
#[ignore = "needs strace, which `tests/run` installs where it may"]
fn root_whatever_fails_at_any_step_of_a_backup_leaves_the_earlier_ones_and_nothing_half() {
    let world = world("WAL");
    for fault in ["error=ENOSPC", "error=EROFS", "signal=KILL"] {
        let mut steps = 0;
        for at in (1..MOST).step_by(2) {
            let before = shelf(&world);
            let (answer, came) = faulty(&world, &["backup", "run", "--yes"], (WRITES, fault), at, &[]);
            let after = shelf(&world);
            for (path, sha) in &before {
                assert_eq!(after.get(path), Some(sha), "{fault} at {at}: {}", path.display());
            }
            let more = after.len() - before.len();
            let whole = answer.code() == Some(0);
            assert!(more <= 1 && (more == 1 || !whole), "{fault} at {at}: {more} more, {}", answer.out());
            if !came {
                break;
            }
            steps += 1;
        }
        println!("{fault}: {steps} steps");
        assert!(steps > 3, "{fault}: {steps} steps");
    }
    world.run(&["backup", "run", "--yes"]).exits(0);
    world.run(&["backup", "verify"]).exits(0);
}

/// Puts back what was on a shelf, and nothing else.
fn put_back(shelf: &Path, files: &BTreeMap<String, Vec<u8>>) {
    fs::remove_dir_all(shelf).expect("it is cleared");
    fs::create_dir(shelf).expect("a new one");
    fs::set_permissions(shelf, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("its mode");
    for (name, bytes) in files {
        fs::write(shelf.join(name), bytes).expect("as it was");
    }
}

#[test]
#[ignore = "needs strace, which `tests/run` installs where it may"]
fn root_whatever_fails_at_any_step_of_a_copy_or_a_prune_leaves_whole_backups_only() {
    // What a copy and a prune do to names, and how they bring it to the disk.
    const NAMES: &str = "fsync,fdatasync,renameat2,rename,unlink,unlinkat,mkdir";
    let world = world("WAL");
    let config = fs::read_to_string(world.path("config.toml")).expect("the configuration");
    let drive = world.path("drive");
    fs::create_dir(&drive).expect("the drive");
    fs::write(world.path("config.toml"), format!("{config}copy = {{ to = '{}' }}\n", drive.display()))
        .expect("written");
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    world.run(&["backup", "run", "--yes"]).exits(0);
    let near = world.path("shelf");
    let both: BTreeMap<String, Vec<u8>> = world
        .files("shelf")
        .into_iter()
        .map(|name| (name.clone(), fs::read(near.join(name)).expect("a file")))
        .collect();
    let whole = shelf(&world);
    assert_eq!(whole.len(), 2);
    let (newest, sha) = whole.last_key_value().expect("the newest");
    let far = drive.join(newest.file_name().expect("a name"));
    let acts: [&[&str]; 2] =
        [&["backup", "copy", "rota-db", "--yes"], &["backup", "prune", "rota-db", "--confirm", "rota-db"]];
    for act in acts {
        for fault in ["error=EIO", "error=ENOSPC", "error=EROFS", "signal=KILL"] {
            let (mut steps, mut failures) = (0, 0);
            for at in (1..MOST).step_by(2) {
                put_back(&near, &both);
                put_back(&drive, &BTreeMap::new());
                let (answer, came) = faulty(&world, act, (NAMES, fault), at, &[]);
                let told = format!("{act:?}, {fault} at {at}: {}{}", answer.out(), answer.err());
                let after = shelf(&world);
                assert_eq!(after.get(newest), Some(sha), "{told}");
                assert!(after.iter().all(|(path, sha)| whole.get(path) == Some(sha)), "{told}");
                if act[1] == "copy" {
                    assert_eq!(after.len(), 2, "{told}");
                    assert!(far.exists() || answer.code() != Some(0), "{told}");
                    if far.exists() {
                        assert_eq!(fs::read(&far).expect("the copy"), fs::read(newest).expect("the first"), "{told}");
                        assert!(Manifest::of(&far).is_ok(), "{told}");
                    }
                } else if answer.code() == Some(0) {
                    assert_eq!(world.files("shelf").len(), 2, "{told}");
                }
                failures += u32::from(answer.code() != Some(0));
                if !came {
                    break;
                }
                steps += 1;
            }
            println!("{act:?}, {fault}: {steps} steps, {failures} failures");
            assert!(steps > 2 && failures > 0, "{act:?}, {fault}: {steps} steps, {failures} failures");
        }
    }
    put_back(&near, &both);
    put_back(&drive, &BTreeMap::new());
    for act in acts {
        world.run(act).exits(0);
    }
}

/// A file system of its own, which goes when the test does.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path, options: &str) -> Self {
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", options, "rounds-test"]).arg(at).status();
        assert!(status.expect("starts").success());
        Self(at.to_owned())
    }

    fn again(&self, options: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.0).status();
        assert!(status.expect("starts").success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
#[ignore = "needs root: mounts a file system"]
fn root_on_a_shelf_that_is_full_or_read_only_every_act_leaves_what_is_there() {
    let world = world("WAL");
    let earlier = fs::read_dir(world.path("shelf")).expect("shelf").flatten();
    let files: Vec<(String, Vec<u8>)> = earlier
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).expect("a file")))
        .collect();
    let disk = Disk::mount(&world.path("shelf"), "size=2m,mode=700,nr_inodes=40");
    for (name, bytes) in &files {
        fs::write(world.path("shelf").join(name), bytes).expect("on the disk");
    }
    let (before, database) = (shelf(&world), content(&world));
    let name = files.iter().map(|(name, _)| name).find(|name| name.ends_with(".sqlite3")).expect("a backup").clone();
    let attempt = |why: &str| {
        // There is nothing superfluous, so that a prune has nothing to do.
        let acts: [&[&str]; 4] = [
            &["backup", "run", "rota-db", "--yes"],
            &["backup", "restore", "rota-db", "--file", &name, "--confirm", "rota-db"],
            &["backup", "prune", "rota-db", "--confirm", "rota-db"],
            &["backup", "verify", "rota-db"],
        ];
        for act in acts {
            let answer = world.run(act);
            let told = format!("{why}, {act:?}: {}{}", answer.out(), answer.err());
            let reads = matches!(act[1], "verify" | "prune");
            assert!(reads || answer.code() != Some(0), "{told}");
            assert_eq!(shelf(&world), before, "{told}");
            assert_eq!(content(&world), database, "{told}");
        }
    };

    // Full to the last byte, and then with a little room, into which no copy fits.
    let filler = world.path("shelf/filler");
    let mut file = fs::File::create(&filler).expect("a filler");
    while file.write_all(&[1; 4096]).is_ok() {}
    attempt("full");
    let fill = file.metadata().expect("its size").len();
    file.set_len(fill.saturating_sub(8192)).expect("a little room");
    attempt("almost full");
    drop(file);
    fs::remove_file(&filler).expect("room again");

    // Room for bytes, and for no, one, two or three more names.
    let mut names: Vec<PathBuf> = Vec::new();
    loop {
        let path = world.path(&format!("shelf/name-{}", names.len()));
        match fs::File::create(&path) {
            Ok(_) => names.push(path),
            Err(_) => break,
        }
    }
    for left in 0..3 {
        attempt(&format!("{left} names left"));
        fs::remove_file(names.pop().expect("a name")).expect("one more");
    }
    for path in names {
        fs::remove_file(path).expect("all of them");
    }

    disk.again("ro");
    attempt("read-only");
    disk.again("rw");
    world.run(&["backup", "run", "rota-db", "--yes"]).exits(0);
    assert_eq!(shelf(&world).len(), before.len() + 1);
}

#[test]
#[ignore = "needs root: mounts a file system"]
fn root_a_database_whose_own_disk_is_full_or_read_only_stays_what_it_is() {
    let world = World::new().config(
        "version = 1\n[host]\nevery = '1h'\n[store]\nurl = 'sqlite:{root}/state/rounds.db'\n\
         [[database]]\nid = 'rota'\nurl = 'sqlite:{root}/data/rota.sqlite3'\n\
         [[backup]]\nid = 'rota-db'\ndatabase = 'rota'\nfiles = '{root}/shelf/rota_%Y%m%d_%H%M%S.sqlite3'\n",
    );
    fs::create_dir(world.path("data")).expect("a directory");
    let disk = Disk::mount(&world.path("data"), "size=4m,mode=700");
    let world = world.database("data/rota.sqlite3", 40);
    let rows = || {
        let live = Connection::open(world.path("data/rota.sqlite3")).expect("open");
        let verdict: String = live.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a verdict");
        assert_eq!(verdict, "ok");
        live.query_row("SELECT count(*) FROM staff", [], |row| row.get::<_, i64>(0)).expect("a number")
    };
    let change = |sql: &str| {
        let live = Connection::open(world.path("data/rota.sqlite3")).expect("open");
        live.execute_batch(sql).expect("it goes on");
    };
    // A log could not be opened at all where nothing can be written.
    change("PRAGMA journal_mode = DELETE");
    world.run(&["backup", "run", "--yes"]).exits(0);
    let name = shelf(&world).into_keys().next().expect("a backup");
    let name = name.file_name().expect("a name").to_string_lossy().into_owned();
    change("DELETE FROM staff WHERE id > 7");
    let restore = ["backup", "restore", "rota-db", "--file", &name, "--confirm", "rota-db"];

    let filler = world.path("data/filler");
    let mut file = fs::File::create(&filler).expect("a filler");
    while file.write_all(&[1; 4096]).is_ok() {}
    drop(file);
    let told = world.run(&restore).exits(1).out();
    assert!(told.contains("are free there; make room for"), "{told}");
    assert_eq!(rows(), 7, "full: {told}");
    fs::remove_file(&filler).expect("room again");

    disk.again("ro");
    let told = world.run(&restore).exits(1).out();
    assert!(told.contains("Read-only"), "{told}");
    assert_eq!(rows(), 7, "read-only: {told}");
    disk.again("rw");
    world.run(&restore).exits(0);
    assert_eq!(rows(), 40);
}

#[test]
#[ignore = "needs strace, which `tests/run` installs where it may"]
fn root_bytes_are_on_the_disk_before_they_have_a_name_and_a_name_before_anybody_is_told() {
    let world = world("WAL");
    let config = fs::read_to_string(world.path("config.toml")).expect("the configuration");
    let drive = world.path("drive");
    fs::create_dir(&drive).expect("the drive");
    fs::set_permissions(&drive, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("its mode");
    let config = format!("{config}copy = {{ to = '{}' }}\n", drive.display());
    fs::write(world.path("config.toml"), config).expect("written");
    let acts: [(&[&str], &str); 2] =
        [(&["backup", "run", "rota-db", "--yes"], "/shelf"), (&["backup", "copy", "rota-db", "--yes"], "/drive")];
    for (act, place) in acts {
        let inner = world.command(act);
        let mut command = Command::new("strace");
        command.args(["-f", "-y", "-qq", "-e", "signal=none", "-o"]).arg(world.path("trace"));
        command.args(["-e", "trace=fsync,fdatasync,rename,renameat,renameat2"]);
        command.arg(inner.get_program()).args(inner.get_args()).env_clear();
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Answer(command.stdin(Stdio::null()).output().expect("strace starts")).exits(0);
        let trace = fs::read_to_string(world.path("trace")).expect("the trace");
        let (inside, whole) = (format!("{place}/"), format!("{place}>"));
        let order: [(&str, [&str; 3]); 7] = [
            ("the intent", ["sync(", "rounds.db-wal>", ""]),
            ("the data", ["sync(", &inside, "/data>"]),
            ("the name of the manifest", ["rename", &inside, ".manifest.json\""]),
            ("that name", ["sync(", &whole, ""]),
            ("the name of the data", ["rename", &inside, ".sqlite3\""]),
            ("that name, too", ["sync(", &whole, ""]),
            ("the outcome", ["sync(", "rounds.db-wal>", ""]),
        ];
        let mut lines = trace.lines();
        for (what, parts) in order {
            let came = lines.any(|line| parts.iter().all(|part| line.contains(part)));
            assert!(came, "{act:?}: {what} does not come in its turn\n{trace}");
        }
        let renames = trace.lines().filter(|line| line.contains("rename") && line.contains(place)).count();
        assert_eq!(renames, 2, "nothing else gets a name\n{trace}");
    }
}

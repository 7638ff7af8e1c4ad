//! Disks that get full or turn read-only in the middle of an act: a backup, a second copy and a prune
//! are then whole or not there, what was there before is what it was, and the words say what to mend.
#![expect(clippy::disallowed_methods, reason = "real processes are started, and take real time")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rounds::archive::manifest::Manifest;
use rounds::archive::prune::prune;
use rusqlite::Connection;
use tokio_util::sync::CancellationToken;

use crate::prune as pruning;
use crate::support::disk::Disk;
use crate::support::{Answer, World};

/// How often a moment in the middle is tried to be met.
const TRIES: u32 = 60;

/// A world whose database is packed, and copied to a drive.
fn world() -> World {
    World::new()
        .config(
            "version = 1\n[host]\nevery = '1h'\n[store]\nurl = 'sqlite:{root}/state/rounds.db'\n\
             [[database]]\nid = 'rota'\nurl = 'sqlite:{root}/rota.sqlite3'\n\
             [[backup]]\nid = 'rota-db'\ndatabase = 'rota'\nfiles = '{root}/shelf/rota_%Y%m%d_%H%M%S.sqlite3'\n\
             compress = 'zstd'\ncopy = { to = '{root}/drive' }\n",
        )
        .database("rota.sqlite3", 40)
}

/// Adds what no packing makes smaller.
fn grow(world: &World, megabytes: usize) {
    let db = Connection::open(world.path("rota.sqlite3")).expect("open");
    db.execute_batch("CREATE TABLE IF NOT EXISTS filler (x BLOB)").expect("a table");
    for _ in 0..megabytes {
        db.execute("INSERT INTO filler VALUES (randomblob(1000000))", []).expect("a megabyte");
    }
}

/// The whole backups of a folder: what lies there under a final name, each with its manifest.
fn whole(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("the folder").flatten().map(|entry| entry.path());
    let data = entries.filter(|path| path.extension().is_some_and(|ending| ending == "zst"));
    let backups = data.map(|path| {
        let bytes = fs::read(&path).expect("a backup");
        let manifest = Manifest::of(&path).unwrap_or_else(|why| unreachable!("{}: {why}", path.display()));
        assert_eq!(manifest.data().map(|data| data.bytes), Some(bytes.len() as u64), "{}", path.display());
        (path, bytes)
    });
    backups.collect()
}

/// Whether somebody has begun to write below a folder.
fn begun(folder: &Path) -> bool {
    let partials = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut partials = partials.filter(|path| path.display().to_string().contains("/.partial-"));
    partials.any(|partial| {
        let files = fs::read_dir(partial).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).any(|file| file.is_file() && file.len() > 200_000)
    })
}

/// Runs the binary, and does some harm once it has begun to write below a folder. Whether it came in time.
fn harmed(world: &World, arguments: &[&str], folder: &Path, harm: impl FnOnce()) -> (Answer, bool) {
    let mut child =
        world.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let deadline = Instant::now() + Duration::from_mins(2);
    let mut ended = false;
    while !begun(folder) && !ended {
        assert!(Instant::now() < deadline, "it neither begins nor ends");
        ended = child.try_wait().expect("it can be waited for").is_some();
        std::thread::sleep(Duration::from_micros(200));
    }
    harm();
    (Answer(child.wait_with_output().expect("it ends")), !ended)
}

#[test]
#[ignore = "needs root: mounts a file system"]
fn root_a_disk_that_gets_full_in_the_middle_keeps_what_it_has_and_nothing_half() {
    let world = world();
    let (shelf, drive) = (world.path("shelf"), world.path("drive"));
    let disk = Disk::tmpfs(&shelf, "22m");
    world.run(&["backup", "run", "--yes"]).exits(0);
    let before = whole(&shelf);
    assert_eq!(before.len(), 1);
    // What seems to fit, and is as large packed as before.
    grow(&world, 12);
    let told = world.run(&["backup", "run", "--yes"]).exits(1).out();
    assert!(told.contains("No space left on device") && told.contains("it got full meanwhile, make room"), "{told}");
    assert!(told.contains(&shelf.display().to_string()), "{told}");
    assert_eq!(whole(&shelf), before, "{told}");
    assert_eq!(world.files("shelf").len(), 2, "nothing half is left: {:?}", world.files("shelf"));
    drop(disk);

    fs::create_dir_all(&shelf).expect("another shelf");
    grow(&world, 12);
    std::thread::sleep(Duration::from_millis(1_100));
    world.run(&["backup", "run", "--yes"]).exits(0);
    let there = whole(&shelf);
    let disk = Disk::tmpfs(&drive, "64m");
    let mut met = 0;
    for _ in 0..TRIES {
        let (answer, in_time) = harmed(&world, &["backup", "copy", "rota-db", "--yes"], &drive, || disk.fill(0));
        let told = format!("{}{}", answer.out(), answer.err());
        if answer.code() == Some(0) {
            assert_eq!(whole(&drive).values().collect::<Vec<_>>(), there.values().collect::<Vec<_>>(), "{told}");
        } else {
            assert_eq!(answer.code(), Some(1), "{told}");
            assert_eq!(whole(&drive), BTreeMap::new(), "{told}");
            assert_eq!(world.files("drive"), ["filler"], "{told}");
            if in_time {
                assert!(told.contains("No space left") && told.contains("make room"), "{told}");
                met += 1;
            }
        }
        disk.make_room();
        for name in world.files("drive") {
            fs::remove_file(drive.join(name)).expect("the copy goes");
        }
        if met > 0 {
            break;
        }
    }
    assert!(met > 0, "the disk was never full in the middle of a copy");
    assert_eq!(whole(&shelf), there);
    world.run(&["backup", "copy", "rota-db", "--yes"]).exits(0);
}

#[test]
#[ignore = "needs root: mounts a file system"]
fn root_a_disk_that_turns_read_only_in_the_middle_keeps_what_it_has_and_nothing_half() {
    let world = world();
    let (shelf, drive) = (world.path("shelf"), world.path("drive"));
    let near = Disk::ext4(&shelf, 96);
    world.run(&["backup", "run", "--yes"]).exits(0);
    grow(&world, 12);
    let acts: [(&[&str], &Path, &Disk); 1] = [(&["backup", "run", "rota-db", "--yes"], &shelf, &near)];
    for (act, folder, disk) in acts {
        fails_under(&world, act, folder, disk);
    }
    std::thread::sleep(Duration::from_millis(1_100));
    world.run(&["backup", "run", "--yes"]).exits(0);
    let far = Disk::ext4(&drive, 64);
    fails_under(&world, &["backup", "copy", "rota-db", "--yes"], &drive, &far);
    world.run(&["backup", "copy", "rota-db", "--yes"]).exits(0);
    assert!(!world.files("drive").iter().any(|name| name.starts_with('.')), "{:?}", world.files("drive"));
}

/// Has the disk of a folder fail in the middle of an act, until it was met there; and mends it.
fn fails_under(world: &World, act: &[&str], folder: &Path, disk: &Disk) {
    for _ in 0..TRIES {
        let before = whole(folder);
        let (answer, in_time) = harmed(world, act, folder, || disk.fails());
        let told = format!("{act:?}: {}{}", answer.out(), answer.err());
        for (path, bytes) in &before {
            assert_eq!(fs::read(path).ok().as_ref(), Some(bytes), "{told}");
        }
        disk.again();
        let after = whole(folder);
        for (path, bytes) in &before {
            assert_eq!(after.get(path), Some(bytes), "{told}");
        }
        let more = after.len() - before.len();
        assert!(more <= 1 && (answer.code() != Some(0) || more == 1), "{more} more: {told}");
        if in_time && answer.code() != Some(0) {
            assert!(told.contains("Read-only file system") && told.contains("mount it anew"), "{told}");
            return;
        }
        for path in after.keys().filter(|path| !before.contains_key(*path)) {
            fs::remove_file(path).expect("once more");
            fs::remove_file(rounds::archive::manifest::path_for(path)).expect("once more");
        }
        std::thread::sleep(Duration::from_millis(1_100));
    }
    unreachable!("the disk never failed in the middle of {act:?}");
}

#[test]
#[ignore = "needs root: mounts a file system"]
fn root_a_prune_whose_disk_fails_leaves_every_backup_whole_or_gone() {
    let scratch = tempfile::tempdir().expect("scratch");
    let place = scratch.path().join("shelf");
    let disk = Disk::ext4(&place, 64);
    let names = || -> Vec<String> {
        let mut names = pruning::names(&place);
        names.retain(|name| name != "lost+found");
        names
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    let mut met = false;
    for _ in 0..TRIES {
        let kept = pruning::shelf(&place, 2_000..2_003);
        let doomed = pruning::shelf(&place, 0..1_000);
        let whole = names();
        disk.settle();
        let request = pruning::request(&place, &doomed, "a");
        let pruned = runtime.spawn(prune(request, CancellationToken::new()));
        let first = &doomed.first().expect("one").path;
        while first.exists() && !pruned.is_finished() {
            std::thread::yield_now();
        }
        disk.fails();
        let said = runtime.block_on(pruned).expect("it does not panic");
        disk.again();
        let left = names();
        let there = |name: &str| left.iter().any(|one| one == name);
        for name in whole.iter().filter(|name| name.ends_with(".sqlite3")) {
            let (pair, manifest) =
                (name.replace("db_", "pair_").replace(".sqlite3", ".json"), format!("{name}.manifest.json"));
            assert!(!there(name) || (there(&pair) && there(&manifest)), "{name} is there, and half of it is gone");
        }
        for one in &kept {
            assert!(one.path.exists(), "{} was not to go", one.path.display());
        }
        if let Err(error) = &said {
            let told = error.to_string();
            assert!(told.contains("Read-only file system"), "{told}");
            met |= told.contains(" of 1000 files deleted");
        }
        // Mended, what is left of the plan goes, and nothing of it stays behind.
        let rest: Vec<_> = doomed.into_iter().filter(|one| one.path.exists()).collect();
        for name in left.iter().filter(|name| name.starts_with(".prune-")) {
            let note = fs::File::options().write(true).open(place.join(name)).expect("the note");
            note.set_modified(std::time::SystemTime::now() - Duration::from_mins(1)).expect("it grows old");
        }
        runtime.block_on(prune(pruning::request(&place, &rest, "b"), CancellationToken::new())).expect("it goes on");
        assert_eq!(names().len(), kept.len() * 3, "three whole backups: {:?}", names());
        for name in names() {
            fs::remove_file(place.join(name)).expect("a new shelf");
        }
        if met {
            return;
        }
    }
    unreachable!("the disk never failed in the middle of a prune");
}

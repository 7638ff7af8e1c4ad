//! Deleting backups: what was confirmed and nothing else, whatever happens meanwhile.
#![expect(clippy::disallowed_methods, reason = "real processes are started, killed, and take real time")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rounds::archive::prune::{PruneRequest, prune};
use rounds::domain::backup::{Doomed, StampPattern};
use rounds::domain::time::Zone;
use tokio_util::sync::CancellationToken;

use crate::random::Random;
use crate::support::{Answer, World};

const CONFIG: &str = r#"
version = 1
[store]
url = "sqlite:{root}/state/rounds/rounds.db"
[[database]]
id = "rota"
url = "sqlite:{root}/rota.sqlite3"
[[backup]]
id = "rota-db"
database = "rota"
files = "{root}/shelf/rota_%Y%m%d_%H%M%S.sqlite3"
pair = "{root}/shelf/pair_%Y%m%d_%H%M%S.json"
keep = { last = 2, min = 1 }
"#;

/// A world with one backup of now and others of earlier nights, each with its pair and manifest.
fn world(nights: &[&str]) -> World {
    let world = World::new().config(CONFIG).database("rota.sqlite3", 10);
    world.run(&["backup", "run", "--yes"]).exits(0);
    let shelf = world.path("shelf");
    let made = names(&shelf).into_iter().find(|name| name.ends_with(".sqlite3")).expect("a copy");
    fs::write(shelf.join(pair_of(&made)), "[]").expect("its pair");
    for night in nights {
        let name = format!("rota_{night}.sqlite3");
        for end in ["", ".manifest.json"] {
            fs::copy(shelf.join(format!("{made}{end}")), shelf.join(format!("{name}{end}"))).expect("copy");
        }
        fs::write(shelf.join(pair_of(&name)), "[]").expect("its pair");
    }
    world
}

fn pair_of(name: &str) -> String {
    name.replace("rota_", "pair_").replace(".sqlite3", ".json")
}

pub(crate) fn names(shelf: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(shelf)
        .expect("list")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// What is left, as the nights of the data files.
fn nights(world: &World) -> Vec<String> {
    let data = names(&world.path("shelf")).into_iter();
    data.filter_map(|name| Some(name.strip_prefix("rota_")?.strip_suffix(".sqlite3")?.to_owned())).collect()
}

fn planned(world: &World) -> serde_json::Value {
    world.run(&["backup", "prune", "--dry-run", "--format", "json"]).exits(0).json()
}

fn prune_now(world: &World) -> Answer {
    world.run(&["backup", "prune", "rota-db", "--confirm", "rota-db", "--reason", "a test"])
}

const OLD: [&str; 4] = ["20260302_020000", "20260303_020000", "20260304_020000", "20260305_020000"];

#[test]
fn what_was_planned_goes_with_its_pair_and_manifest_and_nothing_else() {
    let world = world(&OLD);
    fs::write(world.path("shelf/notes.txt"), "not of the backup").expect("a file");
    let plan = world.run(&["backup", "prune", "rota-db"]).exits(77).err();
    assert!(plan.contains("give --confirm rota-db"), "{plan}");
    assert_eq!(nights(&world).len(), 5, "nothing went without a yes");

    let document = planned(&world);
    let doomed: Vec<&str> = document["files"]
        .as_array()
        .expect("files")
        .iter()
        .filter(|file| file["keep"] == false)
        .filter_map(|file| file["path"].as_str())
        .collect();
    assert_eq!(doomed.len(), 3, "{document:#}");
    let told = prune_now(&world).exits(0).out();
    assert!(told.starts_with("succeeded: 3 files deleted"), "{told}");
    for path in &doomed {
        assert!(!Path::new(path).exists(), "{path}");
    }
    assert_eq!(nights(&world)[0], OLD[3]);
    let left = names(&world.path("shelf"));
    assert_eq!(left.len(), 7, "two whole backups of three files, and what is nobody's: {left:?}");

    let again = prune_now(&world).exits(0).out();
    assert_eq!(again, "nothing is superfluous: 2 files, each kept by a rule\n");
    let audit = world.run(&["audit", "list", "--format", "json"]).exits(0).json();
    let intent = audit["records"].as_array().expect("records").iter().find(|one| one["phase"] == "intent");
    let intent = intent.expect("an intent")["plan"].to_string();
    for night in &OLD[..3] {
        assert!(intent.contains(&format!("DELETE  rota_{night}.sqlite3")), "the log names what went: {intent}");
    }
}

#[test]
fn a_plan_of_another_state_is_refused_and_nothing_goes() {
    let world = world(&OLD);
    let plan = planned(&world)["plan"].as_str().expect("a plan").to_owned();
    fs::copy(world.path("shelf/rota_20260305_020000.sqlite3"), world.path("shelf/rota_20260306_020000.sqlite3"))
        .expect("another backup comes");
    let before = names(&world.path("shelf"));
    let with = |plan: &str| world.run(&["backup", "prune", "--plan", plan, "--confirm", "rota-db"]);
    let refused = with(&plan).exits(77).err();
    assert!(refused.contains("is not what would be done now"), "{refused}");
    assert_eq!(names(&world.path("shelf")), before);
    let plan = planned(&world)["plan"].as_str().expect("a plan").to_owned();
    with(&plan[..12]).exits(0);
    assert_ne!(names(&world.path("shelf")), before);
}

#[test]
fn what_is_pinned_stays_and_what_is_of_no_use_keeps_all_the_others() {
    let world = world(&OLD);
    fs::write(world.path("shelf/rota_20260302_020000.sqlite3.pin"), "the year's end").expect("a pin");
    let document = planned(&world);
    let first = document["files"].as_array().expect("files").last().expect("the oldest").clone();
    assert_eq!((&first["keep"], &first["reasons"]), (&true.into(), &serde_json::json!(["pinned"])));

    // The newest backup is damaged: nothing proves what would be left.
    let newest = nights(&world).pop().expect("the newest");
    fs::write(world.path("shelf").join(format!("rota_{newest}.sqlite3")), "cut off").expect("damage");
    let before = names(&world.path("shelf"));
    let refused = prune_now(&world).exits(77).err();
    assert!(refused.contains("nothing may be deleted now"), "{refused}");
    assert_eq!(names(&world.path("shelf")), before);
    assert!(!planned(&world)["guards"].as_array().expect("guards").is_empty());

    fs::remove_file(world.path("shelf").join(format!("rota_{newest}.sqlite3")))
        .expect("looked at, and removed by hand");
    world.run(&["backup", "run", "--yes"]).exits(0);
    let newest = nights(&world).pop().expect("the newest");
    fs::write(world.path("shelf").join(pair_of(&format!("rota_{newest}.sqlite3"))), "[]").expect("its pair");
    prune_now(&world).exits(0);
    assert!(nights(&world).contains(&OLD[0].to_owned()), "the pinned one: {:?}", nights(&world));
}

/// A shelf of as many backups as there are seconds, each with a pair and a manifest.
pub(crate) fn shelf(dir: &Path, seconds: std::ops::Range<u32>) -> Vec<Doomed> {
    let name = |second: u32| format!("20260302_{:02}{:02}{:02}", second / 3600, second / 60 % 60, second % 60);
    let pattern = pattern(dir, "db", "sqlite3");
    seconds
        .map(|second| {
            let path = dir.join(format!("db_{}.sqlite3", name(second)));
            fs::write(&path, "data").expect("data");
            fs::write(dir.join(format!("pair_{}.json", name(second))), "[]").expect("pair");
            fs::write(rounds::archive::manifest::path_for(&path), "{}").expect("manifest");
            let taken_at = pattern.taken_at(&path.file_name().expect("name").to_string_lossy()).expect("stamp");
            Doomed { path, taken_at, bytes: 4, told_by: None }
        })
        .collect()
}

fn pattern(dir: &Path, name: &str, end: &str) -> StampPattern {
    StampPattern::parse(&format!("{}/{name}_%Y%m%d_%H%M%S.{end}", dir.display()), Zone::utc()).expect("pattern")
}

pub(crate) fn request(dir: &Path, doomed: &[Doomed], id: &str) -> PruneRequest {
    PruneRequest {
        files: pattern(dir, "db", "sqlite3"),
        pair: Some(pattern(dir, "pair", "json")),
        doomed: doomed.to_vec(),
        told_by: BTreeMap::new(),
        id: id.to_owned(),
    }
}

#[tokio::test]
async fn what_a_restore_replaced_goes_without_the_pair_of_its_time() {
    let scratch = tempfile::tempdir().expect("scratch");
    let kept = shelf(scratch.path(), 0..1).remove(0);
    let replaced = StampPattern::replaced(&kept.path, "019aa7d6-91c2-7b3e");
    fs::write(&replaced, "data").expect("what was there");
    fs::write(rounds::archive::manifest::path_for(&replaced), "{}").expect("its manifest");
    let doomed = [Doomed { path: replaced, ..kept.clone() }];
    let pruned = prune(request(scratch.path(), &doomed, "a"), CancellationToken::new()).await.expect("pruned");
    assert_eq!(pruned.files, 1);
    let left = ["db_20260302_000000.sqlite3", "db_20260302_000000.sqlite3.manifest.json", "pair_20260302_000000.json"];
    assert_eq!(names(scratch.path()), left, "a backup and all that belongs to it");
}

type Change = fn(&Path);

#[tokio::test]
async fn one_file_that_is_another_by_now_keeps_them_all() {
    let changes: [(Change, &str); 5] = [
        (|path| fs::remove_file(path).expect("gone"), "it is gone"),
        (|path| fs::write(path, "longer").expect("written"), "its size is another"),
        (|path| fs::write(format!("{}.pin", path.display()), "").expect("a pin"), "it is pinned"),
        (
            |path| {
                fs::rename(path, path.with_extension("real")).expect("moved");
                std::os::unix::fs::symlink(path.with_extension("real"), path).expect("a link");
            },
            "it is a link",
        ),
        (
            |path| {
                fs::remove_file(path).expect("gone");
                fs::create_dir(path).expect("a folder");
            },
            "it is no file",
        ),
    ];
    for (change, why) in changes {
        let scratch = tempfile::tempdir().expect("scratch");
        let doomed = shelf(scratch.path(), 0..5);
        change(&doomed[4].path);
        let before = names(scratch.path());
        let error = prune(request(scratch.path(), &doomed, "a"), CancellationToken::new()).await.expect_err(why);
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(names(scratch.path()), before, "{why}: nothing was deleted");
    }
    let scratch = tempfile::tempdir().expect("scratch");
    let elsewhere = tempfile::tempdir().expect("another directory");
    for doomed in [
        shelf(elsewhere.path(), 0..1),
        vec![Doomed { path: scratch.path().join("db.key"), ..shelf(scratch.path(), 0..1)[0].clone() }],
    ] {
        let refused = prune(request(scratch.path(), &doomed, "a"), CancellationToken::new()).await;
        assert!(refused.is_err(), "not of this shelf: {doomed:?}");
    }
    assert_eq!(names(elsewhere.path()).len(), 3);
}

#[test]
#[ignore = "started by the test that kills it"]
fn child_prunes() {
    let dir = PathBuf::from(std::env::var_os("ROUNDS_TEST_SHELF").expect("set by the test that starts this"));
    let id = std::env::var("ROUNDS_TEST_ID").expect("as above");
    let doomed: Vec<Doomed> = (serde_json::from_slice::<Vec<Doomed>>(&fs::read(dir.join("../doomed")).expect("list"))
        .expect("list"))
    .into_iter()
    .filter(|one| one.path.exists())
    .collect();
    println!("\ngo");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
    runtime.block_on(prune(request(&dir, &doomed, &id), CancellationToken::new())).expect("pruned");
}

fn start_child(shelf: &Path, id: &str) -> Child {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--ignored", "--exact", "prune::child_prunes", "--nocapture"])
        .env("ROUNDS_TEST_SHELF", shelf)
        .env("ROUNDS_TEST_ID", id)
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("start");
    let output = BufReader::new(child.stdout.as_mut().expect("piped"));
    assert!(output.lines().map_while(Result::ok).any(|line| line == "go"), "the child never began");
    child
}

#[tokio::test]
async fn a_killed_prune_leaves_whole_backups_and_what_the_next_one_removes() {
    const FILES: u32 = 150;
    let kills = if std::env::var_os("ROUNDS_TEST_TRIALS").is_some() { 200 } else { 10 };
    let scratch = tempfile::tempdir().expect("scratch");
    let mut random = Random::new();
    let mut usual = Duration::from_secs(1);
    let (mut interrupted, mut halves, mut trial) = (0, 0, 0);
    while interrupted < kills && trial < 20 * kills {
        trial += 1;
        let dir = scratch.path().join(format!("shelf{trial}"));
        fs::create_dir(&dir).expect("shelf");
        let kept = shelf(&dir, FILES..FILES + 3);
        let doomed = shelf(&dir, 0..FILES);
        fs::write(scratch.path().join("doomed"), serde_json::to_vec(&doomed).expect("list")).expect("written");
        let started = Instant::now();
        let mut child = start_child(&dir, "killed");
        std::thread::sleep(Duration::from_micros(random.below(usual.as_micros() as u64)));
        let group = rustix::process::Pid::from_child(&child);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        if child.wait().expect("wait").success() {
            usual = usual.min(started.elapsed());
        } else {
            interrupted += 1;
        }
        let left = names(&dir);
        let there = |name: &str| left.binary_search_by(|other| other.as_str().cmp(name)).is_ok();
        for one in &doomed {
            let name = one.path.file_name().expect("name").to_string_lossy().into_owned();
            let (pair, manifest) =
                (name.replace("db_", "pair_").replace(".sqlite3", ".json"), format!("{name}.manifest.json"));
            if there(&name) {
                assert!(there(&pair) && there(&manifest), "{name} is still there, and half of it is gone");
            } else if there(&pair) || there(&manifest) {
                halves += 1;
            }
        }
        // The next prune takes what is left of the plan, and finishes what was begun.
        let rest: Vec<Doomed> = doomed.iter().filter(|one| one.path.exists()).cloned().collect();
        let noted = left.iter().any(|name| name.starts_with(".prune-"));
        assert!(noted || rest.is_empty() || rest.len() == doomed.len(), "some are gone and no note says so");
        if noted {
            let note = fs::File::options().write(true).open(dir.join(".prune-killed")).expect("the note");
            note.set_modified(std::time::SystemTime::now() - Duration::from_mins(1)).expect("it grows old");
        }
        prune(request(&dir, &rest, "next"), CancellationToken::new()).await.expect("the next one succeeds");
        assert_eq!(names(&dir).len(), kept.len() * 3, "three whole backups and no debris: {:?}", names(&dir));
        fs::remove_dir_all(&dir).expect("cleared");
    }
    println!("{interrupted} kills within {usual:?} ({trial} trials), {halves} halves, all finished");
    assert!(interrupted == kills && halves > 0, "too few kills hit the prune to say anything");
}

/// A file system of its own, which goes when the test does.
struct Disk(PathBuf);

impl Disk {
    fn mount(place: PathBuf) -> Self {
        fs::create_dir_all(&place).expect("directory");
        act(&["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "rounds-test", place.to_str().expect("text")]);
        Self(place)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn act(words: &[&str]) {
    assert!(Command::new(words[0]).args(&words[1..]).status().expect("starts").success(), "{words:?}");
}

#[tokio::test]
#[ignore = "needs root: mounts a file system"]
async fn root_a_full_disk_can_be_pruned_and_one_that_is_read_only_stays_as_it_is() {
    let scratch = tempfile::tempdir().expect("scratch");
    let disk = Disk::mount(scratch.path().join("shelf"));
    let doomed = shelf(&disk.0, 0..20);
    act(&["mount", "-o", "remount,ro", disk.0.to_str().expect("text")]);
    let before = names(&disk.0);
    let error =
        prune(request(&disk.0, &doomed, "a"), CancellationToken::new()).await.expect_err("read-only").to_string();
    assert!(error.contains("Read-only"), "{error}");
    assert_eq!(names(&disk.0), before);
    act(&["mount", "-o", "remount,rw", disk.0.to_str().expect("text")]);
    let mut filler = fs::File::create(disk.0.join("filler")).expect("a file");
    while std::io::Write::write_all(&mut filler, &[0; 4096]).is_ok() {}
    drop(filler);
    prune(request(&disk.0, &doomed, "a"), CancellationToken::new()).await.expect("making room wants no room");
    assert_eq!(names(&disk.0), ["filler"]);
}

//! Dumps into a directory, by several jobs at once: one backup from its first file to its last.
#![expect(clippy::disallowed_methods, reason = "it is hashed as an operator would, and killed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rounds::archive::manifest::{Manifest, path_for};

use super::drills::{SCRATCHES, asked, filled, fingerprint};
use super::dumps::age_what_is_left;
use super::server::{Server, one, run};
use crate::support::dump::check;
use crate::support::kill::Killer;
use crate::support::{World, mode};

fn world(server: &Server, more: &str) -> World {
    World::new().config(&format!(
        "version = 1\n[host]\nevery = '1h'\n[system]\nname = 'rota'\ntimezone = 'UTC'\n\
         [store]\nurl = 'sqlite:{{root}}/state/rounds.db'\n\
         [[database]]\nid = 'rota'\nurl = 'postgres://postgres@/rota?host={}'\n\
         [[backup]]\nid = 'rota'\ndatabase = 'rota'\nfiles = '{{root}}/shelf/rota_%Y%m%d_%H%M%S.dir'\n{more}\n",
        server.path().display()
    ))
}

/// The directories of the shelf that have their final names, the oldest first.
fn trees(world: &World) -> Vec<PathBuf> {
    let is_tree = |name: &String| !name.starts_with('.') && Path::new(name).extension().is_some_and(|end| end == "dir");
    let names = world.files("shelf").into_iter().filter(is_tree);
    names.map(|name| world.path("shelf").join(name)).collect()
}

async fn back_up(world: &World) -> PathBuf {
    asked(world, &["backup", "run", "rota", "--yes"]).await.exits(0);
    trees(world).pop().expect("a dump")
}

/// The file of a table in a dump: the largest.
fn largest(tree: &Path) -> PathBuf {
    let files = fs::read_dir(tree).expect("a directory").flatten().map(|entry| entry.path());
    let data = files.filter(|path| path.file_name().is_some_and(|name| name != "toc.dat"));
    data.max_by_key(|path| fs::metadata(path).map_or(0, |meta| meta.len())).expect("a table")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_dump_into_a_directory_is_one_backup_from_its_making_to_its_end() {
    let server = Server::start("");
    let mut rota = filled(&server).await;
    let world = world(&server, "copy = { to = '{root}/drive' }\nkeep = { last = 1, min = 1 }\ndrill = {}");
    fs::create_dir(world.path("drive")).expect("the drive");
    fs::set_permissions(world.path("drive"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("its mode");
    let plan = asked(&world, &["backup", "run", "rota", "--dry-run"]).await.exits(0).out();
    assert!(plan.contains("$ pg_dump --format=directory --jobs=4 "), "{plan}");
    let tree = back_up(&world).await;
    let new = fingerprint(&mut rota).await;
    assert_eq!(mode(&tree), 0o700);
    let manifest = Manifest::of(&tree).expect("its manifest");
    let name = tree.file_name().expect("a name").to_string_lossy().into_owned();
    let inside: Vec<&str> =
        manifest.files.iter().filter_map(|file| file.name.strip_prefix(&format!("{name}/"))).collect();
    assert!(inside.contains(&"toc.dat") && inside.len() == 3, "{inside:?}");
    for file in &inside {
        assert_eq!(mode(&tree.join(file)), 0o600, "{file}");
    }
    assert!(fs::read_to_string(tree.with_file_name(format!("{name}.globals.sql"))).is_ok(), "the globals beside it");
    // As an operator would say it.
    let said = Command::new("sh").args(["-c", "sha256sum * | sha256sum"]).current_dir(&tree).output().expect("sh");
    let said = String::from_utf8_lossy(&said.stdout).split(' ').next().map(str::to_owned);
    assert_eq!(manifest.data().map(|data| data.sha256.clone()), said);

    let verified = asked(&world, &["backup", "verify", "rota"]).await.exits(0).out();
    assert!(verified.contains("hash as in the manifest; decoded to its end, 2 tables with 2001 rows"), "{verified}");
    let table = largest(&tree);
    let (sound, short) = (fs::read(&table).expect("a table"), table.file_name().expect("a name").to_string_lossy());
    let mut flipped = sound.clone();
    flipped[sound.len() / 2] ^= 1;
    let harms: [(&[u8], String); 2] = [
        (&flipped, format!("{short} in it has another SHA-256")),
        (&sound[..9], format!("{short} in it has 9 B where")),
    ];
    for (bytes, why) in harms {
        fs::write(&table, bytes).expect("harmed");
        let verdict = check(&tree).await;
        assert!(!verdict.ok && verdict.detail.contains(&why), "{verdict:?}");
        let told = asked(&world, &["backup", "drill", "rota", "--yes"]).await.exits(1).out();
        assert!(told.contains("not what its manifest says") || told.contains("no usable file"), "{told}");
    }
    fs::remove_file(&table).expect("gone");
    assert!(check(&tree).await.detail.contains(&format!("{short} of it is missing")));
    fs::write(&table, &sound).expect("as it was");
    fs::write(tree.join("more"), "").expect("one more");
    assert!(check(&tree).await.detail.contains("more in it is not of it"));
    fs::remove_file(tree.join("more")).expect("gone");

    asked(&world, &["backup", "verify", "rota"]).await.exits(0);
    let drilled = asked(&world, &["backup", "drill", "rota", "--yes"]).await.exits(0).out();
    assert!(drilled.contains("2 tables with 2001 rows as in the manifest"), "{drilled}");
    asked(&world, &["backup", "copy", "rota", "--yes"]).await.exits(0);
    let far = world.path("drive").join(&name);
    assert!(check(&far).await.ok && mode(&largest(&far)) == 0o600);
    let again = asked(&world, &["backup", "copy", "rota", "--yes"]).await.exits(0).out();
    assert!(again.contains("is there already"), "{again}");

    run(&mut rota, "UPDATE staff SET name = 'everybody'").await;
    drop(rota);
    // What is copied first is of another second.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let restore =
        ["backup", "restore", "rota", "--file", &name, "--confirm", "rota", "--reason", "the update went wrong"];
    asked(&world, &restore).await.exits(0);
    let mut rota = server.connect("postgres", "rota").await;
    assert_eq!(fingerprint(&mut rota).await, new);
    assert_eq!(one(&mut rota, SCRATCHES).await, "0");

    assert_eq!(trees(&world).len(), 2, "and what was there before the restore");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let newest = back_up(&world).await;
    let told = asked(&world, &["backup", "prune", "rota", "--confirm", "rota"]).await.exits(0).out();
    assert!(told.contains("1 file deleted"), "{told}");
    assert!(!tree.exists() && !path_for(&tree).exists() && newest.exists(), "{:?}", world.files("shelf"));
    assert_eq!(world.files("shelf").len(), 6, "two backups, each with its globals and its manifest, and nothing else");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn killed_dumps_into_a_directory_leave_no_incomplete_backup() {
    let long = std::env::var_os("ROUNDS_TEST_TRIALS").is_some_and(|trials| trials == "long");
    let kills = if long { 200 } else { 8 };
    let server = Server::start("");
    let mut rota = filled(&server).await;
    run(&mut rota, "INSERT INTO staff (name) SELECT md5(n::text) FROM generate_series(1, 200000) n").await;
    let world = world(&server, "");
    let started = tokio::time::Instant::now();
    back_up(&world).await;
    let mut killer = Killer::within(started.elapsed());
    while killer.hit < kills && killer.trials < 10 * kills {
        let before = trees(&world);
        tokio::time::sleep(Duration::from_millis(1_010)).await;
        killer.kill(&mut world.command(&["backup", "run", "rota", "--yes"]));
        let after = trees(&world);
        assert!(before.iter().all(|tree| after.contains(tree)), "an earlier one is gone");
        for tree in &after {
            assert!(Manifest::of(tree).is_ok(), "{} has no manifest", tree.display());
            let verdict = check(tree).await;
            assert!(verdict.ok, "{}: {}", tree.display(), verdict.detail);
        }
        for tree in after.iter().skip(2) {
            fs::remove_dir_all(tree).and_then(|()| fs::remove_file(path_for(tree))).expect("two are enough");
        }
    }
    println!("{} of {} kills hit a backup", killer.hit, killer.trials);
    assert_eq!(killer.hit, kills, "too few kills hit a dump to say anything");
    tokio::time::sleep(Duration::from_millis(1_010)).await;
    age_what_is_left(&world);
    back_up(&world).await;
    assert!(!world.files("shelf").iter().any(|name| name.starts_with(".partial")), "{:?}", world.files("shelf"));
}

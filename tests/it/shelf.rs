//! What lies on a shelf, as the program tells it to whoever asks: also to one who may not look.
#![expect(clippy::disallowed_methods, reason = "the program is started as another user")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::support::{Answer, World};

/// What the program says to a user without any rights: root has them all.
fn as_nobody(world: &World, arguments: &[&str]) -> Answer {
    let program = world.path("program");
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_rounds"), &program).expect("a copy anybody can run");
    }
    let inner = world.command(arguments);
    let mut command = Command::new(program);
    command.args(inner.get_args()).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(world.path("state"), Some(65_534), Some(65_534)).expect("a state of its own");
        command.uid(65_534).gid(65_534);
    }
    Answer(command.stdin(Stdio::null()).output().expect("the program starts"))
}

#[test]
fn a_backup_that_this_user_may_not_read_is_told_with_what_mends_it_and_is_never_ok() {
    let world = World::new().config(
        "version = 1\n[host]\nevery = '1h'\n[store]\nurl = 'sqlite:{root}/state/rounds.db'\n\
         [[backup]]\nid = 'rota-db'\nfiles = '{root}/shelf/rota_%Y%m%d_%H%M%S.sqlite3'\n",
    );
    let mode =
        |name: &str, mode| fs::set_permissions(world.path(name), fs::Permissions::from_mode(mode)).expect("chmod");
    for name in ["state", "shelf"] {
        fs::create_dir(world.path(name)).expect("a directory");
    }
    let file = "shelf/rota_20260301_020000.sqlite3";
    fs::write(world.path(file), format!("SQLite format 3\0{}", "\0".repeat(84))).expect("a backup");
    for (name, bits) in [("", 0o755), ("config.toml", 0o644), ("state", 0o700), ("shelf", 0o755), (file, 0o000)] {
        mode(name, bits);
    }
    let told = as_nobody(&world, &["backup", "list", "--format", "json"]).exits(0).json();
    let backup = &told["backups"][0];
    assert_eq!(backup["status"], "critical", "{told:#}");
    let state = backup["files"][0]["state"].as_str().expect("a state");
    assert!(state.contains("no permission to read it; give this user the right"), "{told:#}");
    mode("shelf", 0o000);
    let told = as_nobody(&world, &["backup", "list"]).exits(0).out();
    mode("shelf", 0o755);
    assert!(told.contains("no permission to list it; give this user the right to read there"), "{told}");
    assert!(told.starts_with("rota-db  unknown"), "{told}");
    assert!(world.path(file).exists());
}

/// A world with a database of forty shifts, its backup, and what `more` says of that.
fn shifts(more: &str) -> World {
    let world = World::new().config(&format!(
        "version = 1\n[host]\nevery = '1h'\n[store]\nurl = 'sqlite:{{root}}/state/rounds.db'\n\
         [[database]]\nid = 'rota'\nurl = 'sqlite:{{root}}/rota.sqlite3'\n\
         [[backup]]\nid = 'rota-db'\ndatabase = 'rota'\nfiles = '{{root}}/shelf/rota_%Y%m%d_%H%M%S.sqlite3'\n{more}\n"
    ));
    let live = rusqlite::Connection::open(world.path("rota.sqlite3")).expect("a database");
    live.execute_batch("CREATE TABLE rota_shift (id INTEGER PRIMARY KEY); CREATE TABLE other (id INTEGER)")
        .expect("tables");
    more_shifts(&live, 40);
    world.run(&["backup", "run", "--yes"]).exits(0);
    world
}

fn more_shifts(live: &rusqlite::Connection, count: u32) {
    let rows = format!(
        "INSERT INTO rota_shift SELECT NULL FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n)"
    );
    live.execute_batch(&rows).expect("shifts");
}

#[test]
fn a_verification_holds_rows_against_the_source_and_an_export_against_its_backup() {
    let world = shifts("verify = { rows = ['rota_shift'] }");
    let live = rusqlite::Connection::open(world.path("rota.sqlite3")).expect("the database");
    let told = world.run(&["backup", "verify"]).exits(0).out();
    assert!(told.contains("rows about as many as in the source now"), "{told}");
    more_shifts(&live, 30);
    // Of a table that is not listed nobody asks.
    live.execute_batch("DROP TABLE other").expect("gone");
    world.run(&["backup", "verify"]).exits(0);
    more_shifts(&live, 1000);
    let told = world.run(&["backup", "verify"]).exits(1).out();
    assert!(told.contains("`rota_shift` has 40 rows in it, and 1070 in the source now"), "{told}");

    let world = shifts("pair = '{root}/shelf/rota_%Y%m%d_%H%M%S.json'");
    let backup = world.files("shelf").into_iter().find(|name| name.ends_with(".sqlite3")).expect("a backup");
    let pair = world.path("shelf").join(backup.replace(".sqlite3", ".json"));
    let told = world.run(&["backup", "list"]).exits(0).out();
    assert!(told.contains("its pair rota_") && told.contains(".json is missing"), "{told}");
    let export = |shifts: usize| {
        let objects: Vec<String> =
            (0..shifts).map(|number| format!(r#"{{"model": "rota.shift", "pk": {number}, "fields": {{}}}}"#)).collect();
        fs::write(&pair, format!("[{}]", objects.join(","))).expect("the export");
        world.run(&["backup", "verify"])
    };
    let told = export(40).exits(0).out();
    assert!(told.contains("40 objects of 1 model"), "{told}");
    let told = export(12).exits(1).out();
    assert!(told.contains("12 of `rota.shift` where the backup has 40"), "{told}");
}

#[test]
fn halves_without_their_other_are_told_on_either_side_and_count_for_nothing() {
    let world = shifts("");
    let shelf = world.path("shelf");
    let backup = world.files("shelf").into_iter().find(|name| name.ends_with(".sqlite3")).expect("a backup");
    let lonely = shelf.join("rota_20260301_020000.sqlite3.manifest.json");
    fs::copy(shelf.join(format!("{backup}.manifest.json")), lonely).expect("a manifest");
    let foreign = shelf.join("rota_20260302_020000.sqlite3");
    fs::copy(shelf.join(&backup), &foreign).expect("an object");
    let settled = std::time::SystemTime::now() - std::time::Duration::from_hours(24 * 200);
    fs::File::options().write(true).open(&foreign).expect("open").set_modified(settled).expect("it is old");
    let told = world.run(&["backup", "list", "--format", "json"]).exits(0).json();
    let told = &told["backups"][0];
    let findings = told["findings"].to_string();
    for half in [
        "rota_20260301_020000.sqlite3.manifest.json is there without its backup",
        "1 file without a manifest, the newest is rota_20260302_020000.sqlite3",
    ] {
        assert!(findings.contains(half), "{half}: {told:#}");
    }
    let paths = told["files"].as_array().expect("files").iter().filter_map(|file| file["path"].as_str());
    assert!(paths.clone().count() == 2 && paths.clone().all(|path| !path.contains("20260301")), "{told:#}");
    assert!(foreign.exists(), "and nothing was deleted");
}

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

//! What is not done: without leave, without a yes, without a store, or because it cannot be.

use super::rota;
use crate::support::World;

#[test]
fn read_only_refuses_everything_and_records_the_refusal() {
    let world = rota();
    let refused = world.run(&["--read-only", "backup", "run", "--yes"]).exits(77);
    assert!(refused.err().contains("read-only"), "{}", refused.err());
    assert!(world.files("backups").is_empty());
    let audit = world.run(&["audit", "list", "--format", "json"]).json();
    assert_eq!(audit["records"][0]["phase"], "refused");
}

#[test]
fn without_a_yes_nothing_happens_and_yes_is_too_weak_for_destruction() {
    let world = rota();
    world.run(&["run", "touch"]).exits(77);
    assert!(!world.path("made x").exists());
    world.run(&["run", "touch", "--yes", "--param", "name=a b;c"]).exits(0);
    assert!(world.path("made a b;c").exists(), "one argument stays one argument");
    world.run(&["run", "wipe", "--yes"]).exits(77);
    world.run(&["run", "wipe", "--confirm", "wype"]).exits(77);
    world.run(&["run", "wipe", "--confirm", "wipe"]).exits(0);
}

#[test]
fn exit_zero_without_the_effect_is_not_success() {
    let world = rota();
    let answer = world.run(&["run", "restart", "--yes"]).exits(1).out();
    assert!(answer.starts_with("not-effective: ran, but command:plugin is not ok after 1.0 s"), "{answer}");
}

#[test]
fn a_store_that_cannot_be_opened_leaves_the_check_working_and_refuses_acts() {
    let world = rota();
    std::fs::write(world.path("foreign.db"), "not a database, but long enough to look at").expect("a file");
    let store = format!("sqlite:{}", world.path("foreign.db").display());
    let document = world.run(&["check", "--format", "json", "--store", &store]).exits(2).json();
    assert!(document["checks"].as_array().expect("checks").len() > 4);
    world.run(&["backup", "run", "--yes", "--store", &store]).exits(77);
    assert!(world.files("backups").is_empty(), "no audit, no act");
}

#[test]
fn what_is_impossible_is_refused_on_record() {
    let watched = "[[backup]]\nid = \"theirs\"\nfiles = \"{root}/theirs/x_%Y%m%d_%H%M%S.sqlite3\"\n";
    let world = World::new().config(&format!("version = 1\n{watched}"));
    let refused = world.run(&["backup", "run", "theirs", "--yes", "--operator", "asha"]).exits(77).err();
    let _shown = world.run(&["backup", "run", "theirs", "--dry-run"]).exits(77);
    let records = world.run(&["audit", "list", "--format", "json"]).exits(0).json();
    let records = records["records"].as_array().expect("records");
    assert_eq!(records.len(), 1, "{records:#?}");
    assert_eq!(records[0]["phase"], "refused");
    assert_eq!((&records[0]["operator"], &records[0]["target"]), (&"asha".into(), &"backup:theirs".into()));
    let why = records[0]["detail"].as_str().expect("why");
    assert!(!why.is_empty() && refused.contains(why), "{why} {refused}");
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs root: mounts a file system that cannot be written"]
#[expect(clippy::disallowed_methods, reason = "the mount is made by a program of the system")]
fn root_a_store_that_cannot_be_written_is_still_read() {
    let world = World::new().config(
        "version = 1\n[[action]]\nid = \"mark\"\ntitle = \"Mark\"\nrisk = \"routine\"\n\
        command = [\"/usr/bin/touch\", \"{root}/mark\"]\n",
    );
    world.run(&["run", "mark", "--yes"]).exits(0);
    let state = world.path("state").display().to_string();
    let frozen = |arguments: &[&str]| {
        let inner = world.command(arguments);
        let mut outer = std::process::Command::new("unshare");
        outer.args(["--mount", "--propagation", "private", "sh", "-c"]);
        outer.arg("mount --bind \"$1\" \"$1\" && mount -o remount,ro,bind \"$1\" && shift && exec \"$@\"");
        outer.args(["frozen", &state]).arg(inner.get_program()).args(inner.get_args()).env_clear();
        outer
            .envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .stdin(std::process::Stdio::null());
        crate::support::Answer(outer.output().expect("unshare of util-linux"))
    };
    assert!(frozen(&["audit", "verify"]).exits(0).out().contains("3 records"));
    let records = frozen(&["audit", "list", "--format", "json"]).exits(0).json();
    assert_eq!(records["records"].as_array().map(Vec::len), Some(3), "{records:#}");
    std::fs::remove_file(world.path("mark")).expect("the mark");
    frozen(&["run", "mark", "--yes"]).exits(77);
    assert!(!world.path("mark").exists(), "no act without a record");
}

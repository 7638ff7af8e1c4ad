//! Only what a trusted configuration says is run, and it is run as written.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use rounds::config::{self, Environment};

use crate::support::World;

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Reached {
    Directly,
    ThroughALink,
    /// The same file under a second name: whoever could write that can write this, and the mode
    /// says who can.
    ThroughAHardLink,
}

#[test]
fn a_configuration_is_read_only_where_nobody_else_could_have_written_it() {
    let me = rustix::process::geteuid().as_raw();
    let (mut cases, mut trusted) = (0, 0);
    for mode in [0o600, 0o644, 0o444, 0o660, 0o606, 0o622] {
        for mine in [true, false] {
            for folder in [0o700, 0o755, 0o775, 0o757] {
                for reached in [Reached::Directly, Reached::ThroughALink, Reached::ThroughAHardLink] {
                    let world = World::new();
                    let (inside, outside) = (world.path("inside"), world.path("outside"));
                    std::fs::create_dir(&inside).expect("a folder");
                    std::fs::create_dir(&outside).expect("a folder");
                    set_mode(&outside, 0o700);
                    let (file, link) = (inside.join("config.toml"), outside.join("link.toml"));
                    std::fs::write(&file, "version = 1\n[store]\nurl = \"sqlite:/x/y.db\"\n").expect("a file");
                    match reached {
                        Reached::Directly => {}
                        Reached::ThroughALink => symlink(&file, &link).expect("a link"),
                        Reached::ThroughAHardLink => std::fs::hard_link(&file, &link).expect("a second name"),
                    }
                    set_mode(&file, mode);
                    set_mode(&inside, folder);
                    let mut user = me;
                    if !mine && me == 0 {
                        std::os::unix::fs::chown(&file, Some(4242), None).expect("root gives away");
                    } else if !mine {
                        user += 1;
                    }
                    let path = if reached == Reached::Directly { &file } else { &link };
                    let env = Environment { user, ..Environment::default() };
                    let read = config::load(std::slice::from_ref(path), &env);
                    // The second name lies in a folder of its own.
                    let closed = folder & 0o022 == 0 || reached == Reached::ThroughAHardLink;
                    let expected = mine && mode & 0o022 == 0 && closed;
                    assert_eq!(
                        read.is_ok(),
                        expected,
                        "{mode:o} mine {mine} in {folder:o} {reached:?}: {:?}",
                        read.err().map(|error| error.to_string())
                    );
                    cases += 1;
                    trusted += u32::from(expected);
                }
            }
        }
    }
    println!("{cases} cases, {trusted} of them trusted");
}

/// Whatever a shell would make something else of.
const WORDS: [&str; 12] = [
    "plain",
    "two words",
    " edges ",
    "'single' \"double\"",
    "$HOME $PATH `id` $(id)",
    "; touch {root}/interpreted",
    "| cat > {root}/interpreted",
    "&& touch {root}/interpreted &",
    "line\nbreak\ttab",
    "*?[a-z]~",
    "\\n \\",
    "",
];

#[test]
fn arguments_of_every_kind_of_command_arrive_as_written_and_no_shell_sees_them() {
    let list = WORDS.iter().map(|word| toml::Value::from(*word).to_string()).collect::<Vec<_>>().join(", ");
    let config = r#"
version = 1
[[check]]
id = "check"
command = ["{root}/keep", "check", WORDS]
[[task]]
id = "task"
source = "exec"
run = { command = ["{root}/keep", "task", WORDS] }
[[action]]
id = "action"
title = "Keep"
risk = "routine"
command = ["{root}/keep", "action", WORDS, "{word}"]
params = [{ name = "word", kind = "text", default = "x" }]
"#;
    let world = World::new().config(&config.replace("WORDS", &list));
    let folder = world.path("").display().to_string();
    let folder = folder.trim_end_matches('/');
    let script = format!("#!/bin/sh\nkind=$1; shift; printf '%s\\0' \"$@\" >{folder}/kept-$kind\n");
    std::fs::write(world.path("keep"), script).expect("the program");
    set_mode(&world.path("keep"), 0o700);
    world.run(&["check", "command:check"]).exits(0);
    world.run(&["task", "run", "task", "--yes"]).exits(0);
    let typed = "; touch x; $(id) 'q' \"q\"";
    world.run(&["run", "action", "--yes", "--param", &format!("word={typed}")]).exits(0);
    let expected: Vec<String> = WORDS.iter().map(|word| word.replace("{root}", folder)).collect();
    for (kind, more) in [("check", None), ("task", None), ("action", Some(typed))] {
        let kept = std::fs::read(world.path(&format!("kept-{kind}"))).expect(kind);
        let words: Vec<&str> = std::str::from_utf8(&kept).expect("text").split_terminator('\0').collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).chain(more).collect();
        assert_eq!(words, expected, "{kind}");
    }
    assert!(!world.path("interpreted").exists());
    println!("{} arguments in 3 kinds of commands", WORDS.len());
}

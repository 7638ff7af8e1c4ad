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

/// What a configuration of one command says when it is loaded.
fn loaded(world: &World, sections: &str) -> Result<(), String> {
    let text = sections.replace("{root}", &world.path("").display().to_string());
    std::fs::write(world.path("config.toml"), format!("version = 1\n{text}")).expect("a file");
    set_mode(&world.path("config.toml"), 0o600);
    let environment = Environment {
        user: rustix::process::geteuid().as_raw(),
        xdg_state_home: Some(world.path("state")),
        ..Environment::default()
    };
    config::load(&[world.path("config.toml")], &environment).map(drop).map_err(|error| error.to_string())
}

#[test]
fn a_program_that_others_can_change_is_refused_wherever_it_is_named() {
    let places = [
        "[[check]]\nid = \"x\"\ncommand = [\"{program}\"]\n",
        "[[task]]\nid = \"x\"\nsource = \"exec\"\nrun = { command = [\"{program}\"] }\n",
        "[[task]]\nid = \"x\"\nsource = \"exec\"\nrun = { command = [\"./program\"], directory = \"{root}/bin\" }\n",
        "[[action]]\nid = \"x\"\ntitle = \"X\"\nrisk = \"routine\"\ncommand = [\"{program}\"]\n",
        "[[backup]]\nid = \"x\"\nfiles = \"{root}/x_%Y%m%d_%H%M%S.gz\"\ncommand = [\"{program}\"]\n",
        "[[database]]\nid = \"x\"\nurl = \"postgres://u@localhost/x\"\npassword = 'command:[\"{program}\"]'\n",
    ];
    let world = World::new();
    let (folder, program) = (world.path("bin"), world.path("bin/program"));
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(&program, "#!/bin/sh\n").expect("a program");
    let mut cases = 0;
    for place in places {
        let text = place.replace("{program}", &program.display().to_string());
        for (folder_mode, mode, trusted) in [
            (0o700, 0o700, true),
            (0o755, 0o755, true),
            (0o755, 0o775, false),
            (0o777, 0o755, false),
            (0o755, 0o757, false),
        ] {
            set_mode(&program, mode);
            set_mode(&folder, folder_mode);
            let said = loaded(&world, &text);
            assert_eq!(said.is_ok(), trusted, "{folder_mode:o} {mode:o} {text}: {said:?}");
            if let Err(said) = said {
                let place = if mode & 0o022 == 0 { &folder } else { &program };
                assert!(said.contains("config.toml:") && said.contains("not to be trusted"), "{said}");
                assert!(said.contains(&format!("mend: chmod go-w {}", place.display())), "{said}");
            }
            cases += 1;
        }
        set_mode(&folder, 0o700);
        set_mode(&program, 0o700);
        // Whoever placed the link says what runs.
        let link = world.path("link");
        let _ = std::fs::remove_file(&link);
        symlink(&program, &link).expect("a link");
        set_mode(&folder, 0o777);
        let linked = place.replace("{program}", &link.display().to_string());
        assert!(loaded(&world, &linked).is_err(), "{linked}");
    }
    println!("{cases} cases");
}

#[test]
fn ordinary_names_are_found_and_what_is_missing_is_told_by_whoever_needs_it() {
    let check = |id: &str, program: &str| format!("[[check]]\nid = \"{id}\"\ncommand = [\"{program}\", \"fine\"]\n");
    let text = ["echo", "no-such-program", "/no/such/program"];
    let text: String = text.iter().enumerate().map(|(number, one)| check(&format!("c{number}"), one)).collect();
    let world = World::new();
    assert_eq!(loaded(&world, &text), Ok(()));
    world.run(&["check", "c0"]).exits(0);
    let said = world.run(&["check", "c1", "c2"]).exits(3).out();
    assert!(
        said.contains("`no-such-program` was not found in") && said.contains("`/no/such/program` was not"),
        "{said}"
    );
}

#[test]
fn a_program_that_others_can_change_ends_everything_with_its_place_and_its_mend() {
    let world = World::new();
    let program = world.path("program");
    std::fs::write(&program, "#!/bin/sh\ntouch \"$0-ran\"\n").expect("a program");
    set_mode(&program, 0o777);
    let world = world.config("version = 1\n[[check]]\nid = \"x\"\ncommand = [\"{root}/program\"]\n");
    let said = world.run(&["check"]).exits(78).err();
    assert!(said.contains("config.toml:3:6") && said.contains("chmod go-w"), "{said}");
    assert!(!world.path("program-ran").exists());
}

//! Secrets that somebody lets slip: a program that prints one, an environment that holds one, a
//! reason or an argument with one in it. None of them is kept, shown, or passed on.

#![expect(clippy::disallowed_methods, reason = "real processes, looked at from outside")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;

use crate::support::{World, proc};
use crate::terminal::Terminal;

/// What may be found nowhere. Each stands in `SLIPS` as programs print secrets.
const CANARIES: [&str; 14] = [
    "canaryPassword1",
    "canaryUrl2",
    "canaryBearer3",
    "canaryJson4",
    "canaryFlag5",
    "canaryYaml6",
    "ghp_canary7canary7canary7canary7canary7",
    "AKIACANARY8CANARY8XX",
    "canaryPem9canaryPem9canaryPem9",
    "canaryQuoted10 with spaces",
    "canaryEnvironment11",
    "canaryReason12",
    // These two look like nothing: they are known because they were fetched.
    "canary13 in the clear",
    "canary14 in a file",
];

const SLIPS: &str = r#"connecting with PGPASSWORD=canaryPassword1 to rota
failed: postgres://rota:canaryUrl2@db.example/rota does not answer
> Authorization: Bearer canaryBearer3
{"user": "rota", "api_token": "canaryJson4", "n": 1}
+ mysqldump --password canaryFlag5 rota
db_password: canaryYaml6
remote: ghp_canary7canary7canary7canary7canary7 expired
upload as AKIACANARY8CANARY8XX
-----BEGIN OPENSSH PRIVATE KEY-----
canaryPem9canaryPem9canaryPem9
-----END OPENSSH PRIVATE KEY-----
secret='canaryQuoted10 with spaces'
and then it said canary13 in the clear, canary14 in a file
the last line
"#;

const CONFIG: &str = r#"
version = 1
[system]
name = "pty"
title = "Pseudo Terminal"
timezone = "UTC"
[[database]]
id = "rota"
url = "sqlite:{root}/rota.sqlite3"
[[database]]
id = "away"
url = "postgres://rota@127.0.0.1:1/rota"
password = "env:ROTA_PASSWORD"
[[database]]
id = "far"
url = "postgres://rota@127.0.0.1:1/far"
password = "file:{root}/password"
[[check]]
id = "well"
command = ["{root}/slip", "0"]
every = "1s"
timeout = "1s"
[[check]]
id = "ill"
command = ["{root}/slip", "2"]
[[check]]
id = "odd"
command = ["{root}/slip", "77"]
[[check]]
id = "slow"
command = ["{root}/slip", "0", "60"]
timeout = "1s"
[[task]]
id = "good"
source = "exec"
run = { command = ["{root}/slip", "0"] }
[[task]]
id = "bad"
source = "exec"
run = { command = ["{root}/slip", "3", "0.5", "--password=canaryPassword1", "--token", "canaryFlag5"] }
[[action]]
id = "late"
title = "Take too long"
risk = "routine"
command = ["{root}/slip", "0", "60"]
timeout = "1s"
[[action]]
id = "killed"
title = "End by a signal"
risk = "routine"
command = ["/bin/sh", "-c", "{root}/slip 0; kill -9 $$"]
"#;

fn world() -> World {
    let world = World::new().config(CONFIG).database("rota.sqlite3", 3);
    std::fs::write(world.path("slips"), SLIPS).expect("the slips");
    let place = world.path("slips").display().to_string();
    std::fs::write(world.path("password"), format!("{}\n", CANARIES[13])).expect("the password");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(world.path("password"), private).expect("its mode");
    // On both outputs, and the first line is what a plugin says.
    let script = format!("#!/bin/sh\ncat {place}\ncat {place} >&2\nsleep ${{2:-0.2}}\nexit $1\n");
    let program = world.path("slip");
    std::fs::write(&program, script).expect("the program");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&program, mode).expect("its mode");
    world
}

fn found(text: &[u8]) -> Vec<&'static str> {
    let holds = |canary: &&&str| text.windows(canary.len()).any(|window| window == canary.as_bytes());
    CANARIES.iter().filter(holds).copied().collect()
}

/// Every file below a folder but those that are the source of all.
fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, out);
        } else if !["slips", "config.toml", "password"].iter().any(|source| path.ends_with(source)) {
            out.push(path);
        }
    }
}

/// Runs a command to its end and looks meanwhile at all it starts. What it says is what an
/// operator sees.
fn watched(mut command: Command) -> (String, BTreeSet<u32>) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let pid = child.id();
    let looking = std::thread::spawn(move || {
        let mut seen = BTreeSet::new();
        while proc::all().contains(&pid) && !proc::spoken(pid).is_empty() {
            for member in proc::family(pid).into_iter().filter(|member| *member != pid) {
                let spoken = proc::spoken(member);
                // Not yet itself: a moment before the program is loaded it is a picture of us.
                if spoken.starts_with(env!("CARGO_BIN_EXE_rounds").as_bytes()) {
                    continue;
                }
                // What the configuration passes as an argument is passed; the rest is not.
                let inherited: Vec<_> = found(&spoken)
                    .into_iter()
                    .filter(|canary| ["11", "12", "13", "14"].iter().any(|number| canary.contains(number)))
                    .collect();
                assert!(inherited.is_empty(), "{inherited:?} in {}", String::from_utf8_lossy(&spoken));
                seen.insert(member);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        seen
    });
    let output = child.wait_with_output().expect("its end");
    let seen = looking.join().expect("nothing was inherited");
    (String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(), seen)
}

#[test]
fn a_secret_that_slips_is_neither_kept_nor_shown_nor_passed_on() {
    let world = world();
    let secretive = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.args(["-vv", "--log-file"]).arg(world.path("rounds.log"));
        command.env("RUST_LOG", "trace").env("AWS_SECRET_ACCESS_KEY", CANARIES[10]).env("PGPASSWORD", CANARIES[10]);
        command.env("ROTA_PASSWORD", CANARIES[12]);
        command
    };
    let reason = "--reason=the password=canaryReason12 was wrong";
    let scenarios: [&[&str]; 16] = [
        &["check", "--deadline", "20s"],
        &["check", "--format", "json"],
        &["check", "--format", "junit", "ill"],
        &["check", "--format", "nagios", "well"],
        &["check", "--format", "openmetrics", "well"],
        &["task", "run", "good", "--yes", reason],
        &["task", "run", "bad", "--yes", reason],
        &["task", "run", "bad", "--dry-run"],
        &["run", "late", "--yes", reason],
        &["run", "killed", "--yes", reason],
        &["run", "late", reason],
        &["run", "late", "--yes", "--read-only", reason],
        &["task", "list"],
        &["task", "list", "--format", "json"],
        &["audit", "list", "--format", "json"],
        &["audit", "export", "--format", "csv"],
    ];
    let mut children = 0;
    for scenario in scenarios {
        let (said, seen) = watched(secretive(scenario));
        assert_eq!(found(said.as_bytes()), Vec::<&str>::new(), "{scenario:?} says\n{said}");
        children += seen.len();
    }
    assert!(children > 5, "only {children} children were looked at");
    // The wrapper passes everything through, and keeps none of it.
    for code in ["0", "4"] {
        let mut command = secretive(&["exec", "--task", "good"]);
        command.arg("--").arg(world.path("slip")).arg(code);
        let output = command.output().expect("it runs");
        assert_eq!(output.stdout, SLIPS.as_bytes(), "what passes is the command's own");
    }
    let spooled = world.files("state/rounds/spool").len();
    assert_eq!(spooled, 2, "the runs of the wrapper are kept");

    let mut terminal = dashboard(&world);
    terminal.wait_for("1 Needs attention");
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(6) {
        for key in ["3", "4", "5", "6", "7", "8", "\r", "\u{1b}", "1", "j", "\r", "\u{1b}"] {
            terminal.type_keys(key);
            look_on(&mut terminal, Duration::from_millis(100));
            assert_eq!(found(terminal.contents().as_bytes()), Vec::<&str>::new(), "{}", terminal.contents());
        }
    }
    // An Esc with a letter close behind it would be another key.
    for _ in 0..3 {
        terminal.type_keys("\u{1b}");
        look_on(&mut terminal, Duration::from_secs(1));
    }
    terminal.type_keys("\u{3}");
    assert!(terminal.end().success());

    let mut all = Vec::new();
    files(&world.path(""), &mut all);
    let (mut bytes, mut logs) = (0, 0);
    for file in &all {
        let content = std::fs::read(file).expect("a file of ours");
        assert_eq!(found(&content), Vec::<&str>::new(), "in {}", file.display());
        bytes += content.len();
        logs += usize::from(file.extension().is_some_and(|end| end == "log"));
    }
    assert!(logs >= 4, "the logs of the jobs and our own: {all:?}");
    println!("{} canaries x {} scenarios, {children} children, {} files, {bytes} bytes", CANARIES.len(), 19, all.len());
}

fn look_on(terminal: &mut Terminal, long: Duration) {
    let until = Instant::now() + long;
    while Instant::now() < until {
        terminal.look();
    }
}

fn dashboard(world: &World) -> Terminal {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_rounds"));
    command.args(["--config".to_owned(), world.path("config.toml").display().to_string()]);
    command.args(["-vv".to_owned(), "--log-file".to_owned(), world.path("rounds.log").display().to_string()]);
    command.env("HOME", world.path(""));
    command.env("XDG_STATE_HOME", world.path("state"));
    command.env("AWS_SECRET_ACCESS_KEY", CANARIES[10]);
    command.env("ROTA_PASSWORD", CANARIES[12]);
    command.cwd("/");
    Terminal::run(command, None)
}

#[test]
fn a_wrong_configuration_or_store_is_told_without_the_secret_in_it() {
    let world = World::new().config("version = 1\n[store]\nurl = \"postgres://rota:canaryUrl2@db/rota\"\n");
    let answer = world.run(&["check"]).exits(78);
    assert_eq!(found(answer.err().as_bytes()), Vec::<&str>::new(), "{}", answer.err());
    let world = World::new().config("version = 1\n[[database]]\nid = \"x\"\npassword = \"canaryPassword1\"\n");
    let answer = world.run(&["check"]).exits(78);
    assert_eq!(found(answer.err().as_bytes()), Vec::<&str>::new(), "{}", answer.err());
    let said = World::new().run(&["check", "--store", "postgres://rota:canaryUrl2@db/rota"]).exits(78);
    assert_eq!(found(&[said.out(), said.err()].concat().into_bytes()), Vec::<&str>::new(), "{}", said.err());
}

//! Everything hangs, and the program does not: file systems that never answer, a database and a
//! store that somebody has locked, commands that will not end.

#![expect(clippy::disallowed_methods, reason = "real processes take real time")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;
use serde_json::Value;

use crate::support::hung::Hung;
use crate::support::{Answer, World, proc};
use crate::terminal::Terminal;

/// What is well beside what hangs. The machine itself is not judged: it is busy with tests.
const WELL: &str = r#"
version = 1
[system]
name = "pty"
title = "Pseudo Terminal"
timezone = "UTC"
[host]
every = "1s"
cpu = {}
memory = {}
swap = {}
load = {}
disk = { free = {}, inodes_free = {}, full_in = {} }
[[check]]
id = "well"
command = ["/bin/sh", "-c", "echo >>{root}/looks; echo fine"]
every = "1s"
timeout = "1s"
"#;

/// On a file system that hangs: a database, a backup directory, a file and a command.
const HUNG: &str = r#"
[[database]]
id = "rota"
url = "sqlite:{root}/hung/rota.sqlite3"
every = "1s"
timeout = "1s"
[[backup]]
id = "rota-db"
database = "rota"
files = "{root}/hung/backups/rota_%Y%m%d_%H%M%S.sqlite3"
[[check]]
id = "export"
file = { newest = "{root}/hung/*.csv" }
age = { crit = "> 1d" }
every = "1s"
timeout = "1s"
[[check]]
id = "itself"
command = ["{root}/hung/check"]
every = "1s"
timeout = "1s"
[[checklist]]
id = "daily"
every = "day"
title = "Daily"
items = [{ text = "Login works" }]
"#;

/// Never waited for longer, however busy the machine: a program that hangs hangs for ever.
const FOR_EVER: Duration = Duration::from_mins(1);

/// The answer of a command that must come to an end by itself.
#[track_caller]
fn ends(mut command: Command) -> (Answer, Duration) {
    let began = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    while child.try_wait().expect("it can be waited for").is_none() {
        if began.elapsed() > FOR_EVER {
            let _ = child.kill();
            let said = child.wait_with_output().expect("its output");
            unreachable!("it hangs; it said {}", String::from_utf8_lossy(&said.stderr));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let took = began.elapsed();
    (Answer(child.wait_with_output().expect("its output")), took)
}

fn status_of<'a>(report: &'a Value, id: &str) -> &'a str {
    let checks = report["checks"].as_array().expect("checks");
    let found = checks.iter().find(|one| one["id"] == id);
    found.and_then(|one| one["status"].as_str()).unwrap_or_else(|| unreachable!("no {id} in {report:#}"))
}

fn looks(world: &World) -> u64 {
    std::fs::metadata(world.path("looks")).map_or(0, |looks| looks.len())
}

/// A dashboard of a world, as `prefix` lets it see things.
fn dashboard(world: &World, prefix: &[String], store: &Path) -> Terminal {
    let program = prefix.iter().cloned().chain([env!("CARGO_BIN_EXE_rounds").to_owned()]);
    let mut command = CommandBuilder::from_argv(program.map(Into::into).collect());
    command.args(["--config".to_owned(), world.path("config.toml").display().to_string()]);
    command.args(["--store".to_owned(), format!("sqlite:{}", store.display())]);
    command.env("HOME", world.path("home"));
    command.env("XDG_STATE_HOME", world.path("state"));
    command.cwd("/");
    Terminal::run(command, None)
}

/// Waits until a dashboard that is looked at meanwhile has come so far.
#[track_caller]
fn until(terminal: &mut Terminal, what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < FOR_EVER, "{what} did not happen; the screen is\n{}", terminal.contents());
        terminal.look();
    }
}

/// Keys are answered, the others go on being read, and leaving is at once.
fn lives(terminal: &mut Terminal, world: &World) {
    terminal.wait_for("1 Needs attention");
    for _ in 0..3 {
        terminal.type_keys("?");
        terminal.wait_for("help for where you are");
        terminal.type_keys("\u{1b}");
        terminal.wait("help to close", |screen| !screen.contents().contains("help for where you are"));
        let before = looks(world);
        until(terminal, "another reading of what is well", || looks(world) > before + 1);
    }
}

fn leaves(mut terminal: Terminal) {
    let pid = terminal.pid();
    terminal.type_keys("q");
    let began = Instant::now();
    assert!(terminal.end().success());
    assert!(began.elapsed() < Duration::from_secs(15), "leaving took {:?}", began.elapsed());
    terminal.wait_given_back();
    assert!(!proc::all().contains(&pid), "the process is still there");
}

#[test]
#[ignore = "needs root: mounts a file system that never answers"]
fn root_a_check_ends_in_time_and_what_hangs_is_unknown() {
    let world = World::new().config(&format!("{WELL}{HUNG}"));
    let hung = Hung::at(&world.path("hung"));
    for store in [world.path("rounds.db"), hung.path("rounds.db")] {
        let place = format!("sqlite:{}", store.display());
        let arguments = ["check", "--deadline", "3s", "--format", "json", "--store", &place];
        let (answer, took) = ends(hung.command(&world.command(&arguments)));
        let report = answer.json();
        for id in ["database:rota", "backup:rota-db", "file:export", "command:itself"] {
            assert_eq!(status_of(&report, id), "unknown", "{id} in {report:#}");
        }
        let disk = format!("disk:{}", world.path("hung").display());
        assert_eq!(status_of(&report, &disk), "unknown", "{report:#}");
        assert_eq!((status_of(&report, "command:well"), status_of(&report, "host")), ("ok", "ok"), "{report:#}");
        if store.starts_with(world.path("hung")) {
            assert_eq!(status_of(&report, "database:rounds-store"), "unknown", "{report:#}");
        }
        let _answer = answer.exits(3);
        assert!(took < Duration::from_secs(20), "a deadline of three seconds took {took:?}");
    }
    println!("2 checks of 5 hung targets each");
}

#[test]
#[ignore = "needs root: mounts a file system that never answers"]
fn root_a_configuration_that_does_not_come_is_told_with_its_place() {
    let world = World::new();
    let hung = Hung::at(&world.path("hung"));
    let config = hung.path("config.toml");
    let mut command = world.command(&["check", "--deadline", "1s"]);
    command.arg("--config").arg(&config);
    let (answer, _) = ends(hung.command(&command));
    let said = answer.exits(78).err();
    assert!(said.contains(&config.display().to_string()), "{said}");
}

#[test]
#[ignore = "needs root: mounts a file system that never answers"]
fn root_the_dashboard_lives_while_everything_hangs_and_is_left_at_once() {
    let world = World::new().config(&format!("{WELL}{HUNG}"));
    for store in ["rounds.db", "hung/rounds.db"] {
        let hung = Hung::at(&world.path("hung"));
        let mut terminal = dashboard(&world, &hung.prefix(), &world.path(store));
        lives(&mut terminal, &world);
        terminal.wait_for("has not come back");
        // Whatever hangs was begun once: more time brings no more threads and no more children.
        // What is well has some of its own now and then, so the fewest of several looks count.
        let count = |terminal: &Terminal| {
            let threads = proc::threads(terminal.pid());
            let reads = threads.iter().filter(|name| *name == "rounds-read").count();
            (reads, threads.len(), proc::family(terminal.pid()).len())
        };
        let fewest = |terminal: &Terminal| {
            let (mut least, seen) = (count(terminal), looks(&world));
            until_silently(|| {
                let now = count(terminal);
                least = (least.0.min(now.0), least.1.min(now.1), least.2.min(now.2));
                looks(&world) > seen + 3
            });
            least
        };
        let (before, after) = (fewest(&terminal), fewest(&terminal));
        // Beside the five, each task of this machine reads its runs where the store hangs.
        assert!(before.0 >= 5 && after.0 == before.0, "{before:?} {after:?}: a thread for each that hangs");
        assert!(after.1 <= before.1 + 1 && after.2 <= before.2, "{before:?} became {after:?}");
        leaves(terminal);
    }
    println!("2 dashboards with 5 hung targets each");
}

/// A machine of its own, on which the resolver takes every question and never answers.
struct Deaf(std::process::Child);

const DEAF: &str = r#"PATH=$PATH:/usr/sbin:/sbin; ip link set lo up && mount --bind "$1" /etc/resolv.conf \
    && exec perl -MSocket -e '$| = 1; socket(S, PF_INET, SOCK_DGRAM, 0) && bind(S, sockaddr_in(53, INADDR_LOOPBACK)) or die $!;
        print "deaf\n"; sleep 600'"#;

impl Deaf {
    fn new(world: &World) -> Self {
        use std::io::BufRead as _;
        let resolver = world.path("resolv.conf");
        std::fs::write(&resolver, "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n").expect("a file");
        let mut holder = Command::new("unshare")
            .args(["--net", "--mount", "--propagation", "private", "sh", "-c", DEAF, "holder"])
            .arg(resolver)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare of util-linux, ip of iproute2, and perl");
        let mut said = String::new();
        let output = holder.stdout.take().expect("its output");
        std::io::BufReader::new(output).read_line(&mut said).expect("its word");
        assert_eq!(said, "deaf\n");
        Self(holder)
    }

    fn prefix(&self) -> Vec<String> {
        let of = |kind: &str| format!("/proc/{}/ns/{kind}", self.0.id());
        vec!["nsenter".into(), format!("--net={}", of("net")), format!("--mount={}", of("mnt")), "--".into()]
    }
}

impl Drop for Deaf {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs root: makes a network of its own, with iproute2 and perl"]
fn root_a_name_that_is_never_resolved_holds_up_nobody_and_costs_one_thread() {
    let away = "[[database]]\nid = \"away\"\nurl = \"postgres://rota@db.example.test/rota\"\nevery = \"1s\"\ntimeout = \"1s\"\n";
    let world = World::new().config(&format!("{WELL}{away}"));
    let deaf = Deaf::new(&world);
    let inner = world.command(&["check", "--deadline", "3s", "--format", "json"]);
    let mut outer = Command::new("nsenter");
    outer.args(&deaf.prefix()[1..]).arg(inner.get_program()).args(inner.get_args()).env_clear().stdin(Stdio::null());
    outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let (answer, took) = ends(outer);
    let report = answer.exits(3).json();
    assert_eq!((status_of(&report, "database:away"), status_of(&report, "command:well")), ("unknown", "ok"));
    assert!(took < Duration::from_secs(20), "a deadline of three seconds took {took:?}");

    let mut terminal = dashboard(&world, &deaf.prefix(), &world.path("rounds.db"));
    lives(&mut terminal, &world);
    terminal.wait_for("has not come back");
    let threads = |terminal: &Terminal| proc::threads(terminal.pid()).len();
    let (before, seen) = (threads(&terminal), looks(&world));
    // It is asked again and again meanwhile; each look leaves one byte.
    until(&mut terminal, "ten more readings", || looks(&world) > seen + 10);
    assert!(threads(&terminal) <= before + 3, "{before} threads became {}", threads(&terminal));
    leaves(terminal);
}

fn until_silently(mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < FOR_EVER, "nothing is read any more");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Ignores being told to stop, leaves children that do the same, and keeps its output open.
const STUBBORN: &str = r#"
[[check]]
id = "stubborn"
command = ["/bin/sh", "-c", "trap '' TERM INT HUP; sleep 300 & sh -c 'trap \"\" TERM; sleep 300; :' & while :; do sleep 300; done", "{root}/stubborn"]
every = "1s"
timeout = "1s"
"#;

fn stubborn(world: &World) -> usize {
    proc::with_argument(&world.path("stubborn").display().to_string()).len()
}

#[test]
fn a_command_that_will_not_end_is_ended_with_all_it_started() {
    let world = World::new().config(&format!("{WELL}{STUBBORN}"));
    let (answer, took) = ends(world.command(&["check", "--deadline", "2s", "--format", "json"]));
    assert_eq!(status_of(&answer.exits(3).json(), "command:stubborn"), "unknown");
    assert!(took < Duration::from_secs(20), "a deadline of two seconds took {took:?}");
    until_silently(|| stubborn(&world) == 0);

    let mut terminal = dashboard(&world, &[], &world.path("rounds.db"));
    lives(&mut terminal, &world);
    // One at a time, whatever the interval is.
    for _ in 0..20 {
        assert!(stubborn(&world) <= 1, "begun again before it had ended");
        terminal.look();
    }
    terminal.wait_for("no answer within");
    leaves(terminal);
    until_silently(|| stubborn(&world) == 0);
}

#[test]
fn a_locked_database_and_a_locked_store_hold_up_nobody_and_are_let_in_later() {
    let rota = "[[database]]\nid = \"rota\"\nurl = \"sqlite:{root}/rota.sqlite3\"\nevery = \"1s\"\ntimeout = \"1s\"\n";
    let world = World::new().config(&format!("{WELL}{rota}"));
    let store = world.path("rounds.db");
    let place = format!("sqlite:{}", store.display());
    let _made = world.run(&["check", "--store", &place, "well"]).exits(0);
    let lock = |path: &Path| {
        let connection = rusqlite::Connection::open(path).expect("a database");
        let exclusive = "PRAGMA journal_mode = delete; PRAGMA locking_mode = exclusive; \
             CREATE TABLE IF NOT EXISTS held (x); BEGIN EXCLUSIVE; INSERT INTO held VALUES (1);";
        connection.execute_batch(exclusive).expect("nobody else has it");
        connection
    };
    let held = [lock(&world.path("rota.sqlite3")), lock(&store)];
    let arguments = ["check", "--deadline", "2s", "--format", "json", "--store", &place];
    let (answer, took) = ends(world.command(&arguments));
    let report = answer.exits(3).json();
    assert_eq!(status_of(&report, "database:rota"), "unknown", "{report:#}");
    assert_eq!(status_of(&report, "database:rounds-store"), "unknown", "{report:#}");
    assert_eq!(status_of(&report, "command:well"), "ok", "{report:#}");
    assert!(took < Duration::from_secs(20), "a deadline of two seconds took {took:?}");

    let mut terminal = dashboard(&world, &[], &store);
    lives(&mut terminal, &world);
    terminal.wait_for("nothing can be stored");
    drop(held);
    terminal.wait("the store to be let in", |screen| !screen.contents().contains("nothing can be stored"));
    terminal.wait("the database to be read", |screen| !screen.contents().contains("locked"));
    leaves(terminal);
}

#[test]
#[ignore = "needs root: mounts a file system that never answers"]
fn root_an_act_goes_on_though_the_disk_of_its_log_never_answers() {
    let action = "[actions]\nlog_directory = \"{root}/hung/jobs\"\n[[action]]\nid = \"mark\"\n\
        title = \"Leave a mark\"\nrisk = \"routine\"\ncommand = [\"/usr/bin/touch\", \"{root}/mark\"]\n";
    let world = World::new().config(&format!("version = 1\n{action}"));
    let hung = Hung::at(&world.path("hung"));
    let (answer, _) = ends(hung.command(&world.command(&["run", "mark", "--yes"])));
    let said = answer.exits(0).out();
    assert!(said.contains("could not be created: no answer within"), "{said}");
    assert!(world.path("mark").exists());
}

#[test]
#[ignore = "needs root: mounts a file system that never answers"]
fn root_a_command_starts_at_once_though_its_record_cannot_be_written() {
    let world = World::new().config("version = 1\n");
    let hung = Hung::at(&world.path("hung"));
    let (store, config) = (format!("sqlite:{}", hung.path("rounds.db").display()), hung.path("config.toml"));
    let config = config.display().to_string();
    for (case, options) in [["--store", store.as_str()], ["--config", config.as_str()]].into_iter().enumerate() {
        let made = world.path(&format!("made-{case}"));
        let script = format!("touch {}; echo out; echo err >&2; exit 7", made.display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_rounds"));
        command.env("HOME", world.path("home")).env("PATH", "/usr/bin:/bin");
        command.args(["exec", "--task", "t"]).args(options).args(["--", "sh", "-c", &script]);
        let (answer, _) = ends(hung.command(&command));
        let answer = answer.exits(7);
        assert_eq!(answer.out(), "out\n");
        assert!(answer.err().contains("err\n") && answer.err().contains("is not recorded"), "{}", answer.err());
        assert!(made.exists());
    }
    println!("2 commands");
}

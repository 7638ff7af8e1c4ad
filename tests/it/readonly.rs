//! A read-only session changes nothing: random keys, and the kernel's own record of what was
//! started, opened for writing, renamed and removed.

#![expect(clippy::disallowed_methods, reason = "a real session takes real time")]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;
use sha2::{Digest, Sha256};

use crate::support::{World, mode};
use crate::terminal::Terminal;

const CONFIG: &str = r#"
version = 1
[system]
name = "pty"
title = "Pseudo Terminal"
timezone = "UTC"
[[database]]
id = "rota"
url = "sqlite:{root}/rota.sqlite3"
every = "1s"
timeout = "1s"
[[backup]]
id = "rota-db"
database = "rota"
files = "{root}/backups/rota_%Y%m%d_%H%M%S.sqlite3"
[[check]]
id = "reader"
command = ["/bin/echo", "fine"]
every = "1s"
timeout = "1s"
[[task]]
id = "report"
source = "exec"
run = { command = ["{root}/forbidden", "task"] }
[[action]]
id = "routine"
title = "Do it"
risk = "routine"
command = ["{root}/forbidden", "routine"]
[[action]]
id = "disruptive"
title = "Do it, too"
risk = "disruptive"
command = ["{root}/forbidden", "disruptive"]
[[action]]
id = "destructive"
title = "Do it for good"
risk = "destructive"
command = ["{root}/forbidden", "destructive"]
[[checklist]]
id = "daily"
title = "Daily"
every = "day"
items = [{ text = "Login works" }, { text = "Rota well", check = "rota" }]
"#;

/// A generator that is the same on every machine (xorshift64*).
struct Dice(u64);

impl Dice {
    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        choices[(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % choices.len()]
    }
}

/// Every key that means something, but leaving and stopping; acts and yes more often.
const KEYS: [&str; 52] = [
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "8",
    "j",
    "k",
    "h",
    "l",
    "g",
    "G",
    "z",
    "x",
    "r",
    "p",
    "y",
    "y",
    "y",
    "b",
    "b",
    "v",
    "V",
    "R",
    "O",
    "S",
    "e",
    "u",
    "I",
    "W",
    "X",
    "n",
    "N",
    "/",
    "?",
    ":",
    "[",
    "]",
    " ",
    " ",
    "\r",
    "\r",
    "\r",
    "\u{1b}",
    "\u{1b}",
    "\t",
    "\u{1b}[A",
    "\u{1b}[B",
    "rota-db",
    "destructive",
];

/// What changes something: a start, an open for writing, a name that comes or goes.
const CALLS: &str = "execve,execveat,open,openat,openat2,creat,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,\
    rmdir,link,linkat,symlink,symlinkat,truncate,chmod,fchmodat,chown,fchownat,mknod,mknodat";

fn session(patience: Duration) -> String {
    let world = World::new().config(CONFIG).database("rota.sqlite3", 20);
    std::fs::write(world.path("forbidden"), "#!/bin/sh\ntouch \"$0-$1\"\n").expect("the program");
    std::fs::set_permissions(world.path("forbidden"), std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .expect("mode");
    assert_eq!(mode(&world.path("forbidden")), 0o700);
    let database = || Sha256::digest(std::fs::read(world.path("rota.sqlite3")).expect("the database"));
    let before = (database(), world.files(""));
    let trace = world.path("trace");
    let (mut dice, mut keys, began) = (Dice(0x9e37_79b9_7f4a_7c15), 0, Instant::now());
    while began.elapsed() < patience {
        let mut command = CommandBuilder::new("strace");
        command.args(["-f", "-qq", "-A", "-s", "4096", "-e", &format!("trace={CALLS}"), "-e", "signal=none", "-o"]);
        command.arg(&trace);
        command.arg(env!("CARGO_BIN_EXE_rounds"));
        command.args(["--read-only", "--config"]);
        command.arg(world.path("config.toml"));
        command.env("HOME", world.path("home"));
        command.env("XDG_STATE_HOME", world.path("state"));
        command.cwd("/");
        let mut terminal = Terminal::run(command, None);
        terminal.wait_for("1 Needs attention");
        // One act for certain: the dice may be slow to find one.
        for key in ["5", "b", "\r"] {
            terminal.type_keys(key);
            watch(&mut terminal, Duration::from_secs(1));
        }
        terminal.wait_for("refused");
        while began.elapsed() < patience {
            terminal.type_keys(dice.of(&KEYS));
            keys += 1;
            // Under a tracer it is slow: a key that waits behind another would be another key.
            watch(&mut terminal, Duration::from_millis(80));
        }
        watch(&mut terminal, Duration::from_secs(3));
        // Out of whatever is open, and out. An Esc with another key close behind it would be
        // another key.
        for _ in 0..6 {
            terminal.type_keys("\u{1b}");
            watch(&mut terminal, Duration::from_secs(1));
        }
        terminal.type_keys("\u{3}");
        assert!(terminal.end().success());
    }
    let calls = judge(&std::fs::read_to_string(&trace).expect("the trace"), &world.path("state"), &world.path(""));
    std::fs::remove_file(&trace).expect("the trace");
    let mut after = world.files("");
    after.retain(|name| name != "state" && !name.ends_with("-shm") && !name.ends_with("-wal"));
    let mut names = before.1.clone();
    names.retain(|name| !name.ends_with("-shm") && !name.ends_with("-wal"));
    assert_eq!((database(), after), (before.0, names), "something was changed");
    let records = world.run(&["audit", "list", "--format", "json"]).exits(0).json();
    let phases: BTreeSet<&str> =
        records["records"].as_array().expect("records").iter().filter_map(|one| one["phase"].as_str()).collect();
    assert!(phases.iter().all(|phase| *phase == "refused"), "{records:#}");
    assert!(phases.contains("refused"), "the keys never asked for an act: nothing was tested");
    format!("{keys} keys, {calls} system calls, {} refusals", records["records"].as_array().map_or(0, Vec::len))
}

fn watch(terminal: &mut Terminal, long: Duration) {
    let until = Instant::now() + long;
    while Instant::now() < until {
        terminal.look();
    }
}

/// Looks through a trace; answers how many calls there were.
fn judge(trace: &str, state: &Path, world: &Path) -> usize {
    let started: Vec<&str> = trace.lines().filter(|line| line.contains("execve(")).collect();
    assert!(started.iter().any(|line| line.contains("/bin/echo")), "the readers were not seen");
    let state = format!("\"{}", state.display());
    // Whoever reads a database in WAL mode makes and opens the log and the index beside it.
    let beside = ["-wal", "-shm"].map(|end| format!("\"{}rota.sqlite3{end}\"", world.join("").display()));
    for line in trace.lines() {
        assert!(!line.contains("/forbidden\""), "{line}");
        let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"].iter().any(|flag| line.contains(flag));
        let opens = line.contains("open(") || line.contains("openat(") || line.contains("openat2(");
        let reads = line.contains("execve") || (opens && !writes) || !line.contains('"');
        let ours = line.contains(&state) || ["\"/dev/", "\"/proc/self/"].iter().any(|place| line.contains(place));
        assert!(
            reads
                || ours
                || beside.iter().any(|name| line.contains(name))
                || line.ends_with("ENOENT (No such file or directory)"),
            "{line}"
        );
    }
    trace.lines().count()
}

#[test]
#[ignore = "needs strace, which `tests/run` installs where it may"]
fn root_thirty_seconds_of_random_keys_in_a_read_only_session_change_nothing() {
    println!("{}", session(Duration::from_secs(30)));
}

#[test]
#[ignore = "takes five minutes, and needs strace"]
fn five_minutes_of_random_keys_in_a_read_only_session_change_nothing() {
    println!("{}", session(Duration::from_mins(5)));
}

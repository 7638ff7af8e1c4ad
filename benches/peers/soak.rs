//! The dashboard left open while its targets fail and recover, over and over: what it holds on
//! to must not grow.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::process::{self, Holds};
use crate::programs::Program;
use crate::table;
use crate::trial;

const CONFIG: &str = r#"
version = 1
[system]
name = "soak"
timezone = "UTC"
[store]
url = "sqlite:{root}/rounds.db"
[host]
every = "1s"
[[database]]
id = "rota"
url = "sqlite:{root}/rota.sqlite3"
every = "1s"
timeout = "1s"
[[check]]
id = "door"
command = ["/bin/sh", "{root}/door"]
every = "1s"
timeout = "1s"
[[check]]
id = "export"
file = { newest = "{root}/exports/*" }
age = { warn = "> 20s" }
every = "1s"
timeout = "1s"
"#;

/// What becomes of the targets, one after the other; each lasts for a few readings.
const FAULTS: [&str; 8] = [
    "all is well",
    "the database is locked",
    "the command fails, and prints a great deal",
    "the command never ends",
    "the database is gone",
    "the database is not one",
    "the directory of the file is gone",
    "nobody may run the command",
];

/// How long each of them lasts.
const LASTS: Duration = Duration::from_secs(6);

pub(crate) fn run(program: &Path, length: Duration) {
    let root = tempfile::Builder::new().prefix("rounds-bench-").tempdir().expect("a scratch directory");
    let world = World { root: root.path() };
    world.mend();
    let config = root.path().join("config.toml");
    fs::write(&config, CONFIG.replace("{root}", &root.path().display().to_string())).expect("the configuration");
    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).expect("its mode");

    past(program, &config, &root.path().join("rounds.db"));

    let ours = Program::rounds("rounds", program, &[], Some(&config));
    let mut pty = trial::start(&ours);
    let began = Instant::now();
    let mut seen: Vec<(Duration, Holds)> = Vec::new();
    let (mut faults, mut keys) = (0, 0);
    while began.elapsed() < length {
        for fault in 0..FAULTS.len() {
            let lock = world.suffer(fault);
            // An operator who looks around, and comes back to where they were.
            for key in ["?", "\u{1b}", "4", "j", "\r", "\u{1b}", "8", "0", "1"] {
                trial::rest(&mut pty, LASTS / 10);
                pty.type_keys(key);
                keys += 1;
            }
            trial::rest(&mut pty, LASTS / 10);
            drop(lock);
            world.mend();
            faults += usize::from(fault > 0);
        }
        let holds = process::holds(pty.pid()).expect("what it holds");
        println!(
            "{:>6} s  {:>6} kB, {:>6} kB allocated  {:>3} threads  {:>3} files",
            began.elapsed().as_secs(),
            holds.resident_kb,
            holds.anonymous_kb,
            holds.threads,
            holds.files
        );
        seen.push((began.elapsed(), holds));
    }
    report(&seen, faults, keys, process::peak_kb(pty.pid()));
    pty.type_keys("q");
    assert!(pty.end().success(), "it did not end well");
}

/// Two weeks of a store: as many changes as are held in memory, and readings as they are kept. What
/// is remembered is bounded; here it is full from the start, as it is for whoever watches for long.
fn past(program: &Path, config: &Path, store: &Path) {
    let made = Command::new(program).arg("check").arg("--config").arg(config).output().expect("the program");
    assert!(store.exists(), "no store was made: {}", String::from_utf8_lossy(&made.stderr));
    let store = Connection::open(store).expect("the store");
    store
        .execute_batch(
            "WITH RECURSIVE hour (n) AS (SELECT 14 * 24 UNION ALL SELECT n - 1 FROM hour WHERE n > 1),
                  probe (name, said) AS (VALUES
                      ('database:rota', 'there is no such file: /srv/rota/rota.sqlite3; check the path, or restore a backup'),
                      ('command:door', 'no answer within 1.0 s'))
             INSERT INTO change (probe, at, was, became, text)
             SELECT name, (unixepoch() - 3600 * n + gone) * 1000000, CASE gone WHEN 0 THEN 'ok' ELSE 'critical' END,
                    CASE gone WHEN 0 THEN 'critical' ELSE 'ok' END, CASE gone WHEN 0 THEN said ELSE '' END
               FROM hour, probe, (SELECT 0 AS gone UNION SELECT 60) ORDER BY n DESC, gone;
             WITH RECURSIVE step (n) AS (SELECT 14 * 288 UNION ALL SELECT n - 1 FROM step WHERE n > 1)
             INSERT INTO observation (probe, at, took, gauges, error)
             SELECT probe, at - 300000000 * n, took, gauges, error FROM step,
                    (SELECT probe, min(at) AS at, took, gauges, error FROM observation GROUP BY probe);",
        )
        .expect("a past");
}

/// The first tenth, while everything is still being met for the first time, is left out.
fn report(seen: &[(Duration, Holds)], faults: usize, keys: usize, peak_kb: Option<u64>) {
    let settled = &seen[(seen.len() / 10).max(1).min(seen.len() - 1)..];
    let (first, middle, last) = (settled[0].1, settled[settled.len() / 2].1, settled[settled.len() - 1].1);
    let row = |what: &str, of: fn(&Holds) -> u64| {
        let most = settled.iter().map(|(_, holds)| of(holds)).max().unwrap_or(0);
        let grown = of(&last).cast_signed() - of(&first).cast_signed();
        let later = of(&last).cast_signed() - of(&middle).cast_signed();
        let numbers = [of(&first), of(&middle), of(&last), most].map(|number| number.to_string());
        let grown = [format!("{grown:+}"), format!("{later:+}")];
        std::iter::once(what.to_owned()).chain(numbers).chain(grown).collect::<Vec<_>>()
    };
    println!();
    table::print(
        &["", "first", "half way", "last", "most", "grown", "since half way"].map(str::to_owned),
        &[
            row("resident, kB", |holds| holds.resident_kb),
            row("allocated, kB", |holds| holds.anonymous_kb),
            row("threads", |holds| holds.threads),
            row("open files", |holds| holds.files),
        ],
    );
    println!(
        "{} looks over {} s; {faults} faults, {keys} keys; at most {} kB resident",
        settled.len(),
        seen.last().map_or(0, |(at, _)| at.as_secs()),
        peak_kb.unwrap_or(0)
    );
}

struct World<'a> {
    root: &'a Path,
}

impl World<'_> {
    /// Makes everything well again.
    fn mend(&self) {
        let database = self.root.join("rota.sqlite3");
        if !fs::read(&database).is_ok_and(|bytes| bytes.starts_with(b"SQLite format 3")) {
            let _ = fs::remove_file(&database);
            let connection = Connection::open(&database).expect("a database");
            connection.execute_batch("CREATE TABLE staff (id INTEGER PRIMARY KEY, name TEXT)").expect("a table");
        }
        self.door("echo 'OK - open|people=3'");
        fs::create_dir_all(self.root.join("exports")).expect("a directory");
        fs::write(self.root.join("exports/newest.csv"), "a,b\n").expect("a file");
    }

    /// Lets something fail, as long as what is given back is kept.
    fn suffer(&self, fault: usize) -> Option<Connection> {
        let database = self.root.join("rota.sqlite3");
        match fault {
            1 => {
                let lock = Connection::open(&database).expect("the database");
                lock.busy_timeout(Duration::from_secs(5)).expect("patience");
                lock.execute_batch("BEGIN EXCLUSIVE").expect("a lock");
                return Some(lock);
            }
            2 => self.door("i=0; while [ $i -lt 500 ]; do echo \"line $i of many\"; i=$((i+1)); done; exit 2"),
            3 => self.door("sleep 600"),
            4 => fs::remove_file(&database).expect("gone"),
            5 => fs::write(&database, "no database, and long enough to be looked at\n".repeat(40)).expect("garbage"),
            6 => fs::remove_dir_all(self.root.join("exports")).expect("gone"),
            7 => fs::remove_file(self.root.join("door")).expect("gone"),
            _ => {}
        }
        None
    }

    fn door(&self, script: &str) {
        fs::write(self.root.join("door"), script).expect("the command");
    }
}

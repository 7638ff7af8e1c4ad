//! An online backup of a SQLite database that is written to all the while, beside what a careful
//! operator types instead, and beside a plain copy, in turns on one machine.
//!
//! `benches/run backup` builds the release and runs this; `--help` tells the options.

#![allow(clippy::print_stdout, reason = "a bench answers on standard output")]
#![allow(clippy::panic, reason = "what cannot be measured ends the run")]
#![allow(clippy::disallowed_methods, reason = "programs are started and timed as an operator would")]

#[path = "common/numbers.rs"]
#[allow(dead_code, reason = "the other bench needs the rest of it")]
mod numbers;
#[path = "common/process.rs"]
#[allow(dead_code, reason = "the other bench needs the rest of it")]
mod process;
#[path = "common/table.rs"]
mod table;
#[path = "backup/writer.rs"]
mod writer;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use rusqlite::Connection;

use numbers::Numbers;
use writer::Writer;

#[derive(Debug, Parser)]
struct Options {
    /// The program that is measured; by default what cargo has just built
    #[arg(long)]
    program: Option<PathBuf>,
    /// How large the database is, in MiB
    #[arg(long, default_value_t = 1024)]
    size: u64,
    /// How often each way is gone
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Where the database and its copies lie; by default where cargo builds
    #[arg(long)]
    directory: Option<PathBuf>,
    #[arg(long, hide = true)]
    bench: bool,
}

/// One way to a copy, and what it took.
#[derive(Debug, Default)]
struct Way {
    seconds: Numbers,
    peak_mb: Numbers,
    commits_per_second: Numbers,
}

fn main() {
    let options = Options::parse();
    let program = match &options.program {
        Some(path) => path.canonicalize().expect("the program"),
        None if cfg!(debug_assertions) => {
            panic!("this was built for debugging; use `benches/run backup`, or name a release with --program")
        }
        None => PathBuf::from(env!("CARGO_BIN_EXE_rounds")),
    };
    let place = options.directory.clone().unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    let scratch = tempfile::Builder::new().prefix("backup-").tempdir_in(place).expect("a scratch directory");
    let world = World::new(scratch.path(), program, options.size);
    for program in ["sqlite3", "sha256sum", "zstd"] {
        assert!(run("sh", &["-c", &format!("command -v {program} >/dev/null")]), "{program} is not installed");
    }

    let (mut ours, mut quiet, mut typed, mut copied) = (Way::default(), Way::default(), Way::default(), Way::default());
    let (mut packed, mut typed_packed) = (Way::default(), Way::default());
    let mut steps: [Numbers; 5] = Default::default();
    for _ in 0..options.rounds {
        ours.add(world.backup("big", true));
        world.type_it(&mut typed, &mut typed_packed, &mut steps);
        quiet.add(world.backup("big", false));
        packed.add(world.backup("packed", false));
        copied.seconds.add(timed(|| {
            assert!(run("cp", &[&world.source(), &world.file("copy")]) && run("sync", &[&world.file("copy")]));
        }));
        world.clear();
    }
    report(&options, &world, [&ours, &quiet, &typed, &copied, &packed, &typed_packed], &steps);
    world.stepping();
}

impl Way {
    fn add(&mut self, (seconds, peak_mb, commits): (f64, f64, f64)) {
        self.seconds.add(seconds);
        self.peak_mb.add(peak_mb);
        self.commits_per_second.add(commits / seconds);
    }
}

/// The database, and a configuration that backs it up.
struct World<'a> {
    root: &'a Path,
    program: PathBuf,
}

impl<'a> World<'a> {
    fn new(root: &'a Path, program: PathBuf, mib: u64) -> Self {
        let world = Self { root, program };
        let database = Connection::open(world.source()).expect("a database");
        // About a kilobyte to a row, and an index as most tables have one. Half of a row is what can
        // be packed (records as text), and half what cannot (pictures, keys, hashes).
        let record = "'{\"shift\":' || (random() >> 44) || ',\"from\":\"2025-' || (i % 12) || '-' || (random() & 31) || 'T06:00:00Z\",' \
             || '\"person\":\"p' || (random() & 65535) || '\",\"confirmed\":' || (random() & 1) || ',\"note\":null}'";
        database
            .execute_batch(&format!(
                "PRAGMA journal_mode = WAL;
                 CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL,
                     records TEXT NOT NULL, body BLOB NOT NULL);
                 CREATE INDEX events_at ON events (at);
                 INSERT INTO events WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})
                     SELECT i, 1700000000 + i * 7, 'person ' || (i % 500),
                         {record} || {record} || {record} || {record} || {record}, randomblob(490) FROM n;
                 PRAGMA wal_checkpoint(TRUNCATE)",
                mib * 1031
            ))
            .expect("its rows");
        let config = format!(
            "version = 1\n[system]\nname = \"bench\"\ntimezone = \"UTC\"\n[store]\nurl = \"sqlite:{0}/rounds.db\"\n\
             [[database]]\nid = \"big\"\nurl = \"sqlite:{1}\"\n\
             [[backup]]\nid = \"big\"\ndatabase = \"big\"\nfiles = \"{0}/out/big_%Y%m%d_%H%M%S.sqlite3\"\n\
             [[backup]]\nid = \"packed\"\ndatabase = \"big\"\ncompress = \"zstd\"\nfiles = \"{0}/out/packed_%Y%m%d_%H%M%S.sqlite3\"\n",
            root.display(),
            world.source(),
        );
        fs::write(world.file("config.toml"), config).expect("the configuration");
        fs::set_permissions(world.file("config.toml"), fs::Permissions::from_mode(0o600)).expect("its mode");
        world
    }

    fn file(&self, name: &str) -> String {
        self.root.join(name).display().to_string()
    }

    fn source(&self) -> String {
        self.file("big.sqlite3")
    }

    /// `rounds backup run`: seconds, peak of memory in MB, and commits made meanwhile.
    fn backup(&self, id: &str, written_to: bool) -> (f64, f64, f64) {
        let writer = written_to.then(|| Writer::start(Path::new(&self.source())));
        let began = Instant::now();
        let mut child = Command::new(&self.program)
            .args(["backup", "run", id, "--yes", "--config", &self.file("config.toml")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let peak = peak_until_end(&mut child);
        let took = began.elapsed().as_secs_f64();
        let commits = writer.map_or(0, Writer::stop);
        let made = fs::read_dir(self.root.join("out")).expect("copies").count();
        assert!(child.wait().expect("it ends").success() && made == 2, "no backup was made");
        self.clear();
        (took, peak, commits as f64)
    }

    /// What an operator types, one after the other. Nobody writes meanwhile: under a writer the
    /// first of them begins anew at every commit.
    fn type_it(&self, all: &mut Way, packed: &mut Way, steps: &mut [Numbers; 5]) {
        let copy = self.file("typed.sqlite3");
        let commands: [(&str, &[&str]); 5] = [
            ("sqlite3", &[&self.source(), &format!(".backup '{copy}'")]),
            ("sync", &[&copy]),
            ("sqlite3", &[&copy, "PRAGMA quick_check"]),
            ("sha256sum", &[&copy]),
            ("zstd", &["-q", "-3", &copy]),
        ];
        let mut sum = 0.0;
        for ((program, arguments), step) in commands.iter().zip(steps) {
            let took = timed(|| assert!(run(program, arguments), "{program} failed"));
            step.add(took);
            if *program == "zstd" {
                all.seconds.add(sum);
            }
            sum += took;
        }
        packed.seconds.add(sum);
        self.clear();
    }

    /// Whether the operator's first command ends at all while somebody writes.
    fn stepping(&self) {
        let patience = Duration::from_secs(20);
        let writer = Writer::start(Path::new(&self.source()));
        let began = Instant::now();
        let mut child = Command::new("sqlite3")
            .args([&self.source(), &format!(".backup '{}'", self.file("stepped.sqlite3"))])
            .stderr(Stdio::null())
            .spawn()
            .expect("sqlite3 starts");
        let ended = loop {
            if child.try_wait().expect("it can be waited for").is_some() {
                break true;
            }
            if began.elapsed() > patience {
                break false;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let took = began.elapsed().as_secs_f64();
        let _ = child.kill();
        let _ = child.wait();
        let commits = writer.stop() as f64 / took;
        let what = if ended { format!("ended after {took:.1} s") } else { format!("had not ended after {took:.0} s") };
        println!("`sqlite3 .backup` of the same database under the same writer ({commits:.0} commits/s) {what}");
    }

    fn clear(&self) {
        let _ = fs::remove_dir_all(self.root.join("out"));
        for name in ["typed.sqlite3", "typed.sqlite3.zst", "copy", "stepped.sqlite3"] {
            let _ = fs::remove_file(self.root.join(name));
        }
    }
}

/// Waits for a child, and says how many megabytes it held at most.
fn peak_until_end(child: &mut Child) -> f64 {
    let mut peak = 0;
    while child.try_wait().expect("it can be waited for").is_none() {
        peak = process::peak_kb(child.id()).unwrap_or(0).max(peak);
        std::thread::sleep(Duration::from_millis(5));
    }
    peak as f64 / 1024.0
}

fn run(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).status();
    status.expect("the program starts").success()
}

fn timed(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64()
}

fn report(options: &Options, world: &World<'_>, ways: [&Way; 6], steps: &[Numbers; 5]) {
    let size = fs::metadata(world.source()).map_or(0, |meta| meta.len());
    println!("a SQLite database of {} MiB with a write-ahead log; medians of {}\n", size >> 20, options.rounds);
    let names = [
        "rounds, written to all the while",
        "rounds, nobody writes",
        "typed one after the other, nobody writes",
        "cp and sync, nobody writes",
        "rounds, packed by zstd, nobody writes",
        "typed, and then zstd -3, nobody writes",
    ];
    let (typed, typed_packed) = (ways[2].seconds.median(), ways[5].seconds.median());
    let rows: Vec<Vec<String>> = names
        .into_iter()
        .zip(ways)
        .enumerate()
        .map(|(place, (name, way))| {
            // Each beside what is typed for the same.
            let typed = if place < 4 { typed } else { typed_packed };
            vec![
                name.to_owned(),
                table::figure(way.seconds.median(), " s"),
                table::ratio(way.seconds.median(), typed),
                table::ratio(way.seconds.median(), ways[3].seconds.median()),
                table::figure(way.peak_mb.median(), " MB"),
                table::figure(way.commits_per_second.median().filter(|commits| *commits > 0.0), "/s"),
            ]
        })
        .collect();
    table::print(&["", "took", "of typed", "of cp", "peak", "commits"].map(str::to_owned), &rows);
    let steps: Vec<String> = ["sqlite3 .backup", "sync", "PRAGMA quick_check", "sha256sum", "zstd -3"]
        .into_iter()
        .zip(steps)
        .map(|(name, step)| format!("{name} {}", table::figure(step.median(), " s")))
        .collect();
    println!("typed: {}", steps.join(", "));
    println!(
        "checked by rounds: integrity_check (indexes too), rows of every table against the source, SHA-256 of what \
         was read back, all on disk\nchecked by what is typed: quick_check (no indexes), SHA-256; by cp: nothing"
    );
}

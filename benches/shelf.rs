//! What a great shelf costs, how fast a backup is read again, and what a dump of PostgreSQL costs beside
//! the bare program, in turns on one machine.
//!
//! `benches/run shelf` builds the release and runs this; `--help` tells the options. The dump wants
//! PostgreSQL, the reading `openssl`.

#![allow(clippy::print_stdout, reason = "a bench answers on standard output")]
#![allow(clippy::panic, reason = "what cannot be measured ends the run")]
#![allow(clippy::disallowed_methods, reason = "programs are started and timed as an operator would")]

#[path = "common/numbers.rs"]
#[allow(dead_code, reason = "the other benches need the rest of it")]
mod numbers;
#[path = "common/process.rs"]
#[allow(dead_code, reason = "the other benches need the rest of it")]
mod process;
#[path = "../tests/it/postgresql/server.rs"]
#[allow(dead_code, reason = "the tests need the rest of it")]
mod server;
#[path = "common/table.rs"]
#[allow(dead_code, reason = "the other benches need the rest of it")]
mod table;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use rounds::archive::manifest::{Manifest, path_for};

use numbers::Numbers;
use server::Server;

#[derive(Debug, Parser)]
struct Options {
    /// The program that is measured; by default what cargo has just built
    #[arg(long)]
    program: Option<PathBuf>,
    /// How many backups lie on the shelf
    #[arg(long, default_value_t = 10_000)]
    files: u32,
    /// How large the backup is that is read, and about how large the dumped database is, in MiB
    #[arg(long, default_value_t = 1024)]
    size: u64,
    /// How often each is done
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Where everything lies; by default where cargo builds
    #[arg(long)]
    directory: Option<PathBuf>,
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    let program = match &options.program {
        Some(path) => path.canonicalize().expect("the program"),
        None if cfg!(debug_assertions) => {
            panic!("this was built for debugging; use `benches/run shelf`, or name a release with --program")
        }
        None => PathBuf::from(env!("CARGO_BIN_EXE_rounds")),
    };
    let place = options.directory.clone().unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    let scratch = tempfile::Builder::new().prefix("shelf-").tempdir_in(place).expect("a scratch directory");
    for folder in ["shelf", "far", "dumps"] {
        fs::create_dir(scratch.path().join(folder)).expect("a folder");
        fs::set_permissions(scratch.path().join(folder), fs::Permissions::from_mode(0o700)).expect("its mode");
    }
    let world = World { root: scratch.path(), program };
    let mut rows = world.shelf(&options);
    rows.extend(world.reading(&options));
    rows.extend(world.dump(&options).await);
    table::print(&["", "took", "of the other", "peak", "95 of 100"].map(str::to_owned), &rows);
}

struct World<'a> {
    root: &'a Path,
    program: PathBuf,
}

/// How long something took, and how many megabytes it held at most.
#[derive(Default)]
struct Cost {
    seconds: Numbers,
    peak_mb: Numbers,
    /// The worst exit code that is no failure of what is measured.
    worst: i32,
}

impl Cost {
    fn row(&self, name: &str, other: Option<&Cost>) -> Vec<String> {
        let ratio = other.map_or_else(String::new, |other| table::ratio(self.seconds.median(), other.seconds.median()));
        vec![
            name.to_owned(),
            table::figure(self.seconds.median().map(|seconds| seconds * 1000.0), " ms"),
            ratio,
            table::figure(self.peak_mb.median(), " MB"),
            table::figure(self.seconds.p95().map(|seconds| seconds * 1000.0), " ms"),
        ]
    }

    /// The first time it is watched for what it holds, and later only timed: to watch it takes time, too.
    fn add(&mut self, command: &mut Command) {
        let began = Instant::now();
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        if self.peak_mb.median().is_none() {
            let mut peak = 0;
            while child.try_wait().expect("it can be waited for").is_none() {
                peak = process::peak_kb(child.id()).unwrap_or(0).max(peak);
                std::thread::sleep(Duration::from_millis(1));
            }
            self.peak_mb.add(peak as f64 / 1024.0);
            return self.ended(&mut child, command);
        }
        child.wait().expect("it can be waited for");
        self.seconds.add(began.elapsed().as_secs_f64());
        self.ended(&mut child, command);
    }

    /// A check that finds something ends with 1 or 2.
    fn ended(&self, child: &mut Child, command: &Command) {
        let code = child.wait().expect("it ends").code();
        assert!(code.is_some_and(|code| code <= self.worst), "{command:?} failed: {code:?}");
    }
}

impl World<'_> {
    fn file(&self, name: &str) -> String {
        self.root.join(name).display().to_string()
    }

    fn configure(&self, backup: &str) {
        let config = format!(
            "version = 1\n[host]\nevery = '1h'\n[system]\nname = 'bench'\ntimezone = 'UTC'\n\
             [store]\nurl = 'sqlite:{}'\n{}",
            self.file("rounds.db"),
            backup.replace("{root}", &self.root.display().to_string())
        );
        fs::write(self.file("config.toml"), config).expect("the configuration");
        fs::set_permissions(self.file("config.toml"), fs::Permissions::from_mode(0o600)).expect("its mode");
    }

    fn rounds(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).args(["--config", &self.file("config.toml")]).stdin(Stdio::null());
        command
    }

    fn backs_up(&self) {
        assert!(self.rounds(&["backup", "run", "--yes"]).output().expect("it starts").status.success(), "no backup");
    }

    /// A database of about so many MiB that cannot be made smaller.
    fn database(&self, mib: u64) {
        let _ = fs::remove_file(self.file("big.sqlite3"));
        let database = rusqlite::Connection::open(self.file("big.sqlite3")).expect("a database");
        let rows = format!(
            "CREATE TABLE events (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
             INSERT INTO events WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})
                 SELECT i, randomblob(1000) FROM n",
            mib.max(1) * 1031
        );
        database.execute_batch(&rows).expect("its rows");
    }

    /// The list and the check of a shelf with many backups: nothing of them is hashed.
    fn shelf(&self, options: &Options) -> Vec<Vec<String>> {
        let one = "[[database]]\nid = 'big'\nurl = 'sqlite:{root}/big.sqlite3'\n\
                   [[backup]]\nid = 'big'\ndatabase = 'big'\nfiles = '{root}/shelf/big_%Y%m%d_%H%M%S.sqlite3'\n\
                   keep = { daily = 7, weekly = 4, monthly = 12 }\n";
        self.configure(one);
        self.database(1);
        self.backs_up();
        let made = fs::read_dir(self.root.join("shelf")).expect("the shelf").flatten().map(|entry| entry.path());
        let made =
            made.into_iter().find(|path| path.extension().is_some_and(|end| end == "sqlite3")).expect("a backup");
        let manifest = Manifest::of(&made).expect("its manifest");
        for number in 0..options.files {
            let at = manifest.started - chrono::Duration::hours(i64::from(number) + 1);
            let path = made.with_file_name(at.format("big_%Y%m%d_%H%M%S.sqlite3").to_string());
            // As large as its manifest says, and no more than a name on the disk.
            let file = fs::File::create(&path).expect("a backup");
            file.set_len(manifest.data().expect("its data").bytes).expect("its size");
            let sealed = Manifest { started: at, finished: at, ..manifest.clone() }.to_bytes().expect("a document");
            fs::write(path_for(&path), sealed).expect("its manifest");
        }
        let (mut list, mut nothing) = (Cost::default(), Cost::default());
        let mut check = Cost { worst: 3, ..Cost::default() };
        for _ in 0..=options.rounds {
            list.add(&mut self.rounds(&["backup", "list", "--format", "json"]));
            check.add(&mut self.rounds(&["check", "backup:*"]));
            nothing.add(&mut self.rounds(&["config", "check"]));
        }
        let name = |what: &str| format!("{what}, {} backups on the shelf", options.files);
        vec![
            list.row(&name("`backup list`"), None),
            check.row(&name("`check backup:*`"), None),
            nothing.row("`config check`, which looks at none", None),
        ]
    }

    /// Reading a whole backup again, beside `openssl`.
    fn reading(&self, options: &Options) -> Vec<Vec<String>> {
        let far = "[[database]]\nid = 'big'\nurl = 'sqlite:{root}/big.sqlite3'\n\
                   [[backup]]\nid = 'big'\ndatabase = 'big'\nfiles = '{root}/dumps/big_%Y%m%d_%H%M%S.sqlite3'\n\
                   copy = { to = '{root}/far' }\n";
        self.configure(far);
        self.database(options.size);
        self.backs_up();
        // There already: all that is left to do is to read it there and compare.
        let copy = ["backup", "copy", "big", "--yes"];
        assert!(self.rounds(&copy).output().expect("it starts").status.success(), "no copy");
        let there = fs::read_dir(self.root.join("far")).expect("the copies").flatten().map(|entry| entry.path());
        let there =
            there.into_iter().find(|path| path.extension().is_some_and(|end| end == "sqlite3")).expect("a copy");
        let (mut ours, mut theirs, mut whole) = (Cost::default(), Cost::default(), Cost::default());
        for _ in 0..=options.rounds {
            ours.add(&mut self.rounds(&copy));
            theirs.add(Command::new("openssl").args(["dgst", "-sha256"]).arg(&there));
            whole.add(&mut self.rounds(&["backup", "verify", "big"]));
        }
        vec![
            ours.row(&format!("{} MiB read and hashed by rounds", options.size), Some(&theirs)),
            theirs.row("the same by `openssl dgst -sha256`", None),
            whole.row("`backup verify` of it: hash, structure, rows", Some(&theirs)),
        ]
    }

    /// A dump with its hash, its manifest and its proof, beside the bare program.
    async fn dump(&self, options: &Options) -> Vec<Vec<String>> {
        if server::programs().is_none() {
            return vec![vec!["no PostgreSQL here: nothing is dumped".to_owned()]];
        }
        let server = Server::start("shared_buffers = 128MB\nmax_wal_size = 4GB");
        let mut rota = server.rota().await;
        server::run(
            &mut rota,
            &format!(
                "CREATE TABLE events (id bigint PRIMARY KEY, at timestamptz NOT NULL, who text, body text);
                 INSERT INTO events SELECT n, now() - n * interval '7 s', 'person ' || n % 500,
                     (SELECT string_agg(md5((n * 25 + k)::text), '') FROM generate_series(1, 25) k)
                 FROM generate_series(1, {}) n",
                options.size.max(1) * 1150
            ),
        )
        .await;
        let backup = |name: &str, ending: &str| {
            format!(
                "[[database]]\nid = 'rota'\nurl = 'postgres://postgres@/rota?host={}'\n\
                 [[backup]]\nid = 'rota'\ndatabase = 'rota'\nfiles = '{{root}}/{name}/rota_%Y%m%d_%H%M%S.{ending}'\n",
                server.path().display()
            )
        };
        let [mut ours, mut jobs, mut bare] = [Cost::default(), Cost::default(), Cost::default()];
        let target = self.file("bare.dump");
        for round in 0..=options.rounds {
            self.configure(&backup(&format!("one-{round}"), "dump"));
            ours.add(&mut self.rounds(&["backup", "run", "rota", "--yes"]));
            self.configure(&backup(&format!("many-{round}"), "dir"));
            jobs.add(&mut self.rounds(&["backup", "run", "rota", "--yes"]));
            bare.add(server.client("pg_dump").args(["-Fc", "-d", "rota", "-f", &target]));
            for made in [format!("one-{round}"), format!("many-{round}")] {
                fs::remove_dir_all(self.root.join(made)).expect("the dumps go");
            }
        }
        vec![
            ours.row("PostgreSQL dumped by rounds, counted, hashed, read back", Some(&bare)),
            jobs.row("the same into a directory, by four jobs", Some(&bare)),
            bare.row("bare `pg_dump -Fc`", None),
        ]
    }
}

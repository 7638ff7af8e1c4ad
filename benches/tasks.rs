//! Many tasks with a long past: what `rounds task list` takes with two thousand tasks and a million
//! recorded runs, and what it takes to find cron's lines in a syslog of a gigabyte.
//!
//! `benches/run tasks` runs this; `--help` tells the options. It needs two gigabytes of room in the
//! directory for scratch files, and is gone from there when it ends.

#![allow(clippy::print_stdout, reason = "a bench answers on standard output")]
#![allow(clippy::expect_used, clippy::panic, reason = "what cannot be measured ends the run")]
#![allow(clippy::disallowed_methods, reason = "it measures real time, and starts the program")]

#[path = "common/numbers.rs"]
#[allow(dead_code, reason = "the other benches need the rest of it")]
mod numbers;
#[path = "common/table.rs"]
#[allow(dead_code, reason = "the other benches need the rest of it")]
mod table;

use std::fs::{self, File};
use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use chrono::{SecondsFormat, TimeDelta, Utc};
use clap::Parser;
use rounds::domain::time::Zone;
use rounds::scheduler::cron_log::{Calendar, LogTail};
use rusqlite::{Connection, params};

use numbers::Numbers;
use table::figure;

#[derive(Debug, Parser)]
struct Options {
    /// The program that is measured
    #[arg(long, default_value = "target/release/rounds")]
    program: PathBuf,
    #[arg(long, default_value_t = 2000)]
    tasks: usize,
    /// How many runs are on record, of all tasks together
    #[arg(long, default_value_t = 1_000_000)]
    runs: usize,
    /// How large the syslog is, in mebibytes
    #[arg(long, default_value_t = 1024)]
    syslog: u64,
    /// Over how many days it goes
    #[arg(long, default_value_t = 7)]
    days: i64,
    /// How often each is measured
    #[arg(long, default_value_t = 15)]
    times: usize,
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let options = Options::parse();
    let scratch = tempfile::tempdir().expect("a directory for scratch files");
    let mut rows = listed(&options, scratch.path());
    rows.extend(scanned(&options, scratch.path()));
    table::print(&["what".to_owned(), "median".to_owned(), "95 of 100".to_owned()], &rows);
}

fn row(what: String, numbers: &Numbers) -> Vec<String> {
    vec![what, figure(numbers.median(), " ms"), figure(numbers.p95(), " ms")]
}

fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1000.0
}

/// `rounds task list`, the whole process.
fn listed(options: &Options, scratch: &Path) -> Vec<Vec<String>> {
    let config = scratch.join("rounds.toml");
    let mut text = format!("version = 1\n[store]\nurl = \"sqlite:{}\"\n", scratch.join("state/rounds.db").display());
    for task in 0..options.tasks {
        let schedule = ["*/15 * * * *", "0 * * * *", "0 2 * * *", "30 7 * * 1-5"][task % 4];
        text.push_str(&format!("[[task]]\nid = \"task-{task}\"\nsource = \"exec\"\nschedule = \"{schedule}\"\n"));
    }
    fs::write(&config, text).expect("a configuration");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&options.program);
        command.arg("--config").arg(&config).args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
        let begun = Instant::now();
        let status = command.status().expect("the program starts; build it with `cargo build --release`");
        assert!(status.success(), "{arguments:?}: {status}");
        milliseconds(begun)
    };
    // Whoever asks first makes the store.
    run(&["audit", "list"]);
    fill(options, &scratch.join("state/rounds.db"));
    let mut rows = Vec::new();
    for arguments in [
        &["config", "check"][..],
        &["task", "list"],
        &["task", "list", "--format", "json"],
        &["task", "show", "task-1"],
    ] {
        let mut numbers = Numbers::default();
        run(arguments);
        for _ in 0..options.times {
            numbers.add(run(arguments));
        }
        let what = format!("rounds {}, {} tasks, {} runs", arguments.join(" "), options.tasks, options.runs);
        rows.push(row(what, &numbers));
    }
    rows
}

/// Puts runs on record: every task one in each hour, back from now.
fn fill(options: &Options, store: &Path) {
    let mut store = Connection::open(store).expect("the store");
    let write = store.transaction().expect("a transaction");
    {
        let mut insert = write
            .prepare("INSERT INTO run VALUES (?1, ?2, ?3, ?4, ?5, 0, NULL, 0, 0, ?6)")
            .expect("the table of runs is as this bench knows it");
        let now = Utc::now();
        let hours = options.runs.div_ceil(options.tasks.max(1));
        for number in (0..hours * options.tasks).rev() {
            let (hour, task) = (number / options.tasks, number % options.tasks);
            let ago = TimeDelta::hours(signed(hour)) + TimeDelta::seconds(signed(task * 997 % 3600));
            let at = (now - ago).timestamp_micros();
            let output = format!("reading the roster\n{number} mails sent to the staff of the week\ndone in 5 s\n");
            let id = format!("{at:017}-{task:05}");
            insert.execute(params![id, format!("task-{task}"), at, at + 5_000_000, 5_000_000, output]).expect("a run");
        }
    }
    write.commit().expect("all runs");
}

/// Cron's lines of a syslog that nobody has read yet, with the file in memory; and what came since.
fn scanned(options: &Options, scratch: &Path) -> Vec<Vec<String>> {
    let path = scratch.join("syslog");
    let now = Utc::now();
    let length = syslog(&path, options, now);
    let calendar = Calendar { zone: Zone::utc(), now };
    let mut buffer = vec![0; 1 << 20];
    let mut file = File::open(&path).expect("the syslog");
    while file.read(&mut buffer).expect("it is read") > 0 {}
    let (mut first, mut again, mut starts) = (Numbers::default(), Numbers::default(), 0);
    for _ in 0..options.times {
        let mut tail = LogTail::new(path.clone());
        let begun = Instant::now();
        tail.follow(&calendar).expect("it is read");
        first.add(milliseconds(begun));
        starts = tail.log.sightings().count();
        let begun = Instant::now();
        tail.follow(&calendar).expect("it is read");
        again.add(milliseconds(begun));
    }
    let what = format!("cron's lines in a syslog of {} MiB over {} days: {starts} starts", length >> 20, options.days);
    vec![row(what, &first), row("the same, once more: nothing came".to_owned(), &again)]
}

/// A syslog in which one line of a hundred is cron's; how long it became.
fn syslog(path: &Path, options: &Options, now: chrono::DateTime<Utc>) -> u64 {
    const OTHERS: [&str; 3] = [
        "kernel: [UFW BLOCK] IN=eth0 OUT= SRC=203.0.113.7 DST=198.51.100.2 LEN=40 TTL=244 PROTO=TCP SPT=51234 DPT=22 SYN",
        "rota[812]: GET /rota/week/12 200 31 ms user=asha session=4f1d",
        "systemd[1]: Started session-1234.scope - Session 1234 of User asha.",
    ];
    const USUAL: u64 = 120;
    let mut file = BufWriter::new(File::create(path).expect("room for the syslog"));
    let (wanted, mut written, mut number) = (options.syslog << 20, 0, 0_u64);
    let step = TimeDelta::microseconds(options.days * 86_400_000_000 / (wanted / USUAL).max(1).cast_signed());
    let mut at = now - TimeDelta::days(options.days);
    while written < wanted && at < now {
        let stamp = at.to_rfc3339_opts(SecondsFormat::Micros, false);
        let line = if number.is_multiple_of(100) {
            format!(
                "{stamp} db1 CRON[{}]: (root) CMD (/srv/rota/jobs/task-{}.sh)\n",
                1000 + number % 30_000,
                number / 100 % 50
            )
        } else {
            format!("{stamp} db1 {}\n", OTHERS[(number % 3) as usize])
        };
        file.write_all(line.as_bytes()).expect("room for the syslog");
        written += line.len() as u64;
        number += 1;
        at += step;
    }
    file.flush().expect("room for the syslog");
    written
}

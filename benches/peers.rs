//! What the dashboard costs beside the programs an operator would otherwise leave open, in one
//! run on one machine: every program in a pseudo terminal of the same size, in turns.
//!
//! `benches/run peers` builds the release and runs this; `--help` tells the options.

#![allow(clippy::print_stdout, reason = "a bench answers on standard output")]
#![allow(clippy::panic, reason = "what cannot be measured ends the run")]
#![allow(clippy::disallowed_methods, reason = "programs are started and timed as an operator would")]

#[path = "peers/commands.rs"]
mod commands;
#[path = "peers/hanging.rs"]
mod hanging;
#[path = "../tests/it/support/hung.rs"]
#[allow(dead_code, reason = "the tests need the rest of it")]
mod hung;
#[path = "common/numbers.rs"]
mod numbers;
#[path = "common/process.rs"]
mod process;
#[path = "peers/programs.rs"]
mod programs;
#[path = "../tests/it/support/pty.rs"]
mod pty;
#[path = "peers/soak.rs"]
mod soak;
#[path = "common/table.rs"]
mod table;
#[path = "peers/trial.rs"]
mod trial;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use hanging::Hanging;
use numbers::Numbers;
use programs::Program;
use trial::Measured;

#[derive(Debug, Parser)]
struct Options {
    /// The program that is measured; by default what cargo has just built
    #[arg(long)]
    program: Option<PathBuf>,
    /// How often each program is started, and each command run
    #[arg(long, default_value_t = 20)]
    starts: u32,
    /// How often the help of each is opened
    #[arg(long, default_value_t = 40)]
    presses: u32,
    /// How many times all of them stand side by side, untouched
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// For how many seconds each time
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Instead of all that, let targets fail and recover for so long, and see what it holds on to
    #[arg(long, value_parser = humantime::parse_duration)]
    soak: Option<Duration>,
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let options = Options::parse();
    let program = match &options.program {
        Some(path) => path.canonicalize().expect("the program"),
        None if cfg!(debug_assertions) => {
            panic!("this was built for debugging; use `benches/run peers`, or name a release with --program")
        }
        None => PathBuf::from(env!("CARGO_BIN_EXE_rounds")),
    };
    if let Some(length) = options.soak {
        return soak::run(&program, length);
    }
    let hanging = Hanging::new();
    let ours = Program::rounds("rounds", &program, &[], None);
    let hung = Program::rounds("rounds, all hung", &program, &hanging.prefix(), Some(&hanging.config()));
    let (peers, absent) = Program::peers();
    for name in &absent {
        println!("{name} is not installed: nothing is said of it");
    }
    println!("what hangs: {}\n", hanging.says());

    let all: Vec<&Program> = [&ours, &hung].into_iter().chain(&peers).collect();
    let mut measured: Vec<Measured> = all.iter().map(|_| Measured::default()).collect();
    // The first start of each reads it from the disk, and makes its files.
    for program in &all {
        trial::starting(program, &mut Measured::default());
    }
    for turn in 0..options.starts {
        for at in in_turn(all.len(), turn) {
            trial::starting(all[at], &mut measured[at]);
        }
    }
    for turn in 0..4 {
        for at in in_turn(all.len(), turn) {
            trial::keys(all[at], options.presses.div_ceil(4), &mut measured[at]);
        }
    }
    for _ in 0..options.rounds {
        trial::idle(&all, options.seconds, &mut measured);
    }
    print_programs(&all, &measured, &options);

    let check = commands::check(&program, options.starts as usize);
    println!(
        "rounds check, the built-in round: {} beside {} of its slowest probe, {}: {} (n = {})",
        table::figure(check.wall_ms.median(), " ms"),
        table::figure(check.slowest_ms.median(), " ms"),
        check.slowest,
        table::figure(check.ratio.median(), "x"),
        check.ratio.count(),
    );
    let exec = commands::exec(&program, options.starts as usize * 2);
    let added = exec.recorded_ms.median().zip(exec.bare_ms.median()).map(|(with, without)| with - without);
    println!(
        "rounds exec adds {} to a command: {} instead of {} (n = {})",
        table::figure(added, " ms"),
        table::figure(exec.recorded_ms.median(), " ms"),
        table::figure(exec.bare_ms.median(), " ms"),
        exec.bare_ms.count(),
    );
}

/// Everybody begins once.
fn in_turn(count: usize, turn: u32) -> impl Iterator<Item = usize> {
    (0..count).map(move |at| (at + turn as usize) % count)
}

fn print_programs(all: &[&Program], measured: &[Measured], options: &Options) {
    type Of = fn(&Measured) -> (&Numbers, bool);
    let lines: [(&str, &str, Of); 10] = [
        ("first glyph, median", " ms", |one| (&one.first_glyph, false)),
        ("useful frame, median", " ms", |one| (&one.useful_frame, false)),
        ("useful frame, p95", " ms", |one| (&one.useful_frame, true)),
        ("key to screen, median", " ms", |one| (&one.key, false)),
        ("key to screen, p95", " ms", |one| (&one.key, true)),
        ("quit, median", " ms", |one| (&one.quit, false)),
        ("quit, p95", " ms", |one| (&one.quit, true)),
        ("idle, of one core", " %", |one| (&one.processor, false)),
        ("idle, to the terminal", " B/s", |one| (&one.bytes_per_second, false)),
        ("resident", " MB", |one| (&one.resident_mb, false)),
    ];
    let figure = |one: &Measured, of: Of| {
        let (numbers, high) = of(one);
        if high { numbers.p95() } else { numbers.median() }
    };
    let heading: Vec<String> =
        std::iter::once(String::new()).chain(all.iter().map(|one| one.name.to_owned())).collect();
    let mut rows = Vec::new();
    let mut ratios = Vec::new();
    for (what, unit, of) in lines {
        let figures: Vec<Option<f64>> = measured.iter().map(|one| figure(one, of)).collect();
        let shown = figures.iter().map(|one| table::figure(*one, unit));
        rows.push(std::iter::once(what.to_owned()).chain(shown).collect());
        let compared = figures.iter().map(|other| table::ratio(figures[0], *other));
        ratios.push(std::iter::once(what.to_owned()).chain(compared).collect());
    }
    table::print(&heading, &rows);
    println!("rounds as a part of each:");
    table::print(&heading, &ratios);
    println!(
        "120x40; n = {} starts, {} keys, {} times {} s side by side\n",
        options.starts,
        measured.first().map_or(0, |one| one.key.count()),
        options.rounds,
        options.seconds,
    );
}

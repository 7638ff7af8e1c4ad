//! One program in a terminal of 120 columns and 40 rows, and what is measured of it.

use std::time::{Duration, Instant};

use crate::numbers::Numbers;
use crate::process;
use crate::programs::Program;
use crate::pty::Pty;

/// How long anything is waited for before it is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// Everything that was measured of one program. Times are in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) first_glyph: Numbers,
    pub(crate) useful_frame: Numbers,
    pub(crate) key: Numbers,
    pub(crate) quit: Numbers,
    /// Of one core, in percent.
    pub(crate) processor: Numbers,
    pub(crate) bytes_per_second: Numbers,
    pub(crate) resident_mb: Numbers,
}

pub(crate) fn start(program: &Program) -> Pty {
    Pty::start(program.command(), 40, 120)
}

/// Starts it, waits for its screen, and leaves it.
pub(crate) fn starting(program: &Program, into: &mut Measured) {
    let mut pty = start(program);
    let glyph = pty.when(PATIENCE, |screen| screen.contents().contains(|glyph: char| !glyph.is_whitespace()));
    into.first_glyph.add(milliseconds(pty.started, expected(glyph, (program, &pty), "nothing was drawn")));
    let useful = pty.when(PATIENCE, |screen| (program.useful)(&screen.contents()));
    into.useful_frame
        .add(milliseconds(pty.started, expected(useful, (program, &pty), "its screen never became useful")));
    leave(program, pty, into);
}

/// Opens its help again and again, at moments that have nothing to do with its own clock.
pub(crate) fn keys(program: &Program, presses: u32, into: &mut Measured) {
    let mut pty = start(program);
    let useful = pty.when(PATIENCE, |screen| (program.useful)(&screen.contents()));
    expected(useful, (program, &pty), "its screen never became useful");
    rest(&mut pty, Duration::from_secs(2));
    let (key, says) = program.help;
    for press in 0..presses {
        rest(&mut pty, Duration::from_millis(150 + u64::from(press) * 37 % 300));
        let sent = Instant::now();
        pty.type_keys(key);
        let opened = pty.when(PATIENCE, |screen| screen.contents().contains(says));
        into.key.add(milliseconds(sent, expected(opened, (program, &pty), "its help never opened")));
        rest(&mut pty, Duration::from_millis(100));
        pty.type_keys(program.back);
        let closed = pty.when(PATIENCE, |screen| !screen.contents().contains(says));
        expected(closed, (program, &pty), "its help never closed");
    }
    leave(program, pty, into);
}

/// Lets all of them stand side by side, untouched, and reads what that cost each.
pub(crate) fn idle(programs: &[&Program], seconds: u64, into: &mut [Measured]) {
    let mut all: Vec<Pty> = programs.iter().map(|program| start(program)).collect();
    let settle = Duration::from_secs(seconds.min(3));
    rest_all(&mut all, settle);
    let reads = |all: &[Pty]| -> Vec<(f64, u64)> {
        all.iter().map(|pty| (process::cpu_s(pty.pid()).unwrap_or(f64::NAN), pty.bytes)).collect()
    };
    let (before, began) = (reads(&all), Instant::now());
    rest_all(&mut all, Duration::from_secs(seconds));
    let took = began.elapsed().as_secs_f64();
    let after = reads(&all);
    for (((pty, measured), before), after) in all.iter().zip(into).zip(before).zip(after) {
        measured.processor.add((after.0 - before.0) / took * 100.0);
        measured.bytes_per_second.add((after.1 - before.1) as f64 / took);
        if let Some(holds) = process::holds(pty.pid()) {
            measured.resident_mb.add(holds.resident_kb as f64 / 1024.0);
        }
    }
    for (program, pty) in programs.iter().zip(all) {
        leave(program, pty, &mut Measured::default());
    }
}

fn leave(program: &Program, mut pty: Pty, into: &mut Measured) {
    rest(&mut pty, Duration::from_millis(200));
    let sent = Instant::now();
    pty.type_keys("q");
    while pty.closed.is_none() {
        assert!(sent.elapsed() < PATIENCE, "{} does not end", program.name);
        pty.look_for(Duration::from_millis(50));
    }
    into.quit.add(milliseconds(sent, expected(pty.closed, (program, &pty), "it did not end")));
}

/// Reads what it writes for so long.
pub(crate) fn rest(pty: &mut Pty, how_long: Duration) {
    let until = Instant::now() + how_long;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        pty.look_for(left);
        assert!(pty.closed.is_none(), "it ended by itself; the screen was\n{}", pty.contents());
    }
}

fn rest_all(all: &mut [Pty], how_long: Duration) {
    let until = Instant::now() + how_long;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        std::thread::sleep(left.min(Duration::from_millis(500)));
        for pty in all.iter_mut() {
            while pty.look_for(Duration::ZERO).is_some() {}
        }
    }
}

fn milliseconds(from: Instant, to: Instant) -> f64 {
    to.duration_since(from).as_secs_f64() * 1000.0
}

#[track_caller]
fn expected(at: Option<Instant>, (program, pty): (&Program, &Pty), otherwise: &str) -> Instant {
    at.unwrap_or_else(|| panic!("{}: {otherwise}; the screen is\n{}", program.name, pty.contents()))
}

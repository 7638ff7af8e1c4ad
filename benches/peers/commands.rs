//! What the commands without a screen cost: `check` beside its slowest probe, and `exec`
//! beside the command it records.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::numbers::Numbers;

/// `rounds check` of the built-in round.
#[derive(Debug, Default)]
pub(crate) struct Check {
    pub(crate) wall_ms: Numbers,
    pub(crate) slowest_ms: Numbers,
    /// The one by the other, of each run.
    pub(crate) ratio: Numbers,
    pub(crate) slowest: String,
}

/// `rounds exec -- true` and `true`.
#[derive(Debug, Default)]
pub(crate) struct Exec {
    pub(crate) bare_ms: Numbers,
    pub(crate) recorded_ms: Numbers,
}

pub(crate) fn check(program: &Path, runs: usize) -> Check {
    let home = scratch();
    let mut check = Check::default();
    for run in 0..=runs {
        let mut command = at_home(Command::new(program), home.path());
        let began = Instant::now();
        let output = command.args(["check", "--format", "json"]).output().expect("the program runs");
        let wall = began.elapsed().as_secs_f64() * 1000.0;
        if run == 0 {
            // The first makes the store.
            continue;
        }
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        let probes = report["checks"].as_array().expect("checks").iter();
        let took = probes.filter_map(|one| Some((one["took_s"].as_f64()? * 1000.0, one["id"].as_str()?)));
        let slowest = took.max_by(|a, b| a.0.total_cmp(&b.0)).expect("a probe");
        check.wall_ms.add(wall);
        check.slowest_ms.add(slowest.0);
        check.ratio.add(wall / slowest.0);
        slowest.1.clone_into(&mut check.slowest);
    }
    check
}

pub(crate) fn exec(program: &Path, runs: usize) -> Exec {
    let home = scratch();
    let mut exec = Exec::default();
    let timed = |mut command: Command| {
        let began = Instant::now();
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status().expect("it runs");
        assert!(status.success(), "true failed");
        began.elapsed().as_secs_f64() * 1000.0
    };
    for _ in 0..runs {
        exec.bare_ms.add(timed(at_home(Command::new("true"), home.path())));
        let mut recorded = at_home(Command::new(program), home.path());
        recorded.args(["exec", "--task", "bench", "--", "true"]);
        exec.recorded_ms.add(timed(recorded));
    }
    exec
}

fn scratch() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("rounds-bench-").tempdir().expect("a scratch directory")
}

fn at_home(mut command: Command, home: &Path) -> Command {
    command.env_clear().env("HOME", home).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

//! The words of `rounds exec`. Nothing that is wrong with them or with the configuration may
//! keep the command from running.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::cli::exec::{ExecOptions, exec};
use crate::cli::{Global, environment};
use crate::config;
use crate::runtime::clock::Clock;

#[derive(Debug, Args)]
pub struct ExecArgs {
    /// The task this is a run of
    #[arg(long, value_name = "ID")]
    task: String,
    /// Tell it to stop after this long, and make it ten seconds later; exit code 124
    #[arg(long, value_name = "DURATION", value_parser = super::duration)]
    timeout: Option<Duration>,
    /// The command and its arguments, passed on as they are
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(super) fn run(args: ExecArgs, global: &Global) -> ExitCode {
    let clock = Clock::system();
    let options = ExecOptions { task: args.task, timeout: args.timeout, argv: args.command, clock };
    let global = global.clone();
    exec(&options, move || state_dir(&global)).finish()
}

/// Where the record goes: beside the store of the configuration, or where it would be without
/// one, should the configuration be wrong.
fn state_dir(global: &Global) -> PathBuf {
    let environment = environment::environment(global);
    let load = |paths: &[PathBuf]| config::load(paths, &environment).map(|config| config.store.state_dir());
    load(&global.config).unwrap_or_else(|error| {
        let instead = environment.state_dir().unwrap_or_default();
        super::output::progress(&format!("rounds: {error}"));
        super::output::progress(&format!("rounds: so this run is recorded in {} instead", instead.display()));
        instead
    })
}

//! The words of `rounds exec`. Nothing that is wrong with them or with the configuration may
//! keep the command from running.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::cli::exec::{ExecOptions, Overlap, exec};
use crate::cli::{Global, environment};
use crate::config::{self, SecretRef};
use crate::runtime::clock::Clock;

#[derive(Debug, Args)]
pub struct ExecArgs {
    /// The task this is a run of
    #[arg(long, value_name = "ID")]
    task: String,
    /// Tell it to stop after this long, and make it ten seconds later; exit code 124
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
    /// While another run of the task is not over: skip this one (exit code 77), or wait for the other, at most
    /// so long with wait:10m; both are recorded
    #[arg(long, value_name = "skip|wait[:DURATION]")]
    lock: Option<String>,
    /// Tell a service such as healthchecks.io that it begins and how it ended; it calls when it hears nothing. Its
    /// address is a secret, and not written here but where it is: in a variable, or in a file that is yours alone
    #[arg(long, value_name = "env:NAME|file:PATH")]
    heartbeat: Option<String>,
    /// The command and its arguments, passed on as they are
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// The words of `rounds exec` and of nothing else: to put the whole command line together takes time,
/// and every wrapped command would wait for it.
#[derive(Debug, Parser)]
#[command(name = "rounds", disable_version_flag = true)]
struct Alone {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Exec,
}

#[derive(Debug, Subcommand)]
enum Exec {
    Exec(ExecArgs),
}

/// Runs a command that `rounds exec …` wraps; `None` for any other command line, and for one that is wrong:
/// whoever knows all of it says more.
pub(super) fn alone(arguments: &[OsString]) -> Option<ExitCode> {
    arguments.get(1).filter(|word| *word == "exec")?;
    let Alone { global, command: Exec::Exec(args) } = Alone::try_parse_from(arguments).ok()?;
    Some(run(args, &global))
}

pub(super) fn run(args: ExecArgs, global: &Global) -> ExitCode {
    let clock = Clock::system();
    let timeout = args.timeout.as_deref().and_then(limit);
    let overlap = args.lock.as_deref().and_then(overlap);
    let heartbeat = args.heartbeat.as_deref().and_then(address);
    let (global, task) = (global.clone(), args.task.clone());
    let options = ExecOptions { task: args.task, timeout, overlap, heartbeat, argv: args.command, clock };
    exec(&options, move || state_dir(&global, &task)).finish()
}

/// A limit that cannot be read is none: the command is what counts.
fn limit(text: &str) -> Option<Duration> {
    let told = |why| super::output::progress(&format!("rounds exec: --timeout {text}: {why}; it runs without a limit"));
    super::duration(text).map_err(told).ok()
}

/// What cannot be read holds nothing up: the command is what counts.
fn overlap(text: &str) -> Option<Overlap> {
    let told = |why| {
        super::output::progress(&format!("rounds exec: --lock {text}: {why}; it runs whatever else runs"));
    };
    text.parse().map_err(told).ok()
}

/// An address that is not a reference is told to nobody: it may be the secret itself.
fn address(text: &str) -> Option<SecretRef> {
    let told = |why| super::output::progress(&format!("rounds exec: --heartbeat: {why}; nobody is told of this run"));
    SecretRef::parse(text, Path::new(".")).map_err(told).ok()
}

/// Where the record goes: beside the store of the configuration, or where it would be without
/// one, should the configuration be wrong.
fn state_dir(global: &Global, task: &str) -> PathBuf {
    let environment = environment::environment(global);
    let load = |paths: &[PathBuf]| {
        config::load(paths, &environment).map(|config| {
            // Whoever did not ask for more gets nothing but what the command says.
            if global.verbose > 0 && config.tasks.iter().all(|known| known.id != task) {
                let text =
                    format!("rounds exec: no [[task]] is called `{task}`: its runs are kept, and none is expected");
                super::output::progress(&text);
            }
            config.store.state_dir()
        })
    };
    load(&global.config).unwrap_or_else(|error| {
        let instead = environment.state_dir().unwrap_or_default();
        super::output::progress(&format!("rounds: {error}"));
        super::output::progress(&format!("rounds: so this run is recorded in {} instead", instead.display()));
        instead
    })
}

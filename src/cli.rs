//! The command line: one file per family of commands, all over the same session and the same
//! executor as the dashboard.

mod act;
mod audit;
mod backup;
mod check;
mod checklist;
mod config;
mod dashboard;
mod database;
mod demo;
mod environment;
pub mod exec;
mod incident;
mod log;
mod manual;
mod output;
mod run;
mod session;
mod show;
mod task;
mod world;
mod wrapper;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use session::Session;

use crate::domain::status::Status;

/// Exit code of everything: the configuration is wrong.
pub const CONFIG_ERROR: u8 = 78;
/// Exit code of everything: refused; read-only, not confirmed, a guard said no, no audit.
pub const REFUSED: u8 = 77;
/// Exit code of everything: a word on the command line is wrong.
pub const USAGE: u8 = 2;

/// What else the environment says; the flags name theirs themselves.
const ENVIRONMENT: &str = "\
Environment:
  ROUNDS_THEME  The dashboard's colours: dark, light, high-contrast or mono; `:theme NAME` changes them
  ROUNDS_ASCII  1: plain signs instead of lines and marks; 0: never; `:ascii` changes it
  NO_COLOR      No colours, whatever the theme
  COLORTERM, TERM  How many colours there are: truecolor, 256, 16 or none";

/// The on-call operator's morning round, in a terminal.
///
/// Without a command the dashboard opens. Without a configuration it makes the round of this
/// machine: the host and its disks, the crontabs, and its own store with a nightly backup.
#[derive(Debug, Parser)]
#[command(name = "rounds", version, propagate_version = true, max_term_width = 100, after_help = ENVIRONMENT)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags that every command takes.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// A configuration file, or a directory of *.toml; may be given several times
    #[arg(long, global = true, value_name = "PATH", env = "ROUNDS_CONFIG")]
    pub config: Vec<PathBuf>,
    /// Where the program keeps what it remembers, such as `sqlite:/var/lib/rounds/rounds.db`
    #[arg(long, global = true, value_name = "URL", env = "ROUNDS_STORE")]
    pub store: Option<String>,
    /// The name that stands in the audit log; the user's by default
    #[arg(long, global = true, value_name = "NAME", env = "ROUNDS_OPERATOR")]
    pub operator: Option<String>,
    /// Refuse every act, whatever key or flag asks for it
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Colour in the answer
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Say more in the log: -v for what happens, -vv for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Write the program's own log to this file
    #[arg(long, global = true, value_name = "PATH")]
    pub log_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read everything once and say what needs attention; exit 0 ok, 1 warning, 2 critical, 3 unknown
    Check(check::CheckArgs),
    /// List, make, verify, copy, restore and delete backups, and hold drills with them
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// Look after databases
    #[command(subcommand)]
    Database(database::DatabaseCommand),
    /// Scheduled tasks
    #[command(subcommand)]
    Task(task::TaskCommand),
    /// Run a scheduled command and record how it went; output, signals and exit code pass through
    Exec(wrapper::ExecArgs),
    /// Run a configured action
    Run(run::RunArgs),
    /// Today's checklists: tick, skip, sign
    #[command(subcommand)]
    Checklist(checklist::ChecklistCommand),
    /// What failed, why, what it cost and what was learned
    #[command(subcommand)]
    Incident(incident::IncidentCommand),
    /// The append-only log of every act
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Check and show the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Try everything on a scratch system with real faults; nothing of it stays
    ///
    /// A database in use, its backups, recorded runs and a log are made in a temporary directory,
    /// with some things wrong. The dashboard opens on it, or the command that follows is carried
    /// out: `rounds demo check`. Every act works, and none reaches anything outside. Its own
    /// configuration and store are used, whatever --config and --store say.
    Demo(demo::DemoArgs),
    /// What the tasks and checks of a demo run
    #[command(hide = true)]
    DemoWork(demo::work::WorkArgs),
    /// Print completions for a shell
    Completions { shell: clap_complete::Shell },
    /// Print the manual page
    Man,
}

/// Flags of every command that acts.
#[derive(Clone, Debug, Default, Args)]
pub struct ActFlags {
    /// Print the exact steps and stop there
    #[arg(long)]
    pub dry_run: bool,
    /// Yes to a routine or disruptive plan
    #[arg(short, long)]
    pub yes: bool,
    /// The target's name: the only yes to a destructive plan
    #[arg(long, value_name = "TARGET")]
    pub confirm: Option<String>,
    /// Why; stands in the audit log
    #[arg(long, value_name = "TEXT", default_value = "", value_parser = line)]
    pub reason: String,
    /// How the plan, or what became of it, is told
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Text that will be shown to others: one line, and nothing in it that a terminal obeys.
#[expect(clippy::unnecessary_wraps, reason = "the shape that the command line's parser asks for")]
fn line(text: &str) -> Result<String, std::convert::Infallible> {
    Ok(crate::domain::sanitize::line(text))
}

/// A duration as a word of the command line.
fn duration(text: &str) -> Result<std::time::Duration, String> {
    humantime::parse_duration(text).map_err(|why| format!("{why}; write a number with its unit, such as 90s, 5m or 2h"))
}

/// Runs the command line and says how the process ends.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // The wrapper comes first: it must run its child whatever is wrong with us, and soon.
    if let Some(code) = wrapper::alone(&arguments) {
        return code;
    }
    // Without its own hooks a panic is still told, only less well.
    let _ = color_eyre::install();
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` are answers, and go to standard output.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    // With flags before its name.
    if let Some(Command::Exec(args)) = cli.command {
        return wrapper::run(args, &cli.global);
    }
    let checks = matches!(cli.command, Some(Command::Check(_)));
    match dispatch(cli) {
        Ok(code) => code,
        // To whoever asks how things are, 1 is a warning: nothing was seen, and that is unknown.
        Err(error) => match output::report_error(&error) {
            ExitCode::FAILURE if checks => ExitCode::from(Status::Unknown.exit_code()),
            code => code,
        },
    }
}

fn dispatch(cli: Cli) -> color_eyre::Result<ExitCode> {
    let global = cli.global;
    match log::start(&global) {
        Err(error) if !matches!(cli.command, Some(Command::Check(_))) => {
            return Err(output::Usage(format!("{error:#}")).into());
        }
        started => started?,
    }
    // What this program and its children write is nobody else's to read. Not so for `exec`,
    // whose command gets what it would have had without us.
    crate::platform::user::keep_files_private();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let code = runtime.block_on(execute(cli.command, &global));
    // A blocking read that hangs in the kernel must not hold up the end of the program.
    runtime.shutdown_timeout(std::time::Duration::from_millis(20));
    code
}

/// Carries out one command.
async fn execute(command: Option<Command>, global: &Global) -> color_eyre::Result<ExitCode> {
    match command {
        None => dashboard::run(global).await,
        Some(Command::Check(args)) => check::run(&args, global).await,
        Some(Command::Backup(command)) => backup::run(&command, global).await,
        Some(Command::Database(command)) => database::run(&command, global).await,
        Some(Command::Task(command)) => task::run(&command, global).await,
        Some(Command::Run(args)) => run::run(&args, global).await,
        Some(Command::Checklist(command)) => checklist::run(&command, global).await,
        Some(Command::Incident(command)) => incident::run(&command, global).await,
        Some(Command::Audit(command)) => audit::run(&command, global).await,
        Some(Command::Config(command)) => config::run(&command, global),
        Some(Command::Demo(args)) => demo::run(args, global).await,
        Some(Command::DemoWork(args)) => demo::work::run(&args),
        Some(Command::Completions { shell }) => manual::completions(shell),
        Some(Command::Man) => manual::page(),
        // It came first.
        Some(Command::Exec(_)) => Ok(ExitCode::SUCCESS),
    }
}

//! `rounds demo`: a scratch system to try everything on. A directory is made with a database in
//! use, its backups, records and faults; the dashboard, or any other command, works on it; and it
//! is removed again, whichever way that ends.

mod load;
mod past;
mod rota;
mod scratch;
mod signals;
pub(super) mod work;
mod world;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser};
use color_eyre::eyre::{Result, WrapErr};

use crate::cli::{Cli, Color, Command, Global, USAGE, environment, log, output};
use crate::runtime::clock::Clock;
use load::Load;
use scratch::Scratch;
use signals::Signals;

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Leave the directory where it is, and say how to go on with it
    #[arg(long)]
    keep: bool,
    /// The command to try, with its flags; the dashboard by default
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// How long a command has to end when it is told to, before the process does.
const GRACE: Duration = Duration::from_secs(1);
/// The same for the dashboard, whose jobs may take three seconds to end.
const DASHBOARD_GRACE: Duration = Duration::from_secs(5);

pub(super) async fn run(args: DemoArgs, outer: &Global) -> Result<ExitCode> {
    let Cli { command, global } = match Cli::try_parse_from([OsString::from("rounds")].into_iter().chain(args.command))
    {
        Ok(inner) => inner,
        Err(error) => {
            let _ = error.print();
            return Ok(ExitCode::from(if error.use_stderr() { USAGE } else { 0 }));
        }
    };
    if matches!(command, Some(Command::Demo(_) | Command::Exec(_))) {
        let text =
            "a demo is over with its command: there is no demo in a demo, and no scheduler that could use `exec`";
        return Err(output::Usage(text.to_owned()).into());
    }
    let mut signals = Signals::listen()?;
    let parent = std::path::absolute(std::env::temp_dir())?;
    for left in scratch::sweep(&parent) {
        output::progress(&format!("demo: removed {}, left behind by one that was killed", left.display()));
    }
    let made = Scratch::new(&parent);
    let mut scratch = made.wrap_err_with(|| format!("cannot make a directory for the demo in {}", parent.display()))?;
    let directory = scratch.path().to_owned();
    output::progress(&format!("demo: a scratch system in {}; nothing outside it is touched", directory.display()));

    let global = Global {
        config: Vec::new(),
        store: None,
        operator: global.operator.or_else(|| outer.operator.clone()),
        read_only: global.read_only || outer.read_only,
        color: if global.color == Color::Auto { outer.color } else { global.color },
        ..global
    };
    if outer.log_file.is_none() {
        log::start(&global)?;
    }
    let code = play(command, global, &mut scratch, args.keep, &mut signals).await;
    scratch.end().wrap_err_with(|| format!("cannot remove {}", directory.display()))?;
    if scratch.is_kept() {
        let config = directory.join("config.toml");
        output::progress(&format!("demo: kept; `rounds --config {}` goes on with it", config.display()));
    } else {
        output::progress(&format!("demo: {} is removed", directory.display()));
    }
    code
}

/// Makes the world and carries out the command in it, until a signal ends either.
async fn play(
    command: Option<Command>,
    mut global: Global,
    scratch: &mut Scratch,
    keep: bool,
    signals: &mut Signals,
) -> Result<ExitCode> {
    let clock = Clock::system();
    let surroundings = environment::environment(&global);
    global.config = tokio::select! {
        config = world::make(scratch.path(), &surroundings, clock.now()) => vec![config?],
        code = signals.ended() => return Ok(ExitCode::from(code)),
    };
    if keep {
        scratch.keep()?;
    }
    let _load = Load::start(scratch.path(), clock)?;
    let is_dashboard = command.is_none();
    let grace = if is_dashboard { DASHBOARD_GRACE } else { GRACE };
    let hard = tokio::spawn(Signals::listen()?.end_hard(scratch.path().to_owned(), keep, grace));
    let ended = async {
        // The dashboard hears them itself, and ends its jobs first.
        if is_dashboard { std::future::pending().await } else { signals.ended().await }
    };
    let code = tokio::select! {
        // Boxed, because a command that carries out a command has no size of its own.
        code = Box::pin(super::execute(command, &global)) => code,
        code = ended => Ok(ExitCode::from(code)),
    };
    hard.abort();
    code
}

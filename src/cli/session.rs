//! What every command starts with: the configuration, the store, the round, and who is asking.

use std::path::PathBuf;
use std::process::ExitCode;

use color_eyre::eyre::WrapErr;

use crate::cli::Global;
use crate::config::{self, Environment};
use crate::domain::audit::Actor;
use crate::domain::board::Assessment;
use crate::domain::humanize;
use crate::domain::sanitize;
use crate::domain::time::{Timestamp, Zone};
use crate::runtime::clock::{Clock, system_zone};
use crate::runtime::holder::recover_lost_jobs;
use crate::runtime::importer;
use crate::runtime::round::Round;
use crate::runtime::runner::Runner;
use crate::scheduler::spool;
use crate::store::Store;

/// The world of one command.
#[derive(Debug)]
pub struct Session {
    pub clock: Clock,
    pub zone: Zone,
    pub round: Round,
    pub actor: Actor,
    pub read_only: bool,
    /// Why there is no store, if there is none.
    pub store_error: Option<String>,
}

impl Session {
    /// Reads the configuration and opens the store. A store that cannot be opened is no error
    /// here: looking works without one, and acts refuse with the reason.
    pub async fn open(global: &Global) -> color_eyre::Result<Self> {
        let environment = environment(global);
        let config = config::load(&global.config, &environment)?;
        let clock = Clock::system();
        let (store, store_error) = match Store::open(&config.store.path, clock.now()).await {
            Ok(store) => (Some(store), None),
            Err(error) => (None, Some(error.to_string())),
        };
        if let Some(store) = &store {
            if let Err(error) = recover_lost_jobs(store, &environment.host_name, clock.now()).await {
                tracing::warn!(%error, "lost jobs were not looked for");
            }
            // A run that stays in the spool is shown from there; the next start tries again.
            let _ = importer::import(store, &spool::directory(&config.store.state_dir())).await;
        }
        let zone = config.zone.clone();
        let read_only = global.read_only || config.acts.read_only;
        let round = Round::new(config, &environment.host_name, store);
        let actor = actor(global, &environment.host_name);
        Ok(Self { clock, zone, round, actor, read_only, store_error })
    }

    /// New probes, for a second look.
    pub fn renew(&mut self) {
        self.round.renew();
    }

    pub fn runner(&self) -> Runner {
        Runner::new(&self.round, self.read_only, self.store_error.clone(), &self.clock)
    }

    /// The store, for commands that are nothing without it.
    pub fn store(&self) -> color_eyre::Result<&Store> {
        let why = || color_eyre::eyre::eyre!("{}", self.store_error.as_deref().unwrap_or("there is no store"));
        self.round.store.as_ref().ok_or_else(why)
    }
}

/// What the configuration may know of the process it is read for.
pub(super) fn environment(global: &Global) -> Environment {
    let path = |name: &str| variable(name).map(PathBuf::from);
    Environment {
        home: path("HOME"),
        xdg_config_home: path("XDG_CONFIG_HOME"),
        xdg_state_home: path("XDG_STATE_HOME"),
        user: effective_user(),
        host_name: sysinfo::System::host_name().map_or_else(|_| "localhost".to_owned(), |name| sanitize::line(&name)),
        zone: system_zone(variable("TZ").as_deref()),
        store: global.store.clone(),
        ..Environment::default()
    }
}

pub(super) fn no_color() -> bool {
    variable("NO_COLOR").is_some()
}

/// Whether the terminal says it shows 24-bit colour.
pub(super) fn true_color() -> bool {
    variable("COLORTERM").is_some_and(|depth| depth == "truecolor" || depth == "24bit")
}

/// A variable of the environment that is set to something.
#[expect(clippy::disallowed_methods, reason = "the command line is where the environment enters the program")]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(unix)]
fn effective_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn effective_user() -> u32 {
    0
}

fn actor(global: &Global, host: &str) -> Actor {
    let os_user = os_user();
    let origin = match (variable("SSH_CONNECTION"), terminal_name()) {
        (Some(connection), _) => format!("ssh {}", connection.split(' ').next().unwrap_or("?")),
        (None, Some(name)) => format!("tty {name}"),
        (None, None) => "no terminal".to_owned(),
    };
    let operator = global.operator.clone().or_else(|| variable("SUDO_USER")).unwrap_or_else(|| os_user.clone());
    Actor {
        operator: sanitize::line(&operator),
        os_user: sanitize::line(&os_user),
        host: host.to_owned(),
        origin: sanitize::line(&origin),
    }
}

/// The account the process runs under, by its number rather than by what the environment claims.
fn os_user() -> String {
    let id = effective_user();
    let users = sysinfo::Users::new_with_refreshed_list();
    let name = users.ok().and_then(|users| {
        let found = users.iter().find(|user| user.id().to_string() == id.to_string())?;
        Some(found.name().to_string())
    });
    name.unwrap_or_else(|| format!("uid {id}"))
}

#[cfg(unix)]
fn terminal_name() -> Option<String> {
    let name = rustix::termios::ttyname(std::io::stdin(), Vec::new()).ok()?;
    Some(name.to_string_lossy().into_owned())
}

#[cfg(not(unix))]
fn terminal_name() -> Option<String> {
    None
}

/// Starts the program's own log, when a file for it was named.
pub(super) fn start_log(global: &Global) -> color_eyre::Result<()> {
    use tracing_subscriber::EnvFilter;
    let Some(path) = &global.log_file else { return Ok(()) };
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .wrap_err_with(|| format!("cannot write the log {}", path.display()))?;
    let level = match global.verbose {
        0 => "rounds=info,warn",
        1 => "rounds=debug,info",
        _ => "trace",
    };
    let filter = variable("RUST_LOG").map_or_else(|| EnvFilter::new(level), EnvFilter::new);
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::sync::Mutex::new(file)).init();
    Ok(())
}

/// Success or failure of a command that has nothing finer to say.
pub(super) fn done(ok: bool) -> ExitCode {
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The target a command is about: the one named, or the only one there is.
pub(super) fn one_of<'a>(
    kind: &str,
    id: Option<&str>,
    known: impl Iterator<Item = &'a String> + Clone,
) -> color_eyre::Result<String> {
    let names: Vec<&str> = known.map(String::as_str).collect();
    let text = match (id, names.as_slice()) {
        (Some(id), names) if names.contains(&id) => return Ok(id.to_owned()),
        (None, [only]) => return Ok((*only).to_owned()),
        (Some(id), []) => format!("there is no {kind} called `{id}`, nor any other"),
        (Some(id), names) => format!("there is no {kind} called `{id}`; there are: {}", names.join(", ")),
        (None, []) => format!("there is no {kind}"),
        (None, names) => format!("which {kind}? there are: {}", names.join(", ")),
    };
    Err(super::output::Usage(text).into())
}

/// Everything known of one assessment, for `show`.
pub(super) fn details(one: &Assessment, now: Timestamp, zone: &Zone) -> String {
    use std::fmt::Write as _;
    let age = one.age.map_or_else(|| "never read".to_owned(), |age| format!("read {} ago", humanize::duration(age)));
    let mut text = format!("{}  {}  {age}\n", one.id, one.status);
    for finding in &one.findings {
        let _ = writeln!(text, "  {:<8} {}", finding.status.word(), finding.text);
    }
    for judged in &one.samples {
        let limits: Vec<String> =
            [judged.warning, judged.critical].into_iter().flatten().map(|limit| limit.to_string()).collect();
        let limits = if limits.is_empty() { String::new() } else { format!("   ({})", limits.join(", ")) };
        let value = humanize::value(&judged.sample.value, now, zone);
        let _ = writeln!(text, "  {:<14} {value}{limits}", judged.sample.key.replace('_', " "));
    }
    text
}

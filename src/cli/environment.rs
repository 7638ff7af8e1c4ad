//! What the process is told by its surroundings: variables, accounts, the terminal. The command
//! line is where they enter the program; below it they are values.

use std::path::PathBuf;

use crate::cli::Global;
use crate::config::Environment;
use crate::domain::audit::Actor;
use crate::domain::sanitize;
use crate::runtime::clock::system_zone;

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

/// Who acts: the name asserted, the account underneath, and where from.
pub(super) fn actor(global: &Global, host: &str) -> Actor {
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

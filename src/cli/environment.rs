//! What the process is told by its surroundings: variables, accounts, the terminal. The command
//! line is where they enter the program; below it they are values.

use std::path::PathBuf;

use crate::cli::Global;
use crate::config::Environment;
use crate::domain::audit::Actor;
use crate::domain::sanitize;
use crate::platform::{places, terminal, user};
use crate::runtime::clock::system_zone;

/// What the configuration may know of the process it is read for.
pub(super) fn environment(global: &Global) -> Environment {
    // One that is relative counts as not set, as the custom of base directories has it.
    let path = |names: &[&str]| {
        let mut paths = names.iter().filter_map(|name| variable(name).map(PathBuf::from));
        paths.find(|path| path.is_absolute())
    };
    Environment {
        home: path(places::HOME),
        xdg_config_home: path(places::CONFIG),
        xdg_state_home: path(places::STATE),
        system_config: places::machine_config(path(places::MACHINE)),
        user: user::number(),
        host_name: sysinfo::System::host_name().map_or_else(|_| "localhost".to_owned(), |name| sanitize::line(&name)),
        zone: system_zone(variable("TZ").as_deref()),
        program: std::env::current_exe().ok(),
        store: global.store.clone(),
    }
}

pub(super) fn no_color() -> bool {
    variable("NO_COLOR").is_some()
}

/// The locale that text is shown in.
pub(super) fn locale() -> Option<String> {
    ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| variable(name))
}

/// A variable of the environment that is set to something.
#[expect(clippy::disallowed_methods, reason = "the command line is where the environment enters the program")]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Who acts: the name asserted, the account underneath, and where from.
pub(super) fn actor(global: &Global, host: &str) -> Actor {
    let os_user = user::name();
    let origin = match (variable("SSH_CONNECTION"), terminal::name()) {
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

//! Where a user's files and the machine's lie by the custom of the system, as the variables
//! that say so: the first that is set counts. The base directories of freedesktop.org go before
//! anything else on every system.

use std::path::PathBuf;

/// The user's own folder.
pub const HOME: &[&str] = if cfg!(windows) { &["HOME", "USERPROFILE"] } else { &["HOME"] };

/// Below it, configurations.
pub const CONFIG: &[&str] = if cfg!(windows) { &["XDG_CONFIG_HOME", "APPDATA"] } else { &["XDG_CONFIG_HOME"] };

/// Below it, what programs remember.
pub const STATE: &[&str] = if cfg!(windows) { &["XDG_STATE_HOME", "LOCALAPPDATA"] } else { &["XDG_STATE_HOME"] };

/// The variable that says where the configurations of the whole machine lie, where there is one.
pub const MACHINE: &[&str] = if cfg!(windows) { &["PROGRAMDATA"] } else { &[] };

/// Where the configuration of the whole machine lies; `machine` is what [`MACHINE`] says.
pub fn machine_config(machine: Option<PathBuf>) -> PathBuf {
    let usual = if cfg!(windows) { r"C:\ProgramData" } else { "/etc" };
    machine.unwrap_or_else(|| PathBuf::from(usual)).join("rounds")
}

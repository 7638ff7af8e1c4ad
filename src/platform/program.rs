//! Programs: where they are looked for, what they inherit, and where they start.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Where programs are looked for. Not the operator's own path: what a name means must not
/// depend on who started us.
#[cfg(unix)]
pub fn path() -> OsString {
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into()
}

/// Where programs are looked for. Not the operator's own path: what a name means must not
/// depend on who started us.
#[cfg(windows)]
pub fn path() -> OsString {
    let windows = std::env::var_os("SYSTEMROOT").map_or_else(|| PathBuf::from(r"C:\Windows"), PathBuf::from);
    let system = windows.join("System32");
    let folders = [system.clone(), windows, system.join("Wbem"), system.join(r"WindowsPowerShell\v1.0")];
    std::env::join_paths(folders).unwrap_or_default()
}

/// What is taken over from our own environment; all else stays with us, secrets included.
#[cfg(unix)]
pub const INHERITED: &[&str] = &["HOME", "USER", "LOGNAME", "TZ"];
/// What is taken over from our own environment; all else stays with us, secrets included.
#[cfg(windows)]
pub const INHERITED: &[&str] = &[
    "APPDATA",
    "COMSPEC",
    "LOCALAPPDATA",
    "PATHEXT",
    "PROGRAMDATA",
    "PROGRAMFILES",
    "SYSTEMDRIVE",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "TZ",
    "USERNAME",
    "USERPROFILE",
    "WINDIR",
];

/// Where they start when nobody says where.
#[cfg(unix)]
pub const ROOT: &str = "/";
/// Where they start when nobody says where.
#[cfg(windows)]
pub const ROOT: &str = r"C:\";

/// The file a name stands for in a folder: where programs have an ending, it may be left out.
pub fn file_in(folder: &Path, name: &str) -> PathBuf {
    let file = folder.join(name);
    if cfg!(windows) && file.extension().is_none() {
        file.with_extension(std::env::consts::EXE_EXTENSION)
    } else {
        file
    }
}

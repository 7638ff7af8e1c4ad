//! The machine as such: its name, and which start of it this is.

/// The name it gives itself.
#[cfg(unix)]
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The name it gives itself.
#[cfg(not(unix))]
pub fn host_name() -> String {
    sysinfo::System::host_name().unwrap_or_default()
}

/// Changes with every start of the machine; `None` where there is no such id. A moment of
/// starting is none: it is reckoned from the clock, and moves with it.
pub fn boot_id() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

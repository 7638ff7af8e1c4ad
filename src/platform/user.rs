//! The user this process runs as, by what the system says and not by what the environment
//! claims.

/// The effective user's number; 0 where users have none.
pub fn number() -> u32 {
    #[cfg(unix)]
    {
        rustix::process::geteuid().as_raw()
    }
    #[cfg(not(unix))]
    {
        0
    }
}

/// The effective user's name, or what stands for it.
pub fn name() -> String {
    let id = id();
    let users = sysinfo::Users::new_with_refreshed_list();
    let name = users.ok().and_then(|users| {
        let found = users.iter().find(|user| user.id().to_string() == id)?;
        Some(found.name().to_string())
    });
    name.unwrap_or_else(|| format!("uid {id}"))
}

#[cfg(unix)]
fn id() -> String {
    number().to_string()
}

/// Of a user of a domain, whom this machine does not list, nothing but this is known.
#[cfg(not(unix))]
fn id() -> String {
    use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};
    let look = || {
        let mut system = System::new().ok()?;
        let me = Pid::from_u32(std::process::id());
        let with_user = ProcessRefreshKind::nothing().with_user(UpdateKind::Always);
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[me]), true, with_user);
        Some(system.process(me)?.user_id()?.to_string())
    };
    look().unwrap_or_else(|| "unknown".to_owned())
}

/// From here on what this process and its children make is nobody else's to read, where a
/// process can decide that.
pub fn keep_files_private() {
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

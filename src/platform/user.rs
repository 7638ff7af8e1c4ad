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

/// The effective user's name, or the number where it has none.
#[cfg(unix)]
pub fn name() -> String {
    let id = number();
    let users = sysinfo::Users::new_with_refreshed_list();
    let name = users.ok().and_then(|users| {
        let found = users.iter().find(|user| user.id().to_string() == id.to_string())?;
        Some(found.name().to_string())
    });
    name.unwrap_or_else(|| format!("uid {id}"))
}

/// The effective user's name.
#[cfg(not(unix))]
pub fn name() -> String {
    whoami::username().unwrap_or_else(|_| "unknown user".to_owned())
}

/// From here on what this process and its children make is nobody else's to read, where a
/// process can decide that.
pub fn keep_files_private() {
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

//! What a system does not have, each with the sentence that says so; `None` where it has it.
//! A limit on something that is not there is *unknown* for this reason, never ok.

const fn on_windows(why: &'static str) -> Option<&'static str> {
    if cfg!(windows) { Some(why) } else { None }
}

/// Load averages.
pub const LOAD: Option<&str> = on_windows("Windows keeps no load averages");

/// A number of inodes that can run out.
pub const INODES: Option<&str> = on_windows("file systems of Windows have no inodes to count");

/// Crontabs.
pub const CRONTABS: Option<&str> = on_windows("Windows has no crontabs");

/// The Task Scheduler of Windows.
pub const TASK_SCHEDULER: Option<&str> = if cfg!(windows) { None } else { Some("only Windows has its Task Scheduler") };

/// Owners and modes, by which a file can be trusted.
pub const OWNERS: Option<&str> = on_windows("Windows has no owners and modes");

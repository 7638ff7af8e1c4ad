//! Which process is which: a number is given out again, a number with the moment it began is
//! not.

/// When a living process began, in the unit its system counts; only ever compared. One that has
/// ended and waits for its parent is gone.
///
/// On Linux that is field 22 of proc(5)'s `stat`: clock ticks since the start of the machine.
#[cfg(target_os = "linux")]
pub fn started(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may itself hold blanks and brackets.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// When a living process began, in the unit its system counts; only ever compared. One that has
/// ended and waits for its parent is gone.
///
/// Here that is the second of the calendar, as the system wrote it down then: no id of the
/// machine's start is needed beside it.
#[cfg(not(target_os = "linux"))]
pub fn started(pid: u32) -> Option<u64> {
    use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};
    let mut system = System::new().ok()?;
    let pid = Pid::from_u32(pid);
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, ProcessRefreshKind::nothing());
    let process = system.process(pid)?;
    (process.status() != ProcessStatus::Zombie).then(|| process.start_time())
}

/// Whether anybody has this number now; where that cannot be told, nobody.
pub fn exists(pid: u32) -> bool {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, test_kill_process};
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        pid.is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
    }
    #[cfg(not(unix))]
    {
        started(pid).is_some()
    }
}

/// The signal that ended a process; `None` where it ended by itself, or where there are none.
pub fn signal_of(status: std::process::ExitStatus) -> Option<i32> {
    #[cfg(unix)]
    {
        std::os::unix::process::ExitStatusExt::signal(&status)
    }
    #[cfg(not(unix))]
    {
        let _ = status;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_began_once_and_nobody_has_the_last_number() {
        let me = std::process::id();
        assert_eq!(started(me), started(me));
        assert!(started(me).is_some() && exists(me));
        assert_eq!(started(u32::MAX), None);
        assert!(!exists(u32::MAX));
    }
}

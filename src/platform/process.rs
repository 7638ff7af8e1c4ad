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

/// TERM to the process that has this number and began then.
#[cfg(target_os = "linux")]
pub fn tell_to_end(pid: u32, start: u64) -> std::io::Result<()> {
    use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
    let number = process_number(pid)?;
    // Whoever it is from here on, it is no other: the number may be given out again, and this is not.
    let process = pidfd_open(number, PidfdFlags::empty())?;
    if started(pid) != Some(start) {
        return Err(std::io::ErrorKind::NotFound.into());
    }
    Ok(pidfd_send_signal(process, Signal::TERM)?)
}

/// TERM to the process that has this number and began then.
#[cfg(all(unix, not(target_os = "linux")))]
pub fn tell_to_end(pid: u32, start: u64) -> std::io::Result<()> {
    let number = process_number(pid)?;
    if started(pid) != Some(start) {
        return Err(std::io::ErrorKind::NotFound.into());
    }
    Ok(rustix::process::kill_process(number, rustix::process::Signal::TERM)?)
}

/// There is no signal that a process could be told to end by.
#[cfg(not(unix))]
pub fn tell_to_end(_pid: u32, _start: u64) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(unix)]
fn process_number(pid: u32) -> std::io::Result<rustix::process::Pid> {
    let number = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    number.ok_or_else(|| std::io::ErrorKind::NotFound.into())
}

/// KILL to the children of a process, and to the whole group of each that leads one; answers how
/// many there were. Nothing where children cannot be listed.
pub fn kill_children(pid: u32) -> usize {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, getpgid, kill_process, kill_process_group};
        let children: Vec<_> = children(pid).into_iter().filter_map(|child| process_number(child).ok()).collect();
        for child in &children {
            // The parent waits for them, so that their numbers are theirs for as long as it lives.
            let leads = getpgid(Some(*child)).is_ok_and(|group| group == *child);
            let _ = if leads { kill_process_group(*child, Signal::KILL) } else { kill_process(*child, Signal::KILL) };
        }
        children.len()
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = pid;
        0
    }
}

#[cfg(target_os = "linux")]
fn children(pid: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
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

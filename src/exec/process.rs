//! Which process is which: a number alone is used again, a number with the moment it began,
//! on one start of the machine, is not.

use serde::{Deserialize, Serialize};

/// One process, told apart from every other that may get its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub pid: u32,
    /// When it began, in the unit its machine counts; only ever compared.
    pub start: i64,
    /// Changes with every start of the machine; empty where there is no such id.
    pub boot_id: String,
}

impl Identity {
    /// This very process.
    pub fn current() -> Self {
        let pid = std::process::id();
        Self { pid, start: start_of(pid).unwrap_or_default(), boot_id: boot_id() }
    }

    /// Whether it still lives on this machine.
    pub fn is_alive(&self) -> bool {
        self.boot_id == boot_id() && start_of(self.pid) == Some(self.start)
    }
}

/// The id of this start of the machine.
#[cfg(target_os = "linux")]
fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn boot_id() -> String {
    sysinfo::System::boot_time().map(|at| at.to_string()).unwrap_or_default()
}

/// Clock ticks since boot at which a process began: field 22 of proc(5)'s `stat`.
#[cfg(target_os = "linux")]
fn start_of(pid: u32) -> Option<i64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may itself hold blanks and brackets.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    // A zombie is a process only by name.
    let state = fields.next()?;
    if state == "Z" || state == "X" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(not(target_os = "linux"))]
fn start_of(pid: u32) -> Option<i64> {
    use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};
    let mut system = System::new().ok()?;
    let pid = Pid::from_u32(pid);
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, ProcessRefreshKind::nothing());
    i64::try_from(system.process(pid)?.start_time()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_live_and_nobody_with_our_number_and_another_start_does() {
        let me = Identity::current();
        assert!(me.is_alive());
        assert!(!Identity { start: me.start + 1, ..me.clone() }.is_alive());
        assert!(!Identity { boot_id: "another".into(), ..me }.is_alive());
    }
}

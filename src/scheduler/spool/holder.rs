//! Who runs a job: enough to tell later whether that very process still lives.

use serde::{Deserialize, Serialize};

/// A process, beyond its number, which is given out again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub host: String,
    /// Differs after every start of the machine; `None` where the platform has none.
    pub boot: Option<String>,
    pub pid: u32,
    /// When the process started, in the kernel's own count.
    pub started: Option<u64>,
}

impl Holder {
    /// This process.
    pub fn this() -> Self {
        let pid = std::process::id();
        Self { host: host(), boot: boot(), pid, started: started(pid) }
    }

    /// Whether it still lives. One on another host is believed to: nobody here can tell.
    pub fn lives(&self) -> bool {
        if self.host != host() {
            return true;
        }
        if self.boot != boot() {
            return false;
        }
        match self.started {
            Some(_) => started(self.pid) == self.started,
            None => i32::try_from(self.pid)
                .ok()
                .and_then(rustix::process::Pid::from_raw)
                .is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH)),
        }
    }
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

/// Field 22 of `/proc/PID/stat`. A process that has ended and waits for its parent is gone.
fn started(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in brackets that may hold anything, brackets too.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

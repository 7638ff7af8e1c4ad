//! Who runs a job: enough to tell later whether that very process still lives.

use serde::{Deserialize, Serialize};

use crate::platform::machine::{boot_id, host_name};
use crate::platform::process::{self, started};

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
        Self { host: host_name(), boot: boot_id(), pid, started: started(pid) }
    }

    /// Whether it still lives. One on another host is believed to: nobody here can tell.
    pub fn lives(&self) -> bool {
        if self.host != host_name() {
            return true;
        }
        if self.boot != boot_id() {
            return false;
        }
        match self.started {
            Some(_) => started(self.pid) == self.started,
            None => process::exists(self.pid),
        }
    }
}

//! Who runs a job: enough to tell later whether that very process still lives.

use serde::{Deserialize, Serialize};

use crate::exec::process::Identity;
use crate::platform::machine::host_name;

/// A process of one host: a spool may lie where several hosts look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub host: String,
    #[serde(flatten)]
    pub process: Identity,
}

impl Holder {
    /// This process.
    pub fn this() -> Self {
        Self { host: host_name(), process: Identity::current() }
    }

    /// Whether it is a process of this host.
    pub fn is_here(&self) -> bool {
        self.host == host_name()
    }

    /// Whether it still lives. One on another host is believed to: nobody here can tell.
    pub fn lives(&self) -> bool {
        self.host != host_name() || self.process.is_alive()
    }
}

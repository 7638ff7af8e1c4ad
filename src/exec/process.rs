//! Which process is which: a number alone is used again, a number with the moment it began,
//! on one start of the machine, is not.

use serde::{Deserialize, Serialize};

use crate::platform::machine::boot_id;
use crate::platform::process::{exists, started};

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
        Self { pid, start: start_of(pid).unwrap_or(UNKNOWN), boot_id: boot_id().unwrap_or_default() }
    }

    /// Whether it still lives on this machine.
    pub fn is_alive(&self) -> bool {
        self.boot_id == boot_id().unwrap_or_default()
            && match start_of(self.pid) {
                Some(start) => start == self.start,
                // Where not even our own beginning can be read, a number must do.
                None => self.start == UNKNOWN && start_of(std::process::id()).is_none() && exists(self.pid),
            }
    }
}

/// The beginning of a process whose beginning could not be read.
const UNKNOWN: i64 = 0;

fn start_of(pid: u32) -> Option<i64> {
    started(pid)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_live_and_nobody_with_our_number_and_another_start_does() {
        let me = Identity::current();
        assert!(me.is_alive());
        assert!(!Identity { start: me.start + 1, ..me.clone() }.is_alive());
        assert!(!Identity { boot_id: "another".into(), ..me.clone() }.is_alive());
        assert!(!Identity { pid: u32::MAX, start: UNKNOWN, ..me }.is_alive());
    }
}

//! Which process is which: a number alone is used again, a number with the moment it began,
//! on one start of the machine, is not.

use serde::{Deserialize, Serialize};

use crate::platform::machine::boot_id;
use crate::platform::process::started;

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
        Self { pid, start: start_of(pid).unwrap_or_default(), boot_id: boot_id().unwrap_or_default() }
    }

    /// Whether it still lives on this machine.
    pub fn is_alive(&self) -> bool {
        self.boot_id == boot_id().unwrap_or_default() && start_of(self.pid) == Some(self.start)
    }
}

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
        assert!(!Identity { boot_id: "another".into(), ..me }.is_alive());
    }
}

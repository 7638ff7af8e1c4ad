//! Which process is which: a number alone is used again, a number with the moment it began,
//! on one start of the machine, is not.

use serde::{Deserialize, Serialize};

use crate::platform::machine::boot_id;
use crate::platform::process::{exists, kill_children, started, tell_to_end};

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

    /// Tells this very process to end, and never one that has its number by now.
    pub fn tell_to_end(&self) -> std::io::Result<()> {
        match u64::try_from(self.start) {
            Ok(start) if self.boot_id == boot_id().unwrap_or_default() => tell_to_end(self.pid, start),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        }
    }

    /// Ends what this process has started, with all that belongs to it, whether that wants to or not;
    /// answers how many there were.
    pub fn kill_children(&self) -> usize {
        if self.is_alive() { kill_children(self.pid) } else { 0 }
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

    #[cfg(target_os = "linux")]
    #[test]
    fn a_signal_finds_the_process_that_is_meant_or_nobody() {
        #[expect(clippy::disallowed_methods, reason = "a process to tell apart")]
        let mut child = std::process::Command::new("sleep").arg("600").spawn().expect("sleep");
        let pid = child.id();
        let it = Identity { pid, start: start_of(pid).expect("it lives"), boot_id: boot_id().unwrap_or_default() };
        let others = [
            Identity { start: it.start + 1, ..it.clone() },
            Identity { start: it.start - 1, ..it.clone() },
            Identity { boot_id: "another".into(), ..it.clone() },
            Identity { start: UNKNOWN, ..it.clone() },
        ];
        for other in others {
            assert!(other.tell_to_end().is_err(), "{other:?}");
        }
        assert!(child.try_wait().expect("its state").is_none(), "it was left alone");
        it.tell_to_end().expect("it is told");
        let ended = child.wait().expect("its end");
        assert_eq!(crate::platform::process::signal_of(ended), Some(15));
        assert!(it.tell_to_end().is_err(), "nobody is there");
    }
}

//! The process group of a child: everything it started that did not leave on purpose.

#[cfg(unix)]
pub(super) use unix::Group;

#[cfg(not(unix))]
pub(super) use plain::Group;

#[cfg(unix)]
mod unix {
    use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
    use tokio::process::Child;

    /// A process group that is killed when this is dropped.
    #[derive(Debug)]
    pub(crate) struct Group(Option<Pid>);

    impl Group {
        /// The group of a child that was started as the leader of its own.
        pub(crate) fn of(child: &Child) -> Self {
            Self(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)))
        }

        /// Asks everybody to stop. One that was halted, say by asking for a terminal, has to
        /// go on to hear it.
        pub(crate) fn terminate(&self, _child: &mut Child) {
            self.signal(Signal::TERM);
            self.signal(Signal::CONT);
        }

        pub(crate) fn kill(&self, _child: &mut Child) {
            self.signal(Signal::KILL);
        }

        pub(crate) fn has_members(&self) -> bool {
            self.0.is_some_and(|id| test_kill_process_group(id).is_ok())
        }

        /// Lets whoever is left live on.
        pub(crate) fn release(&mut self) {
            self.0 = None;
        }

        fn signal(&self, signal: Signal) {
            if let Some(id) = self.0 {
                // An error means that nobody is there any more, which is what was wanted.
                let _gone = kill_process_group(id, signal);
            }
        }
    }

    impl Drop for Group {
        fn drop(&mut self) {
            self.signal(Signal::KILL);
        }
    }
}

#[cfg(not(unix))]
mod plain {
    use tokio::process::Child;

    /// Where there are no process groups: the child alone, killed by tokio when dropped.
    #[derive(Debug)]
    pub(crate) struct Group;

    impl Group {
        pub(crate) fn of(_child: &Child) -> Self {
            Self
        }

        pub(crate) fn terminate(&self, child: &mut Child) {
            self.kill(child);
        }

        pub(crate) fn kill(&self, child: &mut Child) {
            let _gone = child.start_kill();
        }

        pub(crate) fn has_members(&self) -> bool {
            false
        }

        pub(crate) fn release(&mut self) {}
    }
}

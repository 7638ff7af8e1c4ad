//! A child and everything it started that did not leave on purpose: a process group on unix, a
//! job object on Windows.

use std::io;
use std::process::ExitStatus;

use tokio::process::{ChildStderr, ChildStdout, Command};

/// A child with its descendants. All of them are killed when this is dropped, unless they were
/// let go.
#[derive(Debug)]
pub struct Tree(system::Tree);

impl Tree {
    /// Starts the command at the root of a tree of its own. Must be called within the runtime;
    /// may block.
    pub fn spawn(command: Command) -> io::Result<Self> {
        system::Tree::spawn(command).map(Self)
    }

    /// Its outputs, as far as they were piped and not taken yet.
    pub fn outputs(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        self.0.outputs()
    }

    /// The number of the child, as long as it has not been waited for.
    pub fn id(&self) -> Option<u32> {
        self.0.id()
    }

    /// Waits for the child itself. Cancel-safe.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.0.wait().await
    }

    /// How the child ended, if it has.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    /// Asks everybody to stop. On Windows nobody can be asked, only made to.
    pub fn terminate(&mut self) {
        self.0.terminate();
    }

    /// Makes everybody stop.
    pub fn kill(&mut self) {
        self.0.kill();
    }

    /// Whether anybody of them may be left.
    pub fn has_members(&self) -> bool {
        self.0.has_members()
    }

    /// Lets whoever is left live on.
    pub fn release(&mut self) {
        self.0.release();
    }
}

#[cfg(unix)]
mod system {
    use std::io;
    use std::process::ExitStatus;

    use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
    use tokio::process::{Child, ChildStderr, ChildStdout, Command};

    #[derive(Debug)]
    pub(super) struct Tree {
        // Dropped first: while the child is not reaped, its number cannot be somebody else's.
        group: Group,
        child: Child,
    }

    impl Tree {
        pub(super) fn spawn(mut command: Command) -> io::Result<Self> {
            let child = command.process_group(0).spawn()?;
            let group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
            Ok(Self { group, child })
        }

        pub(super) fn outputs(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
            (self.child.stdout.take(), self.child.stderr.take())
        }

        pub(super) fn id(&self) -> Option<u32> {
            self.child.id()
        }

        pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
            self.child.wait().await
        }

        pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
            self.child.try_wait()
        }

        /// One that was halted, say by asking for a terminal, has to go on to hear it.
        pub(super) fn terminate(&mut self) {
            self.group.signal(Signal::TERM);
            self.group.signal(Signal::CONT);
        }

        pub(super) fn kill(&mut self) {
            self.group.signal(Signal::KILL);
        }

        pub(super) fn has_members(&self) -> bool {
            self.group.0.is_some_and(|id| test_kill_process_group(id).is_ok())
        }

        pub(super) fn release(&mut self) {
            self.group.0 = None;
        }
    }

    /// A process group that is killed when this is dropped.
    #[derive(Debug)]
    struct Group(Option<Pid>);

    impl Group {
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

#[cfg(windows)]
mod system {
    use std::io;
    use std::process::ExitStatus;

    use process_wrap::tokio::{ChildWrapper, CommandWrap, JobObject};
    use tokio::process::{ChildStderr, ChildStdout, Command};

    #[derive(Debug)]
    pub(super) struct Tree {
        /// The child in its job object.
        child: Box<dyn ChildWrapper>,
        ended: bool,
        released: bool,
    }

    impl Tree {
        pub(super) fn spawn(command: Command) -> io::Result<Self> {
            let child = CommandWrap::from(command).wrap(JobObject).spawn()?;
            Ok(Self { child, ended: false, released: false })
        }

        pub(super) fn outputs(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
            (self.child.stdout().take(), self.child.stderr().take())
        }

        pub(super) fn id(&self) -> Option<u32> {
            self.child.id()
        }

        /// The job's own wait goes on until everybody has ended.
        pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
            self.child.inner_mut().wait().await
        }

        pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
            self.child.inner_mut().try_wait()
        }

        pub(super) fn terminate(&mut self) {
            self.kill();
        }

        /// An error means that nobody is there any more, which is what was wanted.
        pub(super) fn kill(&mut self) {
            let _gone = self.child.start_kill();
            self.ended = true;
        }

        /// Ending a job ends all of it at once.
        pub(super) fn has_members(&self) -> bool {
            !self.ended
        }

        pub(super) fn release(&mut self) {
            self.released = true;
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            if !self.released {
                self.kill();
            }
        }
    }
}

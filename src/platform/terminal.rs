//! The terminal behind standard input and output, beyond what can be drawn on it.

use std::io;
use std::time::Duration;

/// Its name: `/dev/pts/3`; `None` where there is none, or none with a name.
pub fn name() -> Option<String> {
    #[cfg(unix)]
    {
        let name = rustix::termios::ttyname(io::stdin(), Vec::new()).ok()?;
        Some(name.to_string_lossy().into_owned())
    }
    #[cfg(not(unix))]
    {
        None
    }
}

/// Waits so long, or less if the terminal hangs up meanwhile; says whether it did.
#[cfg(target_os = "linux")]
pub fn hangs_up_within(wait: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdout = io::stdout();
    let mut terminal = [PollFd::new(&stdout, PollFlags::empty())];
    let wait = Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec: i64::from(wait.subsec_nanos()) };
    match poll(&mut terminal, Some(&wait)) {
        Ok(_) => terminal[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL),
        // Interrupted by a signal: look again.
        Err(_) => false,
    }
}

/// Waits so long, and says whether the terminal has hung up. `poll` knows nothing of terminals
/// on macOS; one that is gone has no attributes any more.
#[cfg(all(unix, not(target_os = "linux")))]
pub fn hangs_up_within(wait: Duration) -> bool {
    use rustix::io::Errno;
    std::thread::sleep(wait);
    matches!(rustix::termios::tcgetattr(io::stdout()), Err(Errno::IO | Errno::NXIO | Errno::BADF))
}

/// Waits so long. A console that is closed says so by a signal.
#[cfg(not(unix))]
pub fn hangs_up_within(wait: Duration) -> bool {
    std::thread::sleep(wait);
    false
}

/// Stops this process until its shell continues it. SIGSTOP, not SIGTSTP: the kernel drops the
/// latter in an orphaned process group. Where no shell can continue anything, nothing happens.
pub fn stop_this_process() -> io::Result<()> {
    #[cfg(unix)]
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?;
    Ok(())
}

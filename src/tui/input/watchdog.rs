//! A watch over the terminal. When a terminal dies while SIGHUP is ignored, crossterm's reader
//! spins and never returns (its issue 793), so a thread of our own asks the kernel.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::platform::terminal::hangs_up_within;

/// How often it looks.
const LOOK: Duration = Duration::from_millis(500);
/// How long the dashboard has to end by itself before the process does.
const PATIENCE: Duration = Duration::from_secs(1);

/// Tells when the terminal is gone, and ends the process if that is not enough.
#[derive(Debug)]
pub(super) struct Watchdog {
    gone: watch::Receiver<bool>,
    ended: Arc<AtomicBool>,
}

impl Watchdog {
    pub(super) fn start() -> io::Result<Self> {
        let (tell, gone) = watch::channel(false);
        let ended = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&ended);
        std::thread::Builder::new().name("terminal-watch".to_owned()).spawn(move || {
            while !over.load(Ordering::Relaxed) {
                if !hangs_up_within(LOOK) {
                    continue;
                }
                tracing::error!("the terminal is gone");
                let _ = tell.send(true);
                std::thread::sleep(PATIENCE);
                if !over.load(Ordering::Relaxed) {
                    leave_hard();
                }
                return;
            }
        })?;
        Ok(Self { gone, ended })
    }

    /// Returns once the terminal is gone. Cancel-safe.
    pub(super) async fn terminal_gone(&mut self) {
        if self.gone.wait_for(|gone| *gone).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

#[expect(clippy::disallowed_methods, reason = "the loop that would return an exit code is stuck in a dead terminal")]
fn leave_hard() {
    std::process::exit(1);
}

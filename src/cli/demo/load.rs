//! The load of the demo: staff clock in and out, a few transactions a second, on a thread that
//! otherwise sleeps.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, params};

use super::{past, rota};
use crate::runtime::clock::Clock;

/// How long it sleeps between two transactions.
const PAUSE: Duration = Duration::from_millis(350);
/// How many transactions there are to a line of the log.
const PER_LINE: u64 = 60;

/// The running load. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Load {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// Begins to use the database in `directory`.
    pub(super) fn start(directory: &Path, clock: Clock) -> color_eyre::Result<Self> {
        let connection = rota::open(&past::database(directory))?;
        let log = past::log(directory);
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new().name("demo-load".to_owned()).spawn(move || {
            let mut done = 0;
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                done += 1;
                // A vacuum keeps everybody waiting; the next turn comes soon.
                if let Err(error) = clock_in(&connection, done, &clock) {
                    tracing::debug!(%error, "the load of the demo skipped a turn");
                }
                if done % PER_LINE == 0
                    && let Err(error) = note(&log, &clock)
                {
                    tracing::debug!(%error, "the load of the demo cannot write its log");
                }
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has told what went wrong.
            let _ = thread.join();
        }
    }
}

fn clock_in(connection: &Connection, turn: u64, clock: &Clock) -> rusqlite::Result<()> {
    let what = if turn.is_multiple_of(2) { "out" } else { "in" };
    let at = clock.now().to_rfc3339();
    let person = i64::try_from(turn % 240).unwrap_or(0) + 1;
    let row = params![person, at, what];
    connection.execute("INSERT INTO clocking (staff, at, what) VALUES (?1, ?2, ?3)", row).map(drop)
}

fn note(log: &PathBuf, clock: &Clock) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(log)?;
    file.write_all(past::line(clock.now(), "INFO", &format!("{PER_LINE} clockings")).as_bytes())
}

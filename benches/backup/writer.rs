//! Somebody who writes to a database and commits all the while.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

/// Between two commits: some hundred a second, as many as a busy small application makes.
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) struct Writer {
    stop: Arc<AtomicBool>,
    commits: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Writer {
    pub(crate) fn start(database: &Path) -> Self {
        let connection = Connection::open(database).expect("the database");
        connection.busy_timeout(Duration::from_secs(10)).expect("patience");
        let (stop, commits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&commits));
        let thread = std::thread::spawn(move || {
            let mut row = 1_i64;
            while !stopped.load(Ordering::Relaxed) {
                row = row * 7919 % 1_000_003;
                connection.execute("UPDATE events SET body = randomblob(490) WHERE id = ?1", [row]).expect("a commit");
                count.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(PAUSE);
            }
        });
        Self { stop, commits, thread }
    }

    /// Ends it, and says how often it committed.
    pub(crate) fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the writer");
        self.commits.load(Ordering::Relaxed)
    }
}

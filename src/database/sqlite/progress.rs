//! How far a vacuum is. SQLite itself does not say, but the pages that it has written can be counted
//! from outside: first a copy without the free ones, in a file without a name, and then that copy
//! on its way back, through the log or the journal.

use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::database::News;
use crate::platform::nameless;

/// How often the pages are counted.
const TICK: Duration = Duration::from_millis(50);
/// What SQLite calls its temporary files.
const COPY: &str = "etilqs_";

/// What is written in the course of a vacuum.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) page_size: u64,
    /// The pages that are in use: each is written twice.
    pub(super) used: u64,
    /// The log or the journal.
    pub(super) beside: PathBuf,
    /// How many bytes of it were there before.
    pub(super) before: u64,
}

impl Written {
    /// The pages written so far.
    fn pages(&self) -> u64 {
        let back = std::fs::metadata(&self.beside).map_or(0, |file| file.len()).saturating_sub(self.before);
        let back = (back / self.page_size.max(1)).min(self.used);
        // What comes back was copied before, whether or not that could be seen.
        let copied = if back > 0 { self.used } else { nameless::bytes_of(COPY).unwrap_or(0) / self.page_size.max(1) };
        copied.min(self.used) + back
    }

    /// Does the work, and tells meanwhile how far it is.
    pub(super) fn tell_during<T>(&self, tell: &mut (dyn FnMut(News) + Send), work: impl FnOnce() -> T) -> T {
        let of = self.used * 2;
        tell(News::Progress { done: 0, of });
        std::thread::scope(|scope| {
            let (working, ended) = channel::<()>();
            scope.spawn(move || {
                let mut most = 0;
                while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                    let done = self.pages();
                    if done > most {
                        most = done;
                        tell(News::Progress { done, of });
                    }
                }
            });
            let result = work();
            drop(working);
            result
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_its_way_back_was_copied_before() {
        let scratch = tempfile::tempdir().expect("scratch");
        let beside = scratch.path().join("db.sqlite3-wal");
        let written = Written { page_size: 4096, used: 10, beside: beside.clone(), before: 8192 };
        std::fs::write(&beside, [0; 8192]).expect("an older log");
        assert!(written.pages() <= 10, "nothing came back");
        std::fs::write(&beside, vec![0; 8192 + 3 * 4096 + 72]).expect("more of a log");
        assert_eq!(written.pages(), 13);
        std::fs::write(&beside, vec![0; 8192 + 99 * 4096]).expect("the work of another, too");
        assert_eq!(written.pages(), 20);
    }
}

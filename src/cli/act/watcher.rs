//! What an act says while somebody watches it: its lines, and how far it is. In a terminal that is
//! one line which is written over; elsewhere, as in a mail of cron's, every tenth percent is enough.

use std::io::{self, IsTerminal, Write};

use crate::cli::{environment, output};
use crate::domain::job::{JobEvent, Progress};
use crate::domain::update::Update;
use crate::runtime::clock::Clock;

/// How wide the bar is, and how much of a line is written: what is wider would be wrapped, and stay.
const BAR: usize = 20;
const LINE: usize = 78;
/// How many percent apart lines are where nothing is written over.
const APART: u64 = 10;

/// Tells on standard error.
#[derive(Debug)]
pub(super) struct Watcher {
    clock: Clock,
    terminal: bool,
    /// A line of progress stands there, to be written over.
    standing: bool,
    /// The last tenth that was told where nothing is written over.
    told: u64,
}

impl Watcher {
    pub(super) fn new(clock: &Clock) -> Self {
        let terminal = io::stderr().is_terminal() && environment::variable("TERM").as_deref() != Some("dumb");
        Self { clock: clock.clone(), terminal, standing: false, told: 0 }
    }

    pub(super) fn tell(&mut self, update: &Update) {
        match update {
            Update::Job(JobEvent::Line { line, .. }) => self.say(line),
            Update::Job(JobEvent::Progress { progress, .. }) => self.progress(*progress),
            _ => {}
        }
    }

    /// A line that stays.
    pub(super) fn say(&mut self, line: &str) {
        self.end();
        output::progress(line);
    }

    fn progress(&mut self, progress: Progress) {
        let words = progress.words(self.clock.now());
        if words.is_empty() {
            return;
        }
        if self.terminal {
            let bar = progress.share().map_or_else(String::new, bar);
            let line: String = format!("{bar}{words}").chars().take(LINE).collect();
            let mut out = io::stderr().lock();
            let _ = write!(out, "\r{line}\x1b[K").and_then(|()| out.flush());
            self.standing = true;
        } else if let Some(share) = progress.share() {
            let tenth = (share * 100.0) as u64 / APART;
            if tenth > self.told {
                self.told = tenth;
                output::progress(&words);
            }
        }
    }

    /// Takes away the line that stands there.
    pub(super) fn end(&mut self) {
        if std::mem::take(&mut self.standing) {
            let mut out = io::stderr().lock();
            let _ = write!(out, "\r\x1b[K").and_then(|()| out.flush());
        }
    }
}

/// `[########            ] `
fn bar(share: f64) -> String {
    let filled = ((share * BAR as f64).floor() as usize).min(BAR);
    format!("[{}{}] ", "#".repeat(filled), " ".repeat(BAR - filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_at_the_end_and_never_wider() {
        assert_eq!(bar(0.0), format!("[{}] ", " ".repeat(20)));
        assert_eq!(bar(0.26), format!("[{}{}] ", "#".repeat(5), " ".repeat(15)));
        assert_eq!(bar(7.0), format!("[{}] ", "#".repeat(20)));
    }
}

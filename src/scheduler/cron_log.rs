//! What cron says of its jobs: in a file of syslog, in the journal, or in the unified log of macOS.
//!
//! It says that a job began. How it ended stands there only where the daemon was told to log
//! that, and then only when it went wrong: a start here is never a success.

mod journal;
mod line;
mod tail;
mod unified;

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use chrono::TimeDelta;
use regex::bytes::Regex;

use crate::domain::plan::Invocation;
use crate::domain::sanitize;
use crate::domain::time::{Timestamp, Zone};

pub use journal::Journal;
pub use tail::{Lines, LogTail};
pub use unified::Unified;

/// How far back it is read, and kept.
pub const LOOK_BACK: TimeDelta = TimeDelta::days(8);
/// More starts than these are not kept: the oldest go.
const MOST: usize = 200_000;

/// A log that a program prints when it is asked.
pub trait Told: std::fmt::Debug + Send {
    /// What prints the entries after those that were taken, or as many as are looked at first.
    fn invocation(&self, now: Timestamp) -> Invocation;

    /// Takes what it printed.
    fn take(&mut self, printed: &[u8]);

    fn log(&mut self) -> &mut CronLog;

    /// What keeps it from telling this user, and what mends that.
    fn denied(&self, complaint: &[u8]) -> Option<(&'static str, &'static str)>;
}

/// A job that cron started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    pub at: Timestamp,
    pub user: String,
    /// The command as the log has it.
    pub command: String,
    /// When it ended badly and by which exit code, where cron tells that.
    pub failed: Option<(Timestamp, i32)>,
}

/// What stamps without a year and without a zone are read by.
#[derive(Clone, Debug)]
pub struct Calendar {
    pub zone: Zone,
    pub now: Timestamp,
}

/// Every start that was read.
#[derive(Clone, Debug, Default)]
pub struct CronLog {
    /// Oldest first.
    sightings: VecDeque<Sighting>,
    /// How many went from the front, so that a place once given stays right.
    gone: usize,
    /// The place of the latest start of each process that is told by number.
    processes: HashMap<u32, usize>,
    /// The stamp of the latest line, by which a repeated hour is told from its first showing.
    latest: Option<Timestamp>,
    /// Lines of cron that say nothing we know.
    unread: u64,
    names: Names,
}

/// What a line has in it that one of cron's daemons wrote: its name, as its tag ends.
#[derive(Clone, Debug)]
struct Names(Option<Regex>);

impl Default for Names {
    fn default() -> Self {
        Self(Regex::new(r"(?i-u:crond?)[\[: ]").ok())
    }
}

impl Names {
    /// Where the first of these lines that may be cron's lies, from `offset` on.
    fn line_in(&self, lines: &[u8], offset: usize) -> Option<Range<usize>> {
        let found = match &self.0 {
            Some(names) => names.find_at(lines, offset)?.range(),
            None => (offset < lines.len()).then_some(offset..offset)?,
        };
        let is_end = |byte: &u8| *byte == b'\n';
        let begin = lines[offset..found.start].iter().rposition(is_end).map_or(offset, |end| offset + end + 1);
        let end = lines[found.end..].iter().position(is_end).map_or(lines.len(), |end| found.end + end);
        Some(begin..end)
    }
}

/// When a line of syslog was written. `latest` is the instant of the line before.
pub fn stamp(line: &[u8], calendar: &Calendar, latest: Option<Timestamp>) -> Option<Timestamp> {
    line::split(line).and_then(|(stamp, _)| stamp.instant(calendar, latest))
}

impl Lines for CronLog {
    const LOOK_BACK: TimeDelta = LOOK_BACK;

    fn take(&mut self, text: &[u8], calendar: &Calendar) {
        let Some((stamp, rest)) = line::split(text) else { return };
        let Some((tag, message)) = line::of_cron(rest) else { return };
        let Some(at) = stamp.instant(calendar, self.latest) else {
            self.unread += 1;
            return;
        };
        self.said(at, tag, message);
    }

    /// In a syslog of a gigabyte one line of a hundred is cron's, or fewer.
    fn take_all(&mut self, lines: &[u8], calendar: &Calendar) {
        let mut offset = 0;
        while let Some(line) = self.names.line_in(lines, offset) {
            offset = line.end + 1;
            self.take(&lines[line], calendar);
            if offset > lines.len() {
                return;
            }
        }
    }

    fn forget(&mut self, before: Timestamp) {
        while self.sightings.front().is_some_and(|sighting| sighting.at < before) {
            self.sightings.pop_front();
            self.gone += 1;
        }
        let gone = self.gone;
        self.processes.retain(|_, place| *place >= gone);
    }

    fn latest(&self) -> Option<Timestamp> {
        self.latest
    }

    fn stamp(line: &[u8], calendar: &Calendar) -> Option<Timestamp> {
        stamp(line, calendar, None)
    }
}

impl CronLog {
    /// One sentence of cron.
    fn said(&mut self, at: Timestamp, tag: &str, message: &[u8]) {
        self.latest = Some(at);
        match line::message(tag, message) {
            Some(line::Said::Began { user, command, process }) => {
                let place = self.gone + self.sightings.len();
                let (user, command) = (sanitize::line(user), sanitize::line(command));
                self.sightings.push_back(Sighting { at, user, command, failed: None });
                if let Some(process) = process {
                    self.processes.insert(process, place);
                }
                if self.sightings.len() > MOST {
                    self.sightings.pop_front();
                    self.gone += 1;
                }
            }
            Some(line::Said::Failed { process, code }) => {
                let place = self.processes.remove(&process).and_then(|place| place.checked_sub(self.gone));
                if let Some(sighting) = place.and_then(|place| self.sightings.get_mut(place)) {
                    sighting.failed = Some((at, code));
                }
            }
            Some(line::Said::Ended { process }) => {
                self.processes.remove(&process);
            }
            Some(line::Said::Nothing) => {}
            None => self.unread += 1,
        }
    }

    /// Oldest first.
    pub fn sightings(&self) -> impl DoubleEndedIterator<Item = &Sighting> {
        self.sightings.iter()
    }

    pub fn unread(&self) -> u64 {
        self.unread
    }
}

#[cfg(test)]
pub(super) mod tests;

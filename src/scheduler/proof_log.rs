//! Lines of a log that prove a run: those that match a pattern, each at the time it says.

use std::collections::VecDeque;

use chrono::TimeDelta;
use regex::bytes::Regex;

use super::cron_log::{Calendar, Lines, stamp};
use crate::domain::sanitize;
use crate::domain::time::{Timestamp, written};

/// More lines than these are not kept: the oldest go.
const MOST: usize = 1000;
/// So much of a line is looked at, and so much of it is kept.
const LONGEST: usize = 16 * 1024;
const SHOWN: usize = 200;

/// The lines that matched.
#[derive(Clone, Debug)]
pub struct ProofLog {
    pattern: Regex,
    /// Oldest first.
    proofs: VecDeque<(Timestamp, String)>,
    latest: Option<Timestamp>,
    /// Lines that match and say no time.
    undated: u64,
}

impl ProofLog {
    pub fn new(pattern: Regex) -> Self {
        Self { pattern, proofs: VecDeque::new(), latest: None, undated: 0 }
    }

    /// When each was written, and what it says; oldest first.
    pub fn proofs(&self) -> impl Iterator<Item = &(Timestamp, String)> {
        self.proofs.iter()
    }

    pub fn undated(&self) -> u64 {
        self.undated
    }
}

impl Lines for ProofLog {
    /// A month, and some days of grace.
    const LOOK_BACK: TimeDelta = TimeDelta::days(40);

    fn take(&mut self, line: &[u8], calendar: &Calendar) {
        let line = &line[..line.len().min(LONGEST)];
        if !self.pattern.is_match(line) {
            return;
        }
        match instant(line, calendar, self.latest) {
            Some(at) => {
                self.latest = Some(at);
                self.proofs.push_back((at, sanitize::bytes(line).chars().take(SHOWN).collect()));
                if self.proofs.len() > MOST {
                    self.proofs.pop_front();
                }
            }
            None => self.undated += 1,
        }
    }

    fn forget(&mut self, before: Timestamp) {
        while self.proofs.front().is_some_and(|(at, _)| *at < before) {
            self.proofs.pop_front();
        }
    }

    fn latest(&self) -> Option<Timestamp> {
        self.latest
    }

    fn stamp(line: &[u8], calendar: &Calendar) -> Option<Timestamp> {
        instant(line, calendar, None)
    }
}

/// As syslog stamps its lines, or as programs do.
fn instant(line: &[u8], calendar: &Calendar, latest: Option<Timestamp>) -> Option<Timestamp> {
    stamp(line, calendar, latest).or_else(|| {
        let start = &line[..line.len().min(200)];
        let text = match std::str::from_utf8(start) {
            Ok(text) => text,
            // Whatever is no text stands behind the time.
            Err(error) => std::str::from_utf8(&start[..error.valid_up_to()]).ok()?,
        };
        written::in_line(text, &calendar.zone)
    })
}

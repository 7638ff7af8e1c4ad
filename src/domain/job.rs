//! A plan that runs: its state, the tail of its output, and how it ended.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::action_name::ActionName;
use crate::domain::humanize;
use crate::domain::inventory::Target;
use crate::domain::time::{Timestamp, seconds_between};

/// Which job; also the correlation id of its audit records. Sorts by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub String);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a job ended. `detail` is one sentence: what was achieved, or why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub result: JobResult,
    pub detail: String,
    pub exit_code: Option<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobResult {
    /// It ran, and the post-condition holds.
    Succeeded,
    Failed,
    /// It ran without an error, and the post-condition does not hold.
    NotEffective,
    Cancelled,
    TimedOut,
    /// The program that ran it is gone.
    Lost,
}

impl JobResult {
    pub const fn word(self) -> &'static str {
        match self {
            JobResult::Succeeded => "succeeded",
            JobResult::Failed => "failed",
            JobResult::NotEffective => "not-effective",
            JobResult::Cancelled => "cancelled",
            JobResult::TimedOut => "timed-out",
            JobResult::Lost => "lost",
        }
    }
}

/// What a job says while it runs.
#[derive(Clone, Debug)]
pub enum JobEvent {
    /// Somebody said yes to it: it is looked at whether it may begin, and nothing runs yet.
    Asked {
        job: JobId,
        action: ActionName,
        title: String,
        target: Target,
        at: Timestamp,
    },
    /// Its first step begins.
    Started {
        job: JobId,
        action: ActionName,
        title: String,
        target: Target,
        at: Timestamp,
        log: Option<PathBuf>,
    },
    /// A line of output, already free of escapes.
    Line {
        job: JobId,
        line: String,
    },
    Progress {
        job: JobId,
        progress: Progress,
    },
    Finished {
        job: JobId,
        at: Timestamp,
        outcome: Outcome,
    },
    /// It never started: read-only, no lease, a guard said no, no audit record.
    Refused {
        /// `None` for what was refused before it was a job.
        job: Option<JobId>,
        action: ActionName,
        target: Target,
        at: Timestamp,
        why: String,
    },
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    /// Of how many; 0 when nobody knows.
    pub of: u64,
    /// What is counted are bytes: they have a rate.
    pub bytes: bool,
    /// When what is counted began.
    pub since: Timestamp,
}

impl Progress {
    /// From 0 to 1; `None` when nobody knows of how many.
    pub fn share(self) -> Option<f64> {
        (self.of > 0).then(|| (self.done as f64 / self.of as f64).min(1.0))
    }

    /// Bytes a second on the whole: what stands still becomes slower and slower.
    fn rate(self, now: Timestamp) -> Option<f64> {
        let elapsed = seconds_between(self.since, now);
        (self.bytes && self.done > 0 && elapsed >= RATE_FROM).then(|| self.done as f64 / elapsed)
    }

    /// What is known of it: `45 %, 30.2 MB/s, 12 s left`.
    pub fn words(self, now: Timestamp) -> String {
        let mut words = Vec::new();
        match self.share() {
            Some(share) => words.push(format!("{:.0} %", (share * 100.0).floor())),
            None if self.bytes => words.push(humanize::bytes(self.done as f64)),
            None => {}
        }
        if let Some(rate) = self.rate(now) {
            words.push(format!("{}/s", humanize::bytes(rate)));
            if self.of > self.done {
                let left = ((self.of - self.done) as f64 / rate).ceil();
                let left = if left < 10.0 { format!("{left} s") } else { humanize::seconds(left) };
                words.push(format!("{left} left"));
            }
        }
        words.join(", ")
    }
}

/// A job as the screen shows it.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: JobId,
    pub action: ActionName,
    pub title: String,
    pub target: Target,
    /// Whether its first step has begun; before, it is looked at whether it may.
    pub begun: bool,
    /// Since when it runs, or is looked at.
    pub started_at: Timestamp,
    pub log: Option<PathBuf>,
    pub tail: VecDeque<String>,
    /// Lines that no longer fit the tail; they are in the log file.
    pub dropped: usize,
    pub progress: Option<Progress>,
    pub ended: Option<(Timestamp, Outcome)>,
}

impl Job {
    fn new(id: &JobId, action: &ActionName, title: &str, target: &Target, at: Timestamp) -> Self {
        Self {
            id: id.clone(),
            action: action.clone(),
            title: title.to_owned(),
            target: target.clone(),
            begun: false,
            started_at: at,
            log: None,
            tail: VecDeque::new(),
            dropped: 0,
            progress: None,
            ended: None,
        }
    }
}

/// From how many seconds on a rate says something.
const RATE_FROM: f64 = 1.0;

/// How many lines of output stay in memory.
pub const TAIL_LINES: usize = 500;

/// The jobs of this session, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Jobs(Vec<Job>);

impl Jobs {
    pub fn apply(&mut self, event: &JobEvent) {
        match event {
            JobEvent::Asked { job, action, title, target, at } => {
                self.0.push(Job::new(job, action, title, target, *at));
            }
            JobEvent::Started { job, action, title, target, at, log } => {
                let at_hand = self.0.iter_mut().rev().find(|known| known.id == *job && known.ended.is_none());
                let begun = Job { begun: true, log: log.clone(), ..Job::new(job, action, title, target, *at) };
                match at_hand {
                    Some(known) => *known = begun,
                    None => self.0.push(begun),
                }
            }
            JobEvent::Line { job, line } => {
                if let Some(job) = self.find(job) {
                    job.tail.push_back(line.clone());
                    if job.tail.len() > TAIL_LINES {
                        job.tail.pop_front();
                        job.dropped += 1;
                    }
                }
            }
            JobEvent::Progress { job, progress } => {
                if let Some(job) = self.find(job) {
                    job.progress = Some(*progress);
                }
            }
            JobEvent::Finished { job, at, outcome } => {
                if let Some(job) = self.find(job) {
                    job.ended = Some((*at, outcome.clone()));
                }
            }
            // It never began: the activity says why, and there is nothing else to show.
            JobEvent::Refused { job, .. } => self.0.retain(|known| Some(&known.id) != job.as_ref()),
        }
    }

    fn find(&mut self, id: &JobId) -> Option<&mut Job> {
        self.0.iter_mut().rev().find(|job| job.id == *id)
    }

    pub fn get(&self, id: &JobId) -> Option<&Job> {
        self.0.iter().rev().find(|job| job.id == *id)
    }

    pub fn all(&self) -> &[Job] {
        &self.0
    }

    pub fn running(&self) -> impl Iterator<Item = &Job> {
        self.0.iter().filter(|job| job.ended.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_a_rate_and_a_time_left_and_what_is_not_known_is_not_said() {
        let since: Timestamp = "2026-03-02T09:00:00Z".parse().expect("test time");
        let after = |seconds: i64| since + chrono::Duration::seconds(seconds);
        let bytes = |done, of| Progress { done, of, bytes: true, since };
        assert_eq!(bytes(30_000_000, 120_000_000).words(after(3)), "25 %, 10.0 MB/s, 9 s left");
        assert_eq!(bytes(30_000_000, 120_000_000).words(after(0)), "25 %", "too early to say");
        assert_eq!(bytes(30_000_000, 120_000_000).words(after(30)), "25 %, 1.0 MB/s, 1 m 30 s left", "it stands still");
        assert_eq!(bytes(30_000_000, 0).words(after(3)), "30.0 MB, 10.0 MB/s", "of nobody knows how many");
        assert_eq!(bytes(0, 0).words(after(3)), "0 B");
        assert_eq!(bytes(120, 120).words(after(3)), "100 %, 40 B/s");
        let tables = Progress { bytes: false, ..bytes(3, 12) };
        assert_eq!((tables.words(after(3)), tables.share()), ("25 %".to_owned(), Some(0.25)));
        assert_eq!(Progress { of: 0, ..tables }.words(after(3)), "");
        assert_eq!(bytes(u64::MAX, 1).share(), Some(1.0));
    }
}

//! A plan that runs: its state, the tail of its output, and how it ended.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::action_name::ActionName;
use crate::domain::inventory::Target;
use crate::domain::time::Timestamp;

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
        done: u64,
        of: u64,
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
    pub progress: Option<(u64, u64)>,
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
            JobEvent::Progress { job, done, of } => {
                if let Some(job) = self.find(job) {
                    job.progress = Some((*done, *of));
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

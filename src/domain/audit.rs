//! The audit log: events, never rows that change, each sealed by a hash over the one before.

pub mod chain;
pub mod export;

use serde::{Deserialize, Serialize};

use crate::domain::job::JobResult;
use crate::domain::time::Timestamp;

/// Who acts, as far as the machine can tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The name the operator goes by (`--operator`), asserted, not proven.
    pub operator: String,
    pub os_user: String,
    pub host: String,
    /// Where from: `tty /dev/pts/3`, `ssh 192.0.2.7`, `cron`.
    pub origin: String,
}

/// What stage of an act a record is about. Intent is written before anything runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Intent,
    Refused,
    Started,
    Outcome,
    Note,
}

impl Phase {
    pub const fn word(self) -> &'static str {
        match self {
            Phase::Intent => "intent",
            Phase::Refused => "refused",
            Phase::Started => "started",
            Phase::Outcome => "outcome",
            Phase::Note => "note",
        }
    }
}

/// What is to be recorded, before the log gives it a place in the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    pub at: Timestamp,
    pub phase: Phase,
    /// Links the records of one act: the job's id.
    pub correlation: String,
    pub actor: Actor,
    pub action: String,
    pub target: String,
    pub risk: String,
    pub reason: String,
    /// The plan as it was confirmed, or what a note is about.
    pub plan: String,
    pub outcome: Option<JobResult>,
    /// One sentence: what was achieved, or why not.
    pub detail: String,
    pub took_s: Option<f64>,
}

/// A record in the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// 1, 2, 3, … without a gap.
    pub seq: u64,
    pub entry: AuditEntry,
    /// Hash of the record before, in hex; the store's id for the first.
    pub prev: String,
    pub hash: String,
}

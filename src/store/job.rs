//! Jobs as a later start of the program finds them: begun, with no end on record.

use crate::domain::audit::AuditRecord;
use crate::domain::job::JobId;
use crate::domain::time::Timestamp;

/// Which process runs a job, told apart from every other that may get its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub host: String,
    /// Changes with every start of the machine; empty where there is no such id.
    pub boot_id: String,
    pub pid: u32,
    /// When the process began, in whatever unit its machine counts; only ever compared.
    pub pid_start: i64,
    pub started_at: Timestamp,
}

/// An act with an intent and no end. Whether its holder still lives, the caller finds out;
/// if not, it appends the outcome *lost*.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenJob {
    pub id: JobId,
    /// Whether it got past the intent: only then can it have changed anything.
    pub started: bool,
    pub intent: AuditRecord,
    /// `None` when the intent was recorded without one.
    pub holder: Option<Holder>,
}

//! Everything the world says to the core.

use crate::domain::audit::AuditRecord;
use crate::domain::board::Change;
use crate::domain::checklist::{Mark, Signature};
use crate::domain::explain::Explained;
use crate::domain::job::JobEvent;
use crate::domain::look::Looked;
use crate::domain::observation::{Observation, ProbeId};
use crate::domain::sample::Key;
use crate::domain::status::Status;
use crate::domain::time::Timestamp;
use crate::domain::trend::Point;

/// Something that happened outside the core.
#[expect(clippy::large_enum_variant, reason = "nearly every update is an observation")]
#[derive(Clone, Debug)]
pub enum Update {
    Observed(Observation),
    Job(JobEvent),
    /// What a look by hand into a database brought.
    Looked(Box<Looked>),
    /// How a statement would be run.
    Explained(Box<Explained>),
    Marked(Mark),
    Signed(Box<Signature>),
    Audited(Box<AuditRecord>),
    /// What earlier runs left.
    Loaded(Box<Memory>),
    /// The store cannot be written: why. `None` once it can again.
    StoreFailed(Option<String>),
}

/// What the store remembers when the program starts.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Oldest point first within each series.
    pub series: Vec<(ProbeId, Key, Vec<Point>)>,
    pub statuses: Vec<(ProbeId, Status, Timestamp)>,
    /// Marks and signatures of the periods that are still shown.
    pub marks: Vec<Mark>,
    pub signatures: Vec<Signature>,
    /// The latest records, newest first.
    pub audit: Vec<AuditRecord>,
    /// What was noted of incidents, oldest first.
    pub incidents: Vec<AuditRecord>,
    /// The latest changes of status, newest first.
    pub changes: Vec<Change>,
}

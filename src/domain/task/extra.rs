//! Tasks that are installed and that no configuration names: they are watched as any other, and
//! nothing is expected of them.

use crate::domain::finding::Finding;
use crate::domain::status::Status;

/// What is said of each of them.
pub const NOTHING_EXPECTED: &str = "no task of the configuration: nothing is expected of it";

/// What a finding weighs where nobody said that the task matters: that it fails is worth a look in the
/// morning, and that nothing records how it went is nobody's question.
#[must_use]
pub fn of_extra(finding: Finding) -> Finding {
    let status = match finding.status {
        Status::Critical => Status::Warning,
        Status::Unknown => Status::Ok,
        status => status,
    };
    Finding { status, ..finding }
}

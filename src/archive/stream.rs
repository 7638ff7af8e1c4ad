//! Dumps that come out of a program: how it has to end.

use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{ArchiveError, failed};
use crate::exec::{ExecError, Limits, Piped};

/// Nobody waits longer than the act's own limit, which ends it before.
const NO_LIMIT: Duration = Duration::from_hours(24 * 30);

/// What it may take, and where what it says is kept.
pub(super) fn limits(log: Option<&Path>) -> Limits {
    let limits = Limits::new(NO_LIMIT).whole();
    match log {
        Some(log) => limits.log(log),
        None => limits,
    }
}

/// A program that was to end well; the error it named, when it did not.
pub(super) fn ended(
    program: &str,
    piped: Result<Piped, ExecError>,
    cancel: &CancellationToken,
) -> Result<Piped, ArchiveError> {
    match piped {
        Ok(piped) if piped.succeeded() => Ok(piped),
        _ if cancel.is_cancelled() => Err(ArchiveError::Cancelled),
        Ok(piped) => Err(ArchiveError::Program(format!("{program}: {}", piped.why()))),
        Err(error) => Err(ArchiveError::Missing(error.to_string())),
    }
}

/// The same of a program whose output was written to `place`: a disk that took no more is told as what
/// it is, and not as the program's fault.
pub(super) fn dumped(
    program: &str,
    piped: Result<Piped, ExecError>,
    place: &Path,
    cancel: &CancellationToken,
) -> Result<Piped, ArchiveError> {
    match piped {
        Ok(Piped { refused: Some(error), .. }) => Err(failed("write", place)(error)),
        other => ended(program, other, cancel),
    }
}

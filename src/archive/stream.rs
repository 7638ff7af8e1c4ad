//! Dumps that come out of a program: how it has to end, and that what is on the disk is what it
//! wrote.

use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::ArchiveError;
use super::pack::{self, Seal, Unpacking};
use crate::domain::backup::Compression;
use crate::exec::{ExecError, Piped};

/// Nobody waits longer than the act's own limit, which ends it before.
pub(super) const NO_LIMIT: Duration = Duration::from_hours(24 * 30);

/// A program that was to end well; what it said last, when it did not.
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

/// Whether what is on the disk is what was written to it.
pub(super) fn reread(
    path: &Path,
    packing: Compression,
    written: &Seal,
    cancel: &CancellationToken,
) -> Result<(), ArchiveError> {
    let unsound = |why: &str| ArchiveError::Unsound(format!("{why}, and the dump was not kept"));
    match pack::unpack(path, packing, |_| Ok(()), cancel) {
        Ok(read) if read == *written => Ok(()),
        Ok(_) => Err(unsound("what is on the disk is not what was written")),
        Err(Unpacking::Damaged(why)) => Err(unsound(&why)),
        Err(Unpacking::Taker(error) | Unpacking::Unread(error)) => Err(error),
    }
}

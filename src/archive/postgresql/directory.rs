//! A dump into a directory, by several jobs at once: one file for each table, packed by `pg_dump` itself.

use std::time::Duration;

use tokio::time::sleep;

use super::Server;
use crate::archive::method::Making;
use crate::archive::stream::{ended, limits};
use crate::archive::{ArchiveError, tree};
use crate::domain::backup::Compression;
use crate::domain::engine::POSTGRESQL_DIRECTORY;
use crate::exec;

/// How often it is looked how far it is.
const LOOK: Duration = Duration::from_millis(500);
/// From which version on `pg_dump` packs by zstd.
const ZSTD_SINCE: u32 = 16;

/// Dumps a database into the directory of the partial.
pub(super) async fn dump(making: &mut Making<'_>, server: &Server<'_>, held: &str) -> Result<(), ArchiveError> {
    let packing = match making.request.compress {
        Compression::Zstd if server.programs.major < ZSTD_SINCE => {
            return Err(ArchiveError::Missing(format!(
                "pg_dump {} packs no directory by zstd, {ZSTD_SINCE} does: write compress = 'gzip', or end `files` in .dump",
                server.programs.version
            )));
        }
        Compression::Zstd => Some("--compress=zstd"),
        // As it does by itself, in whatever version.
        Compression::Gzip | Compression::None => None,
    };
    let place = making.partial.make_directory()?;
    let file = format!("--file={}", place.display());
    let command: Vec<&str> = POSTGRESQL_DIRECTORY.iter().copied().chain([held, &file]).chain(packing).collect();
    let invocation = server.programs.connected(&command, server.address, server.passwords);
    let limits = limits(making.request.log.as_deref());
    let mut dumping = std::pin::pin!(exec::pipe(&invocation, None, &limits, making.cancel, |_| Ok(())));
    let dumped = loop {
        tokio::select! {
            dumped = &mut dumping => break dumped,
            () = sleep(LOOK) => {
                let files = tree::files(&place).unwrap_or_default();
                (making.progress)(files.iter().map(|(_, bytes)| bytes).sum(), 0);
            }
        }
    };
    ended("pg_dump", dumped, making.cancel).map(|_| ())
}

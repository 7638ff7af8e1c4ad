//! Unpacking: a packed file read to its end, hashed as it lies on the disk and as it was before it
//! was packed.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use tokio_util::sync::CancellationToken;

use super::{CHUNK, Meter, Seal};
use crate::archive::{ArchiveError, Cancellable, failed};
use crate::domain::backup::Compression;
use crate::domain::sanitize;

/// Why a packed file could not be read to its end.
#[derive(Debug)]
pub(in crate::archive) enum Unpacking {
    /// It is not what it should be; why.
    Damaged(String),
    /// What was read could not be taken.
    Taker(ArchiveError),
    /// Nothing is known of it.
    Unread(ArchiveError),
}

/// A source that is hashed as it is read, and whose own errors are told from its reader's.
struct Source<'a, R> {
    file: Cancellable<'a, R>,
    meter: Meter,
    failed: bool,
}

impl<R: Read> Read for Source<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer);
        match &read {
            Ok(count) => self.meter.note(&buffer[..*count]),
            Err(error) => self.failed |= error.kind() != io::ErrorKind::Interrupted,
        }
        read
    }
}

/// Reads a file to its end, unpacks it on the way, and gives every piece of what is in it to
/// `take`; afterwards says what it was.
pub(in crate::archive) fn unpack(
    path: &Path,
    packing: Compression,
    take: impl FnMut(&[u8]) -> Result<(), ArchiveError>,
    cancel: &CancellationToken,
) -> Result<Seal, Unpacking> {
    let file = File::open(path).map_err(|error| Unpacking::Unread(failed("read", path)(error)))?;
    unpack_from(file, path, packing, take, cancel)
}

/// The same of what is read from `source`, which is at `path`.
pub(super) fn unpack_from(
    source: impl Read,
    path: &Path,
    packing: Compression,
    mut take: impl FnMut(&[u8]) -> Result<(), ArchiveError>,
    cancel: &CancellationToken,
) -> Result<Seal, Unpacking> {
    let mut source = Source { file: Cancellable { source, cancel }, meter: Meter::default(), failed: false };
    let mut plain = Meter::default();
    let read = {
        let take = |bytes: &[u8]| {
            plain.note(bytes);
            take(bytes)
        };
        match packing {
            Compression::None => drain(&mut source, take),
            Compression::Zstd => {
                zstd::Decoder::new(&mut source).map_err(Fault::Io).and_then(|reader| drain(reader, take))
            }
            Compression::Gzip => drain(MultiGzDecoder::new(&mut source), take),
        }
    };
    // What stands behind the end of the packed stream is hashed, too.
    let read = read.and_then(|()| drain(&mut source, |_| Ok(())));
    match read {
        Ok(()) => {
            let (bytes, sha256) = source.meter.sum();
            let (plain_bytes, plain_sha256) = plain.sum();
            Ok(Seal { bytes, sha256, plain_bytes, plain_sha256 })
        }
        Err(_) if cancel.is_cancelled() => Err(Unpacking::Unread(ArchiveError::Cancelled)),
        Err(Fault::Taker(error)) => Err(Unpacking::Taker(error)),
        Err(Fault::Io(error)) if source.failed => Err(Unpacking::Unread(failed("read", path)(error))),
        Err(Fault::Io(error)) => Err(Unpacking::Damaged(format!(
            "it cannot be unpacked to its end, it is cut off or not {}: {}",
            packing.word(),
            sanitize::line(&error.to_string())
        ))),
    }
}

enum Fault {
    Io(io::Error),
    Taker(ArchiveError),
}

fn drain(mut reader: impl Read, mut take: impl FnMut(&[u8]) -> Result<(), ArchiveError>) -> Result<(), Fault> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => take(&chunk[..count]).map_err(Fault::Taker)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Fault::Io(error)),
        }
    }
}

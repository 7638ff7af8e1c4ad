//! Packing: what a backup goes through on its way to the disk and back, hashed on both sides
//! while it passes. Nothing of it is kept in memory beyond a few blocks.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::{ArchiveError, Cancellable, failed, hex};
use crate::domain::backup::Compression;
use crate::domain::sanitize;

/// zstd's own default: a fifth of gzip's time for a smaller file.
const ZSTD_LEVEL: i32 = 3;
const CHUNK: usize = 256 * 1024;

/// What a packed file is, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seal {
    pub(super) bytes: u64,
    pub(super) sha256: String,
    /// Unpacked; the same as above for what is not packed.
    pub(super) plain_bytes: u64,
    pub(super) plain_sha256: String,
}

/// Counts and hashes what passes.
#[derive(Debug, Default)]
struct Meter {
    bytes: u64,
    sha: Sha256,
}

impl Meter {
    fn note(&mut self, passed: &[u8]) {
        self.bytes += passed.len() as u64;
        self.sha.update(passed);
    }

    fn sum(self) -> (u64, String) {
        (self.bytes, hex(&self.sha.finalize()))
    }
}

/// A file that knows what was written to it.
struct Metered {
    file: File,
    meter: Meter,
}

impl Write for Metered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.meter.note(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

enum Coder {
    None(Metered),
    Zstd(zstd::Encoder<'static, Metered>),
    Gzip(GzEncoder<Metered>),
}

/// Takes a stream and writes it packed.
pub(super) struct Packer {
    coder: Coder,
    plain: Meter,
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packer").field("plain", &self.plain.bytes).finish_non_exhaustive()
    }
}

impl Packer {
    /// Writes into `file`, which is empty.
    pub(super) fn new(file: File, packing: Compression) -> io::Result<Self> {
        let file = Metered { file, meter: Meter::default() };
        let coder = match packing {
            Compression::None => Coder::None(file),
            Compression::Zstd => {
                let mut encoder = zstd::Encoder::new(file, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                Coder::Zstd(encoder)
            }
            Compression::Gzip => Coder::Gzip(GzEncoder::new(file, flate2::Compression::default())),
        };
        Ok(Self { coder, plain: Meter::default() })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.coder {
            // Hashed where it is written.
            Coder::None(file) => return file.write_all(bytes),
            Coder::Zstd(encoder) => encoder.write_all(bytes)?,
            Coder::Gzip(encoder) => encoder.write_all(bytes)?,
        }
        self.plain.note(bytes);
        Ok(())
    }

    /// How much came in so far.
    pub(super) fn taken(&self) -> u64 {
        if let Coder::None(file) = &self.coder { file.meter.bytes } else { self.plain.bytes }
    }

    /// Ends the stream and brings it to the disk.
    pub(super) fn finish(self) -> io::Result<Seal> {
        let (file, packed) = match self.coder {
            Coder::None(file) => (file, false),
            Coder::Zstd(encoder) => (encoder.finish()?, true),
            Coder::Gzip(encoder) => (encoder.finish()?, true),
        };
        file.file.sync_all()?;
        let (bytes, sha256) = file.meter.sum();
        let (plain_bytes, plain_sha256) = if packed { self.plain.sum() } else { (bytes, sha256.clone()) };
        Ok(Seal { bytes, sha256, plain_bytes, plain_sha256 })
    }
}

/// Packs a whole file into another; `progress` is told the bytes that were taken.
pub(super) fn pack(
    from: &Path,
    to: File,
    packing: Compression,
    mut progress: impl FnMut(u64),
    cancel: &CancellationToken,
) -> Result<Seal, ArchiveError> {
    let told = |error| if cancel.is_cancelled() { ArchiveError::Cancelled } else { failed("pack", from)(error) };
    let mut source = Cancellable { source: File::open(from).map_err(told)?, cancel };
    let mut packer = Packer::new(to, packing).map_err(told)?;
    let mut chunk = vec![0; CHUNK];
    loop {
        match source.read(&mut chunk) {
            Ok(0) => return packer.finish().map_err(told),
            Ok(count) => packer.write(&chunk[..count]).map_err(told)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(told(error)),
        }
        progress(packer.taken());
    }
}

/// Why a packed file could not be read to its end.
#[derive(Debug)]
pub(super) enum Unpacking {
    /// It is not what it should be; why.
    Damaged(String),
    /// What was read could not be taken.
    Taker(ArchiveError),
    /// Nothing is known of it.
    Unread(ArchiveError),
}

/// A source that is hashed as it is read, and whose own errors are told from its reader's.
struct Source<'a> {
    file: Cancellable<'a, File>,
    meter: Meter,
    failed: bool,
}

impl Read for Source<'_> {
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
pub(super) fn unpack(
    path: &Path,
    packing: Compression,
    mut take: impl FnMut(&[u8]) -> Result<(), ArchiveError>,
    cancel: &CancellationToken,
) -> Result<Seal, Unpacking> {
    let file = File::open(path).map_err(|error| Unpacking::Unread(failed("read", path)(error)))?;
    let mut source = Source { file: Cancellable { source: file, cancel }, meter: Meter::default(), failed: false };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(bytes: &[u8], packing: Compression) -> (tempfile::TempDir, std::path::PathBuf, Seal) {
        let scratch = tempfile::tempdir().expect("scratch");
        let (from, to) = (scratch.path().join("plain"), scratch.path().join("packed"));
        std::fs::write(&from, bytes).expect("write");
        let file = File::create_new(&to).expect("new");
        let seal = pack(&from, file, packing, |_| {}, &CancellationToken::new()).expect("packed");
        (scratch, to, seal)
    }

    fn read(path: &Path, packing: Compression) -> Result<(Vec<u8>, Seal), Unpacking> {
        let mut all = Vec::new();
        let take = |bytes: &[u8]| {
            all.extend_from_slice(bytes);
            Ok(())
        };
        let seal = unpack(path, packing, take, &CancellationToken::new())?;
        Ok((all, seal))
    }

    #[test]
    fn what_is_packed_is_what_is_unpacked_and_both_sides_are_hashed() {
        let text = b"the same line over and over\n".repeat(40_000);
        for packing in Compression::ALL {
            let (_scratch, path, seal) = packed(&text, packing);
            assert_eq!(seal.bytes, std::fs::metadata(&path).expect("meta").len());
            assert_eq!(seal.plain_bytes, text.len() as u64);
            assert_eq!(seal.bytes == seal.plain_bytes, packing == Compression::None);
            assert_eq!(super::super::hash(&path, &CancellationToken::new()).expect("hash").0, seal.sha256);
            let (unpacked, again) = read(&path, packing).expect("unpacked");
            assert!(unpacked == text && again == seal, "{}", packing.word());
        }
    }

    #[test]
    fn every_cut_of_a_packed_file_is_noticed_by_unpacking_it() {
        let text: Vec<u8> =
            (0..200_000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 20).to_le_bytes()).collect();
        for packing in [Compression::Zstd, Compression::Gzip] {
            let (_scratch, path, _) = packed(&text, packing);
            let sound = std::fs::read(&path).expect("read");
            for cut in [1, 4, 8, 100, sound.len() / 2, sound.len() - 20] {
                std::fs::write(&path, &sound[..sound.len() - cut]).expect("write");
                assert!(matches!(read(&path, packing), Err(Unpacking::Damaged(_))), "{} {cut}", packing.word());
            }
            let mut more = sound.clone();
            more.extend_from_slice(b"and something behind it");
            std::fs::write(&path, more).expect("write");
            assert!(matches!(read(&path, packing), Err(Unpacking::Damaged(_))), "{}", packing.word());
        }
    }
}

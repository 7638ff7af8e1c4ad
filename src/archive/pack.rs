//! Packing: what a backup goes through on its way to the disk and back, hashed on both sides
//! while it passes. Nothing of it is kept in memory beyond a few blocks.
//!
//! What is written is read back and unpacked at the same time, a step behind the writer, so that
//! the proof that it can be read costs a processor but no time.

mod trail;
mod unpack;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::thread::{self, JoinHandle};

use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::{ArchiveError, Cancellable, failed, hex};
use crate::domain::backup::Compression;
use trail::Writer;
pub(super) use unpack::{Unpacking, unpack};

/// zstd's own default: a fifth of gzip's time for a smaller file.
const ZSTD_LEVEL: i32 = 3;
/// More processors than this are somebody else's: a backup runs beside what it is a backup of.
const ZSTD_WORKERS: usize = 4;
/// What one worker packs at a time, in bytes: a quarter of zstd's own choice, for a quarter of the
/// memory, and less than a hundredth more to keep.
const ZSTD_JOB: u32 = 2 * 1024 * 1024;
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
    file: Writer,
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

impl Coder {
    /// Brings the end of the stream to the disk; says how long the file is, and its hash.
    fn finish(self) -> io::Result<(u64, String)> {
        let Metered { file, meter } = match self {
            Self::None(file) => file,
            Self::Zstd(encoder) => encoder.finish()?,
            Self::Gzip(encoder) => encoder.finish()?,
        };
        file.finish()?;
        Ok(meter.sum())
    }
}

/// The thread that reads back. Nothing is removed under it: dropping it waits for its end.
struct Reading(Option<JoinHandle<Result<Seal, Unpacking>>>);

impl Reading {
    fn end(&mut self) -> Option<thread::Result<Result<Seal, Unpacking>>> {
        self.0.take().map(JoinHandle::join)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Takes a stream, writes it packed, and reads back what it wrote.
pub(super) struct Packer {
    /// Dropped before its reader, which thereby ends.
    coder: Coder,
    plain: Meter,
    reading: Reading,
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packer").field("plain", &self.plain.bytes).finish_non_exhaustive()
    }
}

impl Packer {
    /// Writes into `file`, which is empty and lies at `path`.
    pub(super) fn new(path: &Path, file: File, packing: Compression, cancel: &CancellationToken) -> io::Result<Self> {
        let (writer, reader) = trail::ends(path, file)?;
        let file = Metered { file: writer, meter: Meter::default() };
        let coder = match packing {
            Compression::None => Coder::None(file),
            Compression::Zstd => Coder::Zstd(zstd_encoder(file)?),
            Compression::Gzip => Coder::Gzip(GzEncoder::new(file, flate2::Compression::default())),
        };
        let (path, cancel) = (path.to_owned(), cancel.clone());
        let read = move || unpack::unpack_from(reader, &path, packing, |_| Ok(()), &cancel);
        let reading = thread::Builder::new().name("read back".to_owned()).spawn(read)?;
        Ok(Self { coder, plain: Meter::default(), reading: Reading(Some(reading)) })
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

    /// Ends the stream, brings it to the disk, and says what it is once all of it was read back.
    pub(super) fn finish(mut self, path: &Path) -> Result<Seal, ArchiveError> {
        let packed = !matches!(self.coder, Coder::None(_));
        let (bytes, sha256) = self.coder.finish().map_err(failed("write", path))?;
        let (plain_bytes, plain_sha256) = if packed { self.plain.sum() } else { (bytes, sha256.clone()) };
        let written = Seal { bytes, sha256, plain_bytes, plain_sha256 };
        match self.reading.end() {
            Some(Ok(Ok(read))) if read == written => Ok(written),
            Some(Ok(Ok(_))) => {
                Err(ArchiveError::Unsound("what is on the disk is not what was written, and was not kept".to_owned()))
            }
            Some(Ok(Err(Unpacking::Damaged(why)))) => {
                Err(ArchiveError::Unsound(format!("what is on the disk is damaged, and was not kept: {why}")))
            }
            Some(Ok(Err(Unpacking::Taker(error) | Unpacking::Unread(error)))) => Err(error),
            Some(Err(_)) | None => Err(ArchiveError::Panicked("the thread that reads back panicked".to_owned())),
        }
    }
}

fn zstd_encoder(file: Metered) -> io::Result<zstd::Encoder<'static, Metered>> {
    let mut encoder = zstd::Encoder::new(file, ZSTD_LEVEL)?;
    encoder.include_checksum(true)?;
    let workers = thread::available_parallelism().map_or(1, std::num::NonZero::get).min(ZSTD_WORKERS);
    if let Some(workers) = u32::try_from(workers).ok().filter(|workers| *workers > 1) {
        encoder.multithread(workers)?;
        encoder.set_parameter(zstd::zstd_safe::CParameter::JobSize(ZSTD_JOB))?;
    }
    Ok(encoder)
}

/// Packs a whole file into `file`, which lies at `to`; `progress` is told the bytes that were taken.
pub(super) fn pack(
    from: &Path,
    (to, file): (&Path, File),
    packing: Compression,
    mut progress: impl FnMut(u64),
    cancel: &CancellationToken,
) -> Result<Seal, ArchiveError> {
    let told = |error| if cancel.is_cancelled() { ArchiveError::Cancelled } else { failed("pack", from)(error) };
    let mut source = Cancellable { source: File::open(from).map_err(told)?, cancel };
    let mut packer = Packer::new(to, file, packing, cancel).map_err(told)?;
    let mut chunk = vec![0; CHUNK];
    loop {
        match source.read(&mut chunk) {
            Ok(0) => return packer.finish(to),
            Ok(count) => packer.write(&chunk[..count]).map_err(told)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(told(error)),
        }
        progress(packer.taken());
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
        let seal = pack(&from, (&to, file), packing, |_| {}, &CancellationToken::new()).expect("packed");
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

//! What is in a backup file: as a stream, or unpacked in a scratch that is bounded and goes with
//! whoever asked for it.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use flate2::read::MultiGzDecoder;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::manifest;
use super::method::head_of;
use super::pack::{self, Unpacking};
use super::partial::Partial;
use super::verify::Verdict;
use super::{ArchiveError, Cancellable, failed, tree};
use crate::database::room;
use crate::domain::backup::Compression;
use crate::domain::humanize;
use crate::platform::file;

/// What the table of contents of a directory is called.
const CONTENTS: &str = "toc.dat";

/// One backup file that is looked into.
#[derive(Debug)]
pub(super) struct Content<'a> {
    file: &'a Path,
    packing: Compression,
    /// What its manifest says is in it.
    entry: Option<&'a manifest::File>,
    pub(super) cancel: &'a CancellationToken,
    scratch: OnceLock<Scratch>,
}

impl<'a> Content<'a> {
    pub(super) fn new(file: &'a Path, entry: Option<&'a manifest::File>, cancel: &'a CancellationToken) -> Self {
        let packing = entry.map_or_else(|| Compression::of_name(file), |entry| entry.packing);
        Self { file, packing, entry, cancel, scratch: OnceLock::new() }
    }

    pub(super) fn file(&self) -> &Path {
        self.file
    }

    /// Whether it is a directory of files.
    pub(super) fn is_directory(&self) -> bool {
        self.file.is_dir()
    }

    pub(super) fn packing(&self) -> Compression {
        self.packing
    }

    pub(super) fn is_packed(&self) -> bool {
        self.packing != Compression::None
    }

    /// What is in it, from its beginning; of a directory its table of contents. Ends with an error once nobody waits any more.
    pub(super) fn reader(&self) -> io::Result<Box<dyn Read + '_>> {
        let first = if self.is_directory() { self.file.join(CONTENTS) } else { self.file.to_owned() };
        let file = Cancellable { source: File::open(first)?, cancel: self.cancel };
        Ok(match self.packing {
            Compression::None => Box::new(file),
            Compression::Zstd => Box::new(zstd::Decoder::new(file)?),
            Compression::Gzip => Box::new(MultiGzDecoder::new(file)),
        })
    }

    /// How it begins; nothing of what cannot be unpacked at all.
    pub(super) fn head(&self) -> Result<Vec<u8>, Verdict> {
        match self.reader().and_then(head_of) {
            Ok(head) => Ok(head),
            Err(_) if self.is_packed() => Ok(Vec::new()),
            Err(error) => Err(failed("read", self.file)(error).into()),
        }
    }

    /// Gives every piece of it to `take`, but for a directory, and compares the whole with its manifest.
    pub(super) fn read(&self, take: impl FnMut(&[u8]) -> Result<(), ArchiveError>) -> Result<u64, Verdict> {
        if self.is_directory() {
            let (_, seal) = tree::seal(self.file, self.cancel)?;
            return match self.entry.filter(|entry| (entry.bytes, &entry.sha256) != (seal.bytes, &seal.sha256)) {
                Some(_) => Err(Verdict::Damaged("what is in it is not what its manifest says".to_owned())),
                None => Ok(seal.bytes),
            };
        }
        let seal = match pack::unpack(self.file, self.packing, take, self.cancel) {
            Ok(seal) => seal,
            Err(Unpacking::Damaged(why)) => return Err(Verdict::Damaged(why)),
            Err(Unpacking::Taker(error) | Unpacking::Unread(error)) => return Err(error.into()),
        };
        let differs = |entry: &&manifest::File| {
            (entry.plain_bytes(), entry.plain_sha256()) != (seal.plain_bytes, &*seal.plain_sha256)
        };
        match self.entry.filter(differs) {
            Some(_) => Err(Verdict::Damaged("what is packed in it is not what its manifest says".to_owned())),
            None => Ok(seal.plain_bytes),
        }
    }

    /// The file itself, or a scratch with what is packed in it.
    pub(super) fn plain(&self) -> Result<&Path, Verdict> {
        if !self.is_packed() {
            return Ok(self.file);
        }
        if let Some(scratch) = self.scratch.get() {
            return Ok(&scratch.path);
        }
        let scratch = self.unpack()?;
        Ok(&self.scratch.get_or_init(|| scratch).path)
    }

    fn unpack(&self) -> Result<Scratch, Verdict> {
        let scratch = Scratch::near(self.file)?;
        let place = scratch.path.parent().unwrap_or(Path::new("/"));
        let free = room::free_bytes(place).map_err(failed("ask for free space in", place))?;
        let bound = match self.entry {
            Some(entry) => {
                let bytes = entry.plain_bytes();
                room::require("unpacking", place, bytes, free).map_err(ArchiveError::NoRoom)?;
                bytes
            }
            // A few kilobytes can hold a bomb: whatever it is, it leaves others room.
            None => free / 10 * 9,
        };
        let mut plain =
            file::private().write(true).create_new(true).open(&scratch.path).map_err(failed("make", place))?;
        let mut taken = 0_u64;
        self.read(|bytes| {
            taken += bytes.len() as u64;
            if taken > bound {
                return Err(ArchiveError::NoRoom(format!(
                    "unpacked it is more than {}, which is what {} has room for",
                    humanize::bytes(bound as f64),
                    place.display()
                )));
            }
            plain.write_all(bytes).map_err(failed("write", place))
        })?;
        Ok(scratch)
    }
}

/// A file for a while, in a directory of its own.
#[derive(Debug)]
struct Scratch {
    path: PathBuf,
    _directory: Directory,
}

#[derive(Debug)]
#[expect(dead_code, reason = "held for what becomes of them when they are let go")]
enum Directory {
    Shelf(Partial),
    Temporary(TempDir),
}

impl Scratch {
    /// Beside the backup, where there is room for it and where what a killed verification leaves
    /// is cleared away by the next copy; elsewhere only when nothing can be written there.
    fn near(backup: &Path) -> Result<Self, ArchiveError> {
        let shelf = backup.parent().unwrap_or(Path::new("/"));
        let id = format!("verify-{}", uuid::Uuid::now_v7().simple());
        if let Ok(partial) = Partial::create(shelf, &id) {
            return Ok(Self { path: partial.plain(), _directory: Directory::Shelf(partial) });
        }
        let elsewhere = std::env::temp_dir();
        let directory = tempfile::Builder::new()
            .prefix("rounds-verify-")
            .tempdir()
            .map_err(failed("make a scratch in", &elsewhere))?;
        Ok(Self { path: directory.path().join("plain"), _directory: Directory::Temporary(directory) })
    }
}

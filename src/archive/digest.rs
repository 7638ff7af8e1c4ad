//! The SHA-256 of what lies on a disk. Of a large file the next piece is read while this one is
//! hashed, so that reading it again takes no longer than the slower of the two.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread;

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::{ArchiveError, Cancellable, failed, tree};

/// How much is read at once.
const PIECE: usize = 1 << 20;
/// How many pieces there are: one that is read into, one that is hashed, and one between them.
const PIECES: usize = 3;
/// What is no longer than this is hashed as it is read: a thread would cost more than it saves.
const SHORT: u64 = 2 * PIECE as u64;

/// The SHA-256 of a file in hex, read from the disk anew, and how many bytes it has; of a directory
/// what stands for all its files.
pub(super) fn hash(path: &Path, cancel: &CancellationToken) -> Result<(String, u64), ArchiveError> {
    if path.is_dir() {
        return tree::seal(path, cancel).map(|(_, whole)| (whole.sha256, whole.bytes));
    }
    let read = |error| if cancel.is_cancelled() { ArchiveError::Cancelled } else { failed("read", path)(error) };
    let file = File::open(path).map_err(read)?;
    let long = file.metadata().is_ok_and(|meta| meta.len() > SHORT);
    let source = Cancellable { source: file, cancel };
    let hashed = if long { in_step(source) } else { in_turns(source) };
    hashed.map_err(read)
}

/// Reads a piece and hashes it, and then the next.
fn in_turns(mut source: impl Read) -> io::Result<(String, u64)> {
    let (mut sha, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; PIECE / 4]);
    loop {
        match filled(&mut source, &mut piece)? {
            0 => return Ok((hex(&sha.finalize()), bytes)),
            count => {
                sha.update(&piece[..count]);
                bytes += count as u64;
            }
        }
    }
}

/// Reads on one thread, and hashes on another what was read. The pieces go round.
fn in_step(mut source: impl Read + Send) -> io::Result<(String, u64)> {
    let (give, taken) = sync_channel::<io::Result<(Vec<u8>, usize)>>(PIECES);
    let (give_back, empty) = sync_channel::<Vec<u8>>(PIECES);
    for _ in 0..PIECES {
        // There is room for all of them.
        let _ = give_back.send(vec![0; PIECE]);
    }
    thread::scope(|scope| {
        scope.spawn(move || {
            // Nobody gives back any more once the other has ended.
            while let Ok(mut piece) = empty.recv() {
                let read = filled(&mut source, &mut piece).map(|count| (piece, count));
                let last = !matches!(read, Ok((_, 1..)));
                if give.send(read).is_err() || last {
                    return;
                }
            }
        });
        let (mut sha, mut bytes) = (Sha256::new(), 0);
        let (taken, give_back) = (taken, give_back);
        for read in &taken {
            let (piece, count) = read?;
            if count == 0 {
                return Ok((hex(&sha.finalize()), bytes));
            }
            sha.update(&piece[..count]);
            bytes += count as u64;
            // Whoever reads may have come to the end.
            let _ = give_back.send(piece);
        }
        Err(io::Error::other("the thread that reads it ended early"))
    })
}

/// How much was read into a piece; nothing at the end.
fn filled(source: &mut impl Read, piece: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Bytes as text, as `sha256sum` writes them. By a table: of a full shelf tens of thousands are written.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 0xf)]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives what it has in pieces of every length, and stumbles now and then.
    struct Stumbling<'a> {
        left: &'a [u8],
        reads: usize,
        fails_at: usize,
    }

    impl Read for Stumbling<'_> {
        fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
            self.reads += 1;
            if self.reads == self.fails_at {
                return Err(io::Error::other("the disk"));
            }
            if self.reads.is_multiple_of(3) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let count = (self.reads * 7919).min(piece.len()).min(self.left.len());
            piece[..count].copy_from_slice(&self.left[..count]);
            self.left = &self.left[count..];
            Ok(count)
        }
    }

    #[test]
    fn it_is_the_same_hash_however_it_is_read() {
        let bytes: Vec<u8> = (0..3_000_001_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, bytes.len()] {
            let part = &bytes[..length];
            let expected = (hex(&Sha256::digest(part)), length as u64);
            let stumbling = || Stumbling { left: part, reads: 0, fails_at: 0 };
            assert_eq!(in_turns(stumbling()).expect("read"), expected, "{length}");
            assert_eq!(in_step(stumbling()).expect("read"), expected, "{length}");
            assert_eq!(in_step(part).expect("read"), expected, "{length}, in one piece");
        }
        let scratch = tempfile::tempdir().expect("scratch");
        for length in [SHORT as usize, SHORT as usize + 1] {
            let file = scratch.path().join("file");
            std::fs::write(&file, &bytes[..length]).expect("written");
            let expected = (hex(&Sha256::digest(&bytes[..length])), length as u64);
            assert_eq!(hash(&file, &CancellationToken::new()).expect("hashed"), expected);
        }
    }

    #[test]
    fn what_cannot_be_read_to_its_end_has_no_hash() {
        let bytes = vec![7; 5 * PIECE];
        for fails_at in [1, 4, 40] {
            let broken = || Stumbling { left: &bytes, reads: 0, fails_at };
            for told in [in_turns(broken()), in_step(broken())] {
                assert_eq!(told.expect_err("it fails").to_string(), "the disk");
            }
        }
        let cancel = CancellationToken::new();
        cancel.cancel();
        let scratch = tempfile::NamedTempFile::new().expect("scratch");
        std::fs::write(scratch.path(), &bytes).expect("written");
        assert!(matches!(hash(scratch.path(), &cancel), Err(ArchiveError::Cancelled)));
    }
}

//! A backup that is a directory of files, as `pg_dump` writes one with several jobs at once: it is
//! published, hashed, carried and deleted as one.
//!
//! Its hash is that of the hashes of its files in the order of their names, as
//! `sha256sum * | sha256sum` in it says; the manifest beside it has one of each file, too.

use std::fs;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::manifest::{self, Manifest};
use super::pack::Seal;
use super::{ArchiveError, failed, hash, hex};
use crate::domain::backup::Compression;
use crate::domain::{humanize, sanitize};
use crate::platform::file;

/// How a directory that is being deleted is called until it is gone.
const GONE: &str = ".partial-pruned-";

/// One of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) name: String,
    pub(super) seal: Seal,
}

impl Piece {
    pub(super) fn of(name: String, bytes: u64, sha256: String) -> Self {
        Self { name, seal: Seal { bytes, sha256: sha256.clone(), plain_bytes: bytes, plain_sha256: sha256 } }
    }
}

/// The names of its files, sorted, and their bytes. What is no plain file, or whose name is no text,
/// was not put there by any dump.
pub(super) fn files(dir: &Path) -> io::Result<Vec<(String, u64)>> {
    let odd = |name: &std::ffi::OsStr| {
        io::Error::other(format!("{} in it is no plain file", sanitize::bytes(name.as_encoded_bytes())))
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let (meta, name) = entry.and_then(|entry| Ok((entry.metadata()?, entry.file_name())))?;
        match name.to_str() {
            Some(text) if meta.is_file() => files.push((text.to_owned(), meta.len())),
            _ => return Err(odd(&name)),
        }
    }
    files.sort();
    Ok(files)
}

/// How many bytes a backup has, whether it is a file or a directory.
pub(super) fn bytes(path: &Path, meta: &fs::Metadata) -> io::Result<u64> {
    if meta.is_dir() { Ok(files(path)?.iter().map(|(_, bytes)| bytes).sum()) } else { Ok(meta.len()) }
}

/// Reads all of it: its files, and the whole.
pub(super) fn seal(dir: &Path, cancel: &CancellationToken) -> Result<(Vec<Piece>, Seal), ArchiveError> {
    let mut pieces = Vec::new();
    for (name, _) in files(dir).map_err(failed("look through", dir))? {
        let (sha256, bytes) = hash(&dir.join(&name), cancel)?;
        pieces.push(Piece::of(name, bytes, sha256));
    }
    let whole = whole(&pieces);
    Ok((pieces, whole))
}

/// What stands for all of them.
pub(super) fn whole(pieces: &[Piece]) -> Seal {
    let mut sha = Sha256::new();
    for Piece { name, seal } in pieces {
        sha.update(format!("{}  {name}\n", seal.sha256));
    }
    let (bytes, sha256) = (pieces.iter().map(|piece| piece.seal.bytes).sum(), hex(&sha.finalize()));
    Seal { bytes, sha256: sha256.clone(), plain_bytes: bytes, plain_sha256: sha256 }
}

/// Brings its files to the disk, for us alone, and then the directory itself.
pub(super) fn settle(dir: &Path) -> Result<(), ArchiveError> {
    for (name, _) in files(dir).map_err(failed("look through", dir))? {
        let path = dir.join(name);
        file::make_private(&path).and_then(|()| file::sync(&path)).map_err(failed("bring to disk", &path))?;
    }
    file::sync_directory(dir).map_err(failed("bring to disk", dir))
}

/// The entries of its files in the manifest of the directory `own`.
pub(super) fn entries(own: &str, pieces: &[Piece]) -> Vec<manifest::File> {
    let entry = |piece: &Piece| manifest::File::new(format!("{own}/{}", piece.name), &piece.seal, Compression::None);
    pieces.iter().map(entry).collect()
}

/// What is not as its manifest says, if something is: the first file, by its name.
pub(super) fn difference(
    dir: &Path,
    manifest: &Manifest,
    cancel: &CancellationToken,
) -> Result<Option<String>, ArchiveError> {
    let (pieces, whole) = seal(dir, cancel)?;
    let Some(data) = manifest.data() else { return Ok(Some("its manifest names no data".to_owned())) };
    if data.sha256 == whole.sha256 && data.bytes == whole.bytes {
        return Ok(None);
    }
    let inside = format!("{}/", data.name);
    let said: Vec<(&str, &manifest::File)> =
        manifest.files.iter().filter_map(|entry| Some((entry.name.strip_prefix(&inside)?, entry))).collect();
    let missing = said.iter().find(|(name, _)| pieces.iter().all(|piece| piece.name != *name));
    if let Some((name, _)) = missing {
        return Ok(Some(format!("{} of it is missing", sanitize::line(name))));
    }
    for Piece { name, seal } in &pieces {
        let shown = sanitize::line(name);
        match said.iter().find(|(said, _)| said == name) {
            None => return Ok(Some(format!("{shown} in it is not of it"))),
            Some((_, entry)) if entry.bytes != seal.bytes => {
                let (found, told) = (humanize::bytes(seal.bytes as f64), humanize::bytes(entry.bytes as f64));
                return Ok(Some(format!("{shown} in it has {found} where its manifest says {told}")));
            }
            Some((_, entry)) if entry.sha256 != seal.sha256 => {
                return Ok(Some(format!("{shown} in it has another SHA-256 than its manifest says")));
            }
            Some(_) => {}
        }
    }
    Ok(Some("its hash is not the manifest's".to_owned()))
}

/// Deletes a backup: at one moment it has its name, and at the next it has none any more.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.is_dir() {
        return fs::remove_file(path);
    }
    let gone = gone(path);
    file::rename_new(path, &gone)?;
    // What cannot be removed now is debris, which the next copy clears away.
    let _ = fs::remove_dir_all(gone);
    Ok(())
}

/// What it is called while it is being deleted.
pub(super) fn gone(path: &Path) -> std::path::PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!("{GONE}{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_hash_is_what_sha256sum_says_and_every_change_has_a_name() {
        let scratch = tempfile::tempdir().expect("scratch");
        let dir = scratch.path().join("rota.dir");
        fs::create_dir(&dir).expect("a directory");
        fs::write(dir.join("toc.dat"), "toc").expect("a file");
        fs::write(dir.join("1.dat"), "one").expect("a file");
        let cancel = CancellationToken::new();
        let (pieces, whole) = seal(&dir, &cancel).expect("sealed");
        // printf one > 1.dat; printf toc > toc.dat; sha256sum * | sha256sum
        let lines =
            pieces.iter().fold(String::new(), |all, piece| all + &piece.seal.sha256 + "  " + &piece.name + "\n");
        assert_eq!((whole.bytes, &whole.sha256), (6, &hex(&Sha256::digest(lines))));
        assert_eq!(pieces.iter().map(|piece| &*piece.name).collect::<Vec<_>>(), ["1.dat", "toc.dat"]);

        let mut manifest = manifest::tests::manifest();
        manifest.files = vec![manifest::File::new("rota.dir".to_owned(), &whole, Compression::None)];
        manifest.files.extend(entries("rota.dir", &pieces));
        let differs = || difference(&dir, &manifest, &cancel).expect("read");
        assert_eq!(differs(), None);
        fs::write(dir.join("1.dat"), "two").expect("other bytes");
        assert_eq!(differs().as_deref(), Some("1.dat in it has another SHA-256 than its manifest says"));
        fs::write(dir.join("1.dat"), "three").expect("more bytes");
        assert_eq!(differs().as_deref(), Some("1.dat in it has 5 B where its manifest says 3 B"));
        fs::write(dir.join("1.dat"), "one").expect("as it was");
        fs::write(dir.join("2.dat"), "").expect("one more");
        assert_eq!(differs().as_deref(), Some("2.dat in it is not of it"));
        fs::remove_file(dir.join("2.dat")).and_then(|()| fs::remove_file(dir.join("1.dat"))).expect("one less");
        assert_eq!(differs().as_deref(), Some("1.dat of it is missing"));
        fs::create_dir(dir.join("below")).expect("a directory");
        assert!(seal(&dir, &cancel).is_err(), "what is in it is not looked at");
        remove(&dir).expect("removed");
        assert_eq!(fs::read_dir(scratch.path()).expect("list").count(), 0);
    }
}

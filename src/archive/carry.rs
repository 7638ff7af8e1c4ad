//! Second copies: a backup carried to another place byte for byte, read back there, and published
//! by the same steps as the first.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::manifest::{self, Manifest, ManifestError};
use super::partial::{self, Partial};
use super::{ArchiveError, Cancellable, aside, failed, hash, hex, shelf, tree};
use crate::database::room;
use crate::domain::{humanize, sanitize};
use crate::platform::file;

const CHUNK: usize = 256 * 1024;

/// A backup to be carried.
#[derive(Clone, Debug)]
pub struct CarryRequest {
    /// The backup's id in the configuration.
    pub backup: String,
    pub file: PathBuf,
    /// The second file that belongs to it.
    pub pair: Option<PathBuf>,
    /// The directory it goes to. It is never made: where it is missing, its disk is.
    pub to: PathBuf,
    /// Unique among all copies.
    pub id: String,
}

/// A backup that lies in two places.
#[derive(Clone, Debug, PartialEq)]
pub struct Carried {
    pub path: PathBuf,
    pub took: Duration,
    /// What was achieved, for people.
    pub sentence: String,
}

/// Carries one backup with its manifest and its pair. Nothing that exists is overwritten, and what
/// is cancelled or fails leaves nothing behind. `progress` is told bytes: done, and of how many.
pub async fn carry(
    request: CarryRequest,
    progress: impl FnMut(u64, u64) + Send + 'static,
    cancel: CancellationToken,
) -> Result<Carried, ArchiveError> {
    aside(cancel, move |cancel| carry_now(&request, progress, cancel)).await
}

fn carry_now(
    request: &CarryRequest,
    progress: impl FnMut(u64, u64),
    cancel: &CancellationToken,
) -> Result<Carried, ArchiveError> {
    let started = Instant::now();
    let CarryRequest { file, to, .. } = request;
    is_there(to)?;
    shelf::prepare(to)?;
    let manifest = manifest_of(file)?;
    let destination = to.join(file.file_name().unwrap_or_default());
    let shown = sanitize::line(&destination.display().to_string());
    let sealed = manifest.as_ref().and_then(|manifest| manifest.data()).map(|data| data.sha256.clone());
    if destination.symlink_metadata().is_ok() {
        let (there, bytes) = hash(&destination, cancel)?;
        let here = sealed.map_or_else(|| hash(file, cancel).map(|(sha, _)| sha), Ok)?;
        if there != here {
            let why = format!("{shown} is another file of the same name; nothing was overwritten, look at both");
            return Err(ArchiveError::Unsound(why));
        }
        let sentence = format!("{shown} is there already, {}, read and the same", humanize::bytes(bytes as f64));
        return Ok(Carried { path: destination, took: started.elapsed(), sentence });
    }
    let dead = shelf::debris(to, |_, manifest| manifest.target == request.backup).unwrap_or_default();
    let cleared = dead.iter().filter(|path| partial::remove_dead(path).is_ok()).count();
    let others = beside(file, request.pair.clone(), manifest.as_ref());
    let size =
        |path: &PathBuf| fs::metadata(path).and_then(|meta| tree::bytes(path, &meta)).map_err(failed("look at", path));
    let wanted = others.iter().chain([file]).map(size).sum::<Result<u64, _>>()?;
    let free = room::free_bytes(to).map_err(failed("ask for free space in", to))?;
    room::require("the copy", to, wanted + wanted / 20, free).map_err(ArchiveError::NoRoom)?;

    let partial = Partial::create(to, &request.id)?;
    let (bytes, sha256) = if file.is_dir() {
        carry_files(file, &partial.make_directory()?, progress, cancel)?
    } else {
        stream(file, partial.open_data()?, progress, cancel)?
    };
    if sealed.is_some_and(|sealed| sealed != sha256) {
        return Err(not_sealed(file));
    }
    read_back(&partial.data(), &sha256, cancel)?;
    let mut names = Vec::new();
    for (index, path) in others.iter().enumerate() {
        let (place, out) = partial.make_file(&format!("beside-{index}"))?;
        let (_, sha256) = stream(path, out, |_, _| {}, cancel)?;
        read_back(&place, &sha256, cancel)?;
        names.push((place, to.join(path.file_name().unwrap_or_default())));
    }
    if cancel.is_cancelled() {
        return Err(ArchiveError::Cancelled);
    }
    partial.publish_as(&destination, names)?;
    let took = started.elapsed();
    let mut sentence = format!(
        "{} copied to {shown} in {} and read back there, SHA-256 {sha256:.12}…",
        humanize::bytes(bytes as f64),
        humanize::duration(took)
    );
    if manifest.is_none() {
        sentence.push_str("; it has no manifest that would prove the first");
    }
    if cleared > 0 {
        let leftovers = humanize::count(cleared, "leftover");
        sentence.push_str(&format!("; {leftovers} of interrupted copies removed"));
    }
    Ok(Carried { path: destination, took, sentence })
}

/// A file that is to be sent away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Luggage {
    pub path: PathBuf,
    pub sha256: String,
}

/// Every file of a backup, read and proven by its manifest: itself last, for where it is, all of it
/// is.
pub async fn luggage(
    file: PathBuf,
    pair: Option<PathBuf>,
    cancel: CancellationToken,
) -> Result<Vec<Luggage>, ArchiveError> {
    aside(cancel, move |cancel| {
        let manifest = manifest_of(&file)?;
        let mut others = beside(&file, pair, manifest.as_ref());
        others.push(file.clone());
        let packed = others.into_iter().map(|path| {
            let (sha256, _) = hash(&path, cancel)?;
            Ok(Luggage { path, sha256 })
        });
        let packed = packed.collect::<Result<Vec<_>, ArchiveError>>()?;
        let sealed = manifest.as_ref().and_then(|manifest| manifest.data()).map(|data| &data.sha256);
        match packed.last() {
            Some(last) if sealed.is_some_and(|sealed| *sealed != last.sha256) => Err(not_sealed(&file)),
            _ => Ok(packed),
        }
    })
    .await
}

fn not_sealed(file: &Path) -> ArchiveError {
    let file = sanitize::line(&file.display().to_string());
    ArchiveError::Unsound(format!("{file} is not what its manifest says, and was not copied; verify it"))
}

fn is_there(to: &Path) -> Result<(), ArchiveError> {
    match fs::metadata(to) {
        Ok(meta) if meta.is_dir() => Ok(()),
        Ok(_) => Err(ArchiveError::Destination(format!("{} is not a directory", to.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ArchiveError::Destination(format!(
            "{} is not there: mount its disk, or make that directory when the disk is new; it is never made by itself, \
             for it would be made on the wrong disk",
            to.display()
        ))),
        Err(error) => Err(failed("look at", to)(error)),
    }
}

fn manifest_of(file: &Path) -> Result<Option<Manifest>, ArchiveError> {
    let shown = || sanitize::line(&file.display().to_string());
    match Manifest::of(file) {
        Ok(manifest) => Ok(Some(manifest)),
        Err(ManifestError::Absent) => Ok(None),
        Err(ManifestError::Unreadable(error)) => Err(failed("read the manifest of", file)(error)),
        Err(newer @ ManifestError::Newer(_)) => {
            Err(ArchiveError::Unsupported(format!("{}: {newer}: a version that knows it can copy it", shown())))
        }
        Err(damaged @ ManifestError::Damaged(_)) => Err(ArchiveError::Unsound(format!("{}: {damaged}", shown()))),
    }
}

/// What goes along, in the order in which it gets its names: the manifest before the rest, for it
/// names what belongs to it.
fn beside(file: &Path, pair: Option<PathBuf>, manifest: Option<&Manifest>) -> Vec<PathBuf> {
    let mut others = manifest.map_or_else(Vec::new, |manifest| manifest.beside(file));
    let own = manifest::path_for(file);
    others.sort_by_key(|path| *path != own);
    others.extend(pair);
    others
}

/// Copies a file and brings it to the disk; its bytes and their hash, as they were read.
fn stream(
    from: &Path,
    mut out: File,
    mut progress: impl FnMut(u64, u64),
    cancel: &CancellationToken,
) -> Result<(u64, String), ArchiveError> {
    let told = |what: &'static str| {
        move |error| if cancel.is_cancelled() { ArchiveError::Cancelled } else { failed(what, from)(error) }
    };
    let source = File::open(from).map_err(told("read"))?;
    let whole = source.metadata().map_or(0, |meta| meta.len());
    let mut source = Cancellable { source, cancel };
    let (mut sha, mut chunk, mut bytes) = (Sha256::new(), vec![0; CHUNK], 0);
    loop {
        match source.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => {
                sha.update(&chunk[..count]);
                out.write_all(&chunk[..count]).map_err(told("copy"))?;
                bytes += count as u64;
                progress(bytes, whole);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(told("read")(error)),
        }
    }
    out.sync_all().map_err(told("bring to disk the copy of"))?;
    Ok((bytes, hex(&sha.finalize())))
}

/// Copies the files of a directory into another; their bytes, and what stands for all of them.
fn carry_files(
    from: &Path,
    to: &Path,
    mut progress: impl FnMut(u64, u64),
    cancel: &CancellationToken,
) -> Result<(u64, String), ArchiveError> {
    let files = tree::files(from).map_err(failed("look through", from))?;
    let whole = files.iter().map(|(_, bytes)| bytes).sum();
    let (mut done, mut pieces) = (0, Vec::new());
    for (name, _) in files {
        let out = file::private().write(true).create_new(true).open(to.join(&name)).map_err(failed("make", to))?;
        let (bytes, sha256) = stream(&from.join(&name), out, |now, _| progress(done + now, whole), cancel)?;
        done += bytes;
        pieces.push(tree::Piece::of(name, bytes, sha256));
    }
    file::sync_directory(to).map_err(failed("bring to disk", to))?;
    let whole = tree::whole(&pieces);
    Ok((whole.bytes, whole.sha256))
}

/// What was written is what is there.
fn read_back(path: &Path, sha256: &str, cancel: &CancellationToken) -> Result<(), ArchiveError> {
    let (found, _) = hash(path, cancel)?;
    if found == sha256 {
        return Ok(());
    }
    let disk = path.parent().and_then(Path::parent).unwrap_or(Path::new("/")).display();
    Err(ArchiveError::Unsound(format!(
        "what was written to {disk} is read back otherwise, and was not kept: look at that disk and its connection"
    )))
}

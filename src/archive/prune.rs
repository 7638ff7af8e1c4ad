//! Deleting backups: exactly the files that were confirmed, each with its pair and its manifest.
//!
//! The data goes first: from then on the backup is gone, and what is left of it claims nothing.
//! What belongs to it follows. A note of what is being deleted lies on the shelf meanwhile, so
//! that the next prune finishes one that was killed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use chrono::NaiveDateTime;
use tokio_util::sync::CancellationToken;

use super::manifest::{self, Manifest};
use super::{ArchiveError, aside, failed, shelf, tree};
use crate::domain::backup::{Doomed, PRUNE_NOTE, StampPattern};
use crate::domain::{humanize, sanitize};
use crate::platform::file;

/// The longest note that is read.
const MAX_NOTE: u64 = 16 << 20;
/// How old a note without content must be to be nobody's who just begins.
const NEW_FOR: u64 = 10;

/// What is to be deleted, and from where.
#[derive(Clone, Debug)]
pub struct PruneRequest {
    pub files: StampPattern,
    pub pair: Option<StampPattern>,
    pub doomed: Vec<Doomed>,
    /// The manifests of another tool, by what they tell of: what is there, and what no longer is.
    pub told_by: BTreeMap<PathBuf, PathBuf>,
    /// Unique among all prunes.
    pub id: String,
}

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub files: usize,
    pub bytes: u64,
    /// Files that an interrupted prune had left.
    pub finished: usize,
}

/// Deletes the files, oldest first, or none of them where one is not what was confirmed.
///
/// Once the first is gone nothing cancels the rest. An error after that tells how far it came;
/// what is still there is whole.
pub async fn prune(request: PruneRequest, cancel: CancellationToken) -> Result<Pruned, ArchiveError> {
    aside(cancel, move |cancel| prune_now(&request, cancel)).await
}

fn prune_now(request: &PruneRequest, cancel: &CancellationToken) -> Result<Pruned, ArchiveError> {
    let dir = request.files.dir();
    let finished = finish_earlier(request);
    let mut condemned = Vec::with_capacity(request.doomed.len());
    for doomed in &request.doomed {
        condemned.push(as_confirmed(&request.files, doomed)?);
    }
    if cancel.is_cancelled() {
        return Err(ArchiveError::Cancelled);
    }
    let note = Note::write(dir, &request.id, &condemned)?;

    let mut done = Pruned { finished, ..Pruned::default() };
    let mut fault = None;
    for (one, doomed) in condemned.iter().zip(&request.doomed) {
        if let Err(error) = tree::remove(&one.path) {
            fault = Some(failed("delete", &one.path)(error));
            break;
        }
        done.files += 1;
        done.bytes += doomed.bytes;
    }
    let gone = &condemned[..done.files];
    if gone.is_empty() {
        Note::discard(note);
        return fault.map_or(Ok(done), Err);
    }
    let fault = fault.or_else(|| {
        // The data must be gone for good before what proves it is.
        shelf::sync(dir).err().or_else(|| gone.iter().find_map(|one| one.remove_rest(request.pair.as_ref()).err()))
    });
    match fault {
        None => {
            Note::discard(note);
            shelf::sync(dir)?;
            Ok(done)
        }
        Some(error) => {
            // The rest of what is gone is nobody's any more, whatever stopped us.
            for one in gone {
                let _ = one.remove_rest(request.pair.as_ref());
            }
            Err(ArchiveError::Halfway(format!(
                "{} of {} deleted ({}), then: {error}; what is left is whole, look at it and prune again",
                done.files,
                humanize::count(condemned.len(), "file"),
                humanize::bytes(done.bytes as f64),
            )))
        }
    }
}

/// A file that is about to go.
#[derive(Debug)]
struct Condemned {
    path: PathBuf,
    name: String,
    stamp: NaiveDateTime,
    told_by: Option<PathBuf>,
}

/// The file is of this shelf, and the one that was confirmed.
fn as_confirmed(files: &StampPattern, doomed: &Doomed) -> Result<Condemned, ArchiveError> {
    let changed = |why: &str| {
        let place = sanitize::line(&doomed.path.display().to_string());
        Err(ArchiveError::Changed(format!("{place}: {why}; nothing was deleted, look at the plan again")))
    };
    let name = doomed.path.file_name().and_then(|name| name.to_str());
    let Some((name, stamp)) = name.and_then(|name| Some((name.to_owned(), files.stamp_of(name)?))) else {
        return changed("its name is not of this backup");
    };
    if doomed.path.parent() != Some(files.dir()) {
        return changed("it does not lie on the shelf of this backup");
    }
    match fs::symlink_metadata(&doomed.path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => changed("it is gone"),
        Err(error) => Err(failed("look at", &doomed.path)(error)),
        Ok(meta) if meta.is_symlink() => changed("it is a link, and what it leads to would stay"),
        Ok(meta) if files.is_directory() && !meta.is_dir() => changed("it is no directory"),
        Ok(meta) if !files.is_directory() && !meta.is_file() => changed("it is no file"),
        Ok(meta) if !tree::bytes(&doomed.path, &meta).is_ok_and(|bytes| bytes == doomed.bytes) => {
            changed("its size is another")
        }
        Ok(_) if shelf::is_pinned(&doomed.path) => changed("it is pinned"),
        Ok(_) => Ok(Condemned { path: doomed.path.clone(), name, stamp, told_by: doomed.told_by.clone() }),
    }
}

impl Condemned {
    /// Removes what belongs to a file that is gone: its pair, what its manifest names, and last
    /// the manifest itself.
    fn remove_rest(&self, pair: Option<&StampPattern>) -> Result<(), ArchiveError> {
        let own = manifest::path_for(&self.path);
        let _gone_already = fs::remove_dir_all(tree::gone(&self.path));
        let named = Manifest::of(&self.path).map(|manifest| manifest.beside(&self.path)).unwrap_or_default();
        // What a restore replaced has none: the one of its time is another's.
        let pair = pair.filter(|_| !StampPattern::is_replaced(&self.name));
        let pairs = pair.into_iter().flat_map(|pair| pair.paths_of(self.stamp));
        let told_by = self.told_by.iter().cloned();
        for path in pairs.chain(told_by).chain(named.into_iter().filter(|path| *path != own)).chain([own.clone()]) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("delete", &path)(error)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The note of a prune that runs: the names of what goes. Locked as long as its process lives.
#[derive(Debug)]
struct Note {
    path: PathBuf,
    lock: Option<File>,
}

impl Note {
    /// `None` where the disk is full: making room must not want room. What a kill leaves then is
    /// a pair without its data, which claims nothing.
    fn write(dir: &Path, id: &str, condemned: &[Condemned]) -> Result<Option<Self>, ArchiveError> {
        let path = dir.join(format!("{PRUNE_NOTE}{id}"));
        let names: Vec<&str> = condemned.iter().map(|one| one.name.as_str()).collect();
        let text = serde_json::to_vec(&names).map_err(|error| ArchiveError::Panicked(error.to_string()))?;
        let written = file::held().write(true).create_new(true).open(&path).and_then(|mut file| {
            file.lock()?;
            file.write_all(&text)?;
            file.sync_all()?;
            Ok(file)
        });
        match written {
            Ok(file) => {
                shelf::sync(dir)?;
                Ok(Some(Self { path, lock: Some(file) }))
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                let _ = fs::remove_file(&path);
                Ok(None)
            }
            Err(error) => {
                let _ = fs::remove_file(&path);
                Err(failed("write down what goes in", dir)(error))
            }
        }
    }

    /// An earlier one whose process is gone, with the names in it.
    fn dead(path: PathBuf) -> Option<(Self, Vec<String>)> {
        let mut lock = file::private().read(true).open(&path).ok()?;
        lock.try_lock().ok()?;
        let mut text = Vec::new();
        Read::by_ref(&mut lock).take(MAX_NOTE).read_to_end(&mut text).ok()?;
        let names = match serde_json::from_slice(&text) {
            Ok(names) => names,
            // Killed before it had said anything, and so before it did anything; or about to.
            Err(_) if is_new(&lock) => return None,
            Err(_) => Vec::new(),
        };
        Some((Self { path, lock: Some(lock) }, names))
    }

    fn discard(note: Option<Self>) {
        if let Some(mut note) = note {
            file::close_before_removal(&mut note.lock);
            let _ = fs::remove_file(&note.path);
        }
    }
}

fn is_new(file: &File) -> bool {
    let age = file.metadata().and_then(|meta| meta.modified()).ok().and_then(|at| at.elapsed().ok());
    age.is_none_or(|age| age.as_secs() < NEW_FOR)
}

/// Removes what belongs to files that a killed prune had deleted. A file that is still there
/// stays: whether it goes is for a new plan to say.
fn finish_earlier(request: &PruneRequest) -> usize {
    let files = &request.files;
    let mut finished = 0;
    for path in notes(files.dir()) {
        let Some((note, names)) = Note::dead(path) else { continue };
        let mut whole = true;
        for name in names {
            let Some(stamp) = files.stamp_of(&name) else { continue };
            let path = files.dir().join(&name);
            if fs::symlink_metadata(&path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
                // A note may be anybody's who can write here: what else goes is not for it to say.
                let told_by = request.told_by.get(&path).cloned();
                let rest = Condemned { path, name, stamp, told_by };
                whole &= rest.remove_rest(request.pair.as_ref()).is_ok();
                finished += 1;
            }
        }
        if whole {
            Note::discard(Some(note));
        }
    }
    finished
}

/// The notes of prunes that run, or were killed.
fn notes(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries.flatten().filter(|entry| is_note(&entry.file_name())).map(|entry| entry.path()).collect()
}

fn is_note(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(PRUNE_NOTE.as_bytes())
}

/// The notes that killed prunes left, among the names of a directory. A look takes no lock that would keep another from its own.
pub(super) fn debris<'a>(dir: &Path, names: impl Iterator<Item = &'a OsStr>) -> Vec<PathBuf> {
    let dead = |path: &PathBuf| File::open(path).is_ok_and(|lock| lock.try_lock_shared().is_ok() && !is_new(&lock));
    names.filter(|name| is_note(name)).map(|name| dir.join(name)).filter(dead).collect()
}

/// What prunes that run, or were killed, have begun to delete.
pub fn begun(dir: &Path) -> BTreeSet<PathBuf> {
    let names = |note: PathBuf| {
        let mut text = Vec::new();
        File::open(note).and_then(|note| note.take(MAX_NOTE).read_to_end(&mut text)).ok()?;
        serde_json::from_slice::<Vec<String>>(&text).ok()
    };
    notes(dir).into_iter().filter_map(names).flatten().map(|name| dir.join(name)).collect()
}

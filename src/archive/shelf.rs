//! The shelf: the directory backups lie in. What is fit to be one, and what lies on it.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::NaiveDateTime;

use super::manifest::{Manifest, ManifestError, SUFFIX};
use super::{ArchiveError, failed, many, partial, prune, tree};
use crate::domain::backup::StampPattern;
use crate::platform::file;

/// What a pin is called after the name of the file it holds.
const PIN: &str = ".pin";

/// Makes sure the directory is one to keep backups in: it is made, for us alone, where there is
/// none; one that others can write, or that is only a link, is refused.
pub(super) fn prepare(dir: &Path) -> Result<(), ArchiveError> {
    let place = dir.display();
    match fs::symlink_metadata(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            file::private_directory().recursive(true).create(dir).map_err(failed("make the directory", dir))?;
            if let Some(parent) = dir.parent() {
                sync(parent)?;
            }
            Ok(())
        }
        Err(error) => Err(failed("look at", dir)(error)),
        Ok(meta) if meta.is_symlink() => Err(ArchiveError::Destination(format!(
            "{place} is a symbolic link; write the directory it should lead to, because a link can be changed"
        ))),
        Ok(meta) if !meta.is_dir() => Err(ArchiveError::Destination(format!("{place} is not a directory"))),
        Ok(meta) if file::mode(&meta).is_some_and(|mode| mode & 0o022 != 0) => Err(ArchiveError::Destination(format!(
            "{place} can be written by others, who could replace what is in it; chmod go-w {place}"
        ))),
        Ok(_) => Ok(()),
    }
}

/// Brings a directory's entries to the disk.
pub(super) fn sync(dir: &Path) -> Result<(), ArchiveError> {
    file::sync_directory(dir).map_err(failed("bring to disk", dir))
}

/// A file of a pattern, as a look finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub path: PathBuf,
    pub stamp: NaiveDateTime,
    pub size: u64,
    pub modified: Option<SystemTime>,
    /// Somebody put a pin beside it: no rule deletes it.
    pub pinned: bool,
    /// It is only a link to something.
    pub is_link: bool,
}

/// What lies on a shelf: the pattern's files in the order of their stamps, and leftovers.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    pub files: Vec<Seen>,
    pub debris: Vec<PathBuf>,
    /// Names as the pattern writes them, of times that no calendar has.
    pub misnamed: Vec<String>,
    /// The directory is not there.
    pub missing: bool,
}

/// Looks through the pattern's directory. No file is opened. A directory that is not there yet
/// is empty.
pub fn look(pattern: &StampPattern) -> io::Result<Contents> {
    look_closer(pattern, |_| ()).map(|(contents, _)| contents)
}

/// The same, with what `each` says of every file, from whichever thread.
pub fn look_closer<T: Send>(
    pattern: &StampPattern,
    each: impl Fn(&Seen) -> T + Sync,
) -> io::Result<(Contents, Vec<T>)> {
    let dir = pattern.dir();
    let mut contents = Contents::default();
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok((Contents { missing: true, ..contents }, Vec::new()));
        }
        entries => entries?,
    };
    // Read once: there may be tens of thousands.
    let (mut names, mut broken) = (HashSet::new(), None);
    let entries = entries.map_while(|entry| match entry {
        Ok(entry) => {
            names.insert(entry.file_name());
            Some(entry)
        }
        Err(error) => {
            broken = Some(error);
            None
        }
    });
    let found = many::map(entries, |entry| match Entry::of(&entry, pattern) {
        Entry::Backup(seen) => {
            let said = each(&seen);
            (Entry::Backup(seen), Some(said))
        }
        other => (other, None),
    });
    if let Some(error) = broken {
        return Err(error);
    }
    let mut files = Vec::with_capacity(names.len() / 2);
    for (entry, said) in found {
        match entry {
            Entry::Backup(seen) => files.extend(said.map(|said| (seen, said))),
            Entry::Misnamed(name) => contents.misnamed.push(name),
            Entry::Other => {}
        }
    }
    files.sort_by(|(a, _), (b, _)| (a.stamp, &a.path).cmp(&(b.stamp, &b.path)));
    let pins: HashSet<&str> = names.iter().filter_map(|name| name.to_str()?.strip_suffix(PIN)).collect();
    for (seen, _) in files.iter_mut().filter(|_| !pins.is_empty()) {
        seen.pinned = seen.path.file_name().and_then(OsStr::to_str).is_some_and(|name| pins.contains(name));
    }
    contents.misnamed.sort();
    contents.debris = debris_among(dir, &names, |data, _| pattern.stamp_of(data).is_some());
    contents.debris.extend(prune::debris(dir, names.iter().map(OsString::as_os_str)));
    let (files, said) = files.into_iter().unzip();
    contents.files = files;
    Ok((contents, said))
}

/// What an entry of the directory is.
enum Entry {
    Backup(Seen),
    /// Named for a time that no calendar has.
    Misnamed(String),
    Other,
}

impl Entry {
    fn of(entry: &fs::DirEntry, pattern: &StampPattern) -> Self {
        // Names that are not text are not of the pattern, which is.
        let Ok(name) = entry.file_name().into_string() else { return Self::Other };
        let Some(stamp) = pattern.stamp_of(&name) else {
            return if pattern.is_of_no_time(&name) { Self::Misnamed(name) } else { Self::Other };
        };
        let path = entry.path();
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        // Gone since the directory was read, or a link to nowhere: not a backup.
        let Ok(meta) = (if is_link { fs::metadata(&path) } else { entry.metadata() }) else { return Self::Other };
        if meta.is_file() == pattern.is_directory() || !(meta.is_file() || meta.is_dir()) {
            return Self::Other;
        }
        // What is in it that no dump puts there makes a directory of no size: its manifest tells another.
        let size = tree::bytes(&path, &meta).unwrap_or(0);
        Self::Backup(Seen { path, stamp, size, modified: meta.modified().ok(), pinned: false, is_link })
    }
}

/// Whether a pin lies beside a file: `db_20260302.sqlite3.pin`, whatever is in it.
pub(super) fn is_pinned(path: &Path) -> bool {
    let mut pin = OsString::from(path);
    pin.push(PIN);
    fs::symlink_metadata(pin).is_ok()
}

/// What interrupted copies left: their directories, and manifests whose data never came. A
/// manifest is asked for by its data's name and content; one whose copy still runs is not debris.
pub(super) fn debris(dir: &Path, mine: impl Fn(&str, &Manifest) -> bool) -> io::Result<Vec<PathBuf>> {
    let names = fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<HashSet<OsString>>>()?;
    Ok(debris_among(dir, &names, mine))
}

/// The same of a directory that was read.
fn debris_among(dir: &Path, names: &HashSet<OsString>, mine: impl Fn(&str, &Manifest) -> bool) -> Vec<PathBuf> {
    let (mut dead, mut live_ids, mut orphans) = (Vec::new(), Vec::new(), Vec::new());
    for name in names.iter().filter_map(|name| name.to_str()) {
        if let Some(id) = partial::id_of(name) {
            let path = dir.join(name);
            if partial::is_dead(&path) { dead.push(path) } else { live_ids.push(id.to_owned()) }
        } else if let Some(data) = name.strip_suffix(SUFFIX)
            && !names.contains(OsStr::new(data))
        {
            orphans.push(data.to_owned());
        }
    }
    dead.sort();
    orphans.sort();
    for data in orphans {
        let path = dir.join(&data);
        let Ok(manifest) = Manifest::of(&path) else { continue };
        // The data may have come since the directory was read.
        if mine(&data, &manifest) && !live_ids.contains(&manifest.id) && !path.exists() {
            dead.extend(manifest.beside(&path).into_iter().filter(|path| path.exists()));
        }
    }
    dead
}

/// Whether an earlier backup of this target claims to have been made after `at`.
pub(super) fn has_newer(dir: &Path, target: &str, at: crate::domain::time::Timestamp) -> bool {
    let Ok(entries) = fs::read_dir(dir) else { return false };
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| Some(Manifest::of(&dir.join(name.strip_suffix(SUFFIX)?))))
        .filter_map(Result::<Manifest, ManifestError>::ok)
        .any(|manifest| manifest.target == target && manifest.started > at)
}

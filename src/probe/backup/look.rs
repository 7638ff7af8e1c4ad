//! One look at a shelf: every file with what its name, its size and its manifest say of it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::unfinished;
use crate::archive::manifest::{self, Brief, ManifestError};
use crate::archive::restore::BEFORE;
use crate::archive::shelf::{self, Seen};
use crate::domain::backup::{Backup, BackupState, Catalogue, Hold, StampPattern};
use crate::domain::humanize;
use crate::domain::observation::ProbeError;
use crate::domain::sanitize;
use crate::domain::time::Timestamp;

/// A copy of another tool that takes longer than this is not told apart from one that was touched.
const MAY_TAKE: chrono::Duration = chrono::Duration::hours(24);
/// How long what a restore replaced is held, whatever the rules say.
const HOLD_BEFORE: chrono::Duration = chrono::Duration::days(7);
/// A file without a manifest counts as finished when it has not changed for this long.
const SETTLED: chrono::Duration = chrono::Duration::seconds(5);

/// Where to look.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    pub(super) files: StampPattern,
    pub(super) pair: Option<StampPattern>,
    /// The database that is copied.
    pub(super) source: Option<PathBuf>,
}

/// By path, as the bytes it is: to take tens of thousands apart costs more than to look them up.
pub(super) type Memory = HashMap<OsString, Remembered>;
type Stamp = (u64, Option<SystemTime>);

/// What is known of one file since an earlier look.
#[derive(Clone, Debug, Default)]
pub(super) struct Remembered {
    /// Size and time of its last change, to see it grow.
    data: Stamp,
    /// The same of its manifest, to read that again only when it is another one.
    manifest: Option<Stamp>,
    pub(super) known: Known,
}

/// What the manifest says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Known {
    #[default]
    Nothing,
    /// A later format: the file counts, and is left alone.
    Newer,
    Bad(String),
    Manifest {
        bytes: Option<u64>,
        sha256: Option<String>,
        took_s: f64,
        started: Timestamp,
        /// It is what a restore replaced.
        before_restore: bool,
    },
}

impl Shelf {
    /// Looks at everything once; blocks as long as the file system does.
    pub(super) fn look(&self, before: &Memory, now: Timestamp) -> Result<(Catalogue, Memory), ProbeError> {
        let closer = |seen: &Seen| Remembered::of(seen, before.get(seen.path.as_os_str()));
        let (contents, remembered) =
            shelf::look_closer(&self.files, closer).map_err(|error| self.unreadable(&error))?;
        let mut memory = Memory::with_capacity(contents.files.len());
        let mut catalogue = Catalogue {
            files: Vec::with_capacity(contents.files.len()),
            debris: contents.debris,
            misnamed: contents.misnamed,
            shelf_missing: contents.missing.then(|| self.files.dir().to_owned()),
            ..Catalogue::default()
        };
        for (seen, remembered) in contents.files.into_iter().zip(remembered).rev() {
            let earlier = before.get(seen.path.as_os_str());
            if remembered.known == Known::Newer {
                catalogue.held.insert(seen.path.clone(), Hold::NewerFormat);
            }
            if remembered.known.is_of_before(now) {
                catalogue.held.insert(seen.path.clone(), Hold::BeforeRestore);
            }
            if seen.pinned {
                catalogue.held.insert(seen.path.clone(), Hold::Pinned);
            }
            let name = || seen.path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
            let pair = self.pair.as_ref().filter(|_| !StampPattern::is_replaced(&name())).map(|pair| {
                pair.paths_of(seen.stamp).find(|path| path.exists()).unwrap_or_else(|| pair.path_of(seen.stamp))
            });
            let taken = taken_at(&self.files, &seen, &remembered.known);
            catalogue.files.push(Backup {
                taken_at: taken,
                size_bytes: Some(seen.size),
                sha256: remembered.known.sha256(),
                took_s: remembered.known.took_s(),
                verified_at: None,
                state: state(&seen, earlier, &remembered.known, pair.as_deref(), taken, now),
                path: seen.path.clone(),
            });
            memory.insert(seen.path.into(), remembered);
        }
        catalogue.files.sort_by_key(|file| std::cmp::Reverse(file.taken_at));
        // One whose size is known may still be one that nobody here can read.
        if let Some(newest) = catalogue.files.iter_mut().find(|file| file.is_complete() && file.taken_at <= now)
            && let Err(error) = readable(&newest.path)
        {
            newest.state = BackupState::Damaged(error);
        }
        let created = self.source.as_ref().and_then(|path| std::fs::metadata(path).ok()?.created().ok());
        catalogue.source_since = created.map(Timestamp::from);
        Ok((catalogue, memory))
    }

    fn unreadable(&self, error: &std::io::Error) -> ProbeError {
        let place = sanitize::line(&self.files.dir().display().to_string());
        if error.kind() == std::io::ErrorKind::PermissionDenied {
            ProbeError::Denied(format!("{place}: no permission to list it; give this user the right to read there"))
        } else {
            ProbeError::Unreachable(format!("{place}: {error}"))
        }
    }
}

impl Remembered {
    fn of(seen: &Seen, earlier: Option<&Remembered>) -> Self {
        let data = (seen.size, seen.modified);
        let stamp = |meta: Metadata| (meta.len(), meta.modified().ok());
        if let Some(earlier) = earlier {
            let manifest = std::fs::metadata(manifest::path_for(&seen.path)).ok().map(stamp);
            if earlier.manifest == manifest {
                return Self { data, manifest, known: earlier.known.clone() };
            }
        }
        let (meta, read) = Brief::of(&seen.path);
        Self { data, manifest: meta.map(stamp), known: Known::of(read) }
    }
}

impl Known {
    fn of(read: Result<Brief, ManifestError>) -> Self {
        match read {
            Ok(manifest) => Known::Manifest {
                bytes: manifest.data().map(|data| data.bytes),
                sha256: manifest.data().map(|data| sanitize::line(&data.sha256)),
                took_s: manifest.took_s,
                started: manifest.started,
                before_restore: manifest.why.starts_with(BEFORE),
            },
            Err(ManifestError::Absent) => Known::Nothing,
            Err(ManifestError::Newer(_)) => Known::Newer,
            Err(error) => Known::Bad(error.to_string()),
        }
    }

    /// Whether it is what a restore replaced a short while ago.
    fn is_of_before(&self, now: Timestamp) -> bool {
        matches!(self, Known::Manifest { before_restore: true, started, .. } if now - *started < HOLD_BEFORE)
    }

    fn sha256(&self) -> Option<String> {
        if let Known::Manifest { sha256, .. } = self { sha256.clone() } else { None }
    }

    fn took_s(&self) -> Option<f64> {
        if let Known::Manifest { took_s, .. } = self { Some(*took_s) } else { None }
    }
}

/// When it was taken: what its name says, and where that is only a day or an hour, what the
/// manifest or the file's own time says within it.
pub(super) fn taken_at(pattern: &StampPattern, seen: &Seen, known: &Known) -> Timestamp {
    let named = pattern.zone.instants(seen.stamp).earliest();
    let closer = match known {
        Known::Manifest { started, .. } => Some(*started),
        _ => seen.modified.map(Timestamp::from),
    };
    closer.filter(|at| (named..named + pattern.precision()).contains(at)).unwrap_or(named)
}

/// Whether a file may be counted, as far as a look can tell.
fn state(
    seen: &Seen,
    earlier: Option<&Remembered>,
    known: &Known,
    pair: Option<&Path>,
    taken: Timestamp,
    now: Timestamp,
) -> BackupState {
    let bytes = |bytes: u64| humanize::bytes(bytes as f64);
    let damage = match known {
        _ if seen.is_link => Some(linked(&seen.path)),
        Known::Bad(why) => Some(why.clone()),
        Known::Manifest { bytes: Some(expected), .. } if *expected != seen.size => {
            Some(format!("{} where the manifest says {}", bytes(seen.size), bytes(*expected)))
        }
        Known::Nothing => {
            let changed = earlier.is_some_and(|earlier| earlier.data != (seen.size, seen.modified));
            let since_change = seen.modified.map(|modified| now - Timestamp::from(modified));
            // A file that is named for long ago was not begun just now: something touched it.
            let young = now - taken < MAY_TAKE;
            if changed || (young && since_change.is_some_and(|age| age.abs() < SETTLED)) {
                return BackupState::Growing;
            }
            unfinished::why(seen)
        }
        Known::Newer | Known::Manifest { .. } => None,
    };
    match damage.or_else(|| pair.and_then(missing)) {
        Some(why) => BackupState::Damaged(why),
        None => BackupState::Complete,
    }
}

/// What a link leads to may lie elsewhere, be kept twice, or go when nobody thinks of it.
fn linked(path: &Path) -> String {
    let to = std::fs::read_link(path).map(|to| sanitize::line(&to.display().to_string())).unwrap_or_default();
    format!("it is a link to {to}, and counts as nothing; let `files` name where the backups lie")
}

/// Whether it can be read at all. None of it is.
pub(super) fn readable(path: &Path) -> Result<(), String> {
    let opened = if path.is_dir() { std::fs::read_dir(path).map(drop) } else { std::fs::File::open(path).map(drop) };
    opened.map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => "no permission to read it; give this user the right".to_owned(),
        _ => format!("it cannot be read: {error}"),
    })
}

/// Why the second file does not do.
fn missing(pair: &Path) -> Option<String> {
    let name = pair.file_name().map_or_else(String::new, |name| sanitize::bytes(name.as_encoded_bytes()));
    match std::fs::metadata(pair) {
        Ok(meta) if meta.len() > 0 => None,
        Ok(_) => Some(format!("its pair {name} is empty")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(format!("its pair {name} is missing")),
        Err(error) => Some(format!("its pair {name} cannot be read: {error}")),
    }
}

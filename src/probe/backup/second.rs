//! The second place of a backup: what lies there, in a look of its own, so that a drive that hangs
//! says nothing about the backups themselves.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::archive::manifest::Manifest;
use crate::archive::shelf;
use crate::domain::backup::{Copies, StampPattern};
use crate::domain::humanize;
use crate::domain::inventory::SecondPlace;
use crate::domain::sanitize;
use crate::domain::time::Timestamp;
use crate::domain::vitals::ProofKind;
use crate::ledger::{Ledger, LedgerError};
use crate::platform::file;
use crate::probe::blocking::Blocking;

/// How long a look may take; less than the whole probe may.
const LOOK: Duration = Duration::from_secs(4);

#[derive(Debug)]
pub(super) struct Second {
    /// The names of the first place in the second.
    files: StampPattern,
    first: PathBuf,
    far: Option<Far>,
    blocking: Blocking,
}

/// A place that only a command knows: what was taken there is all that can be told of it.
#[derive(Debug)]
struct Far {
    target: String,
    program: String,
    unread: bool,
}

/// What a look finds.
struct Found {
    newest: Option<Timestamp>,
    same_disk: bool,
}

impl Second {
    pub(super) fn new(target: &str, files: &StampPattern, place: &SecondPlace) -> Self {
        let (first, blocking) = (files.dir().to_owned(), Blocking::new());
        match place {
            SecondPlace::Directory(to) => Self { files: files.moved_to(to), first, far: None, blocking },
            SecondPlace::Command { command, hash } => {
                let program = sanitize::line(command.argv.first().map_or("", String::as_str));
                let far = Far { target: format!("{target}/"), program, unread: hash.is_none() };
                Self { files: files.clone(), first, far: Some(far), blocking }
            }
        }
    }

    /// What lies there; where nobody can look, what was carried there last.
    pub(super) async fn look(&mut self, ledger: &Arc<dyn Ledger>) -> Copies {
        if let Some(far) = &self.far {
            let carried = self.remembered(ledger, &far.target).await;
            let away = carried.as_ref().err().map(ToString::to_string);
            let place = format!("by `{}`", far.program);
            return Copies { place, newest: carried.ok().flatten(), away, same_disk: false, unread: far.unread };
        }
        let dir = sanitize::line(&self.files.dir().display().to_string());
        let place = format!("in {dir}");
        let (files, first) = (self.files.clone(), self.first.clone());
        let looked = tokio::time::timeout(LOOK, self.blocking.run(move || look(&files, &first))).await;
        let away = match looked {
            Ok(Ok(Ok(Found { newest, same_disk }))) => {
                return Copies { place, newest, away: None, same_disk, unread: false };
            }
            Ok(Ok(Err(why))) => why,
            Ok(Err(error)) => format!("{dir}: {error}"),
            Err(_) => format!("{dir}: no answer within {}", humanize::duration(LOOK)),
        };
        let prefix = self.files.dir().display().to_string();
        let newest = self.remembered(ledger, &prefix).await.ok().flatten();
        Copies { place, newest, away: Some(away), same_disk: false, unread: false }
    }

    /// Of when the newest is that was carried there.
    async fn remembered(&self, ledger: &Arc<dyn Ledger>, prefix: &str) -> Result<Option<Timestamp>, LedgerError> {
        let carried = ledger.proofs(ProofKind::Copy, prefix).await?;
        let good = carried.iter().filter(|one| one.ok);
        Ok(good.filter_map(|one| self.files.taken_at(name(Path::new(&one.subject))?)).max())
    }
}

fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

fn look(files: &StampPattern, first: &Path) -> Result<Found, String> {
    let dir = files.dir();
    let shown = sanitize::line(&dir.display().to_string());
    let meta = match std::fs::metadata(dir) {
        Ok(meta) if meta.is_dir() => meta,
        Ok(_) => return Err(format!("{shown} is not a directory")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(format!("{shown} is not there, its disk may not be mounted"));
        }
        Err(error) => return Err(format!("{shown}: {error}")),
    };
    let contents = shelf::look(files).map_err(|error| format!("{shown}: {error}"))?;
    let whole = contents.files.iter().rev().find(|seen| is_whole(&seen.path, seen.size));
    let newest = whole.and_then(|seen| files.taken_at(name(&seen.path)?));
    let other = std::fs::metadata(first).ok().and_then(|meta| file::disk(&meta));
    let same_disk = other.is_some() && other == file::disk(&meta);
    Ok(Found { newest, same_disk })
}

/// One without a manifest may be one of another tool; one with another size is none.
fn is_whole(path: &Path, size: u64) -> bool {
    match Manifest::of(path) {
        Ok(manifest) => manifest.data().is_some_and(|data| data.bytes == size),
        Err(crate::archive::manifest::ManifestError::Absent) => size > 0,
        Err(_) => false,
    }
}

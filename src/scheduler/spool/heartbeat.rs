//! What became of the last heartbeat of each task: one small file for each that nobody heard, gone
//! with the next that somebody did.

use std::io;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::domain::sanitize;
use crate::domain::time::Timestamp;
use crate::platform::file::{private, private_directory};

/// A heartbeat that nobody heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unheard {
    pub task: String,
    /// Which run it was of.
    pub run: String,
    /// When that ended.
    pub at: Timestamp,
    pub why: String,
}

/// More is none of ours.
const MOST_BYTES: u64 = 64 * 1024;

/// Keeps that the last heartbeat of a task was not heard; without a word, that it was.
pub fn keep_unheard(directory: &Path, task: &str, unheard: Option<&Unheard>) -> io::Result<()> {
    let path = path(directory, task);
    let Some(unheard) = unheard else {
        return match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    };
    private_directory().recursive(true).create(directory)?;
    let mut file = private().write(true).create(true).truncate(true).open(path)?;
    file.write_all(&serde_json::to_vec(unheard)?)
}

/// The last heartbeat of every task of which nobody heard it.
pub fn unheard(directory: &Path) -> Vec<Unheard> {
    let Ok(files) = std::fs::read_dir(directory) else { return Vec::new() };
    let paths = files.filter_map(|file| Some(file.ok()?.path()));
    paths.filter(|path| path.extension().is_some_and(|end| end == "heartbeat")).filter_map(|path| one(&path)).collect()
}

fn one(found: &Path) -> Option<Unheard> {
    let metadata = found.symlink_metadata().ok().filter(std::fs::Metadata::is_file)?;
    let bytes = std::fs::read(found).ok().filter(|_| metadata.len() <= MOST_BYTES)?;
    // One that is just being written is read the next time.
    let one: Unheard = serde_json::from_slice(&bytes).ok()?;
    (found == path(found.parent()?, &one.task)).then(|| Unheard { why: sanitize::line(&one.why), ..one })
}

fn path(directory: &Path, task: &str) -> PathBuf {
    // A task may be called like no file may be.
    let digest = Sha256::digest(task.as_bytes());
    let half = digest[..16].try_into().map_or(0, u128::from_be_bytes);
    directory.join(format!("{half:032x}.heartbeat"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_until_one_is_heard_and_of_its_own_task_alone() {
        let folder = tempfile::tempdir().expect("folder");
        let spool = folder.path().join("spool");
        let told = || unheard(&spool).into_iter().map(|one| format!("{}: {}", one.task, one.why)).collect::<Vec<_>>();
        keep_unheard(&spool, "../t", None).expect("nothing to forget");
        let at = "2026-03-02T02:00:00Z".parse().expect("time");
        let one = Unheard { task: "../t".into(), run: "7".into(), at, why: "no answer\u{1b}[2J".into() };
        keep_unheard(&spool, "../t", Some(&one)).expect("kept");
        std::fs::write(spool.join("odd.heartbeat"), serde_json::to_vec(&one).expect("JSON"))
            .expect("one of another name");
        assert_eq!(told(), ["../t: no answer"]);
        keep_unheard(&spool, "t", None).expect("another task");
        assert_eq!(told(), ["../t: no answer"]);
        keep_unheard(&spool, "../t", None).expect("forgotten");
        assert_eq!(told(), [] as [String; 0]);
    }
}

//! Backups as facts: what lies where, how old, how large, proven when; and whether that is
//! good enough at `now`.

mod compression;
mod keep;
mod policy;
mod pruning;
mod recovery;
mod stamp;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::domain::humanize;
use crate::domain::time::Timestamp;
use crate::domain::vitals::Proof;

pub use compression::Compression;
pub use keep::{Bucket, Decision, Hold, KeepPolicy, Moment, Pick, Reason, Retention, Rule, Slots};
pub use policy::BackupPolicy;
pub use pruning::{Doomed, Pruning, ShelfState};
pub use recovery::{Copies, Drill, RecoveryPolicy};
pub use stamp::{StampError, StampPattern};

/// What the note of a prune that runs, or was killed, is called: this and an id.
pub const PRUNE_NOTE: &str = ".prune-";

/// One backup file.
#[derive(Clone, Debug, PartialEq)]
pub struct Backup {
    pub path: PathBuf,
    pub taken_at: Timestamp,
    /// `None` where it is not known, which is not nothing.
    pub size_bytes: Option<u64>,
    /// From the manifest beside it.
    pub sha256: Option<String>,
    pub took_s: Option<f64>,
    pub verified_at: Option<Timestamp>,
    pub state: BackupState,
}

/// Whether a file may be counted as a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupState {
    /// Complete, as far as a look can tell.
    Complete,
    /// Still being written; not the newest backup, whatever its name says.
    Growing,
    /// Not a backup: empty, size or hash other than the manifest's, its pair missing. Why.
    Damaged(String),
}

/// All files of one backup target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalogue {
    /// Newest first.
    pub files: Vec<Backup>,
    /// Leftovers of copies that were interrupted.
    pub debris: Vec<PathBuf>,
    /// Names like a backup's, of times that no calendar has.
    pub misnamed: Vec<String>,
    /// The directory they should lie in, where it is not there.
    pub shelf_missing: Option<PathBuf>,
    /// When the copied database came to be, where that is known: before the first slot after
    /// it, having no backup yet is no omission.
    pub source_since: Option<Timestamp>,
    /// Why it cannot be told which files were verified; `None` when it can.
    pub proofs_unknown: Option<String>,
    /// Files that stay whatever a policy says.
    pub held: BTreeMap<PathBuf, Hold>,
    /// When files were deleted here last.
    pub last_prune: Option<Timestamp>,
    /// What lies in the second place; `None` when there is to be none.
    pub copies: Option<Copies>,
    /// The last drill.
    pub drill: Option<Drill>,
    /// When each file was last restored in a drill that went well.
    pub drilled: BTreeMap<PathBuf, Timestamp>,
    /// The manifest of another tool that tells of a file, also of one that is not there.
    pub told_by: BTreeMap<PathBuf, PathBuf>,
    /// What each is of, where another tool tells: the host and its paths.
    pub about: BTreeMap<PathBuf, String>,
}

impl Backup {
    pub fn is_complete(&self) -> bool {
        self.state == BackupState::Complete
    }

    /// How large it is, for sentences.
    pub fn size(&self) -> String {
        self.size_bytes.map_or_else(|| "?".to_owned(), |bytes| humanize::bytes(bytes as f64))
    }

    /// The file's own name, for sentences.
    pub fn name(&self) -> String {
        self.path.file_name().map_or_else(String::new, |name| crate::domain::sanitize::bytes(name.as_encoded_bytes()))
    }

    /// Takes what the latest verification found. A failed one damages the file, whatever a
    /// look says; one of an older file of the same name says nothing about this one.
    pub fn take_proof(&mut self, proof: &Proof) {
        if proof.at < self.taken_at {
            return;
        }
        if proof.ok {
            self.verified_at = Some(proof.at);
        } else if self.is_complete() {
            self.state = BackupState::Damaged(format!("verification failed: {}", proof.detail));
        }
    }
}

impl Catalogue {
    /// Whether a prune was killed before it had removed everything that belongs to what it deleted.
    pub fn is_half_pruned(&self) -> bool {
        let is_note =
            |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PRUNE_NOTE));
        self.debris.iter().any(is_note)
    }

    /// The newest file that counts as a backup. One from the future does not: its clock was
    /// wrong, and believing it would hide every backup that is missing since.
    pub fn newest(&self, now: Timestamp) -> Option<&Backup> {
        self.usable(now).next()
    }

    /// How much larger or smaller the newest backup is than the median of those before, in
    /// percent; `None` while there are too few to say.
    pub fn size_change(&self, now: Timestamp) -> Option<f64> {
        policy::size_change(self, now).map(|(percent, _)| percent)
    }

    /// The files that count as backups, newest first.
    pub fn usable(&self, now: Timestamp) -> impl Iterator<Item = &Backup> {
        self.files.iter().filter(move |file| file.is_complete() && file.taken_at <= now + policy::CLOCK_TOLERANCE)
    }
}

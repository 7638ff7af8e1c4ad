//! Backups as facts: what lies where, how old, how large, proven when; and whether that is
//! good enough at `now`.

use std::path::PathBuf;

use crate::domain::time::{Timestamp, Zone};

/// A path whose file name carries the time the backup was taken, as in
/// `/srv/rota/db_backup_%Y%m%d_%H%M%S.sqlite3`; local to `zone`.
#[derive(Clone, Debug)]
pub struct StampPattern {
    pub text: String,
    pub zone: Zone,
}

/// One backup file.
#[derive(Clone, Debug, PartialEq)]
pub struct Backup {
    pub path: PathBuf,
    pub taken_at: Timestamp,
    pub size_bytes: u64,
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
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// Newest first.
    pub files: Vec<Backup>,
    /// Leftovers of copies that were interrupted.
    pub debris: Vec<PathBuf>,
}

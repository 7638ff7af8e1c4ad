//! The vital signs of a database, the same words for every engine. What an engine does not
//! have is `None`, never a zero.

use crate::domain::time::Timestamp;

/// The vital signs of a database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vitals {
    pub engine: &'static str,
    pub version: String,
    pub location: String,
    /// All files of it together, write-ahead log included.
    pub size_bytes: Option<u64>,
    pub wal_bytes: Option<u64>,
    pub journal_mode: Option<String>,
    pub page_size: Option<u64>,
    pub pages: Option<u64>,
    pub free_pages: Option<u64>,
    pub tables: Option<u64>,
    /// How long our own questions took.
    pub latency_s: f64,
    pub integrity: Option<Proof>,
}

/// Something that was proven, or disproved, at a moment: a structure check, a verified file.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    /// What it is about: a target (`database:rota`) or a backup file's path.
    pub subject: String,
    pub kind: ProofKind,
    pub at: Timestamp,
    pub ok: bool,
    /// What was found.
    pub detail: String,
    pub took_s: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProofKind {
    /// The database's own structure check.
    Integrity,
    /// A backup's hash, structure and rows.
    Verify,
}

impl ProofKind {
    pub const fn word(self) -> &'static str {
        match self {
            ProofKind::Integrity => "integrity",
            ProofKind::Verify => "verify",
        }
    }
}

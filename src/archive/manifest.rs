//! The manifest beside a backup: what was copied, when, from where, and the hash that proves
//! it is still the same. Published before the data, so that no backup is without one.

use std::ffi::OsString;
use std::fs::Metadata;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::pack::Seal;
use crate::domain::backup::Compression;
use crate::domain::sanitize;
use crate::domain::time::Timestamp;

pub use super::counts::Counts;

/// The format this program writes, and the newest it understands.
pub const FORMAT: u32 = 1;
/// The longest manifest that is read: some hundred thousand tables.
const MAX_BYTES: u64 = 32 << 20;
/// What a manifest is called after its backup's name.
pub const SUFFIX: &str = ".manifest.json";

/// What is known of a finished backup. Fields of other writers are ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// Sorts by time, and is never given twice.
    pub id: String,
    /// `rounds` and its version.
    pub tool: String,
    /// The backup's id in the configuration.
    pub target: String,
    pub engine: String,
    pub engine_version: String,
    pub host: String,
    #[serde(serialize_with = "crate::domain::time::serialize")]
    pub started: Timestamp,
    #[serde(serialize_with = "crate::domain::time::serialize")]
    pub finished: Timestamp,
    /// By a clock that is never set, unlike the two above.
    pub took_s: f64,
    /// An earlier backup claims to be newer than this one: the clock went back.
    pub clock_suspect: bool,
    pub by: String,
    pub why: String,
    pub source: Source,
    pub counts: Counts,
    pub files: Vec<File>,
    pub checks: Vec<Check>,
    #[serde(default)]
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// The file, or the server and its database.
    pub path: String,
    /// With its log, in bytes.
    pub size: u64,
    /// Of a SQLite database. The copy itself has none of its own; a restore sets this one again.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub journal_mode: String,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub page_size: u64,
    #[serde(default)]
    pub user_version: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks like this")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
    #[serde(default, skip_serializing_if = "is_plain")]
    pub packing: Compression,
    /// What is packed in it; not said of what is not packed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plain: Option<Plain>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Plain {
    bytes: u64,
    sha256: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks like this")]
fn is_plain(packing: &Compression) -> bool {
    *packing == Compression::None
}

impl Source {
    /// A database on a server; what only a file has is not said.
    pub(super) fn server(address: &impl std::fmt::Display, size: u64) -> Self {
        let path = sanitize::line(&address.to_string());
        Self { path, size, journal_mode: String::new(), page_size: 0, user_version: 0 }
    }
}

impl File {
    pub(super) fn new(name: String, seal: &Seal, packing: Compression) -> Self {
        let plain = || Plain { bytes: seal.plain_bytes, sha256: seal.plain_sha256.clone() };
        let plain = (packing != Compression::None).then(plain);
        Self { name, bytes: seal.bytes, sha256: seal.sha256.clone(), packing, plain }
    }

    /// How large it is unpacked.
    pub fn plain_bytes(&self) -> u64 {
        self.plain.as_ref().map_or(self.bytes, |plain| plain.bytes)
    }

    /// The hash of what is in it.
    pub fn plain_sha256(&self) -> &str {
        self.plain.as_ref().map_or(&self.sha256, |plain| &plain.sha256)
    }
}

/// What was checked before the backup was published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    pub name: String,
    pub ok: bool,
}

/// Why a manifest says nothing.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("no manifest")]
    Absent,
    /// Of a later version of this program: the backup counts, and is left alone.
    #[error("its manifest has format {0}, and this program knows {FORMAT}")]
    Newer(u32),
    #[error("its manifest is damaged: {0}")]
    Damaged(String),
    #[error("its manifest cannot be read: {0}")]
    Unreadable(io::Error),
}

/// Where the manifest of a backup lies.
pub fn path_for(backup: &Path) -> PathBuf {
    let mut path = OsString::with_capacity(backup.as_os_str().len() + SUFFIX.len());
    path.push(backup);
    path.push(SUFFIX);
    path.into()
}

/// The key of the last line, which seals everything before it.
const SEAL: &str = "\"manifest_sha256\": ";

/// What stands after that key: the hash of everything before it, and the end of the document.
fn seal_of(sealed: &str) -> String {
    ["\"", &*super::hex(&Sha256::digest(sealed.as_bytes())), "\"\n}\n"].concat()
}

impl Manifest {
    /// The document, sealed: its last line carries the hash of all bytes before that line's key.
    pub fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.truncate(text.trim_end_matches(['}', '\n']).len());
        text.push_str(",\n  ");
        Ok(format!("{text}{SEAL}{}", seal_of(&text)).into_bytes())
    }

    /// Reads the manifest of a backup.
    pub fn of(backup: &Path) -> Result<Self, ManifestError> {
        read(backup).1
    }

    #[cfg(test)]
    fn from_bytes(bytes: &[u8]) -> Result<Self, ManifestError> {
        unsealed(bytes)
    }

    /// The entry of the backup's data.
    pub fn data(&self) -> Option<&File> {
        self.files.first()
    }

    /// Everything else that belongs to this backup, where it should lie: the files beside its
    /// data, and then the manifest itself. A name that would lead elsewhere is none of it.
    pub fn beside(&self, backup: &Path) -> Vec<PathBuf> {
        let own = backup.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let belongs = |name: &&File| name.name.starts_with(&own) && !name.name.contains(['/', '\\']);
        let files = self.files.iter().skip(1).filter(belongs).map(|file| backup.with_file_name(&file.name));
        files.chain([path_for(backup)]).collect()
    }
}

/// The little of a manifest that a look at a shelf needs. What was counted is passed over.
#[derive(Clone, Debug, Deserialize)]
pub struct Brief {
    format: u32,
    pub started: Timestamp,
    pub took_s: f64,
    #[serde(default)]
    pub why: String,
    files: Vec<File>,
}

impl Brief {
    /// What the manifest of a backup says, and what the system says of that file.
    pub fn of(backup: &Path) -> (Option<Metadata>, Result<Self, ManifestError>) {
        read(backup)
    }

    /// The entry of the backup's data.
    pub fn data(&self) -> Option<&File> {
        self.files.first()
    }
}

/// What is read of a document, all of it or the little that is wanted.
trait Document: DeserializeOwned {
    fn format(&self) -> u32;
}

impl Document for Manifest {
    fn format(&self) -> u32 {
        self.format
    }
}

impl Document for Brief {
    fn format(&self) -> u32 {
        self.format
    }
}

/// Reads what is wanted of the manifest of a backup, once all of it is what its hash seals.
fn read<T: Document>(backup: &Path) -> (Option<Metadata>, Result<T, ManifestError>) {
    let file = match std::fs::File::open(path_for(backup)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (None, Err(ManifestError::Absent)),
        Err(error) => return (None, Err(ManifestError::Unreadable(error))),
    };
    let meta = file.metadata().ok();
    let bytes = meta.as_ref().map_or(0, Metadata::len).min(MAX_BYTES);
    // In one piece: there may be tens of thousands. One that is longer by now does not fit its seal.
    let mut text = vec![0; usize::try_from(bytes).unwrap_or(0)];
    match (&file).read_exact(&mut text) {
        Ok(()) => (meta, unsealed(&text)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            (meta, Err(ManifestError::Damaged("it got shorter while it was read".to_owned())))
        }
        Err(error) => (meta, Err(ManifestError::Unreadable(error))),
    }
}

fn unsealed<T: Document>(bytes: &[u8]) -> Result<T, ManifestError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let damaged = |error: serde_json::Error| ManifestError::Damaged(sanitize::line(&error.to_string()));
    let text = std::str::from_utf8(bytes).map_err(|error| ManifestError::Damaged(error.to_string()))?;
    let broken = || ManifestError::Damaged("it is not what its own hash seals".to_owned());
    // Every format is sealed alike, or one flipped bit would make a newer one of this.
    let (sealed, seal) = text.rsplit_once(SEAL).ok_or_else(broken)?;
    if seal != seal_of(sealed) {
        return Err(broken());
    }
    match serde_json::from_str::<T>(text) {
        Ok(document) if document.format() <= FORMAT => Ok(document),
        // Of a newer one nothing else may be as it is in this.
        other => match serde_json::from_str(text).map_err(damaged)? {
            Format { format } if format > FORMAT => Err(ManifestError::Newer(format)),
            Format { .. } => other.map_err(damaged),
        },
    }
}

#[cfg(test)]
pub(super) mod tests;

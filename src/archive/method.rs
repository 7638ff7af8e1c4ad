//! Methods and forms: how the databases of an engine are backed up, and what a backup file can
//! be. Each is one file and one line here.

use std::io::Read as _;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::content::Content;
use super::drill::Drill;
use super::make::Request;
use super::manifest::{Counts, Source};
use super::pack::Seal;
use super::partial::Partial;
use super::tree::Piece;
use super::verify::Verdict;
use super::{ArchiveError, json, mysql, postgresql, sql, sqlite};
use crate::config::{Address, SecretRef};
use crate::domain::backup::Compression;

/// How the databases of one engine are backed up.
#[derive(Debug)]
pub struct Method {
    /// The engine's name, as manifests say it.
    pub engine: &'static str,
    /// What it makes.
    pub form: &'static Form,
    /// Writes a backup into a partial and proves it. Blocks; runs on a thread of its own, within
    /// the runtime.
    pub(super) write: fn(&mut Making<'_>) -> Result<Written, ArchiveError>,
    /// Counts the rows of the tables that are named, as they are now. Blocks likewise.
    pub(super) count: Count,
    /// Restores a file of its form into a scratch of its own and asks it; what was found. Blocks
    /// likewise.
    pub(super) drill: Drill,
}

type Count = fn(&Address, Option<&SecretRef>, &[String], &CancellationToken) -> Result<Counts, ArchiveError>;

/// What a backup file can be, once it is unpacked.
#[derive(Debug)]
pub struct Form {
    pub name: &'static str,
    /// The endings of its names.
    pub endings: &'static [&'static str],
    /// How every file of it begins.
    pub magic: &'static [u8],
    /// Looks whether it is whole, and what is in it. Blocks.
    pub(super) examine: fn(&Content<'_>, &Wanted<'_>) -> Result<Found, Verdict>,
}

/// The table of contents in a directory that `pg_dump` wrote.
const CONTENTS: &str = "toc.dat";

pub const METHODS: &[Method] = &[sqlite::METHOD, postgresql::METHOD, mysql::METHOD];

pub const FORMS: &[&Form] = &[&sqlite::FORM, &postgresql::FORM, &sql::FORM, &json::FORM];

/// A backup in the making, as a method sees it.
pub(super) struct Making<'a> {
    pub(super) request: &'a Request,
    pub(super) partial: &'a Partial,
    /// Is told bytes: done, and of how many; of 0 when nobody knows.
    pub(super) progress: &'a mut (dyn FnMut(u64, u64) + Send),
    pub(super) cancel: &'a CancellationToken,
}

/// What a method has written: the data of the partial, and files that belong to it.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) engine_version: String,
    pub(super) source: Source,
    pub(super) data: Seal,
    pub(super) packing: Compression,
    /// The files in it, where the data is a directory.
    pub(super) inside: Vec<Piece>,
    pub(super) beside: Vec<Beside>,
    pub(super) counts: Counts,
    /// What was checked, by the names manifests give it.
    pub(super) checks: &'static [&'static str],
    /// What was found of it, for the sentence: `3 tables and 600 rows as in the source`.
    pub(super) found: String,
    pub(super) warnings: Vec<String>,
}

/// A file of the partial that goes with the data, and is called like it with `suffix`.
#[derive(Debug)]
pub(super) struct Beside {
    pub(super) name: &'static str,
    pub(super) suffix: &'static str,
    pub(super) seal: Seal,
}

/// What was found in a file that is whole.
#[derive(Debug)]
pub(super) struct Found {
    /// In words.
    pub(super) sentence: String,
    /// Where its form tells.
    pub(super) counts: Option<Counts>,
}

/// What is expected of a file that is examined.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// What its manifest counts.
    pub(super) counts: Option<&'a Counts>,
    /// The tables whose rows are counted; all when empty.
    pub(super) rows: &'a [String],
}

impl Method {
    pub fn of(engine: &str) -> Option<&'static Method> {
        METHODS.iter().find(|method| method.engine == engine)
    }
}

impl Form {
    /// What a file is: by what it is called, else by how it begins; `None` for what is not known.
    pub(super) fn of(content: &Content<'_>) -> Result<Option<&'static Form>, Verdict> {
        let by_name = Self::of_name(content.file());
        // Of directories only `pg_dump`'s are known, by what none of them lacks.
        if content.is_directory() && !content.file().join(CONTENTS).exists() {
            return Ok(None);
        }
        if by_name.is_some() {
            return Ok(by_name);
        }
        let head = content.head()?;
        Ok(FORMS.iter().find(|form| !form.magic.is_empty() && head.starts_with(form.magic)).copied())
    }

    pub fn of_name(path: &Path) -> Option<&'static Form> {
        let name = path.file_name()?.to_str()?.to_lowercase();
        let (_, ending) = Compression::split(&name).0.rsplit_once('.')?;
        FORMS.iter().find(|form| form.endings.contains(&ending)).copied()
    }
}

/// The first bytes of a reader.
pub(super) fn head_of(reader: impl std::io::Read) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    reader.take(64).read_to_end(&mut head)?;
    Ok(head)
}

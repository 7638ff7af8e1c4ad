//! The files of a backup in a document: written as they are, because there may be tens of thousands.

use std::path::Path;

use serde::Serialize;

use crate::domain::backup::{Backup, BackupState, Catalogue, Decision, Retention};
use crate::domain::time::rfc3339;

/// A file, as it is found.
#[derive(Serialize)]
pub(super) struct File<'a> {
    path: &'a Path,
    taken_at: String,
    size_bytes: Option<u64>,
    sha256: Option<&'a str>,
    verified_at: Option<String>,
    state: String,
}

/// The same with what becomes of it.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    #[serde(flatten)]
    file: File<'a>,
    drilled_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<&'a str>,
    keep: bool,
    reasons: Vec<&'static str>,
}

impl<'a> File<'a> {
    pub(super) fn of(file: &'a Backup) -> Self {
        Self {
            path: &file.path,
            taken_at: rfc3339(file.taken_at),
            size_bytes: file.size_bytes,
            sha256: file.sha256.as_deref(),
            verified_at: file.verified_at.map(rfc3339),
            state: state(file),
        }
    }
}

/// Every file with what becomes of it; without a policy all are kept, for no rule's sake.
pub(super) fn all<'a>(catalogue: &'a Catalogue, retention: Option<&Retention>) -> Vec<Row<'a>> {
    let decision = |index: usize| retention.and_then(|retention| retention.files.get(index));
    let row = |(index, file): (usize, &'a Backup)| Row {
        file: File::of(file),
        drilled_at: catalogue.drilled.get(&file.path).copied().map(rfc3339),
        about: catalogue.about.get(&file.path).map(String::as_str),
        keep: decision(index).is_none_or(Decision::is_kept),
        reasons: decision(index).map_or_else(Vec::new, |one| one.reasons.iter().map(|reason| reason.word()).collect()),
    };
    catalogue.files.iter().enumerate().map(row).collect()
}

/// Whether it may be counted, in words.
pub(super) fn state(file: &Backup) -> String {
    match &file.state {
        BackupState::Complete => "complete".to_owned(),
        BackupState::Growing => "being written".to_owned(),
        BackupState::Damaged(why) => format!("damaged: {why}"),
    }
}

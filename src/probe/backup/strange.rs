//! What is wrong with a shelf as a whole: nothing left of what was proven, halves without their
//! other, names of no day there is, a directory that is not there.

use std::path::Path;

use super::BackupProbe;
use super::look::Known;
use crate::archive::manifest;
use crate::domain::backup::{Backup, Catalogue};
use crate::domain::finding::Finding;
use crate::domain::humanize;
use crate::domain::sanitize;
use crate::domain::status::Status;

impl BackupProbe {
    pub(super) fn strange(&self, catalogue: &Catalogue) -> Vec<Finding> {
        let place = sanitize::line(&self.shelf.files.dir().display().to_string());
        let gone = self.vanished(catalogue, &place);
        // That all are gone says where, too.
        let absent = (catalogue.shelf_missing.is_some() && gone.is_none() && !self.makes).then(|| {
            let text = format!("{place} is not there");
            Finding::new(Status::Warning, "shelf", text)
                .advice("mount its disk if it has one of its own, or mend `files`")
        });
        let orphans = self.orphans(catalogue);
        gone.into_iter().chain(absent).chain(misnamed(catalogue)).chain(orphans).collect()
    }

    /// Backups that were proven and are all gone: a disk that is not mounted, or worse.
    fn vanished(&self, catalogue: &Catalogue, place: &str) -> Option<Finding> {
        if !catalogue.files.is_empty() || self.proofs.is_empty() {
            return None;
        }
        let proven = humanize::count(self.proofs.len(), "verified backup");
        let finding = Finding::new(Status::Critical, "gone", format!("{proven} gone: nothing is left in {place}"));
        Some(finding.advice("mount its disk if it has one of its own, and look who emptied it"))
    }

    /// Manifests without their backup, and backups without a manifest where all others have one.
    fn orphans(&self, catalogue: &Catalogue) -> Vec<Finding> {
        let name =
            |path: &Path| path.file_name().map(|name| sanitize::line(&name.to_string_lossy())).unwrap_or_default();
        let lonely = catalogue.debris.iter().filter(|path| name(path).ends_with(manifest::SUFFIX));
        let lonely = lonely.map(|path| {
            let text = format!("{} is there without its backup, which was removed or never came", name(path));
            Finding::new(Status::Warning, "orphan", text).advice("look who removed it; the next backup clears this up")
        });
        let known = |file: &&Backup| self.memory.get(file.path.as_os_str()).map(|one| &one.known);
        let ours = catalogue.files.iter().any(|file| matches!(known(&file), Some(Known::Manifest { .. })));
        let unknown: Vec<&Backup> = catalogue
            .files
            .iter()
            .filter(|file| ours && file.is_complete() && known(file) == Some(&Known::Nothing))
            .collect();
        let unknown = unknown.first().map(|newest| {
            let text = format!(
                "{} without a manifest, the newest is {}",
                humanize::count(unknown.len(), "file"),
                newest.name()
            );
            let advice = "nobody knows whether it is what was copied; verify it, and keep copies of others elsewhere";
            Finding::new(Status::Warning, "orphan", text).advice(advice)
        });
        lonely.chain(unknown).collect()
    }
}

/// Files that are called as backups are, but for a time that no calendar has.
fn misnamed(catalogue: &Catalogue) -> Option<Finding> {
    let first = sanitize::line(catalogue.misnamed.first()?);
    let text = match catalogue.misnamed.len() {
        1 => format!("{first} is called like a backup, of a time that does not exist"),
        more => {
            format!("{} are called like backups, of times that do not exist: {first}", humanize::count(more, "file"))
        }
    };
    Some(
        Finding::new(Status::Warning, "name", text)
            .advice("it counts as none; look what wrote it, and give it a name of its time"),
    )
}

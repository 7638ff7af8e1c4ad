//! The steps that change a shelf: what is deleted from it.

use tokio::time::Instant;

use super::Runner;
use super::steps::{Stopped, Work, within};
use crate::archive;
use crate::config::spec::BackupSpec;
use crate::domain::backup::Doomed;
use crate::domain::humanize;
use crate::domain::inventory::Target;
use crate::domain::vitals::ProofKind;

impl Runner {
    /// Deletes exactly these files of a backup, with what belongs to them.
    pub(super) async fn prune(&self, backup: &str, doomed: &[Doomed], work: &Work<'_>) -> Result<String, Stopped> {
        let spec = self.backup(backup)?;
        let request = archive::prune::PruneRequest {
            files: spec.files.clone(),
            pair: spec.pair.clone(),
            doomed: doomed.to_vec(),
            id: work.order.job.0.clone(),
        };
        let started = Instant::now();
        let pruned = within(work, archive::prune::prune(request, work.order.stop.token())).await?;
        let mut detail = format!(
            "{} deleted, {} freed",
            humanize::count(pruned.files, "file"),
            humanize::bytes(pruned.bytes as f64)
        );
        if pruned.finished > 0 {
            let rest = humanize::count(pruned.finished, "file");
            detail.push_str(&format!("; what an interrupted prune had left of {rest} is gone, too"));
        }
        self.remember(ProofKind::Prune, Target::backup(backup).to_string(), true, &detail, started.elapsed()).await;
        Ok(detail)
    }

    pub(super) fn backup(&self, id: &str) -> Result<&BackupSpec, Stopped> {
        let known = self.0.config.backups.iter().find(|spec| spec.id == id);
        known.ok_or_else(|| Stopped::failed(format!("there is no backup called `{id}`")))
    }
}

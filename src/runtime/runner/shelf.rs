//! What is done with backups that are there: copied to a second place, restored in a drill, deleted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tokio::time::Instant;

use super::Runner;
use super::steps::{Stopped, Work, within};
use crate::archive;
use crate::config::Address;
use crate::config::spec::BackupSpec;
use crate::database::scratch::Purpose;
use crate::domain::backup::Doomed;
use crate::domain::humanize;
use crate::domain::inventory::Target;
use crate::domain::vitals::ProofKind;

impl Runner {
    /// Deletes exactly these files of a backup, with what belongs to them.
    pub(super) async fn prune(&self, backup: &str, doomed: &[Doomed], work: &Work<'_>) -> Result<String, Stopped> {
        let spec = self.backup(backup)?;
        let told_by = match spec.manifest {
            Some(_) => self.catalogue(backup).await.map_err(Stopped::failed)?.told_by.clone(),
            None => BTreeMap::new(),
        };
        let request = archive::prune::PruneRequest {
            files: spec.files.clone(),
            pair: spec.pair.clone(),
            doomed: doomed.to_vec(),
            told_by,
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

    /// Carries the newest backup to its second place.
    pub(super) async fn carry(&self, backup: &str, to: &Path, work: &Work<'_>) -> Result<String, Stopped> {
        let spec = self.backup(backup)?;
        let file = self.newest_usable(backup).await?;
        let request = archive::carry::CarryRequest {
            backup: backup.to_owned(),
            pair: spec.pair_of(&file),
            file,
            to: to.to_owned(),
            id: work.order.job.0.clone(),
        };
        let carrying = archive::carry::carry(request, self.progress(work), work.order.stop.token());
        let carried = within(work, carrying).await?;
        let subject = carried.path.display().to_string();
        self.remember(ProofKind::Copy, subject, true, &carried.sentence, carried.took).await;
        Ok(carried.sentence)
    }

    /// Restores the newest backup into a scratch, and keeps what came of it.
    pub(super) async fn drill(&self, backup: &str, queries: &[String], work: &Work<'_>) -> Result<String, Stopped> {
        let file = self.newest_usable(backup).await?;
        let place = self.0.context.state_dir.join("drills");
        let live = self.0.config.databases.iter().filter_map(|database| database.address.file());
        if let Some(live) = live.into_iter().find(|live| live.starts_with(&place)) {
            let (live, place) = (live.display(), place.display());
            return Err(Stopped::failed(format!("{live} lies in {place}, where drills clear up; move it elsewhere")));
        }
        let spec = self.backup(backup)?;
        let source = spec.database.as_ref().and_then(|id| self.0.config.databases.iter().find(|one| one.id == *id));
        let live = self.live_names()?;
        let subject = file.display().to_string();
        let actor = work.order.actor;
        let request = archive::drill::DrillRequest {
            backup: backup.to_owned(),
            file,
            source: source.map(|source| source.address.clone()),
            password: source.and_then(|source| source.password.clone()),
            live,
            by: format!("{}@{}", actor.operator, actor.host),
            queries: queries.to_vec(),
            place,
            id: work.order.job.0.clone(),
            log: Some(work.log.clone()),
        };
        let drilled = within(work, archive::drill::drill(request, work.order.stop.token())).await?;
        self.remember(ProofKind::Drill, subject, drilled.ok, &drilled.detail, drilled.took).await;
        if drilled.ok { Ok(drilled.detail) } else { Err(Stopped::failed(drilled.detail)) }
    }

    /// What the databases are called that are on servers. None may be called as scratches are.
    pub(super) fn live_names(&self) -> Result<Vec<String>, Stopped> {
        let named = |address: &Address| match address {
            Address::File(_) => None,
            Address::Server(server) => Some(server.database.clone()),
            Address::Mysql(server) => Some(server.database.clone()),
        };
        let live: Vec<String> = self.0.config.databases.iter().filter_map(|one| named(&one.address)).collect();
        let alike = |name: &&String| Purpose::ALL.iter().any(|purpose| name.starts_with(purpose.prefix()));
        match live.iter().find(alike) {
            Some(name) => {
                let name = crate::domain::sanitize::line(name);
                Err(Stopped::failed(format!("the database {name} is called as scratches are; give it another name")))
            }
            None => Ok(live),
        }
    }

    /// The newest file that counts as a backup.
    pub(super) async fn newest_usable(&self, backup: &str) -> Result<PathBuf, Stopped> {
        let catalogue = self.catalogue(backup).await.map_err(Stopped::failed)?;
        let newest = catalogue.newest(self.0.clock.now()).map(|file| file.path.clone());
        newest.ok_or_else(|| Stopped::failed(format!("there is no usable file of backup `{backup}`")))
    }

    pub(super) fn backup(&self, id: &str) -> Result<&BackupSpec, Stopped> {
        let known = self.0.config.backups.iter().find(|spec| spec.id == id);
        known.ok_or_else(|| Stopped::failed(format!("there is no backup called `{id}`")))
    }
}

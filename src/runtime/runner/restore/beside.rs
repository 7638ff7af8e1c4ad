//! A restore on a server: beside the live database, and then in its place by a change of names; and
//! the same change back.

use std::path::Path;

use super::{Saved, with};
use crate::archive::ArchiveError;
use crate::archive::postgresql::restore::{self, RestoreRequest};
use crate::config::{Address, SecretRef, ServerAddress};
use crate::database::Grip;
use crate::domain::time::Timestamp;
use crate::runtime::runner::Runner;
use crate::runtime::runner::exclusive::grip;
use crate::runtime::runner::steps::{Stopped, Work, within};

/// What is needed to put back what was there.
#[derive(Clone, Debug)]
pub(super) struct Beside {
    database: ServerAddress,
    password: Option<SecretRef>,
    /// What the database that was there is called since.
    kept: String,
    at: Timestamp,
}

impl Runner {
    /// Restores a dump beside the database of a server, and gives it that one's name.
    pub(in crate::runtime::runner) async fn restore_beside(
        &self,
        backup: &str,
        database: &str,
        file: &Path,
        sha256: Option<&str>,
        work: &Work<'_>,
    ) -> Result<String, Stopped> {
        if with(work, |recovery| recovery.saved.is_none()) {
            return Err(Stopped::failed("nothing is restored before what is there is kept"));
        }
        let spec = self.0.config.databases.iter().find(|spec| spec.id == database);
        let spec = spec.ok_or_else(|| Stopped::failed(format!("there is no database called `{database}`")))?;
        let Address::Server(address) = &spec.address else {
            return Err(Stopped::failed(format!("`{database}` is on no PostgreSQL server")));
        };
        let (order, at) = (&work.order, self.0.clock.now());
        let by = format!("{}@{}", order.actor.operator, order.actor.host);
        let beside = Beside {
            database: address.clone(),
            password: spec.password.clone(),
            kept: restore::name_beside(&address.database, "before", at),
            at,
        };
        with(work, |recovery| recovery.beside = Some(beside));
        let request = RestoreRequest {
            backup: backup.to_owned(),
            file: file.to_owned(),
            sha256: sha256.map(ToOwned::to_owned),
            database: address.clone(),
            password: spec.password.clone(),
            queries: self.backup(backup)?.drill.queries.clone(),
            live: self.live_names()?,
            id: order.job.0.clone(),
            by: by.clone(),
            at,
        };
        let restoring = restore::restore(request, order.stop.token());
        let restored = within(work, async {
            let restored = restoring.await;
            let replaced = matches!(&restored, Ok(_) | Err(ArchiveError::Halfway(_)));
            with(work, |recovery| recovery.replaced |= replaced);
            restored
        });
        let restored = restored.await?;
        // The lease went with the database that had it.
        if let Ok(Grip::Held(held)) = grip(spec, &format!("{} by {by}", order.plan.action)).await {
            with(work, |recovery| recovery.held = Some(held));
        }
        Ok(restored.sentence)
    }
}

/// Puts back what was there.
pub(super) async fn put_back(beside: Beside, saved: Option<&Saved>, back: &Work<'_>) -> Result<String, Stopped> {
    let Beside { database, password, kept, at } = beside;
    if matches!(saved, Some(Saved::Nothing)) {
        return within(back, restore::put_aside(database, password, at)).await;
    }
    within(back, restore::take_back(database, password, kept, at, back.order.job.0.clone())).await
}

//! What is true after a step: the backup that must be new, the files that must be sound, the
//! check that must be ok. That a program said so is not enough.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Runner;
use super::steps::{Stopped, Work, after, within};
use crate::archive;
use crate::config::spec::BackupSpec;
use crate::domain::backup::{Backup, BackupState, Catalogue};
use crate::domain::humanize;
use crate::domain::inventory::{Target, TargetKind};
use crate::domain::job::JobResult;
use crate::domain::observation::Detail;
use crate::domain::plan::{Plan, Postcondition};
use crate::domain::report::headline;
use crate::domain::sanitize;
use crate::domain::time::Timestamp;
use crate::domain::vitals::{Proof, ProofKind};
use crate::runtime::guard;

/// How often the check that decides is asked.
const AGAIN: Duration = Duration::from_secs(1);

impl Runner {
    /// A backup command has succeeded when there is a new backup, not when it says so.
    pub(super) async fn judge_command(
        &self,
        work: &Work<'_>,
        before: Result<Option<Timestamp>, String>,
        took: &str,
    ) -> Result<String, Stopped> {
        if work.order.plan.target.kind != TargetKind::Backup {
            return Ok(format!("exit code 0 after {took}"));
        }
        let after = tokio::select! {
            biased;
            after = self.newest_backup(work.order.plan) => after,
            () = work.order.stop.hurried() => Err("there was no time to look".to_owned()),
        };
        let why = match (before, after) {
            (Ok(before), Ok(Some(after))) if before.is_none_or(|before| after > before) => {
                return Ok(format!("a new backup is there after {took}"));
            }
            (Ok(_), Ok(_)) => "no new complete backup appeared".to_owned(),
            (Err(why), _) => format!("whether a backup is new is not known, because before it {why}"),
            (_, Err(why)) => format!("whether there is a new backup is not known: {why}"),
        };
        let detail = format!("exit code 0 after {took}, and {why}");
        Err(Stopped { exit_code: Some(0), ..Stopped::new(JobResult::NotEffective, detail) })
    }

    /// When the newest backup of the target was taken, if there is one; `Err` when nobody could
    /// look.
    pub(super) async fn newest_backup(&self, plan: &Plan) -> Result<Option<Timestamp>, String> {
        if plan.target.kind != TargetKind::Backup {
            return Ok(None);
        }
        let catalogue = self.catalogue(&plan.target.id).await?;
        Ok(catalogue.newest(self.0.clock.now()).map(|backup| backup.taken_at))
    }

    /// The files of a backup as they lie there now.
    pub(super) async fn catalogue(&self, backup: &str) -> Result<Arc<Catalogue>, String> {
        let shared = &self.0;
        let probe = Target::backup(backup).probe();
        match guard::look(&probe, &shared.config, &shared.context, &shared.clock).await? {
            (_, Detail::Backups(catalogue)) => Ok(catalogue),
            (assessment, _) => Err(headline(&assessment, shared.clock.now())),
        }
    }

    /// Verifies the newest backup that is not being written, and the file that must go with it.
    pub(super) async fn verify(&self, backup: &str, work: &Work<'_>) -> Result<String, Stopped> {
        let catalogue = tokio::select! {
            biased;
            () = work.order.stop.asked() => {
                return Err(Stopped::new(JobResult::Cancelled, "cancelled before its files were looked at"));
            }
            catalogue = self.catalogue(backup) => catalogue.map_err(Stopped::failed)?,
        };
        // What is stamped in the future would hide all that come, and nobody knows of when it is.
        let (now, ended) = (self.0.clock.now(), |file: &&Backup| file.state != BackupState::Growing);
        let newest = catalogue.files.iter().filter(ended).find(|file| file.taken_at <= now);
        let newest = newest.or_else(|| catalogue.files.iter().find(ended));
        let spec = self.0.config.backups.iter().find(|spec| spec.id == backup);
        let is_told =
            |path: &Path| spec.is_some_and(|spec| spec.manifest.is_some()) && !catalogue.told_by.contains_key(path);
        let file = match newest {
            // Of what is not there nothing but a claim can be read.
            Some(Backup { path, state: BackupState::Damaged(why), .. }) if is_told(path) => {
                return Err(Stopped::failed(format!("{}: {why}", sanitize::line(&path.display().to_string()))));
            }
            Some(file) => file.path.clone(),
            None => return Err(Stopped::failed(format!("there is no file of backup `{backup}` to verify"))),
        };
        let rows = spec.map(|spec| spec.rows.clone()).unwrap_or_default();
        let pair = spec.and_then(|spec| spec.pair_due(&file));
        let (started, token) = (Instant::now(), || work.order.stop.token());
        let mut verified = within(work, archive::verify(file.clone(), rows, token())).await?;
        if let (true, Some(pair)) = (verified.ok, pair) {
            let second = within(work, archive::verify(pair, Vec::new(), token())).await?;
            let both = verified.counts.as_ref().zip(second.counts.as_ref());
            let differs = both.and_then(|(backup, export)| backup.differs_from_export(export));
            verified.ok = second.ok && differs.is_none();
            verified.detail = format!("{}; its pair: {}", verified.detail, differs.unwrap_or(second.detail));
        }
        if let (true, Some(spec)) = (verified.ok, spec) {
            self.compare_with_source(spec, &mut verified, work).await;
        }
        let subject = file.display().to_string();
        self.remember(ProofKind::Verify, subject, verified.ok, &verified.detail, started.elapsed()).await;
        if verified.ok { Ok(verified.detail) } else { Err(Stopped::failed(verified.detail)) }
    }

    /// Compares the tables that `rows` names with those of the source now. That a source cannot be
    /// asked is said, and is no fault of the backup.
    async fn compare_with_source(&self, spec: &BackupSpec, verified: &mut archive::Verified, work: &Work<'_>) {
        let databases = &self.0.config.databases;
        let source = databases.iter().find(|database| Some(&database.id) == spec.database.as_ref());
        let (Some(source), Some(counts), false) = (source, &verified.counts, spec.rows.is_empty()) else { return };
        let token = work.order.stop.token();
        let counting = archive::count(source.address.clone(), source.password.clone(), spec.rows.clone(), token);
        let more = match within(work, counting).await {
            Ok(now) => match counts.strays_from(&now, &spec.rows) {
                Some(strays) => {
                    verified.ok = false;
                    strays
                }
                None => "rows about as many as in the source now".to_owned(),
            },
            Err(why) => format!("the source could not be asked for its rows: {}", why.detail),
        };
        verified.detail = format!("{}; {more}", verified.detail);
    }

    /// Waits until the check that decides is ok.
    pub(super) async fn wait_for(&self, verify: &Postcondition, work: &Work<'_>) -> Result<Option<String>, Stopped> {
        let (shared, stop) = (&self.0, work.order.stop);
        let until = after(Instant::now(), verify.within);
        loop {
            let looked = tokio::select! {
                biased;
                () = stop.asked() => {
                    return Err(Stopped::new(JobResult::Cancelled, "ran, and cancelled while its effect was awaited"));
                }
                looked = guard::look(&verify.check, &shared.config, &shared.context, &shared.clock) => looked,
            };
            let text = match looked {
                Ok((assessment, _)) if assessment.status.is_ok() => {
                    return Ok(Some(format!("{} is ok", verify.check)));
                }
                Ok((assessment, _)) => headline(&assessment, shared.clock.now()),
                Err(why) => why,
            };
            if Instant::now() >= until {
                let waited = humanize::duration(verify.within);
                let detail = format!("ran, but {} is not ok after {waited}: {text}", verify.check);
                return Err(Stopped::new(JobResult::NotEffective, detail));
            }
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => {}
                () = stop.asked() => {}
            }
        }
    }

    /// Keeps what was proven of a subject.
    pub(super) async fn remember(&self, kind: ProofKind, subject: String, ok: bool, detail: &str, took: Duration) {
        let proof =
            Proof { subject, kind, at: self.0.clock.now(), ok, detail: detail.to_owned(), took_s: took.as_secs_f64() };
        if let Ok(store) = self.0.store.get()
            && let Err(error) = store.record_proof(&proof).await
        {
            tracing::warn!(%error, "a proof was not recorded");
        }
    }
}

//! The incident that every restore is about: opened before its first step with what is known by then,
//! so that one which is killed leaves it open, and told at the end how it went and what is lost.

use std::path::Path;

use super::Runner;
use super::restore::NOT_BACK;
use super::steps::Work;
use crate::domain::humanize;
use crate::domain::incident::{self, Field, Fields, Incident, Says, Turn};
use crate::domain::job::JobResult;
use crate::domain::plan::Step;
use crate::domain::time::{Timestamp, seconds_between};

/// The incident of a restore that is under way.
#[derive(Debug)]
pub(super) struct OfRestore {
    id: String,
    target: String,
    /// What is told of it once the restore has ended.
    told: String,
    taken_at: Timestamp,
}

impl Runner {
    /// Opens the incident that a restore is about, or notes in the one of this backup that is open
    /// already; nothing for an act that is no restore. An error is one in words.
    pub(super) async fn begin_incident(&self, work: &Work<'_>) -> Option<Result<OfRestore, String>> {
        let (file, taken_at) = work.order.plan.steps.iter().find_map(|step| match step {
            Step::Restore { file, taken_at, .. } | Step::RestoreBeside { file, taken_at, .. } => {
                Some((file, *taken_at))
            }
            _ => None,
        })?;
        let begun = self.open_or_note(file, taken_at, work).await;
        Some(begun.map_err(|error| {
            tracing::warn!(%error, "no incident could be opened");
            format!("no incident could be opened: {error}")
        }))
    }

    async fn open_or_note(&self, file: &Path, taken_at: Timestamp, work: &Work<'_>) -> Result<OfRestore, String> {
        let order = &work.order;
        let now = self.0.clock.now();
        let target = order.plan.target.to_string();
        let mut fields = Fields::from([
            (Field::Cause, order.reason.trim().to_owned()),
            (Field::BackupUsed, file.display().to_string()),
        ]);
        let where_to_look = "`rounds incident show` tells what is filled in and what is not";
        let records = self.0.store.get()?.incidents().await.map_err(|error| error.to_string())?;
        let open = incident::all(&records).into_iter().rev().find(|one| one.is_open() && one.target == target);
        if let Some(Incident { id, number, .. }) = open {
            // Why it failed is told by whoever came first, unless that was nothing.
            fields.retain(|_, text| !text.is_empty());
            let says = Says { text: format!("another restore: {}", order.plan.title), fields, ..Says::default() };
            self.append(Turn::Note.entry(&id, &target, &says, order.actor, now), order.teller).await?;
            let told = format!("noted in incident {number}: {where_to_look}");
            return Ok(OfRestore { id, target, told, taken_at });
        }
        fields.insert(Field::FailedAt, format!("before {}", self.written(now)));
        let says = Says { title: order.plan.title.clone(), fields, text: String::new() };
        let id = order.job.0.clone();
        let opened = self.append(Turn::Open.entry(&id, &target, &says, order.actor, now), order.teller).await?;
        let told = format!("incident {} opened: {where_to_look}", opened.seq);
        Ok(OfRestore { id, target, told, taken_at })
    }

    /// Notes how the restore ended and what is lost by it. Answers where that is to be read, in words.
    pub(super) async fn end_incident(
        &self,
        begun: Result<OfRestore, String>,
        result: JobResult,
        detail: &str,
        work: &Work<'_>,
    ) -> String {
        let OfRestore { id, target, told, taken_at } = match begun {
            Ok(begun) => begun,
            Err(why) => return why,
        };
        let now = self.0.clock.now();
        let fields = Fields::from([(Field::DataLost, self.lost(result, detail, taken_at, now))]);
        let says = Says { text: format!("the restore {}", result.word()), fields, ..Says::default() };
        let noted = Turn::Note.entry(&id, &target, &says, work.order.actor, now);
        match self.append(noted, work.order.teller).await {
            Ok(_) => told,
            Err(error) => {
                tracing::warn!(%error, "what a restore came to was not noted in its incident");
                format!("{told}, but for how it ended: {error}")
            }
        }
    }

    /// What cannot come back, as far as anybody can tell.
    fn lost(&self, result: JobResult, detail: &str, taken_at: Timestamp, now: Timestamp) -> String {
        if result == JobResult::Succeeded {
            let window = humanize::seconds(seconds_between(taken_at, now));
            return format!("whatever was written in the {window} between {} and the restore", self.written(taken_at));
        }
        if detail.contains(NOT_BACK) {
            return "not known: the restore failed, and what was there could not be put back".to_owned();
        }
        "nothing by the restore, which did not succeed".to_owned()
    }

    /// A moment as it is still understood in years.
    fn written(&self, at: Timestamp) -> String {
        self.0.context.zone.local(at).format("%Y-%m-%d %H:%M:%S %:z").to_string()
    }
}

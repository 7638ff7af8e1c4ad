//! The steps of a restore, and the way back when one of them fails.

mod beside;

use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use tokio::time::Instant;

use self::beside::Beside;
use super::command::told;
use super::steps::{Stopped, Work, within};
use super::{Order, Runner};
use crate::archive::restore::{BEFORE, RestoreRequest};
use crate::archive::{self, ArchiveError};
use crate::database::{DatabaseError, Held};
use crate::domain::backup::StampPattern;
use crate::domain::job::JobEvent;
use crate::domain::plan::{Invocation, Step};
use crate::domain::redact;
use crate::domain::vitals::ProofKind;
use crate::exec;
use crate::runtime::stop::Stop;

/// How it begins that the way back failed, too.
pub(super) const NOT_BACK: &str = "WHAT WAS THERE COULD NOT BE PUT BACK";

/// How far a restore has come, for the way back.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    /// The application was stopped, and is to be started again whatever comes.
    stopped: bool,
    /// It was tried to start it on what was restored.
    started: bool,
    /// What was there before.
    saved: Option<Saved>,
    /// The database is no longer what it was.
    replaced: bool,
    /// It is on a server, and is put back by name.
    beside: Option<Beside>,
    /// The lease on what took its place.
    held: Option<Box<dyn Held>>,
}

/// The copy of what was there before.
#[derive(Clone, Debug)]
enum Saved {
    /// There was nothing.
    Nothing,
    Backup {
        file: PathBuf,
        sha256: String,
    },
    /// It was no sound database: its files, byte by byte.
    Raw(Vec<PathBuf>),
}

impl Runner {
    /// Stops or starts the application.
    pub(super) async fn control(&self, command: &Invocation, stops: bool, work: &Work<'_>) -> Result<String, Stopped> {
        let order = &work.order;
        with(work, |recovery| recovery.started |= !stops);
        let limits = exec::Limits::new(work.deadline.saturating_duration_since(Instant::now()))
            .log(work.log.clone())
            .hurry(order.stop.hurry_token());
        let (teller, job) = (order.teller.clone(), order.job.clone());
        let on_line = move |line: String| teller.mention(JobEvent::Line { job: job.clone(), line });
        let ran = exec::run(command, limits, order.stop.token(), on_line).await;
        let mut finished = ran.map_err(|error| Stopped::failed(error.to_string()))?;
        let what = if stops { "the application was stopped" } else { "the application was started" };
        if finished.succeeded() {
            with(work, |recovery| recovery.stopped = stops);
            return Ok(what.to_owned());
        }
        let stopped = told(&finished);
        if let Some(left) = finished.left.take() {
            work.leave(left);
        }
        let which = if stops { "stop" } else { "start" };
        Err(Stopped { detail: format!("the application did not {which}: {}", stopped.detail), ..stopped })
    }

    /// Copies what is there now. Without that copy nothing is restored.
    pub(super) async fn save_before(&self, backup: &str, database: &str, work: &Work<'_>) -> Result<String, Stopped> {
        let spec = self.backup(backup)?;
        let source = self.0.config.databases.iter().find(|spec| spec.id == database);
        let source = source.ok_or_else(|| Stopped::failed(format!("there is no database called `{database}`")))?;
        let (at, mut destination) = self.name_of_now(spec, work).await;
        // The name of this moment, or day, may be taken; and one of its time alone would want a pair.
        if spec.pair.is_some() || destination.symlink_metadata().is_ok() {
            destination = StampPattern::replaced(&destination, &work.order.job.0);
        }
        let request = archive::Request {
            backup: backup.to_owned(),
            source: source.address.clone(),
            password: source.password.clone(),
            destination,
            compress: spec.compress,
            rows: Vec::new(),
            at,
            host: work.order.actor.host.clone(),
            by: work.order.actor.operator.clone(),
            why: format!("{BEFORE}: {}", redact::text(work.order.reason)),
            log: None,
        };
        let making = archive::make(request, self.progress(work), work.order.stop.token());
        let made = within(work, async {
            match making.await {
                Ok(made) => Ok(Ok(made)),
                Err(ArchiveError::Source(why @ (DatabaseError::Missing(_) | DatabaseError::Malformed(_)))) => {
                    Ok(Err(why))
                }
                Err(ArchiveError::Unsound(why)) => Ok(Err(DatabaseError::Malformed(why))),
                Err(error) => Err(error),
            }
        });
        let (saved, detail) = match (made.await?, source.address.file()) {
            (Ok(made), _) => {
                let subject = made.path.display().to_string();
                self.remember(ProofKind::Verify, subject, true, &made.sentence, made.took).await;
                let name = made.path.display().to_string();
                let saved = Saved::Backup { file: made.path, sha256: made.sha256 };
                (saved, format!("what was there is kept as {name}"))
            }
            (Err(DatabaseError::Missing(_)), _) => (Saved::Nothing, "there was no database".to_owned()),
            (Err(why), Some(live)) => {
                let to = spec.files.dir().join(format!("before-restore-{}", work.order.job));
                let saving = archive::restore::save_raw(live.to_owned(), to.clone(), work.order.stop.token());
                let copies = within(work, saving).await?;
                let detail =
                    format!("what was there is no sound database ({why}); its files are kept in {}", to.display());
                (Saved::Raw(copies), detail)
            }
            (Err(why), None) => return Err(Stopped::failed(format!("what is there cannot be copied: {why}"))),
        };
        with(work, |recovery| recovery.saved = Some(saved));
        Ok(detail)
    }

    /// Puts the backup in the place of the database.
    pub(super) async fn restore(
        &self,
        file: &Path,
        sha256: Option<&str>,
        to: &Path,
        work: &Work<'_>,
    ) -> Result<String, Stopped> {
        if with(work, |recovery| recovery.saved.is_none()) {
            return Err(Stopped::failed("nothing is restored before what is there is kept"));
        }
        let request = RestoreRequest {
            file: file.to_owned(),
            sha256: sha256.map(ToOwned::to_owned),
            database: to.to_owned(),
            id: work.order.job.0.clone(),
        };
        let restoring = archive::restore::restore(request, work.order.stop.token());
        let restored = within(work, async {
            let restored = restoring.await;
            with(work, |recovery| recovery.replaced |= may_have_replaced(&restored));
            restored
        });
        Ok(restored.await?.sentence)
    }

    /// What a failed restore leaves: the database that was there, and its application running.
    pub(super) async fn way_back(&self, failed: Stopped, work: &Work<'_>) -> Stopped {
        let (was_stopped, started, saved, replaced, beside) = with(work, |recovery| {
            let Recovery { stopped, started, saved, replaced, beside, .. } = std::mem::take(recovery);
            (stopped || started, started, saved, replaced, beside)
        });
        if !was_stopped && !replaced {
            return failed;
        }
        if work.is_at_large() {
            let detail = format!("{}; nothing was put back meanwhile", failed.detail);
            return Stopped { detail, ..failed };
        }
        // Whoever cancelled the restore has not cancelled the way back.
        let stop = Stop::default();
        let order = Order { stop: &stop, ..work.order };
        let back = Work::new(order, work.log.clone());
        let command = |stops: bool| {
            order.plan.steps.iter().find_map(|step| match step {
                Step::Stop { command } if stops => Some(command),
                Step::Start { command } if !stops => Some(command),
                _ => None,
            })
        };
        let mut told = vec![failed.detail];
        if replaced {
            if let Some(command) = command(true).filter(|_| started)
                && let Err(stopped) = self.control(command, true, &back).await
            {
                told.push(stopped.detail);
            }
            let put_back = match beside {
                Some(beside) => Box::pin(beside::put_back(beside, saved.as_ref(), &back)).await,
                None => self.put_back(saved, &back).await,
            };
            match put_back {
                Ok(detail) => told.push(detail),
                Err(stopped) => told.push(format!("{NOT_BACK}: {}", stopped.detail)),
            }
        } else {
            told.push("nothing was changed".to_owned());
        }
        if let Some(command) = command(false) {
            match self.control(command, false, &back).await {
                Ok(detail) => told.push(detail),
                Err(stopped) => told.push(stopped.detail),
            }
        }
        Stopped { detail: told.join("; "), ..failed }
    }

    async fn put_back(&self, saved: Option<Saved>, back: &Work<'_>) -> Result<String, Stopped> {
        let place = back.order.plan.steps.iter().find_map(|step| match step {
            Step::Restore { to, .. } => Some(to.clone()),
            _ => None,
        });
        let Some(database) = place else { return Err(Stopped::failed("nobody knows where it was")) };
        let id = format!("{}-back", back.order.job);
        match saved {
            Some(Saved::Backup { file, sha256 }) => {
                let request = RestoreRequest { file, sha256: Some(sha256), database, id };
                within(back, archive::restore::restore(request, back.order.stop.token())).await?;
            }
            Some(Saved::Nothing) => {
                within(back, archive::restore::take_back(database, Vec::new(), id)).await?;
            }
            Some(Saved::Raw(copies)) => {
                within(back, archive::restore::take_back(database, copies, id)).await?;
            }
            None => return Err(Stopped::failed("nothing was kept of it")),
        }
        Ok("what was there before is back".to_owned())
    }
}

/// Whether the database may be another one by now. Where the work itself failed, nobody knows how far
/// it had come.
fn may_have_replaced<T>(restored: &Result<T, ArchiveError>) -> bool {
    matches!(restored, Ok(_) | Err(ArchiveError::Halfway(_) | ArchiveError::Panicked(_)))
}

fn with<T>(work: &Work<'_>, change: impl FnOnce(&mut Recovery) -> T) -> T {
    change(&mut work.recovery.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_panicked_halfway_is_put_back_and_what_was_refused_is_left_alone() {
        let restored = |error| may_have_replaced::<()>(&Err(error));
        assert!(may_have_replaced(&Ok(())));
        assert!(restored(ArchiveError::Panicked("index out of bounds".into())));
        assert!(restored(ArchiveError::Halfway("restored, and not proven".into())));
        assert!(!restored(ArchiveError::Busy("held by somebody".into())));
        assert!(!restored(ArchiveError::Cancelled));
    }
}

//! Who holds a job: this process, so that a later one can tell whether it still lives; and
//! the jobs whose holder does not.

use crate::domain::action_name::ActionName;
use crate::domain::audit::{AuditEntry, Phase};
use crate::domain::job::JobResult;
use crate::domain::task::TaskRun;
use crate::domain::time::Timestamp;
use crate::exec::process::Identity;
use crate::store::{Holder, Store, StoreError};

/// This process as the holder of a job that begins now.
pub(super) fn this_process(host: &str, now: Timestamp) -> Holder {
    let me = Identity::current();
    Holder { host: host.to_owned(), boot_id: me.boot_id, pid: me.pid, pid_start: me.start, started_at: now }
}

/// Gives every job whose holder is gone its end: *lost*. Jobs of other hosts are left to them.
/// Answers how many there were.
pub async fn recover_lost_jobs(store: &Store, host: &str, now: Timestamp) -> Result<usize, StoreError> {
    let mut lost = 0;
    for job in store.open_jobs().await? {
        let gone = match &job.holder {
            Some(holder) if holder.host != host => false,
            Some(holder) => !is_alive(holder),
            None => true,
        };
        if !gone {
            continue;
        }
        // A task it was running must not be believed to run still, or it could never be
        // started again.
        let run = job.intent.entry.target.strip_prefix("task:").map(|task| TaskRun {
            id: job.id.0.clone(),
            task: task.to_owned(),
            started_at: job.intent.entry.at,
            ended: None,
            alive: false,
            tail: String::new(),
            untold: false,
        });
        let detail = if job.started && job.intent.entry.action == ActionName::RESTORE.as_str() {
            "the program that ran it ended before it did. The database is what was there or what was restored, never a mix; \
             on a server NAME_before_… beside it means that it was restored, and is what was there. Look which, and start \
             the application where it was stopped"
        } else if job.started {
            "the program that ran it ended before it did; look whether it took effect"
        } else {
            "the program that was to run it ended before its first step; nothing was done"
        };
        let end = AuditEntry {
            at: now,
            phase: Phase::Outcome,
            outcome: Some(JobResult::Lost),
            detail: detail.to_owned(),
            ..job.intent.entry
        };
        // Another instance that starts now finds the same.
        lost += usize::from(store.end_lost(end, run).await?.is_some());
    }
    // The act has its end, and the run of it has none: what it ran was not to be ended, or the
    // store took the one and not the other.
    for (run, holder) in store.runs_in_progress().await? {
        if holder.host == host && !is_alive(&holder) {
            store.import_runs(&[TaskRun { alive: false, ..run }]).await?;
        }
    }
    Ok(lost)
}

fn is_alive(holder: &Holder) -> bool {
    Identity { pid: holder.pid, start: holder.pid_start, boot_id: holder.boot_id.clone() }.is_alive()
}

//! What jobs printed, kept for as long as what was seen, and within bounds. Those of jobs that
//! have not ended stay.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::task::JoinSet;

use crate::domain::time::{Timestamp, span};
use crate::runtime::clock::Clock;
use crate::runtime::guard;
use crate::runtime::round::Round;
use crate::store::Store;

/// When what is old is looked for the first time, and how often from then on.
const FIRST: Duration = Duration::from_secs(45);
const EVERY: Duration = Duration::from_hours(1);
/// Beyond these the oldest go, however young they are.
const MOST_FILES: usize = 10_000;
const MOST_BYTES: u64 = 1 << 30;

/// How long the logs are kept, and how much of them.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub keep: Duration,
    pub files: usize,
    pub bytes: u64,
}

/// One log, by the name of its job.
#[derive(Clone, Debug)]
struct LogFile {
    job: String,
    path: PathBuf,
    written_at: Timestamp,
    bytes: u64,
}

pub(super) fn start(tasks: &mut JoinSet<()>, round: &Round, clock: Clock) {
    let (opening, directory) = (round.store.clone(), round.config.acts.log_directory.clone());
    let bounds = Bounds { keep: round.config.store.keep_observations, files: MOST_FILES, bytes: MOST_BYTES };
    tasks.spawn(async move {
        let store = opening.opened().await;
        tokio::time::sleep(FIRST).await;
        loop {
            if let Err(why) = thin(&store, &directory, bounds, clock.now()).await {
                tracing::warn!(%why, "old logs of jobs were not removed");
            }
            tokio::time::sleep(EVERY).await;
        }
    });
}

/// Removes the logs of jobs that are beyond the bounds; answers how many.
pub async fn thin(store: &Store, directory: &Path, bounds: Bounds, now: Timestamp) -> Result<usize, String> {
    let place = directory.display().to_string();
    let folder = directory.to_owned();
    let found = guard::in_time(&place, move || logs(&folder)).await?.map_err(|error| format!("{place}: {error}"))?;
    // Asked after the files were listed: whoever has one of them was on record before it.
    let open = store.open_jobs().await.map_err(|error| error.to_string())?;
    let open: BTreeSet<String> = open.into_iter().map(|job| job.id.0).collect();
    let overdue = beyond(found, &open, bounds, now);
    if overdue.is_empty() {
        return Ok(0);
    }
    let remove = move || overdue.iter().filter(|path| fs::remove_file(path).is_ok()).count();
    guard::in_time(&place, remove).await
}

/// The files in a directory that are logs of jobs by their names.
fn logs(directory: &Path) -> io::Result<Vec<LogFile>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let log = |path: PathBuf| {
        let job = path.file_name()?.to_str()?.strip_suffix(".log")?.to_owned();
        uuid::Uuid::parse_str(&job).ok()?;
        let metadata = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?;
        Some(LogFile { job, path, written_at: metadata.modified().ok()?.into(), bytes: metadata.len() })
    };
    Ok(entries.flatten().filter_map(|entry| log(entry.path())).collect())
}

/// Those that are too old, and the oldest of those that are too many or too large.
fn beyond(mut found: Vec<LogFile>, open: &BTreeSet<String>, bounds: Bounds, now: Timestamp) -> Vec<PathBuf> {
    found.sort_by_key(|log| std::cmp::Reverse(log.written_at));
    let oldest = now.checked_sub_signed(span(bounds.keep).min(TimeDelta::days(100 * 366)));
    let mut held = 0_u64;
    let goes = |(place, log): &(usize, LogFile)| {
        held = held.saturating_add(log.bytes);
        let old = oldest.is_some_and(|oldest| log.written_at < oldest);
        (old || *place >= bounds.files || held > bounds.bytes) && !open.contains(&log.job)
    };
    found.into_iter().enumerate().filter(goes).map(|(_, log)| log.path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit::{Actor, AuditEntry, Phase};
    use crate::runtime::clock::id_at;
    use crate::runtime::holder;

    const ROOMY: Bounds = Bounds { keep: Duration::from_hours(24 * 90), files: 100, bytes: 1 << 20 };

    /// A directory of five logs, a day apart, the newest of now; with something else in it.
    fn scene(now: Timestamp) -> (tempfile::TempDir, Vec<String>) {
        let folder = tempfile::tempdir().expect("scratch");
        let jobs: Vec<String> = (0..5).map(|days| id_at(now - TimeDelta::days(days))).collect();
        for (days, job) in jobs.iter().enumerate() {
            let path = folder.path().join(format!("{job}.log"));
            fs::write(&path, [b'x'; 100]).expect("a log");
            let at = now - TimeDelta::days(days.cast_signed() as i64);
            fs::File::options().write(true).open(&path).expect("it").set_modified(at.into()).expect("its time");
        }
        for other in ["notes.txt", "mine.log"] {
            fs::write(folder.path().join(other), "not ours").expect("scratch");
        }
        (folder, jobs)
    }

    fn left(folder: &Path, jobs: &[String]) -> Vec<usize> {
        (0..jobs.len()).filter(|job| folder.join(format!("{}.log", jobs[*job])).exists()).collect()
    }

    #[tokio::test]
    async fn what_is_beyond_the_bounds_goes_and_never_what_still_runs_or_is_not_ours() {
        let now: Timestamp = "2026-03-02T09:00:00Z".parse().expect("test time");
        let days = |days: u64| Duration::from_hours(24 * days);
        let table = [
            (ROOMY, vec![0, 1, 2, 3, 4]),
            (Bounds { keep: days(2), ..ROOMY }, vec![0, 1, 2, 4]),
            (Bounds { files: 2, ..ROOMY }, vec![0, 1, 4]),
            (Bounds { bytes: 350, ..ROOMY }, vec![0, 1, 2, 4]),
        ];
        for (bounds, expected) in table {
            let (folder, jobs) = scene(now);
            let store = Store::open(&folder.path().join("rounds.db"), now).await.expect("a store");
            // The oldest has not ended.
            let intent = AuditEntry {
                at: now,
                phase: Phase::Intent,
                correlation: jobs[4].clone(),
                actor: Actor::default(),
                action: "mark".into(),
                target: "action:mark".into(),
                risk: "routine".into(),
                reason: String::new(),
                plan: String::new(),
                outcome: None,
                detail: String::new(),
                took_s: None,
            };
            store.begin(intent, &holder::this_process("db1", now)).await.expect("recorded");
            let gone = thin(&store, folder.path(), bounds, now).await.expect("thinned");
            assert_eq!((left(folder.path(), &jobs), gone), (expected.clone(), 5 - expected.len()), "{bounds:?}");
            assert!(folder.path().join("mine.log").exists() && folder.path().join("notes.txt").exists());
        }
    }

    #[tokio::test]
    async fn a_directory_that_is_not_there_holds_none() {
        let folder = tempfile::tempdir().expect("scratch");
        let store = Store::open(&folder.path().join("rounds.db"), Timestamp::UNIX_EPOCH).await.expect("a store");
        let none = folder.path().join("none");
        assert_eq!(thin(&store, &none, ROOMY, Timestamp::UNIX_EPOCH).await, Ok(0));
    }
}

//! What stands behind a reading in a story: the files of a backup, the runs of a task; one line
//! of text for each.

use std::sync::Arc;

use rounds::domain::backup::{Backup, BackupState, Catalogue};
use rounds::domain::hold::{Held, Hold};
use rounds::domain::limit::parse_quantity;
use rounds::domain::observation::Detail;
use rounds::domain::schedule::Schedule;
use rounds::domain::task::{RunEnd, TaskFacts, TaskPolicy, TaskRun};
use rounds::domain::time::{Zone, seconds_between};

use super::world::at;

/// `2026-03-01T02:00:41Z 48.1 MB`, newest first, with ` verified 2026-03-01T02:04:00Z` or
/// ` damaged: its pair is missing` behind it.
pub(super) fn files(lines: &[String]) -> Detail {
    let files = lines.iter().map(|line| {
        let (line, damaged) = match line.split_once(" damaged: ") {
            Some((line, why)) => (line, BackupState::Damaged(why.to_owned())),
            None => (line.as_str(), BackupState::Complete),
        };
        let (line, verified) = match line.split_once(" verified ") {
            Some((line, verified)) => (line, Some(at(verified))),
            None => (line, None),
        };
        let (taken, size) = line.split_once(' ').expect("a time and a size");
        Backup {
            path: format!("/srv/backups/rota_{}.sqlite3", taken.replace([':', '-'], "")).into(),
            taken_at: at(taken),
            size_bytes: Some(parse_quantity(size).expect("a size").0 as u64),
            sha256: Some("9f3ca1bd".repeat(8)),
            took_s: Some(41.0),
            verified_at: verified,
            state: damaged,
        }
    });
    Detail::backups(Catalogue { files: files.collect(), ..Catalogue::default() })
}

/// `2026-03-02T08:00:00Z exit 1 after 5 s: first line / second line`, newest first, of a task on
/// that schedule that is known since the oldest of them, and may be frozen.
pub(super) fn runs(schedule: &str, lines: &[String], frozen: Option<&str>) -> Detail {
    let runs: Vec<TaskRun> = lines
        .iter()
        .map(|line| {
            let (head, tail) = line.split_once(": ").unwrap_or((line, ""));
            let (started, rest) = head.split_once(" exit ").expect("a time and an exit code");
            let (code, took) = rest.split_once(" after ").expect("an exit code and how long it took");
            let took = humantime::parse_duration(took).expect("a duration");
            let started_at = at(started);
            let end = started_at + took;
            TaskRun {
                id: started.to_owned(),
                task: "weekly-report".to_owned(),
                started_at,
                ended: Some(RunEnd {
                    at: end,
                    took_s: seconds_between(started_at, end),
                    exit_code: Some(code.parse().expect("an exit code")),
                    ..RunEnd::default()
                }),
                alive: false,
                untold: false,
                tail: tail.replace(" / ", "\n"),
            }
        })
        .collect();
    let policy = TaskPolicy {
        id: "weekly-report".to_owned(),
        schedule: Schedule::parse(schedule, Zone::utc()).ok(),
        grace: std::time::Duration::from_mins(15),
        runnable: true,
        ..TaskPolicy::default()
    };
    let since = runs.last().map(|run| run.started_at);
    let mut facts = TaskFacts::new(Arc::new(policy), runs, since);
    facts.held = frozen.map(|until| {
        Box::new(Held { hold: Hold::Frozen, until: Some(at(until)), by: Some("asha: the disk is replaced".to_owned()) })
    });
    Detail::task(facts)
}

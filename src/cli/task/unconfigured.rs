//! Runs that were recorded under a name that no configuration and no crontab knows: shown for what
//! they are, for it may be a name that was misspelt.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::Session;
use crate::domain::board::{Board, Watch};
use crate::domain::finding::Finding;
use crate::domain::observation::{Detail, Observation, ProbeId, Reading};
use crate::domain::status::Status;
use crate::domain::task::{Source, TaskFacts, TaskJudge, TaskPolicy};
use crate::domain::time::Timestamp;

/// How many runs of each are looked at.
const RUNS: usize = 50;
/// What stands in the place of a schedule.
pub(super) const WORDS: &str = "not configured";

/// A board of them, read once; `known` are the names that runs of known tasks have.
pub(super) async fn board(session: &Session, known: &BTreeSet<String>, now: Timestamp) -> Board {
    let mut found = Vec::new();
    if let Ok(store) = session.records() {
        for name in store.tasks().await.unwrap_or_default().into_iter().filter(|name| !known.contains(name)) {
            found.push((name.clone(), store.runs(&name, RUNS).await.unwrap_or_default()));
        }
    }
    let watch = |name: &str| {
        let day = Duration::from_hours(24);
        let mut watch = Watch::new(ProbeId::new("task", name), &session.round.config.system.name, day, day);
        watch.judge = Some(Arc::new(TaskJudge));
        watch
    };
    let mut board = Board::new(found.iter().map(|(name, _)| watch(name)).collect(), now).for_one_look();
    for (name, runs) in found {
        let probe = ProbeId::new("task", &name);
        let policy = TaskPolicy { id: name, source: Source::Exec, zone: session.zone.clone(), ..TaskPolicy::default() };
        let facts = TaskFacts::new(Arc::new(policy), runs, None);
        let text = "its runs are recorded, and no configuration or crontab names it: nothing is expected of it";
        let told = Finding::new(Status::Ok, "configuration", text);
        let reading = Reading { findings: vec![told], ..Reading::default().with(Detail::task(facts)) };
        board.apply(&Observation { probe, at: now, took: Duration::ZERO, outcome: Ok(reading) });
    }
    board
}

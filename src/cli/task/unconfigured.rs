//! Runs that were recorded under a name that no configuration and no crontab knows: shown for what
//! they are, for it may be a name that was misspelt.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::cli::Session;
use crate::domain::board::{Board, Watch};
use crate::domain::finding::Finding;
use crate::domain::observation::{Detail, Observation, ProbeId, Reading};
use crate::domain::status::Status;
use crate::domain::task::{Source, TaskFacts, TaskJudge, TaskPolicy};
use crate::domain::time::Timestamp;
use crate::store::Store;

/// How many runs of each are looked at.
const RUNS: usize = 50;
/// What stands in the place of a schedule.
pub(super) const WORDS: &str = "not configured";

/// Every name that runs are recorded under, on its way from the store.
pub(super) struct Names(Option<(Store, JoinHandle<Vec<String>>)>);

/// Asks for them.
pub(super) fn names(session: &Session) -> Names {
    let store = session.records().ok();
    Names(store.map(|store| {
        let asked = store.clone();
        (store, tokio::spawn(async move { asked.tasks().await.unwrap_or_default() }))
    }))
}

/// A board of them, read once; `known` are the names that runs of known tasks have.
pub(super) async fn board(session: &Session, names: Names, known: &BTreeSet<String>, now: Timestamp) -> Board {
    let mut found = Vec::new();
    if let Names(Some((store, names))) = names {
        for name in names.await.unwrap_or_default().into_iter().filter(|name| !known.contains(name)) {
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
        let policy = TaskPolicy {
            id: name,
            source: Source::Exec,
            extra: true,
            zone: session.zone.clone(),
            ..TaskPolicy::default()
        };
        let facts = TaskFacts::new(Arc::new(policy), runs, None);
        let text = "its runs are recorded, and no configuration or crontab names it: nothing is expected of it";
        let told = Finding::new(Status::Ok, "configuration", text);
        let reading = Reading { findings: vec![told], ..Reading::default().with(Detail::task(facts)) };
        board.apply(&Observation { probe, at: now, took: Duration::ZERO, outcome: Ok(reading) });
    }
    board
}

//! What earlier runs left, loaded at the start without holding up the first frame, and again
//! when another instance has acted, marked or signed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::domain::time::{Timestamp, Zone};
use crate::domain::update::{Memory, Update};
use crate::runtime::clock::Clock;
use crate::runtime::round::Round;
use crate::store::{Store, StoreError};

/// How often the newest audit records and marks of other instances are fetched.
const REFRESH: Duration = Duration::from_secs(10);

/// How long a store may take to open before it is told that there is none.
const PATIENCE: Duration = Duration::from_secs(1);

/// Everything a dashboard shows of earlier runs; waits for the store as long as it takes.
pub async fn load(round: &Round, now: Timestamp) -> Option<Memory> {
    let periods = shown_periods(&round.config, now, &round.context.zone);
    round.store.opened().await.memory(now, &periods).await.ok()
}

pub(super) fn start(tasks: &mut JoinSet<()>, round: &Round, updates: mpsc::Sender<Update>, clock: Clock) {
    let opening = round.store.clone();
    let (config, zone) = (Arc::clone(&round.config), round.context.zone.clone());
    tasks.spawn(async move {
        if let Err(why) = opening.within(PATIENCE).await {
            let _ = updates.send(Update::StoreFailed(Some(why))).await;
        }
        let store = opening.opened().await;
        let _ = updates.send(Update::StoreFailed(None)).await;
        // How far the audit log was when what is on the screen was read, if it is known: every
        // act, mark and signature stands there.
        let (mut shown, mut failed) = (None, false);
        loop {
            match newer(&store, shown, &config, &clock, &zone).await {
                Ok(None) => {}
                Ok(Some((seq, memory))) => {
                    shown = Some(seq);
                    if std::mem::take(&mut failed) {
                        let _ = updates.send(Update::StoreFailed(None)).await;
                    }
                    let _ = updates.send(Update::Loaded(Box::new(memory))).await;
                }
                Err(error) if shown.is_none() => {
                    failed = true;
                    let _ = updates.send(Update::StoreFailed(Some(error.to_string()))).await;
                }
                // What was read stays; that writing fails, the recorder tells.
                Err(error) => tracing::warn!(%error, "what other instances did is not known"),
            }
            tokio::time::sleep(REFRESH).await;
        }
    });
}

/// What the store holds, if it is more than what was `shown`; and how far the audit log was.
async fn newer(
    store: &Store,
    shown: Option<u64>,
    config: &Config,
    clock: &Clock,
    zone: &Zone,
) -> Result<Option<(u64, Memory)>, StoreError> {
    // First how far it goes, then what it holds: what is written in between is read twice,
    // the other way round it would never be.
    let seq = store.head().await?.seq;
    if shown == Some(seq) {
        return Ok(None);
    }
    let now = clock.now();
    let memory = store.memory(now, &shown_periods(config, now, zone)).await?;
    Ok(Some((seq, memory)))
}

/// How many periods back the dashboard can leaf.
const PERIODS_BACK: i32 = 14;

/// Every checklist with the periods a dashboard may show.
fn shown_periods(config: &Config, now: Timestamp, zone: &Zone) -> Vec<(String, String)> {
    let lists = config.checklists.iter();
    lists
        .flat_map(|list| {
            let keys = (-PERIODS_BACK..=0).map(|steps| list.every.shifted(now, steps, zone).key);
            let mut keys: Vec<String> = keys.collect();
            keys.dedup();
            keys.into_iter().map(|key| (list.id.clone(), key))
        })
        .collect()
}

//! What earlier runs left, loaded once at the start without holding up the first frame.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::domain::time::{Timestamp, Zone};
use crate::domain::update::{Memory, Update};
use crate::runtime::clock::Clock;
use crate::runtime::round::Round;

/// How often the newest audit records and marks of other instances are fetched.
const REFRESH: Duration = Duration::from_secs(10);

/// Everything a dashboard shows of earlier runs.
pub async fn load(round: &Round, now: Timestamp) -> Option<Memory> {
    let periods = shown_periods(&round.config, now, &round.context.zone);
    round.store.as_ref()?.memory(now, &periods).await.ok()
}

pub(super) fn start(
    tasks: &mut JoinSet<()>,
    round: &Round,
    store_error: Option<String>,
    updates: mpsc::Sender<Update>,
    clock: Clock,
) {
    let Some(store) = round.store.clone() else {
        tasks.spawn(async move {
            let why = store_error.unwrap_or_else(|| "there is no store".to_owned());
            let _ = updates.send(Update::StoreFailed(Some(why))).await;
        });
        return;
    };
    let (config, zone) = (Arc::clone(&round.config), round.context.zone.clone());
    tasks.spawn(async move {
        match store.memory(clock.now(), &shown_periods(&config, clock.now(), &zone)).await {
            Ok(memory) => {
                let _ = updates.send(Update::Loaded(Box::new(memory))).await;
            }
            Err(error) => {
                let _ = updates.send(Update::StoreFailed(Some(error.to_string()))).await;
            }
        }
        let mut last = store.head().await.map(|head| head.seq).unwrap_or_default();
        loop {
            tokio::time::sleep(REFRESH).await;
            // Another instance may have acted or signed: its records and marks belong on this
            // screen too.
            let Ok(head) = store.head().await else { continue };
            if head.seq != last {
                last = head.seq;
                if let Ok(memory) = store.memory(clock.now(), &shown_periods(&config, clock.now(), &zone)).await {
                    let _ = updates.send(Update::Loaded(Box::new(memory))).await;
                }
            }
        }
    });
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

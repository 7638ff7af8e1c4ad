//! Runs that `rounds exec` spooled, moved into the store: each exactly once.

use std::path::Path;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::runtime::round::Round;
use crate::scheduler::spool;
use crate::store::Store;

const EVERY: Duration = Duration::from_secs(5);

pub(super) fn start(tasks: &mut JoinSet<()>, round: &Round) {
    let opening = round.store.clone();
    let directory = spool::directory(&round.context.state_dir);
    tasks.spawn(async move {
        let store = opening.opened().await;
        loop {
            if let Err(error) = import(&store, &directory).await {
                tracing::warn!(%error, "recorded runs stay in the spool");
            }
            tokio::time::sleep(EVERY).await;
        }
    });
}

/// Moves what is in the spool into the store. A file leaves the spool only after its record
/// is safe, and a record that is already there is not written twice.
pub async fn import(store: &Store, directory: &Path) -> color_eyre::Result<usize> {
    let folder = directory.to_owned();
    let runs = tokio::task::spawn_blocking(move || spool::read(&folder)).await?;
    if runs.is_empty() {
        return Ok(0);
    }
    store.import_runs(&runs).await?;
    let finished: Vec<String> =
        runs.iter().filter(|run| run.ended.is_some() || !run.alive).map(|run| run.id.clone()).collect();
    let folder = directory.to_owned();
    tokio::task::spawn_blocking(move || spool::remove(&folder, finished.iter().map(String::as_str))).await??;
    Ok(runs.len())
}

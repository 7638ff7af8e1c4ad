//! Letting go of what is old, a little at a time: what goes is found by reading, which holds up
//! nobody, and taken away in small transactions, between which others may write.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::domain::time::Timestamp;
use crate::store::sqlite::{change, job, observation, proof, run};
use crate::store::thinning::Horizon;
use crate::store::{Store, StoreError, sqlite};

/// How many rows go in one transaction: a few milliseconds of work.
const AT_ONCE: usize = 500;
/// The least that is left to others after each, who look for the lock only now and then.
const LEAST_PAUSE: Duration = Duration::from_millis(5);

impl Store {
    /// Thins and drops what is old: observations, changes, proofs and runs, but the latest of
    /// each always stays; and the oldest observations of a store that is too large. Marks,
    /// signatures and the audit log are not touched. Answers how many rows went.
    pub async fn prune(&self, now: Timestamp, keep: Duration) -> Result<u64, StoreError> {
        let horizon = Horizon::new(now, keep);
        let mut gone = 0;
        for probe in self.probes().await? {
            let overdue = self.read.read(move |c| Box::pin(observation::overdue(c, probe, horizon))).await?;
            gone += self.remove(observation::REMOVE, overdue).await?;
        }
        let overdue = self.read.read(move |c| Box::pin(change::overdue(c, horizon))).await?;
        gone += self.remove(change::REMOVE, overdue).await?;
        let overdue = self.read.read(move |c| Box::pin(proof::overdue(c, horizon))).await?;
        gone += self.remove(proof::REMOVE, overdue).await?;
        let overdue = self.read.read(move |c| Box::pin(run::overdue(c, horizon))).await?;
        gone += self.remove(run::REMOVE, overdue).await?;
        let overdue = self.read.read(move |c| Box::pin(job::overdue(c, horizon))).await?;
        gone += self.remove(job::REMOVE, overdue).await?;
        Ok(gone + self.shrink().await?)
    }

    /// Drops the oldest observations, a tenth after the other, until what the store holds fits or
    /// there are none left. The room is used again, the file stays.
    async fn shrink(&self) -> Result<u64, StoreError> {
        let mut gone = 0;
        while self.read.read(|c| Box::pin(observation::held_bytes(c))).await? > self.roomy {
            let Some(tenth) = self.read.read(|c| Box::pin(observation::end_of_oldest_tenth(c))).await? else { break };
            for probe in self.probes().await? {
                let oldest = self.read.read(move |c| Box::pin(observation::up_to(c, probe, tenth))).await?;
                gone += self.remove(observation::REMOVE, oldest).await?;
            }
        }
        Ok(gone)
    }

    async fn probes(&self) -> Result<Vec<String>, StoreError> {
        self.read.read(|c| Box::pin(observation::probes(c))).await
    }

    /// Removes rows by their keys, each in JSON.
    async fn remove(&self, statement: &'static str, keys: Vec<String>) -> Result<u64, StoreError> {
        let writer = self.relaxed()?;
        let mut gone = 0;
        for some in keys.chunks(AT_ONCE) {
            let some = format!("[{}]", some.join(","));
            let begun = Instant::now();
            gone += writer.write(move |c| Box::pin(sqlite::remove(c, statement, some))).await?;
            // As much for others as for this.
            sleep(begun.elapsed().max(LEAST_PAUSE)).await;
        }
        Ok(gone)
    }
}

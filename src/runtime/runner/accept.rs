//! The step that writes down what an operator found right: what is installed at that moment, read again.

use std::collections::BTreeSet;

use super::Runner;
use super::steps::{Stopped, Work};
use crate::domain::drift::{Acceptance, Drift, Set};
use crate::domain::inventory::Target;
use crate::domain::observation::{Detail, ProbeId};
use crate::domain::plan::Found;
use crate::domain::redact;
use crate::runtime::guard;

impl Runner {
    pub(super) async fn accept(&self, found: &[Found], work: &Work<'_>) -> Result<String, Stopped> {
        let shared = &self.0;
        let wanted: BTreeSet<ProbeId> = found.iter().map(|one| Target::task(&one.told_by).probe()).collect();
        let board = guard::read(&|id| wanted.contains(id), &shared.config, &shared.context, &shared.clock).await;
        let mut all = Vec::new();
        for one in found {
            let probe = Target::task(&one.told_by).probe();
            let Some(told) = board.detail(&probe).and_then(Detail::drift) else {
                let why = format!("what is installed of {} cannot be read; nothing was accepted", one.told_by);
                return Err(Stopped::failed(why));
            };
            let drift = if told.scope == one.scope { told.clone() } else { alone(told, &one.scope) };
            if drift.fingerprint() != one.fingerprint {
                let why = format!("{} has changed since this was planned; nothing was accepted, look again", one.scope);
                return Err(Stopped::failed(why));
            }
            all.push(Acceptance {
                scope: one.scope.clone(),
                job: work.order.job.0.clone(),
                at: shared.clock.now(),
                operator: work.order.actor.operator.clone(),
                reason: redact::text(work.order.reason).into_owned(),
                set: drift.now,
            });
        }
        let store = shared.store.get().map_err(Stopped::failed)?;
        store.accept(&all).await.map_err(|error| Stopped::failed(error.to_string()))?;
        let names: Vec<&str> = found.iter().map(|one| one.scope.as_str()).collect();
        Ok(format!("accepted what is installed of {}", names.join(", ")))
    }
}

/// One of all; what is not there any more is known to be gone.
fn alone(all: &Drift, name: &str) -> Drift {
    let now: Set = all.of(name).now;
    Drift::new(name, now, None)
}

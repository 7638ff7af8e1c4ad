//! The end of a freeze: while a dashboard runs, what was to be thawed by now is thawed, as the plan
//! said that the operator agreed to. It is an act like any other: audited, refused where it must be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::action::{self, Sight, hold::ALL};
use crate::domain::action_name::ActionName;
use crate::domain::audit::Actor;
use crate::domain::hold::Freeze;
use crate::domain::humanize;
use crate::domain::inventory::{Inventory, Target};
use crate::domain::observation::ProbeId;
use crate::domain::plan::Answer;
use crate::platform::user;
use crate::runtime::clock::Clock;
use crate::runtime::guard;
use crate::runtime::round::Round;
use crate::runtime::runner::Runner;
use crate::runtime::stop::Stop;
use crate::runtime::teller::Teller;
use crate::store::Store;

/// How often it is looked for freezes that are over.
const EVERY: Duration = Duration::from_secs(15);

/// What a thaw needs of the world.
#[derive(Debug)]
struct Thawing {
    inventory: Arc<Inventory>,
    runner: Runner,
    teller: Teller,
    wake: BTreeMap<ProbeId, Arc<Notify>>,
    clock: Clock,
    /// Freezes whose thaw was tried: what did not work once is told by their tasks, and left to people.
    tried: BTreeSet<String>,
}

/// Starts looking for freezes that are over.
pub(super) fn start(
    tasks: &mut JoinSet<()>,
    round: &Round,
    runner: Runner,
    teller: Teller,
    wake: BTreeMap<ProbeId, Arc<Notify>>,
    clock: Clock,
) {
    let (opening, inventory) = (round.store.clone(), Arc::clone(&round.inventory));
    let mut thawing = Thawing { inventory, runner, teller, wake, clock, tried: BTreeSet::new() };
    tasks.spawn(async move {
        let store = opening.opened().await;
        loop {
            thawing.look(&store).await;
            tokio::time::sleep(EVERY).await;
        }
    });
}

impl Thawing {
    async fn look(&mut self, store: &Store) {
        let now = self.clock.now();
        let Ok(open) = store.open_freezes().await else { return };
        let over = open.into_iter().filter(|freeze| freeze.until <= now && !self.tried.contains(&freeze.job));
        let mut jobs: BTreeMap<String, Vec<Freeze>> = BTreeMap::new();
        for freeze in over {
            jobs.entry(freeze.job.clone()).or_default().push(freeze);
        }
        for (job, freezes) in jobs {
            self.tried.insert(job);
            self.thaw(&freezes).await;
        }
    }

    /// Thaws what one job froze, in the name of who asked for that.
    async fn thaw(&self, freezes: &[Freeze]) {
        let Some(first) = freezes.first() else { return };
        let probe = |freeze: &Freeze| Target::task(&freeze.task).probe();
        let probes: BTreeSet<ProbeId> = freezes.iter().map(probe).collect();
        let board =
            guard::read(&|id| probes.contains(id), self.runner.config(), self.runner.context(), &self.clock).await;
        let known = |freeze: &&Freeze| board.watch(&probe(freeze)).is_some();
        let (there, gone): (Vec<&Freeze>, Vec<&Freeze>) = freezes.iter().partition(known);
        let names = |freezes: &[&Freeze]| freezes.iter().map(|one| one.task.clone()).collect::<Vec<_>>().join(",");
        let mut params = BTreeMap::from([("gone".to_owned(), names(&gone))]);
        params.insert("tasks".to_owned(), names(&there));
        let sight = Sight { inventory: &self.inventory, board: &board, now: self.clock.now() };
        let plan = match action::propose(&ActionName::THAW, &Target::task(ALL), &params, &sight) {
            Ok(plan) => plan,
            Err(error) => return tracing::warn!(%error, "what was frozen is not thawed"),
        };
        // The operator agreed to this end with the freeze itself.
        let name = plan.name_to_type().to_owned();
        let Ok(confirmed) = plan.confirm(Answer::Typed(&name)) else { return };
        let actor = Actor {
            operator: first.operator.clone(),
            os_user: user::name(),
            host: self.inventory.host.clone(),
            origin: "the end of a freeze".to_owned(),
        };
        let until = humanize::clock(first.until, self.clock.now(), &self.inventory.zone);
        let reason = format!("frozen until {until}: {}", first.reason);
        let (job, stop) = (self.runner.new_job(), Stop::default());
        // Refusals and outcomes alike are told and recorded.
        let _ = self.runner.act(&confirmed, &actor, &reason, &job, &stop, &self.teller).await;
        for probe in &confirmed.plan().affects {
            if let Some(notify) = self.wake.get(probe) {
                notify.notify_one();
            }
        }
    }
}

//! The round: a configuration turned into probes to read and targets to act upon.

use std::sync::Arc;

use crate::config::Config;
use crate::domain::board::Watch;
use crate::domain::inventory::Inventory;
use crate::ledger::Ledger;
use crate::probe::{Context, KINDS, Watched};
use crate::runtime::opening::Opening;
use crate::scheduler::source::Ask;

/// Everything that is watched and can be acted upon.
#[derive(Debug)]
pub struct Round {
    pub config: Arc<Config>,
    pub inventory: Arc<Inventory>,
    pub context: Context,
    pub watched: Vec<Watched>,
    /// While the store cannot be opened, the round goes on without memory.
    pub store: Opening,
}

impl Round {
    /// Builds every probe of the configuration. Opens nothing that can hang; `at_start` asks schedulers
    /// which tasks they have, and knows how long it may take.
    pub fn new(config: Config, host: &str, store: Opening, at_start: Ask) -> Self {
        let ledger: Arc<dyn Ledger> = Arc::new(store.clone());
        let context = Context {
            ledger,
            system: config.system.name.clone(),
            zone: config.zone.clone(),
            at_start,
            state_dir: config.store.state_dir(),
        };
        let mut inventory = config.inventory();
        host.clone_into(&mut inventory.host);
        let watched: Vec<Watched> = KINDS.iter().flat_map(|kind| (kind.build)(&config, &context)).collect();
        let cards = watched.iter().filter_map(|one| one.probe.card());
        inventory.tasks.extend(cards.map(|card| (card.id.clone(), card)));
        Self { config: Arc::new(config), inventory: Arc::new(inventory), context, watched, store }
    }

    /// Builds the probes anew, after a sweep has used them up.
    pub fn renew(&mut self) {
        self.watched = probes_for(&self.config, &self.context, &|_| true);
    }

    pub fn watches(&self) -> Vec<Watch> {
        self.watched.iter().map(|one| one.watch.clone()).collect()
    }
}

/// Fresh probes for those ids alone: for a guard before an act, or the check after it.
pub(super) fn probes_for(config: &Config, context: &Context, wanted: &dyn Fn(&Watch) -> bool) -> Vec<Watched> {
    KINDS.iter().flat_map(|kind| (kind.build)(config, context)).filter(|one| wanted(&one.watch)).collect()
}

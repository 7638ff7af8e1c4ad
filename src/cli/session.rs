//! What every command starts with: the configuration, the store, the round, and who is asking.

use crate::cli::Global;
use crate::cli::environment::{actor, environment};
use crate::config;
use crate::domain::audit::Actor;
use crate::domain::time::Zone;
use crate::runtime::clock::Clock;
use crate::runtime::holder::recover_lost_jobs;
use crate::runtime::importer;
use crate::runtime::round::Round;
use crate::runtime::runner::Runner;
use crate::scheduler::spool;
use crate::store::Store;

/// The world of one command.
#[derive(Debug)]
pub struct Session {
    pub clock: Clock,
    pub zone: Zone,
    pub round: Round,
    pub actor: Actor,
    pub read_only: bool,
    /// Why there is no store, if there is none.
    pub store_error: Option<String>,
}

impl Session {
    /// Reads the configuration and opens the store. A store that cannot be opened is no error
    /// here: looking works without one, and acts refuse with the reason.
    pub async fn open(global: &Global) -> color_eyre::Result<Self> {
        let environment = environment(global);
        let config = config::load(&global.config, &environment)?;
        let clock = Clock::system();
        let (store, store_error) = match Store::open(&config.store.path, clock.now()).await {
            Ok(store) => (Some(store), None),
            Err(error) => (None, Some(error.to_string())),
        };
        if let Some(store) = &store {
            if let Err(error) = recover_lost_jobs(store, &environment.host_name, clock.now()).await {
                tracing::warn!(%error, "lost jobs were not looked for");
            }
            // A run that stays in the spool is shown from there; the next start tries again.
            let _ = importer::import(store, &spool::directory(&config.store.state_dir())).await;
        }
        let zone = config.zone.clone();
        let read_only = global.read_only || config.acts.read_only;
        let round = Round::new(config, &environment.host_name, store);
        let actor = actor(global, &environment.host_name);
        Ok(Self { clock, zone, round, actor, read_only, store_error })
    }

    /// New probes, for a second look.
    pub fn renew(&mut self) {
        self.round.renew();
    }

    pub fn runner(&self) -> Runner {
        Runner::new(&self.round, self.read_only, self.store_error.clone(), &self.clock)
    }

    /// The store, for commands that are nothing without it.
    pub fn store(&self) -> color_eyre::Result<&Store> {
        let why = || color_eyre::eyre::eyre!("{}", self.store_error.as_deref().unwrap_or("there is no store"));
        self.round.store.as_ref().ok_or_else(why)
    }
}

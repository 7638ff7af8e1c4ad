//! What every command starts with: the configuration, the store, the round, and who is asking.

use std::time::Duration;

use crate::cli::Global;
use crate::cli::environment::{actor, environment};
use crate::config;
use crate::domain::audit::Actor;
use crate::domain::time::Zone;
use crate::runtime::clock::Clock;
use crate::runtime::opening::Opening;
use crate::runtime::round::Round;
use crate::runtime::runner::Runner;
use crate::scheduler::source::Ask;
use crate::scheduler::{self, spool};
use crate::store::Store;

/// The world of one command.
#[derive(Debug)]
pub struct Session {
    pub clock: Clock,
    pub zone: Zone,
    pub round: Round,
    pub actor: Actor,
    pub read_only: bool,
}

/// How long a command that is nothing without the store waits for it: longer than a store that
/// is locked for a while.
const FOR_THE_STORE: Duration = Duration::from_secs(15);
/// How long the configuration may take to be read.
pub(super) const FOR_THE_CONFIGURATION: Duration = Duration::from_secs(10);

impl Session {
    /// Reads the configuration and opens the store. A store that cannot be opened is no error
    /// here: looking works without one, and acts refuse with the reason.
    pub async fn open(global: &Global) -> color_eyre::Result<Self> {
        let session = Self::begin(global, FOR_THE_CONFIGURATION, scheduler::ask)?;
        // Why there is none is told by whoever wants it.
        let _ = session.round.store.within(FOR_THE_STORE).await;
        Ok(session)
    }

    /// The same for whoever does not wait for the store: it is opened in the background.
    pub(super) fn begin(global: &Global, patience: Duration, at_start: Ask) -> color_eyre::Result<Self> {
        let environment = environment(global);
        let config = config::load_within(patience, &global.config, &environment)?;
        let clock = Clock::system();
        let spool = spool::directory(&config.store.state_dir());
        let store = Opening::begin(config.store.path.clone(), spool, environment.host_name.clone(), clock.clone());
        let zone = config.zone.clone();
        let read_only = global.read_only || config.acts.read_only;
        let round = Round::new(config, &environment.host_name, store, at_start);
        let actor = actor(global, &environment.host_name);
        Ok(Self { clock, zone, round, actor, read_only })
    }

    /// New probes, for a second look.
    pub fn renew(&mut self) {
        self.round.renew();
    }

    pub fn runner(&self) -> Runner {
        Runner::new(&self.round, self.read_only, &self.clock)
    }

    /// What was recorded, for commands that only read it.
    pub fn records(&self) -> color_eyre::Result<Store> {
        self.round.store.readable().map_err(|why| color_eyre::eyre::eyre!(why))
    }

    /// The store, for commands that write to it.
    pub fn store(&self) -> color_eyre::Result<Store> {
        self.round.store.get().map_err(|why| color_eyre::eyre::eyre!(why))
    }
}

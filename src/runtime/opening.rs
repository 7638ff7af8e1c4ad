//! The store on its way: opened in the background, because the disk it lies on may hang, and
//! tried again while it cannot be opened. Whoever needs it is told at any moment why there is
//! none, and nobody waits for it longer than they said.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::domain::drift::Acceptance;
use crate::domain::hold::Freeze;
use crate::domain::humanize;
use crate::domain::task::TaskRun;
use crate::domain::vitals::{Proof, ProofKind};
use crate::ledger::{BoxFuture, Ledger, LedgerError, Recorded};
use crate::runtime::clock::Clock;
use crate::runtime::holder::recover_lost_jobs;
use crate::runtime::importer;
use crate::store::{Store, StoreError};

/// The store as far as it has come. Clones share it.
#[derive(Clone, Debug)]
pub struct Opening {
    state: watch::Receiver<State>,
    path: PathBuf,
}

#[derive(Clone, Debug)]
enum State {
    Begun(Instant),
    Open(Box<Store>),
    /// It can be read but not written, and why. Whoever would write is told, loudly.
    ReadOnly(Box<Store>, String),
    Away(String),
}

/// How long a store that cannot be opened is left alone.
const AGAIN: Duration = Duration::from_secs(10);
/// How long a probe waits for what was recorded.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long, when it is asked about all tasks at once: less than a probe of theirs may take.
const WHOLE: Duration = Duration::from_secs(8);

impl Opening {
    /// Begins to open the store and goes on until it is open. What an earlier program left
    /// undone is brought in order first: lost jobs, and the runs in `spool`.
    pub fn begin(path: PathBuf, spool: PathBuf, host: String, clock: Clock) -> Self {
        let (tell, state) = watch::channel(State::Begun(Instant::now()));
        let opening = Self { state, path: path.clone() };
        tokio::spawn(async move {
            loop {
                match Store::open(&path, clock.now()).await {
                    Ok(store) => {
                        if let Err(error) = recover_lost_jobs(&store, &host, clock.now()).await {
                            tracing::warn!(%error, "lost jobs were not looked for");
                        }
                        // A run that stays in the spool is shown from there.
                        let _ = importer::import(&store, &spool).await;
                        let _ = tell.send(State::Open(Box::new(store)));
                        return;
                    }
                    Err(error) => {
                        let _ = tell.send(without(&path, &error).await);
                        tokio::time::sleep(AGAIN).await;
                    }
                }
            }
        });
        opening
    }

    /// A store that is open already.
    pub fn of(store: Store) -> Self {
        let path = store.path().to_owned();
        let (_tell, state) = watch::channel(State::Open(Box::new(store)));
        Self { state, path }
    }

    /// The store, or why there is none to write to at this moment.
    pub fn get(&self) -> Result<Store, String> {
        match &*self.state.borrow() {
            State::Open(store) => Ok((**store).clone()),
            State::ReadOnly(_, why) | State::Away(why) => Err(why.clone()),
            State::Begun(since) => {
                let waited = humanize::duration(since.elapsed());
                Err(format!("store {} has not answered for {waited}", self.path.display()))
            }
        }
    }

    /// The store for whoever only reads: also one that cannot be written.
    pub fn readable(&self) -> Result<Store, String> {
        match &*self.state.borrow() {
            State::ReadOnly(store, _) => return Ok((**store).clone()),
            State::Begun(_) | State::Open(_) | State::Away(_) => {}
        }
        self.get()
    }

    /// Whether it has neither been opened nor refused: its disk may hang.
    pub fn is_silent(&self) -> bool {
        matches!(&*self.state.borrow(), State::Begun(_))
    }

    /// [`Opening::get`] once there is an answer, or when `patience` is over.
    pub async fn within(&self, patience: Duration) -> Result<Store, String> {
        let mut state = self.state.clone();
        // Over or not, what is known then is the answer.
        let _ = timeout(patience, state.wait_for(|state| !matches!(state, State::Begun(_)))).await;
        self.get()
    }

    /// Waits as long as it takes for a store that can be written.
    pub async fn opened(&self) -> Store {
        let mut state = self.state.clone();
        if let Ok(state) = state.wait_for(|state| matches!(state, State::Open(_))).await
            && let State::Open(store) = &*state
        {
            return (**store).clone();
        }
        // Nobody opens it any more: the program ends.
        std::future::pending().await
    }

    /// Asks the store, which may hang while it is open, too.
    async fn ask<T, E: ToString>(&self, question: impl AsyncFnOnce(Store) -> Result<T, E>) -> Result<T, LedgerError> {
        self.ask_for(PATIENCE, question).await
    }

    async fn ask_for<T, E: ToString>(
        &self,
        patience: Duration,
        question: impl AsyncFnOnce(Store) -> Result<T, E>,
    ) -> Result<T, LedgerError> {
        let _ = self.within(PATIENCE).await;
        let store = self.readable().map_err(LedgerError)?;
        match timeout(patience, question(store)).await {
            Ok(answer) => answer.map_err(|error| LedgerError(error.to_string())),
            Err(_) => Err(LedgerError(format!("store {} does not answer", self.path.display()))),
        }
    }
}

/// What there is of a store that cannot be opened. What may not be written may still be read: the
/// log of acts, and what was seen.
async fn without(path: &Path, error: &StoreError) -> State {
    if matches!(error, StoreError::ReadOnly { .. } | StoreError::Denied { .. })
        && let Ok(store) = Store::open_read_only(path).await
    {
        return State::ReadOnly(Box::new(store), error.to_string());
    }
    State::Away(error.to_string())
}

impl Ledger for Opening {
    fn runs<'a>(&'a self, task: &'a str, limit: usize) -> BoxFuture<'a, Result<Vec<TaskRun>, LedgerError>> {
        Box::pin(self.ask(async move |store: Store| store.runs(task, limit).await))
    }

    fn recorded(&self, limit: usize) -> BoxFuture<'_, Result<Option<Recorded>, LedgerError>> {
        Box::pin(self.ask_for(WHOLE, async move |store: Store| Ledger::recorded(&store, limit).await))
    }

    fn accepted<'a>(&'a self, scope: Option<&'a str>) -> BoxFuture<'a, Result<Vec<Acceptance>, LedgerError>> {
        Box::pin(self.ask(async move |store: Store| Ledger::accepted(&store, scope).await))
    }

    fn freezes<'a>(&'a self, task: &'a str) -> BoxFuture<'a, Result<Vec<Freeze>, LedgerError>> {
        Box::pin(self.ask(async move |store: Store| Ledger::freezes(&store, task).await))
    }

    fn proofs<'a>(&'a self, kind: ProofKind, prefix: &'a str) -> BoxFuture<'a, Result<Vec<Proof>, LedgerError>> {
        Box::pin(self.ask(async move |store: Store| store.proofs(kind, prefix).await))
    }

    fn is_kept_in<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let ours = path == self.path;
            if ours {
                let mut state = self.state.clone();
                let _ = state.wait_for(|state| !matches!(state, State::Begun(_))).await;
            }
            ours
        })
    }
}

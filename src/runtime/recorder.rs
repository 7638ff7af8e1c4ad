//! The one task that writes what was seen: observations in batches, marks at once. A store
//! that fails is told to the screen and tried again; nothing else stops.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::domain::action_name::ActionName;
use crate::domain::audit::Actor;
use crate::domain::board::Change;
use crate::domain::checklist::{Mark, Signature};
use crate::domain::inventory::Target;
use crate::domain::job::JobEvent;
use crate::domain::observation::Observation;
use crate::domain::update::Update;
use crate::runtime::clock::Clock;
use crate::runtime::round::Round;
use crate::runtime::sign::sign;
use crate::store::Store;

/// Something to be written.
#[expect(clippy::large_enum_variant, reason = "nearly every note is an observation")]
#[derive(Clone, Debug)]
pub enum Note {
    Observed(Observation),
    Changes(Vec<Change>),
    Mark(Mark),
    Signature(Box<Signature>, Actor),
}

/// How often observations are written: one sync of the disk for all of them.
const BATCH: Duration = Duration::from_secs(10);
/// More observations than this are not held for a store that is away.
const HELD: usize = 10_000;

/// The sending side of the writing task.
#[derive(Debug)]
pub struct Recorder {
    notes: mpsc::UnboundedSender<Note>,
    stop: Option<oneshot::Sender<()>>,
    done: Option<oneshot::Receiver<()>>,
}

impl Recorder {
    pub(super) fn start(
        tasks: &mut JoinSet<()>,
        round: &Round,
        read_only: bool,
        updates: mpsc::Sender<Update>,
        clock: Clock,
    ) -> Self {
        // Unbounded towards the writer, because the screen must never wait for a disk; the
        // writer itself drops what a store that is away cannot take.
        let (notes, inbox) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        let (finished, done) = oneshot::channel();
        let keep = round.config.store.keep_observations;
        let writer =
            Writer { store: round.store.clone(), updates, clock, read_only, keep, waiting: Vec::new(), failed: false };
        tasks.spawn(async move {
            writer.run(inbox, stopped).await;
            let _ = finished.send(());
        });
        Self { notes, stop: Some(stop), done: Some(done) }
    }

    pub(super) fn note(&self, note: Note) {
        // A writer that is gone means the program is ending.
        let _ = self.notes.send(note);
    }

    /// Writes what is left, for at most `grace`.
    pub(super) async fn finish(&mut self, grace: Duration) {
        if let (Some(stop), Some(done)) = (self.stop.take(), self.done.take()) {
            let _ = stop.send(());
            let _ = tokio::time::timeout(grace, done).await;
        }
    }
}

struct Writer {
    store: Option<Store>,
    updates: mpsc::Sender<Update>,
    clock: Clock,
    read_only: bool,
    /// How long observations are kept.
    keep: Duration,
    waiting: Vec<Observation>,
    failed: bool,
}

impl Writer {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Note>, mut stopped: oneshot::Receiver<()>) {
        let mut flush = tokio::time::interval(BATCH);
        flush.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut pruned = tokio::time::Instant::now();
        loop {
            tokio::select! {
                note = inbox.recv() => match note {
                    Some(note) => self.take(note).await,
                    None => break,
                },
                _ = flush.tick() => {
                    self.flush().await;
                    if pruned.elapsed() > Duration::from_hours(1) {
                        pruned = tokio::time::Instant::now();
                        self.prune().await;
                    }
                }
                _ = &mut stopped => break,
            }
        }
        while let Ok(note) = inbox.try_recv() {
            self.take(note).await;
        }
        self.flush().await;
    }

    async fn take(&mut self, note: Note) {
        match note {
            Note::Observed(observation) => {
                if self.waiting.len() < HELD {
                    self.waiting.push(observation);
                }
            }
            Note::Changes(changes) => {
                if let Some(store) = &self.store {
                    let written = store.record_changes(&changes).await.map(drop).map_err(|error| error.to_string());
                    self.tell(written).await;
                }
            }
            Note::Mark(mark) => {
                let target = mark.checklist.clone();
                match self.writable() {
                    Ok(store) => match store.record_mark(&mark).await {
                        Ok(()) => self.send(Update::Marked(mark)).await,
                        Err(error) => self.refuse("mark", &target, error.to_string()).await,
                    },
                    Err(why) => self.refuse("mark", &target, why).await,
                }
            }
            Note::Signature(signature, actor) => {
                let target = signature.checklist.clone();
                match self.writable() {
                    Ok(store) => match sign(&store, &actor, *signature).await {
                        Ok((signature, record)) => {
                            self.send(Update::Signed(Box::new(signature))).await;
                            self.send(Update::Audited(Box::new(record))).await;
                        }
                        Err(error) => self.refuse("sign", &target, error.to_string()).await,
                    },
                    Err(why) => self.refuse("sign", &target, why).await,
                }
            }
        }
    }

    /// The store, where marks and signatures may be written.
    fn writable(&self) -> Result<Store, String> {
        if self.read_only {
            return Err("this is a read-only session".to_owned());
        }
        self.store.clone().ok_or_else(|| "there is no store to keep it in".to_owned())
    }

    async fn refuse(&self, action: &str, checklist: &str, why: String) {
        let event = JobEvent::Refused {
            action: ActionName::custom(action),
            target: Target::action(checklist),
            at: self.clock.now(),
            why,
        };
        self.send(Update::Job(event)).await;
    }

    async fn send(&self, update: Update) {
        // A screen that is gone needs no news.
        let _ = self.updates.send(update).await;
    }

    async fn flush(&mut self) {
        if let Some(store) = &self.store
            && !self.waiting.is_empty()
        {
            let written = store.record(&self.waiting).await.map(drop).map_err(|error| error.to_string());
            if written.is_ok() {
                self.waiting.clear();
            }
            self.tell(written).await;
        }
    }

    async fn prune(&self) {
        if let Some(store) = &self.store
            && let Err(error) = store.prune(self.clock.now(), self.keep).await
        {
            tracing::warn!(%error, "old observations were not thinned");
        }
    }

    /// Tells the screen when writing begins to fail, and when it works again.
    async fn tell(&mut self, written: Result<(), String>) {
        let now_failed = written.is_err();
        if now_failed || self.failed {
            let _ = self.updates.send(Update::StoreFailed(written.err())).await;
        }
        self.failed = now_failed;
    }
}

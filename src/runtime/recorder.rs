//! The one task that writes what was seen: observations in batches, marks at once. A store
//! that fails is told to the screen and tried again; nothing else stops.

mod backlog;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::domain::action_name::ActionName;
use crate::domain::audit::{Actor, AuditRecord};
use crate::domain::board::Change;
use crate::domain::checklist::{Mark, Signature};
use crate::domain::humanize;
use crate::domain::inventory::Target;
use crate::domain::job::JobEvent;
use crate::domain::observation::Observation;
use crate::domain::update::Update;
use crate::runtime::clock::Clock;
use crate::runtime::opening::Opening;
use crate::runtime::round::Round;
use crate::runtime::sign;
use crate::store::{Store, StoreError};
use backlog::Backlog;

/// Something to be written.
#[derive(Clone, Debug)]
pub enum Note {
    Observed(Box<Observation>),
    Changes(Vec<Change>),
    Mark(Mark, Actor),
    Signature(Box<Signature>, Actor),
}

impl Note {
    /// Whether an operator did it.
    const fn is_act(&self) -> bool {
        matches!(self, Self::Mark(..) | Self::Signature(..))
    }
}

/// How often observations are written: one sync of the disk for all of them.
const BATCH: Duration = Duration::from_secs(10);
/// How long a store that failed is left alone before it is tried again.
const RETRY: Duration = Duration::from_mins(1);
/// When what is old is thinned for the first time, and how often from then on.
const FIRST_PRUNE: Duration = Duration::from_secs(30);
const PRUNE: Duration = Duration::from_hours(1);
/// How long marks and signatures may take to be written when the program ends: they were
/// made, and nobody is there any more to make them again.
///
/// Longer than a store that is locked is waited for.
const ACTS_GRACE: Duration = Duration::from_secs(6);

/// The sending side of the writing task.
#[derive(Debug)]
pub struct Recorder {
    notes: mpsc::UnboundedSender<Note>,
    /// Marks and signatures that are not written yet.
    acts: Arc<AtomicUsize>,
    lost: Arc<Mutex<Vec<String>>>,
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
        let keep = round.config.store.keep_observations;
        Self::spawn(tasks, Writer::new(round.store.clone(), updates, clock, read_only, keep))
    }

    fn spawn(tasks: &mut JoinSet<()>, writer: Writer) -> Self {
        // Unbounded towards the writer, because the screen must never wait for a disk; the
        // writer itself drops what a store that is away cannot take.
        let (notes, inbox) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        let (finished, done) = oneshot::channel();
        let (acts, lost) = (Arc::clone(&writer.acts), Arc::clone(&writer.lost));
        tasks.spawn(async move {
            writer.run(inbox, stopped).await;
            let _ = finished.send(());
        });
        Self { notes, acts, lost, stop: Some(stop), done: Some(done) }
    }

    pub(super) fn note(&self, note: Note) {
        if note.is_act() {
            self.acts.fetch_add(1, Ordering::Relaxed);
        }
        // A writer that is gone means the program is ending.
        let _ = self.notes.send(note);
    }

    /// Writes what is left, for at most `grace`; longer only where a mark or a signature waits.
    /// Answers what operators did and nobody could be told that it was not written, in words.
    pub(super) async fn finish(&mut self, grace: Duration) -> Vec<String> {
        if let (Some(stop), Some(mut done)) = (self.stop.take(), self.done.take()) {
            let _ = stop.send(());
            if tokio::time::timeout(grace, &mut done).await.is_err() && self.acts.load(Ordering::Relaxed) > 0 {
                let _ = tokio::time::timeout(ACTS_GRACE, done).await;
            }
        }
        let mut lost = std::mem::take(&mut *self.lost.lock().unwrap_or_else(PoisonError::into_inner));
        let waiting = self.acts.load(Ordering::Relaxed);
        if waiting > 0 {
            lost.push(format!("{} could not be written in time", humanize::count(waiting, "mark or signature")));
        }
        lost
    }
}

struct Writer {
    store: Opening,
    updates: mpsc::Sender<Update>,
    clock: Clock,
    read_only: bool,
    /// How long observations are kept.
    keep: Duration,
    acts: Arc<AtomicUsize>,
    /// What was refused when there was no screen any more to be told.
    lost: Arc<Mutex<Vec<String>>>,
    observations: Backlog<Observation>,
    changes: Backlog<Change>,
    /// When writing began to fail or was tried last; `None` while it works.
    failed: Option<Instant>,
}

impl Writer {
    fn new(store: Opening, updates: mpsc::Sender<Update>, clock: Clock, read_only: bool, keep: Duration) -> Self {
        let (acts, lost) = (Arc::default(), Arc::default());
        let (observations, changes) = (Backlog::default(), Backlog::default());
        Self { store, updates, clock, read_only, keep, acts, lost, observations, changes, failed: None }
    }

    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Note>, mut stopped: oneshot::Receiver<()>) {
        let mut flush = tokio::time::interval(BATCH);
        flush.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut prune_at = Instant::now() + FIRST_PRUNE;
        loop {
            tokio::select! {
                note = inbox.recv() => match note {
                    Some(note) => self.take(note).await,
                    None => break,
                },
                _ = flush.tick() => {
                    if self.failed.is_none_or(|at| at.elapsed() >= RETRY) {
                        self.flush().await;
                    }
                    if Instant::now() >= prune_at {
                        prune_at = Instant::now() + PRUNE;
                        self.prune().await;
                    }
                }
                _ = &mut stopped => break,
            }
        }
        // What people did comes first: time is short.
        let mut left: Vec<Note> = std::iter::from_fn(|| inbox.try_recv().ok()).collect();
        left.sort_by_key(|note| !note.is_act());
        for note in left {
            self.take(note).await;
        }
        self.flush().await;
    }

    async fn take(&mut self, note: Note) {
        match note {
            Note::Observed(observation) => self.observations.hold([*observation]),
            Note::Changes(changes) => {
                self.changes.hold(changes);
                if self.failed.is_none() {
                    self.flush_changes().await;
                }
            }
            Note::Mark(mark, actor) => {
                self.mark(mark, &actor).await;
                self.acts.fetch_sub(1, Ordering::Relaxed);
            }
            Note::Signature(signature, actor) => {
                self.sign(&signature, &actor).await;
                self.acts.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    async fn mark(&self, mark: Mark, actor: &Actor) {
        let (action, list) = (mark.kind.word(), mark.checklist.clone());
        let store = match self.writable() {
            Ok(store) => store,
            Err(why) => return self.refuse(action, &list, actor, why).await,
        };
        match sign::mark(&store, actor, &mark).await {
            Ok(record) => {
                self.send(Update::Marked(mark)).await;
                self.tell_record(record).await;
            }
            Err(error) => self.not_written(action, &list, actor, &error).await,
        }
    }

    async fn sign(&self, signature: &Signature, actor: &Actor) {
        let store = match self.writable() {
            Ok(store) => store,
            Err(why) => return self.refuse("sign", &signature.checklist, actor, why).await,
        };
        match sign::sign(&store, actor, signature).await {
            Ok((signature, record)) => {
                self.send(Update::Signed(Box::new(signature))).await;
                self.tell_record(record).await;
            }
            Err(error) => self.not_written("sign", &signature.checklist, actor, &error).await,
        }
    }

    /// The store, where marks and signatures may be written.
    fn writable(&self) -> Result<Store, String> {
        if self.read_only {
            return Err("this is a read-only session".to_owned());
        }
        self.store.get()
    }

    async fn not_written(&self, action: &str, checklist: &str, actor: &Actor, error: &StoreError) {
        if error.is_about_the_act() {
            self.refuse(action, checklist, actor, error.to_string()).await;
        } else {
            // A store that took no mark takes no record of that either, and to be told so would
            // be to wait as long again.
            self.tell_refusal(action, checklist, error.to_string()).await;
        }
    }

    async fn refuse(&self, action: &str, checklist: &str, actor: &Actor, why: String) {
        let now = self.clock.now();
        if let Some(record) = sign::refuse(self.store.get().ok().as_ref(), actor, action, checklist, &why, now).await {
            self.tell_record(record).await;
        }
        self.tell_refusal(action, checklist, why).await;
    }

    async fn tell_refusal(&self, action: &str, checklist: &str, why: String) {
        if self.updates.is_closed() {
            let text = format!("{action} in `{checklist}` was not recorded: {why}");
            return self.lost.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        }
        let (action, target) = (ActionName::custom(action), Target::action(checklist));
        self.send(Update::Job(JobEvent::Refused { job: None, action, target, at: self.clock.now(), why })).await;
    }

    async fn tell_record(&self, record: AuditRecord) {
        self.send(Update::Audited(Box::new(record))).await;
    }

    async fn send(&self, update: Update) {
        // A screen that is gone needs no news.
        let _ = self.updates.send(update).await;
    }

    async fn flush(&mut self) {
        self.flush_changes().await;
        // A store that took no changes is away: thinned out to nothing, observations would pass
        // without asking it, and it would be said to work again.
        if let Ok(store) = self.store.get()
            && self.changes.is_empty()
            && !self.observations.is_empty()
        {
            let written = store.record(self.observations.held()).await.map(drop).map_err(|error| error.to_string());
            if written.is_ok() {
                self.observations.written("observations");
            }
            self.tell(written).await;
        }
    }

    async fn flush_changes(&mut self) {
        if let Ok(store) = self.store.get()
            && !self.changes.is_empty()
        {
            let written = store.record_changes(self.changes.held()).await.map(drop).map_err(|error| error.to_string());
            if written.is_ok() {
                self.changes.written("changes");
            }
            self.tell(written).await;
        }
    }

    async fn prune(&self) {
        if let Ok(store) = self.store.get()
            && let Err(error) = store.prune(self.clock.now(), self.keep).await
        {
            tracing::warn!(%error, "old observations were not thinned");
        }
    }

    /// Tells the screen when writing begins to fail, and when it works again.
    async fn tell(&mut self, written: Result<(), String>) {
        let was_failed = self.failed.is_some();
        self.failed = written.is_err().then(Instant::now);
        if self.failed.is_some() || was_failed {
            self.send(Update::StoreFailed(written.err())).await;
        }
    }
}

#[cfg(test)]
mod tests;

//! Floor 3: where the core meets the world. Probes run, observations flow, confirmed plans
//! become jobs; every clock reading of the program happens in [`clock`].

pub mod clock;
mod guard;
pub mod holder;
pub mod importer;
pub mod lease;
pub mod memory;
pub mod recorder;
pub mod round;
pub mod runner;
pub mod sign;
pub mod sweep;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::domain::audit::Actor;
use crate::domain::job::JobId;
use crate::domain::observation::ProbeId;
use crate::domain::plan::Confirmed;
use crate::domain::update::Update;
use crate::runtime::clock::Clock;
use crate::runtime::recorder::{Note, Recorder};
use crate::runtime::round::Round;
use crate::runtime::runner::Runner;

/// How many updates may wait for the screen; probes that are faster wait for it.
const QUEUE: usize = 256;
/// How long jobs may take to end when the program does.
const JOBS_GRACE: Duration = Duration::from_secs(3);

/// The running world behind a dashboard: one task per probe, one per job, one that writes.
#[derive(Debug)]
pub struct Runtime {
    updates: mpsc::Receiver<Update>,
    sender: mpsc::Sender<Update>,
    wake: BTreeMap<ProbeId, Arc<Notify>>,
    runner: Runner,
    recorder: Recorder,
    cancels: BTreeMap<JobId, CancellationToken>,
    jobs: JoinSet<()>,
    tasks: JoinSet<()>,
    clock: Clock,
}

impl Runtime {
    /// Starts every probe of the round; returns at once. Acts need a tokio runtime around it.
    pub fn start(round: Round, runner: Runner, clock: &Clock) -> Self {
        let (sender, updates) = mpsc::channel(QUEUE);
        let mut tasks = JoinSet::new();
        let recorder = Recorder::start(&mut tasks, &round, runner.read_only(), sender.clone(), clock.clone());
        importer::start(&mut tasks, &round);
        memory::start(&mut tasks, &round, runner.store_error(), sender.clone(), clock.clone());
        let mut wake = BTreeMap::new();
        for watched in round.watched {
            let notify = Arc::new(Notify::new());
            wake.insert(watched.watch.id.clone(), Arc::clone(&notify));
            tasks.spawn(sweep::watch(watched, clock.clone(), sender.clone(), notify));
        }
        Self {
            updates,
            sender,
            wake,
            runner,
            recorder,
            cancels: BTreeMap::new(),
            jobs: JoinSet::new(),
            tasks,
            clock: clock.clone(),
        }
    }

    /// The next thing that happened. Safe to drop while waiting.
    pub async fn next(&mut self) -> Update {
        match self.updates.recv().await {
            Some(update) => {
                self.record(&update);
                update
            }
            // We hold a sender ourselves, so the channel never closes while we live.
            None => std::future::pending().await,
        }
    }

    fn record(&mut self, update: &Update) {
        match update {
            Update::Observed(observation) => self.recorder.note(Note::Observed(observation.clone())),
            Update::Job(crate::domain::job::JobEvent::Finished { job, .. }) => {
                self.cancels.remove(job);
            }
            _ => {}
        }
    }

    /// Wakes one probe; ten calls while it reads are one more reading.
    pub fn refresh(&self, probe: &ProbeId) {
        if let Some(notify) = self.wake.get(probe) {
            notify.notify_one();
        }
    }

    pub fn refresh_all(&self) {
        for notify in self.wake.values() {
            notify.notify_one();
        }
    }

    /// Starts a confirmed plan; what becomes of it arrives as updates.
    pub fn start_job(&mut self, plan: Confirmed, actor: Actor, reason: String) -> JobId {
        let job = runner::new_job_id(self.clock.now());
        let cancel = CancellationToken::new();
        self.cancels.insert(job.clone(), cancel.clone());
        let (runner, sender, id) = (self.runner.clone(), self.sender.clone(), job.clone());
        let wake: Vec<Arc<Notify>> =
            plan.plan().affects.iter().filter_map(|probe| self.wake.get(probe).cloned()).collect();
        self.jobs.spawn(async move {
            // Refusals and outcomes alike reach the screen through the sender.
            let _ = runner.act(&plan, &actor, &reason, &id, &cancel, &sender).await;
            for notify in wake {
                notify.notify_one();
            }
        });
        job
    }

    /// Asks a job to stop: TERM, and KILL after the grace time.
    pub fn cancel(&self, job: &JobId) {
        if let Some(token) = self.cancels.get(job) {
            token.cancel();
        }
    }

    /// Something for the store that is not an observation: changes, marks, signatures.
    pub fn note(&mut self, note: Note) {
        self.recorder.note(note);
    }

    /// Stops everything. Jobs that still run are cancelled and may take three seconds to end
    /// and be recorded; what is still to be written may take `grace`.
    pub async fn shutdown(mut self, grace: Duration) {
        for cancel in self.cancels.values() {
            cancel.cancel();
        }
        let (jobs, updates) = (&mut self.jobs, &mut self.updates);
        let ended = async {
            // Nobody looks any more, but nobody must wait for a place in the queue either.
            while !jobs.is_empty() {
                tokio::select! {
                    _ = jobs.join_next() => {}
                    _ = updates.recv() => {}
                }
            }
        };
        // A job that does not end is killed when it is dropped, and found lost on the next start.
        let _ = tokio::time::timeout(JOBS_GRACE, ended).await;
        // From here on nobody fetches updates; who would wait for room to tell one goes on.
        self.updates.close();
        self.recorder.finish(grace).await;
        self.tasks.abort_all();
    }
}

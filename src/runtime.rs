//! Floor 3: where the core meets the world. Probes run, observations flow, confirmed plans
//! become jobs; every clock reading of the program happens in [`clock`].

pub mod clock;
mod guard;
pub mod holder;
pub mod importer;
pub mod lease;
pub mod logs;
mod look;
pub mod memory;
pub mod opening;
pub mod recorder;
pub mod round;
pub mod runner;
pub mod sign;
pub mod stop;
pub mod sweep;
pub mod teller;
mod thaw;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinError, JoinSet};

use crate::domain::audit::Actor;
use crate::domain::explain::Subject;
use crate::domain::job::JobId;
use crate::domain::look::Aspect;
use crate::domain::observation::ProbeId;
use crate::domain::plan::Confirmed;
use crate::domain::update::Update;
use crate::runtime::clock::Clock;
use crate::runtime::look::Lookout;
use crate::runtime::recorder::{Note, Recorder};
use crate::runtime::round::Round;
use crate::runtime::runner::Runner;
use crate::runtime::stop::Stop;
use crate::runtime::teller::Teller;

/// How many updates may wait for the screen; probes that are faster wait for it.
const QUEUE: usize = 256;
/// How long jobs may take to end when the program does, before they are made to.
const JOBS_GRACE: Duration = Duration::from_secs(3);
/// How long they may take then: to be killed, to bring their last words, to be recorded.
const JOBS_END: Duration = Duration::from_secs(4);

/// The running world behind a dashboard: one task per probe, one per job, one that writes.
#[derive(Debug)]
pub struct Runtime {
    updates: mpsc::Receiver<Update>,
    /// What jobs say that must not be lost.
    told: mpsc::UnboundedReceiver<Update>,
    teller: Teller,
    wake: BTreeMap<ProbeId, Arc<Notify>>,
    runner: Runner,
    lookout: Lookout,
    /// For whoever looks.
    sender: mpsc::Sender<Update>,
    clock: Clock,
    recorder: Recorder,
    /// Of every job that has not ended.
    stops: BTreeMap<JobId, Stop>,
    jobs: JoinSet<JobId>,
    tasks: JoinSet<()>,
}

impl Runtime {
    /// Starts every probe of the round; returns at once. Acts need a tokio runtime around it.
    pub fn start(round: Round, runner: Runner, clock: &Clock) -> Self {
        let (sender, updates) = mpsc::channel(QUEUE);
        let mut tasks = JoinSet::new();
        let recorder = Recorder::start(&mut tasks, &round, runner.read_only(), sender.clone(), clock.clone());
        importer::start(&mut tasks, &round);
        if !runner.read_only() {
            logs::start(&mut tasks, &round, clock.clone());
        }
        memory::start(&mut tasks, &round, sender.clone(), clock.clone());
        let (teller, told) = Teller::new(sender.clone());
        let lookout = Lookout::new(Arc::clone(&round.config));
        let wake: BTreeMap<ProbeId, Arc<Notify>> =
            round.watched.iter().map(|one| (one.watch.id.clone(), Arc::default())).collect();
        if !runner.read_only() {
            thaw::start(&mut tasks, &round, runner.clone(), teller.clone(), wake.clone(), clock.clone());
        }
        for watched in round.watched {
            let notify = wake.get(&watched.watch.id).cloned().unwrap_or_default();
            tasks.spawn(sweep::watch(watched, clock.clone(), sender.clone(), notify));
        }
        Self {
            updates,
            told,
            teller,
            wake,
            runner,
            lookout,
            sender,
            clock: clock.clone(),
            recorder,
            stops: BTreeMap::new(),
            jobs: JoinSet::new(),
            tasks,
        }
    }

    /// The next thing that happened. Safe to drop while waiting.
    pub async fn next(&mut self) -> Update {
        loop {
            // We hold senders ourselves, so neither channel closes while we live. A job is told
            // of before its lines are.
            tokio::select! {
                biased;
                Some(update) = self.told.recv() => return update,
                Some(ended) = self.jobs.join_next() => self.forget(ended),
                Some(update) = self.updates.recv() => {
                    if let Update::Observed(observation) = &update {
                        self.recorder.note(Note::Observed(Box::new(observation.clone())));
                    }
                    return update;
                }
            }
        }
    }

    /// A job that has ended can no longer be stopped.
    fn forget(&mut self, ended: Result<JobId, JoinError>) {
        // The executor catches what panics; without an id nothing is known to forget.
        if let Ok(job) = ended {
            self.stops.remove(&job);
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

    /// Looks into a database; what is seen, or why nothing is, arrives as an update.
    pub fn look(&mut self, database: String, aspect: Aspect) {
        let look = self.lookout.look(database, aspect, self.clock.clone(), self.sender.clone());
        self.tasks.spawn(look);
    }

    /// Asks how a statement of a database would be run; the plan, or why there is none, arrives as
    /// an update.
    pub fn explain(&mut self, database: String, subject: Subject) {
        let explain = self.lookout.explain(database, subject, self.clock.clone(), self.sender.clone());
        self.tasks.spawn(explain);
    }

    /// Starts a confirmed plan; what becomes of it arrives as updates.
    pub fn start_job(&mut self, plan: Confirmed, actor: Actor, reason: String) -> JobId {
        let (job, stop) = (self.runner.new_job(), Stop::default());
        self.stops.insert(job.clone(), stop.clone());
        let (runner, teller, id) = (self.runner.clone(), self.teller.clone(), job.clone());
        let wake: Vec<Arc<Notify>> =
            plan.plan().affects.iter().filter_map(|probe| self.wake.get(probe).cloned()).collect();
        self.jobs.spawn(async move {
            // Refusals and outcomes alike reach the screen through the teller.
            let _ = runner.act(&plan, &actor, &reason, &id, &stop, &teller).await;
            for notify in wake {
                notify.notify_one();
            }
            id
        });
        job
    }

    /// Asks a job to stop: TERM, and KILL after the grace time.
    pub fn cancel(&self, job: &JobId) {
        if let Some(stop) = self.stops.get(job) {
            stop.ask();
        }
    }

    /// How many jobs have not ended.
    pub fn running(&self) -> usize {
        self.stops.len()
    }

    /// Something for the store that is not an observation: changes, marks, signatures.
    pub fn note(&mut self, note: Note) {
        self.recorder.note(note);
    }

    /// Stops everything. Jobs that still run are asked to end, after three seconds they are made
    /// to, and their outcomes are written; what else is still to be written may take `grace`.
    /// Answers what operators did and was not written.
    pub async fn shutdown(mut self, grace: Duration) -> Vec<String> {
        // Nobody looks any more, and nobody must wait for a place in the queue.
        self.updates.close();
        for stop in self.stops.values() {
            stop.ask();
        }
        if !self.all_ended(JOBS_GRACE).await {
            for stop in self.stops.values() {
                stop.hurry();
            }
            // One that does not even end now is found lost on the next start.
            self.all_ended(JOBS_END).await;
        }
        let lost = self.recorder.finish(grace).await;
        self.tasks.abort_all();
        lost
    }

    /// Whether all jobs end within `time`.
    async fn all_ended(&mut self, time: Duration) -> bool {
        let ended = async {
            while let Some(ended) = self.jobs.join_next().await {
                self.forget(ended);
            }
        };
        tokio::time::timeout(time, ended).await.is_ok()
    }
}

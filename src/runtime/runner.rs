//! The executor: the only place that acts. It takes nothing but a confirmed plan, refuses
//! everything while read-only, writes its intent before the first step, and judges the result
//! by what is true afterwards.

mod steps;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::{NoContext, Uuid};

use crate::config::Config;
use crate::domain::audit::{Actor, AuditEntry, AuditRecord, Phase};
use crate::domain::inventory::Target;
use crate::domain::job::{JobEvent, JobId, Outcome};
use crate::domain::plan::{Confirmed, Guard, Plan, Step};
use crate::domain::time::Timestamp;
use crate::domain::update::Update;
use crate::probe::Context;
use crate::runtime::clock::Clock;
use crate::runtime::guard;
use crate::runtime::holder;
use crate::runtime::lease::Lease;
use crate::runtime::round::Round;
use crate::store::Store;
use steps::Work;

/// Runs confirmed plans. Cheap to clone: all clones are one executor.
#[derive(Clone, Debug)]
pub struct Runner(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: Arc<Config>,
    context: Context,
    store: Option<Store>,
    /// Why there is no store, for the refusal.
    store_error: Option<String>,
    read_only: bool,
    clock: Clock,
}

/// Why an act did not start: the words for the operator. Exit code 77.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// An id that sorts by time, also among instances.
pub fn new_job_id(now: Timestamp) -> JobId {
    let time =
        uuid::Timestamp::from_unix(NoContext, now.timestamp().max(0).cast_unsigned(), now.timestamp_subsec_nanos());
    JobId(Uuid::new_v7(time).to_string())
}

impl Runner {
    pub fn new(round: &Round, read_only: bool, store_error: Option<String>, clock: &Clock) -> Self {
        Self(Arc::new(Shared {
            config: Arc::clone(&round.config),
            context: round.context.clone(),
            store: round.store.clone(),
            store_error,
            read_only,
            clock: clock.clone(),
        }))
    }

    /// Carries a confirmed plan out. Every refusal and every outcome is also sent as an update.
    pub async fn act(
        &self,
        confirmed: &Confirmed,
        actor: &Actor,
        reason: &str,
        job: &JobId,
        cancel: &CancellationToken,
        updates: &mpsc::Sender<Update>,
    ) -> Result<Outcome, Refused> {
        let plan = confirmed.plan();
        let started = Instant::now();
        let lease = match self.admit(plan, actor, reason, job, updates).await {
            Ok(lease) => lease,
            Err(refused) => {
                self.refused(plan, actor, reason, job, &refused, updates).await;
                return Err(refused);
            }
        };
        let log = self.0.config.acts.log_directory.join(format!("{job}.log"));
        let started_event = JobEvent::Started {
            job: job.clone(),
            action: plan.action.clone(),
            title: plan.title.clone(),
            target: plan.target.clone(),
            at: self.0.clock.now(),
            log: Some(log.clone()),
        };
        let _ = updates.send(Update::Job(started_event)).await;
        let work = Work { plan, job, actor, reason, cancel, updates, log, deadline: started + plan.timeout };
        let mut outcome = self.carry_out(&work).await;
        let entry = AuditEntry {
            outcome: Some(outcome.result),
            detail: outcome.detail.clone(),
            took_s: Some(started.elapsed().as_secs_f64()),
            ..self.entry(Phase::Outcome, plan, actor, reason, job)
        };
        if let Err(error) = self.append(entry, updates).await {
            outcome.detail.push_str(&format!(" (the outcome could not be recorded: {error})"));
        }
        drop(lease);
        let finished = JobEvent::Finished { job: job.clone(), at: self.0.clock.now(), outcome: outcome.clone() };
        let _ = updates.send(Update::Job(finished)).await;
        Ok(outcome)
    }

    /// Everything that must hold before the first step, ending with the written intent.
    async fn admit(
        &self,
        plan: &Plan,
        actor: &Actor,
        reason: &str,
        job: &JobId,
        updates: &mpsc::Sender<Update>,
    ) -> Result<Lease, Refused> {
        let shared = &self.0;
        if shared.read_only {
            return Err(Refused(
                "this is a read-only session (actions.read_only or --read-only); nothing was done".into(),
            ));
        }
        let no_record = |error: String| Refused(format!("no audit record can be written, so nothing is done: {error}"));
        let Some(store) = &shared.store else {
            return Err(no_record(shared.store_error.clone().unwrap_or_else(|| "there is no store".to_owned())));
        };
        let locks = shared.context.state_dir.join("locks");
        let targets = leased(plan);
        // First the lease, then the guards: what they find must still hold when the act begins.
        let lease = Lease::take(&locks, &targets, actor, plan.action.as_str(), shared.clock.now())
            .map_err(|error| Refused(error.to_string()))?;
        // A target of our own is covered by the lease.
        let ours = |guard: &Guard| matches!(guard, Guard::Idle { target } if targets.contains(target));
        for guard in plan.guards.iter().filter(|guard| !ours(guard)) {
            guard::check(guard, reason, &shared.config, &shared.context, &shared.clock).await.map_err(Refused)?;
        }
        let holder = holder::this_process(&actor.host, shared.clock.now());
        let intent = self.entry(Phase::Intent, plan, actor, reason, job);
        let record = store.begin(intent, &holder).await.map_err(|error| no_record(error.to_string()))?;
        let _ = updates.send(Update::Audited(Box::new(record))).await;
        Ok(lease)
    }

    /// Records that a plan was refused before it came to the executor: not confirmed.
    pub async fn refuse(&self, plan: &Plan, actor: &Actor, reason: &str, why: &Refused) {
        // Nobody listens: a channel that is closed takes everything and holds up nothing.
        let (updates, nobody) = mpsc::channel(1);
        drop(nobody);
        self.refused(plan, actor, reason, &new_job_id(self.0.clock.now()), why, &updates).await;
    }

    async fn refused(
        &self,
        plan: &Plan,
        actor: &Actor,
        reason: &str,
        job: &JobId,
        why: &Refused,
        updates: &mpsc::Sender<Update>,
    ) {
        // A refusal is recorded where it can be; where it cannot, that is the refusal.
        let entry = AuditEntry { detail: why.0.clone(), ..self.entry(Phase::Refused, plan, actor, reason, job) };
        let _ = self.append(entry, updates).await;
        let event = JobEvent::Refused {
            action: plan.action.clone(),
            target: plan.target.clone(),
            at: self.0.clock.now(),
            why: why.0.clone(),
        };
        let _ = updates.send(Update::Job(event)).await;
    }

    fn entry(&self, phase: Phase, plan: &Plan, actor: &Actor, reason: &str, job: &JobId) -> AuditEntry {
        AuditEntry {
            at: self.0.clock.now(),
            phase,
            correlation: job.0.clone(),
            actor: actor.clone(),
            action: plan.action.to_string(),
            target: plan.target.to_string(),
            risk: plan.risk.word().to_owned(),
            reason: reason.to_owned(),
            plan: plan.to_string(),
            outcome: None,
            detail: String::new(),
            took_s: None,
        }
    }

    /// Appends to the audit log, durably, and shows the record.
    async fn append(&self, entry: AuditEntry, updates: &mpsc::Sender<Update>) -> Result<AuditRecord, String> {
        let Some(store) = &self.0.store else { return Err("there is no store".to_owned()) };
        let record = store.append(entry).await.map_err(|error| error.to_string())?;
        let _ = updates.send(Update::Audited(Box::new(record.clone()))).await;
        Ok(record)
    }

    /// Why there is no store, if there is none.
    pub fn store_error(&self) -> Option<String> {
        self.0.store_error.clone()
    }

    /// Whether every act is refused.
    pub fn read_only(&self) -> bool {
        self.0.read_only
    }
}

/// Everything an act must have for itself: its target, and the databases its steps touch.
fn leased(plan: &Plan) -> Vec<String> {
    let databases = plan.steps.iter().filter_map(|step| match step {
        Step::CopyDatabase { database, .. } | Step::Maintain { database, .. } => {
            Some(Target::database(database).to_string())
        }
        Step::Run { .. } | Step::VerifyBackup { .. } => None,
    });
    std::iter::once(plan.target.to_string()).chain(databases).collect()
}

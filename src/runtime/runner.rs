//! The executor: the only place that acts. It takes nothing but a confirmed plan, refuses
//! everything while read-only, writes its intent before the first step, and judges the result
//! by what is true afterwards.

mod accept;
mod command;
mod effect;
mod exclusive;
pub(super) mod hold;
mod incident;
mod mirror;
mod restart_unit;
mod restore;
mod send;
mod shelf;
mod steps;
mod stop_run;
mod telling;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use crate::config::Config;
use crate::domain::audit::{Actor, AuditEntry, AuditRecord, Phase};
use crate::domain::job::{JobEvent, JobId, JobResult, Outcome};
use crate::domain::plan::{Confirmed, Plan};
use crate::domain::redact;
use crate::domain::task::TaskRun;
use crate::domain::update::Update;
use crate::probe::Context;
use crate::runtime::clock::Clock;
use crate::runtime::guard;
use crate::runtime::holder;
use crate::runtime::lease::Lease;
use crate::runtime::opening::Opening;
use crate::runtime::round::Round;
use crate::runtime::stop::Stop;
use crate::runtime::teller::Teller;
use steps::Work;

/// How long the outcome of an act is kept from being lost to a store that takes nothing, and how
/// often it is offered.
const KEEP_TRYING: Duration = Duration::from_mins(1);
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Runs confirmed plans. Cheap to clone: all clones are one executor.
#[derive(Clone, Debug)]
pub struct Runner(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: Arc<Config>,
    context: Context,
    store: Opening,
    read_only: bool,
    clock: Clock,
    /// Leases of work that would not stop: it may still be at it, so nobody else may begin.
    kept: Mutex<Vec<Lease>>,
}

/// What is to be done, for whom, and who is told.
#[derive(Clone, Copy, Debug)]
struct Order<'a> {
    plan: &'a Plan,
    actor: &'a Actor,
    reason: &'a str,
    job: &'a JobId,
    stop: &'a Stop,
    teller: &'a Teller,
}

/// Why an act did not start: the words for the operator. Exit code 77.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

impl Runner {
    pub fn new(round: &Round, read_only: bool, clock: &Clock) -> Self {
        Self(Arc::new(Shared {
            config: Arc::clone(&round.config),
            context: round.context.clone(),
            store: round.store.clone(),
            read_only,
            clock: clock.clone(),
            kept: Mutex::default(),
        }))
    }

    /// The id of a job that is asked for now.
    pub fn new_job(&self) -> JobId {
        JobId(self.0.clock.new_id())
    }

    /// Carries a confirmed plan out. Every refusal and every outcome is also told; whoever
    /// listens is never waited for.
    pub async fn act(
        &self,
        confirmed: &Confirmed,
        actor: &Actor,
        reason: &str,
        job: &JobId,
        stop: &Stop,
        teller: &Teller,
    ) -> Result<Outcome, Refused> {
        let plan = confirmed.plan();
        let order = Order { plan, actor, reason, job, stop, teller };
        teller.tell_job(JobEvent::Asked {
            job: job.clone(),
            action: plan.action.clone(),
            title: plan.title.clone(),
            target: plan.target.clone(),
            at: self.0.clock.now(),
        });
        let admitted = AssertUnwindSafe(self.admit(&order)).catch_unwind().await;
        let admitted = admitted.unwrap_or_else(|panic| {
            Err(Refused(format!("what must hold first could not be looked at: {}", panicked(&*panic))))
        });
        match admitted {
            Ok(lease) => Ok(self.carry_out_under(lease, order).await),
            Err(refused) => {
                self.refused(&order, &refused).await;
                Err(refused)
            }
        }
    }

    /// Everything that must hold before the first step, ending with the written intent.
    async fn admit(&self, order: &Order<'_>) -> Result<Lease, Refused> {
        let (shared, plan, actor) = (&self.0, order.plan, order.actor);
        if shared.read_only {
            return Err(Refused(
                "this is a read-only session (actions.read_only or --read-only); nothing was done".into(),
            ));
        }
        let no_record = |error: String| Refused(format!("no audit record can be written, so nothing is done: {error}"));
        let store = shared.store.get().map_err(no_record)?;
        // Asking to stop ends the looking, and never the writing.
        let lease = tokio::select! {
            biased;
            () = order.stop.asked() => Err("cancelled before it began; nothing was done".to_owned()),
            lease = self.look_before(order) => lease,
        };
        let lease = lease.map_err(Refused)?;
        let holder = holder::this_process(&actor.host, shared.clock.now());
        let intent = self.entry(Phase::Intent, order);
        let record = store.begin(intent, &holder).await.map_err(|error| no_record(error.to_string()))?;
        order.teller.tell(Update::Audited(Box::new(record)));
        self.append(self.entry(Phase::Started, order), order.teller).await.map_err(no_record)?;
        tracing::info!(job = %order.job, action = %plan.action, target = %plan.target, "an act begins");
        Ok(lease)
    }

    /// First the lease, then the guards: what they find must still hold when the act begins.
    async fn look_before(&self, order: &Order<'_>) -> Result<Lease, String> {
        let shared = &self.0;
        let lease = self.exclusive(order).await?;
        for guard in &order.plan.guards {
            guard::check(guard, order.plan, order.reason, &shared.config, &shared.context, &shared.clock).await?;
        }
        Ok(lease)
    }

    /// Runs the steps and writes what came of them, whatever that is.
    async fn carry_out_under(&self, lease: Lease, order: Order<'_>) -> Outcome {
        let (plan, job) = (order.plan, order.job);
        let log = self.0.config.acts.log_directory.join(format!("{job}.log"));
        order.teller.tell_job(JobEvent::Started {
            job: job.clone(),
            action: plan.action.clone(),
            title: plan.title.clone(),
            target: plan.target.clone(),
            at: self.0.clock.now(),
            log: Some(log.clone()),
        });
        let work = Work::new(order, log);
        let mirrored = self.mirror(&order).await;
        let mut outcome = match AssertUnwindSafe(self.carry_out(&work)).catch_unwind().await {
            Ok(outcome) => outcome,
            Err(panic) => {
                self.give_up_run(&work).await;
                Outcome { result: JobResult::Failed, detail: panicked(&*panic), exit_code: None }
            }
        };
        mirrored.end(&mut outcome).await;
        let entry = AuditEntry {
            outcome: Some(outcome.result),
            detail: outcome.detail.clone(),
            took_s: Some(work.begun.elapsed().as_secs_f64()),
            ..self.entry(Phase::Outcome, &order)
        };
        let run = work.take_run();
        if let Err(error) = self.append_outcome(entry, run.as_ref(), &order).await {
            outcome.detail.push_str(&format!(" (the outcome could not be recorded: {error})"));
        }
        if let Some(left) = work.take_left() {
            tokio::spawn(self.clone().outlive(left, run, work.begun, lease));
        } else if work.is_at_large() {
            self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).push(lease);
        } else {
            drop(lease);
        }
        let (at, outcome_told) = (self.0.clock.now(), outcome.clone());
        order.teller.tell_job(JobEvent::Finished { job: job.clone(), at, outcome: outcome_told });
        outcome
    }

    /// Records that a plan was refused before it came to the executor: not confirmed.
    pub async fn refuse(&self, plan: &Plan, actor: &Actor, reason: &str, why: &Refused) {
        let (nobody, _) = tokio::sync::mpsc::channel(1);
        let (teller, _) = Teller::new(nobody);
        let (job, stop) = (self.new_job(), Stop::default());
        self.refused(&Order { plan, actor, reason, job: &job, stop: &stop, teller: &teller }, why).await;
    }

    async fn refused(&self, order: &Order<'_>, why: &Refused) {
        // A refusal is recorded where it can be; where it cannot, that is the refusal.
        let entry = AuditEntry { detail: why.0.clone(), ..self.entry(Phase::Refused, order) };
        let _ = self.append(entry, order.teller).await;
        order.teller.tell_job(JobEvent::Refused {
            job: Some(order.job.clone()),
            action: order.plan.action.clone(),
            target: order.plan.target.clone(),
            at: self.0.clock.now(),
            why: why.0.clone(),
        });
    }

    fn entry(&self, phase: Phase, order: &Order<'_>) -> AuditEntry {
        let Order { plan, actor, reason, job, .. } = *order;
        AuditEntry {
            at: self.0.clock.now(),
            phase,
            correlation: job.0.clone(),
            actor: actor.clone(),
            action: plan.action.to_string(),
            target: plan.target.to_string(),
            risk: plan.risk.word().to_owned(),
            reason: redact::text(reason).into_owned(),
            plan: plan.to_string(),
            outcome: None,
            detail: String::new(),
            took_s: None,
        }
    }

    /// Appends to the audit log, durably, and shows the record.
    async fn append(&self, entry: AuditEntry, teller: &Teller) -> Result<AuditRecord, String> {
        let store = self.0.store.get()?;
        let record = store.append(entry).await.map_err(|error| error.to_string())?;
        teller.tell(Update::Audited(Box::new(record.clone())));
        Ok(record)
    }

    /// Records an outcome, with the end of the run it had. They are known: a store that is locked
    /// or full for a while must not make them those of a lost job, or of a run without an end.
    async fn append_outcome(
        &self,
        entry: AuditEntry,
        run: Option<&TaskRun>,
        order: &Order<'_>,
    ) -> Result<AuditRecord, String> {
        let until = Instant::now() + KEEP_TRYING;
        let end = async || {
            let store = self.0.store.get()?;
            store.end(entry.clone(), run.cloned()).await.map_err(|error| error.to_string())
        };
        loop {
            let written = end().await;
            if let Ok(record) = &written {
                order.teller.tell(Update::Audited(Box::new(record.clone())));
            }
            if written.is_ok() || Instant::now() >= until {
                return written;
            }
            tokio::select! {
                () = order.stop.hurried() => return written,
                () = tokio::time::sleep(TRY_AGAIN) => {}
            }
        }
    }

    /// What it acts by.
    pub(super) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(super) fn context(&self) -> &Context {
        &self.0.context
    }

    /// Whether every act is refused.
    pub fn read_only(&self) -> bool {
        self.0.read_only
    }
}

/// A fault of ours, in words for the operator.
fn panicked(panic: &(dyn std::any::Any + Send)) -> String {
    let text = crate::domain::sanitize::panic(panic);
    format!("a fault of this program ended it, please report it: {text}; look whether it took effect")
}

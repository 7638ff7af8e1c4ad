//! One act per target: the lease of this machine first, then those that servers keep against
//! whoever acts from another one.

use tokio::time::timeout;

use super::{Order, Runner};
use crate::config::spec::DatabaseSpec;
use crate::database::{DatabaseError, Engine, Grip};
use crate::domain::inventory::{Target, TargetKind};
use crate::domain::plan::{Guard, Plan, Step};
use crate::domain::upkeep::Scope;
use crate::runtime::guard;
use crate::runtime::lease::Lease;

/// How long a server may take to say whether its lease is free.
const ANSWER: std::time::Duration = std::time::Duration::from_secs(15);

impl Runner {
    /// Takes everything the act must have for itself, or nothing. Never waits for whoever has it.
    pub(super) async fn exclusive(&self, order: &Order<'_>) -> Result<Lease, String> {
        let shared = &self.0;
        let (locks, targets) = (shared.context.state_dir.join("locks"), leased(order.plan));
        let (actor, action, now) = (order.actor.clone(), order.plan.action.clone(), shared.clock.now());
        let place = locks.display().to_string();
        let mut lease = guard::in_time(&place, move || Lease::take(&locks, &targets, &actor, action.as_str(), now))
            .await?
            .map_err(|error| error.to_string())?;
        let holder = format!("{} by {}@{}", order.plan.action, order.actor.operator, order.actor.host);
        for (id, touched) in databases(order.plan) {
            let Some(spec) = shared.config.databases.iter().find(|spec| spec.id == id) else { continue };
            let target = Target::database(&id);
            match grip(spec, &holder).await {
                Ok(Grip::NotNeeded) => {}
                Ok(Grip::Held(held)) => lease.join(held),
                Ok(Grip::Taken(who)) => return Err(format!("{target} is busy: {who}")),
                // What is gone is to come back; a server that is gone is told by the first step.
                Err(DatabaseError::Missing(why)) if restores(order.plan) => {
                    tracing::warn!(%target, why, "no lease of a database that is not there");
                }
                Err(why) if touched => return Err(format!("{target}: its server gives no lease: {why}")),
                // Whoever only wants it idle may be about to bring its server back.
                Err(why) => tracing::warn!(%target, %why, "no lease of its server"),
            }
        }
        Ok(lease)
    }
}

pub(super) async fn grip(spec: &DatabaseSpec, holder: &str) -> Result<Grip, DatabaseError> {
    let handle = (Engine::of(spec).open)(spec);
    match timeout(ANSWER, handle.lease(holder)).await {
        Ok(answer) => answer,
        Err(_elapsed) => Err(DatabaseError::Unreachable("no answer in time".to_owned())),
    }
}

/// Everything an act must have for itself: its target, the databases its steps touch, and what
/// must be idle while it runs. A lease on that is the guard. A session is a target of its own: it
/// may be ended while upkeep waits for it.
fn leased(plan: &Plan) -> Vec<String> {
    let session = plan.steps.iter().find_map(|step| match step {
        Step::Maintain { work, .. } => match &work.scope {
            Scope::Session(session) => Some(format!("{}/{}", plan.target, session.pid)),
            Scope::Whole | Scope::Table(_) => None,
        },
        _ => None,
    });
    if let Some(session) = session {
        return vec![session];
    }
    // So is a run of a task: it may be ended while whoever began it waits for it.
    if plan.steps.iter().any(|step| matches!(step, Step::StopRun { .. })) {
        return vec![format!("{}/run", plan.target)];
    }
    let databases = databases(plan).into_iter().map(|(id, _)| Target::database(id).to_string());
    let idle = plan.guards.iter().filter_map(|guard| match guard {
        Guard::Idle { target } => Some(target.clone()),
        _ => None,
    });
    // Two who hold tasks back change the same files.
    let schedules = plan.steps.iter().any(|step| matches!(step, Step::Hold { .. })).then(|| "schedules".to_owned());
    std::iter::once(plan.target.to_string()).chain(databases).chain(idle).chain(schedules).collect()
}

/// The databases an act must have for itself, and whether its steps touch them.
fn databases(plan: &Plan) -> Vec<(String, bool)> {
    let mut found: Vec<(String, bool)> = plan.steps.iter().filter_map(touched).map(|id| (id, true)).collect();
    let prefix = format!("{}:", TargetKind::Database.word());
    for guard in &plan.guards {
        if let Guard::Idle { target } = guard
            && let Some(id) = target.strip_prefix(&prefix)
            && found.iter().all(|(known, _)| known != id)
        {
            found.push((id.to_owned(), false));
        }
    }
    found.sort();
    found.dedup();
    found
}

fn restores(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| matches!(step, Step::RestoreBeside { .. }))
}

/// The database a step touches; none for what is done to a session of it.
fn touched(step: &Step) -> Option<String> {
    match step {
        Step::Maintain { work, .. } if work.verb.is_of_a_session() => None,
        Step::CopyDatabase { database, .. }
        | Step::Maintain { database, .. }
        | Step::SaveBefore { database, .. }
        | Step::Restore { database, .. }
        | Step::RestoreBeside { database, .. } => Some(database.clone()),
        _ => None,
    }
}

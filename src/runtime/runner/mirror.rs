//! Our acts in the databases they touch, for those who look there and not here. The audit log is
//! what counts: a table that takes nothing is told of, and keeps no act from being done.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::{Order, Runner};
use crate::database::{Database, DatabaseError, Engine, Operation};
use crate::domain::job::Outcome;
use crate::domain::plan::Step;
use crate::domain::redact;
use crate::domain::upkeep::Scope;

/// How long such a table may take for a row.
const ROW: Duration = Duration::from_secs(10);

/// What has been written that an act begins, and where.
#[derive(Debug, Default)]
pub(super) struct Mirrored {
    written: Vec<(Arc<dyn Database>, Operation)>,
    complaints: Vec<String>,
}

impl Runner {
    /// Writes that the act begins, wherever a database it touches has a table for it.
    pub(super) async fn mirror(&self, order: &Order<'_>) -> Mirrored {
        let mut mirrored = Mirrored::default();
        for step in &order.plan.steps {
            let (database, table) = match step {
                Step::Maintain { database, work, .. } => match &work.scope {
                    Scope::Table(table) => (database, Some(table.to_string())),
                    Scope::Whole | Scope::Session(_) => (database, None),
                },
                Step::CopyDatabase { database, .. } => (database, None),
                _ => continue,
            };
            let Some(spec) = self.0.config.databases.iter().find(|spec| spec.id == *database) else { continue };
            if spec.operations_table.is_none() {
                continue;
            }
            let operation = Operation {
                job: order.job.to_string(),
                kind: order.plan.action.to_string(),
                table,
                by: order.actor.operator.clone(),
                host: order.actor.host.clone(),
                reason: redact::text(order.reason).into_owned(),
            };
            let handle = (Engine::of(spec).open)(spec);
            match within(handle.begun(&operation)).await {
                Ok(true) => mirrored.written.push((handle, operation)),
                Ok(false) => {}
                Err(why) => mirrored.complaints.push(why),
            }
        }
        mirrored
    }
}

impl Mirrored {
    /// Writes how it ended, and tells with the outcome what could not be written.
    pub(super) async fn end(mut self, outcome: &mut Outcome) {
        for (handle, operation) in &self.written {
            let written = within(handle.ended(operation, outcome.result.word(), &outcome.detail)).await;
            self.complaints.extend(written.err());
        }
        for complaint in self.complaints {
            outcome.detail.push_str(&format!("; {complaint}"));
        }
    }
}

async fn within<T>(writing: impl Future<Output = Result<T, DatabaseError>>) -> Result<T, String> {
    match timeout(ROW, writing).await {
        Ok(written) => written.map_err(|error| error.to_string()),
        Err(_elapsed) => Err("`operations_table` takes no row in time".to_owned()),
    }
}

//! PostgreSQL: a database on a server. Two connections that can only read, one for what never
//! waits and one for what may, and a table of checks that go through them.

mod act;
mod activity;
mod check;
mod connect;
mod explain;
mod insight;
mod pgpass;
mod programs;
mod server;
mod snapshot;
#[cfg(test)]
mod versions;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use self::connect::{Dialer, Session};
use self::server::Server;
use crate::config::Address;
use crate::config::spec::DatabaseSpec;
use crate::database::check::{Check, LaneKind, Question};
use crate::database::lane::{Economy, Heard, Lane};
use crate::database::{Assignment, BoxFuture, Database, DatabaseError, Engine, Grip, Hindrance, Operation, Upkeep};
use crate::domain::engine;
use crate::domain::explain::{Explanation, Subject};
use crate::domain::insight::{Statements, Tables};
use crate::domain::session::Activity;
use crate::domain::upkeep::{Maintenance, TableName};
use crate::domain::vitals::{Measured, Vitals};
use crate::domain::{humanize, sanitize};

pub use self::act::{scratch, swap};
pub use self::programs::Programs;
pub use self::snapshot::Snapshot;

pub const ENGINE: Engine = Engine { card: &engine::POSTGRESQL, blocks: false, open };

/// Each check may take a thousandth of a server's time, and of those that ask much a smaller part:
/// all together stay below half a percent of one processor.
const SWIFT: u32 = 1000;
const PATIENT: u32 = 20_000;

/// What a reading may take of the probe's own deadline, so that ours comes first.
const SHARE: f64 = 0.9;

/// A database, with the connections that are kept between readings.
#[derive(Debug)]
struct Postgresql {
    dialer: Dialer,
    fast: Lane<Session>,
    slow: Lane<Session>,
    /// The connection of whoever looks at the sessions; none while nobody does.
    onlooker: Mutex<Option<Session>>,
    /// Where our acts are shown, too.
    operations: Option<TableName>,
    deadline: Duration,
}

fn open(spec: &DatabaseSpec) -> Arc<dyn Database> {
    let Address::Server(address) = &spec.address else {
        // No configuration brings a file here; if one did, SQLite would say what it is.
        return crate::database::sqlite::at(spec.address.file().unwrap_or(std::path::Path::new("")));
    };
    let deadline = spec.timeout.mul_f64(SHARE);
    // Databases on one server must not all come back at the same moment.
    let spread = f64::from(spec.id.bytes().fold(7u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte))) / 255.0;
    Arc::new(Postgresql {
        dialer: Dialer::new(address.clone(), spec.password.clone(), deadline)
            .with_operations(spec.operations_table.clone()),
        fast: Lane::with(spread, Economy { patience: SWIFT, every: Some(spec.every) }),
        slow: Lane::with(spread, Economy { patience: PATIENT, every: Some(spec.every) }),
        onlooker: Mutex::default(),
        operations: spec.operations_table.clone(),
        deadline,
    })
}

impl Postgresql {
    async fn read(&self) -> Result<Vitals, DatabaseError> {
        let (swift, patient) = (checks(LaneKind::Fast), checks(LaneKind::Slow));
        let (fast, slow) = tokio::join!(
            self.fast.read(&self.dialer, &swift, self.deadline),
            self.slow.read(&self.dialer, &patient, self.deadline),
        );
        let Heard { server, mut measured, took } = fast?;
        match slow {
            Ok(heard) => measured.join(heard.measured),
            Err(error) => hide(&mut measured, &patient, &error),
        }
        measured.facts.splice(0..0, self.facts(&server));
        measured.findings.extend(self.dialer.exposed());
        let size = measured.samples.iter().position(|sample| sample.key == "size");
        let size = size.map(|place| measured.samples.remove(place));
        Ok(Vitals {
            engine: ENGINE.card.name,
            version: server.version.clone(),
            location: sanitize::line(&self.dialer.address().to_string()),
            size_bytes: size.and_then(|sample| Some(sample.value.number(chrono::DateTime::UNIX_EPOCH)?.0 as u64)),
            latency_s: took.as_secs_f64(),
            measured: Box::new(measured),
            ..Vitals::default()
        })
    }

    fn late(&self) -> DatabaseError {
        DatabaseError::Unreachable(format!("no answer within {}", humanize::duration(self.deadline)))
    }

    fn facts(&self, server: &Server) -> Vec<(crate::domain::sample::Key, String)> {
        let state = if server.standby { "standby" } else { "primary" };
        vec![("role".into(), format!("{}, {state}", server.role)), ("tls".into(), self.dialer.tls_in_words())]
    }
}

fn checks(lane: LaneKind) -> Vec<&'static Check<Server>> {
    check::CHECKS.iter().filter(|check| check.lane == lane).collect()
}

/// What a lane that failed would have told is unknown; the other lane's figures stay.
fn hide(measured: &mut Measured, checks: &[&'static Check<Server>], error: &DatabaseError) {
    for gauge in checks.iter().flat_map(|check| check.gauges) {
        measured.hide(gauge, error.to_string(), None);
    }
}

impl Database for Postgresql {
    fn vitals(&self) -> BoxFuture<'_, Result<Vitals, DatabaseError>> {
        Box::pin(self.read())
    }

    fn first_value<'a>(&'a self, query: &'a str) -> BoxFuture<'a, Result<Option<String>, DatabaseError>> {
        Box::pin(async move {
            let asked = self.slow.ask(&self.dialer, &|_| Question::Made(query.to_owned()), self.deadline).await?;
            match asked.rows {
                Ok(rows) => Ok(rows.first().and_then(|row| row.get(0)).map(str::to_owned)),
                Err(Question::Hidden { why, .. }) => Err(DatabaseError::Denied(format!(
                    "the query is refused: {why}; tables are named with their schema, such as public.run"
                ))),
                Err(_) => Ok(None),
            }
        })
    }

    fn tables(&self) -> BoxFuture<'_, Result<Tables, DatabaseError>> {
        Box::pin(self.look_at_tables())
    }

    fn statements(&self) -> BoxFuture<'_, Result<Statements, DatabaseError>> {
        Box::pin(self.look_at_statements())
    }

    fn explain<'a>(&'a self, subject: &'a Subject) -> BoxFuture<'a, Result<Explanation, DatabaseError>> {
        Box::pin(async move {
            let asked = explain::explain(&self.dialer, subject);
            tokio::time::timeout(self.deadline, asked).await.map_err(|_elapsed| self.late())?
        })
    }

    fn maintain(&self, job: Assignment) -> BoxFuture<'_, Result<Upkeep, DatabaseError>> {
        Box::pin(act::maintain(&self.dialer, job))
    }

    fn hindrances<'a>(&'a self, work: &'a Maintenance) -> BoxFuture<'a, Result<Vec<Hindrance>, DatabaseError>> {
        Box::pin(act::hindrances(&self.dialer, work))
    }

    fn lease<'a>(&'a self, holder: &'a str) -> BoxFuture<'a, Result<Grip, DatabaseError>> {
        Box::pin(act::lease(&self.dialer, holder))
    }

    fn begun<'a>(&'a self, operation: &'a Operation) -> BoxFuture<'a, Result<bool, DatabaseError>> {
        Box::pin(async move {
            let Some(table) = &self.operations else { return Ok(false) };
            act::begun(&self.dialer, table, operation).await.map(|()| true)
        })
    }

    fn ended<'a>(
        &'a self,
        operation: &'a Operation,
        status: &'a str,
        detail: &'a str,
    ) -> BoxFuture<'a, Result<(), DatabaseError>> {
        Box::pin(async move {
            let Some(table) = &self.operations else { return Ok(()) };
            act::ended(&self.dialer, table, operation, status, detail).await
        })
    }

    fn activity(&self) -> BoxFuture<'_, Result<Activity, DatabaseError>> {
        Box::pin(async move {
            let asked = activity::ask(&self.dialer, &self.onlooker);
            let mut activity = tokio::time::timeout(self.deadline, asked).await.map_err(|_elapsed| self.late())??;
            if let Some(table) = &self.operations {
                match act::under_way(&self.dialer, table).await {
                    Ok(operations) => activity.operations = operations,
                    Err(error) => activity.hidden = Some(format!("{table} cannot be read: {error}")),
                }
            }
            Ok(activity)
        })
    }
}

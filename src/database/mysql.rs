//! MySQL and MariaDB: a database on a server. Two connections that can only read, one for what
//! never waits and one for what may, and a table of checks that go through them.

mod act;
mod activity;
mod check;
mod client;
mod connect;
mod explain;
mod grants;
mod insight;
mod my_cnf;
mod server;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use self::connect::{Dialer, Session};
use self::server::Server;
use crate::config::Address;
use crate::config::spec::DatabaseSpec;
use crate::database::check::{Check, LaneKind, Question};
use crate::database::lane::{Economy, Heard, Lane};
use crate::database::{Assignment, BoxFuture, Database, DatabaseError, Engine, Grip, Hindrance, Upkeep};
use crate::domain::engine;
use crate::domain::explain::{Explanation, Subject};
use crate::domain::insight::{Statements, Tables};
use crate::domain::session::Activity;
use crate::domain::upkeep::Maintenance;
use crate::domain::vitals::Vitals;
use crate::domain::{humanize, sanitize};

pub use self::act::{Extent, extent, scratch};
pub use self::client::options;

pub const ENGINE: Engine = Engine { card: &engine::MYSQL, blocks: false, open };

/// What a reading may take of the probe's own deadline, so that ours comes first.
const SHARE: f64 = 0.9;

/// A database, with the connections that are kept between readings.
#[derive(Debug)]
struct Mysql {
    dialer: Dialer,
    fast: Lane<Session>,
    slow: Lane<Session>,
    /// The connection of whoever looks at the sessions; none while nobody does.
    onlooker: Mutex<Option<Session>>,
    deadline: Duration,
}

fn open(spec: &DatabaseSpec) -> Arc<dyn Database> {
    let Address::Mysql(address) = &spec.address else {
        // No configuration brings a file here; if one did, SQLite would say what it is.
        return crate::database::sqlite::at(spec.address.file().unwrap_or(std::path::Path::new("")));
    };
    let deadline = spec.timeout.mul_f64(SHARE);
    // Databases on one server must not all come back at the same moment.
    let spread = f64::from(spec.id.bytes().fold(7u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte))) / 255.0;
    let economy = Economy { every: Some(spec.every), ..Economy::default() };
    Arc::new(Mysql {
        dialer: Dialer::new(address.clone(), spec.password.clone(), deadline),
        fast: Lane::with(spread, economy),
        slow: Lane::with(spread, economy),
        onlooker: Mutex::default(),
        deadline,
    })
}

impl Mysql {
    async fn read(&self) -> Result<Vitals, DatabaseError> {
        let (swift, patient) = (checks(LaneKind::Fast), checks(LaneKind::Slow));
        let (fast, slow) = tokio::join!(
            self.fast.read(&self.dialer, &swift, self.deadline),
            self.slow.read(&self.dialer, &patient, self.deadline),
        );
        let Heard { server, mut measured, took } = fast?;
        match slow {
            Ok(heard) => measured.join(heard.measured),
            // What this lane would have told is unknown; the other lane's figures stay.
            Err(error) => {
                for gauge in patient.iter().flat_map(|check| check.gauges) {
                    measured.hide(gauge, error.to_string(), None);
                }
            }
        }
        measured.facts.splice(0..0, server.facts());
        measured.findings.extend(server.route.exposed());
        let size = measured.samples.iter().position(|sample| sample.key == "size");
        let size = size.map(|place| measured.samples.remove(place));
        Ok(Vitals {
            engine: ENGINE.card.name,
            version: server.in_words(),
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
}

fn checks(lane: LaneKind) -> Vec<&'static Check<Server>> {
    check::CHECKS.iter().filter(|check| check.lane == lane).collect()
}

impl Database for Mysql {
    fn vitals(&self) -> BoxFuture<'_, Result<Vitals, DatabaseError>> {
        Box::pin(self.read())
    }

    fn first_value<'a>(&'a self, query: &'a str) -> BoxFuture<'a, Result<Option<String>, DatabaseError>> {
        Box::pin(async move {
            let asked = self.slow.ask(&self.dialer, &|_| Question::Made(query.to_owned()), self.deadline).await?;
            match asked.rows {
                Ok(rows) => Ok(rows.first().and_then(|row| row.get(0)).map(str::to_owned)),
                Err(Question::Hidden { why, .. }) => Err(DatabaseError::Denied(format!("the query is refused: {why}"))),
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

    fn activity(&self) -> BoxFuture<'_, Result<Activity, DatabaseError>> {
        Box::pin(async move {
            let asked = activity::ask(&self.dialer, &self.onlooker);
            tokio::time::timeout(self.deadline, asked).await.map_err(|_elapsed| self.late())?
        })
    }
}

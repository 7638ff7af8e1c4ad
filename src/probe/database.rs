//! `database:ID`: the vital signs of one database, held against limits, its growth, and the age
//! of the last proof that its structure is sound.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::config::Config;
use crate::config::spec::{Bounds, DatabaseSpec};
use crate::database::{Database, DatabaseError, sqlite};
use crate::domain::board::Watch;
use crate::domain::finding::Finding;
use crate::domain::inventory::{Maintenance, Target};
use crate::domain::limit::{Limit, Rule};
use crate::domain::observation::{Detail, ProbeError, Reading};
use crate::domain::sample::Unit;
use crate::domain::status::Status;
use crate::domain::time::Timestamp;
use crate::domain::trend::Trend;
use crate::domain::vitals::{DatabasePolicy, Proof, ProofKind};
use crate::ledger::Ledger;
use crate::probe::blocking::Blocking;
use crate::probe::{BoxFuture, Context, Kind, Probe, Watched};

pub const KIND: Kind = Kind { name: "database", summary: "size, log, latency and soundness of a database", build };

/// Where a write-ahead log says that no checkpoint gets through, and where it is urgent.
const LOG_LARGE: f64 = 64.0 * 1024.0 * 1024.0;
const LOG_HUGE: f64 = 1024.0 * 1024.0 * 1024.0;

fn build(config: &Config, context: &Context) -> Vec<Watched> {
    config
        .databases
        .iter()
        .map(|spec| Watched { watch: watch(spec, context), probe: Box::new(DatabaseProbe::new(spec, context)) })
        .collect()
}

fn watch(spec: &DatabaseSpec, context: &Context) -> Watch {
    let target = Target::database(&spec.id);
    let mut watch = Watch::new(target.probe(), &context.system, spec.every, spec.timeout);
    let log = Rule::new("wal", "write-ahead log")
        .warn(Limit::over(LOG_LARGE, Unit::Bytes))
        .crit(Limit::over(LOG_HUGE, Unit::Bytes))
        .hint("a reader that never ends its transaction keeps the log from being emptied; find it, and end it");
    watch.rules = [
        rule("size", "size", &spec.size),
        rule("latency", "our questions took", &spec.latency),
        rule("growth", "growth", &spec.growth),
        Some(log),
    ]
    .into_iter()
    .flatten()
    .collect();
    watch.trends = vec![Trend::per_day("size", "growth")];
    watch.judge = Some(Arc::new(DatabasePolicy {
        integrity_every: spec.integrity_every,
        can_vacuum: sqlite::ENGINE.can.contains(&Maintenance::Vacuum),
    }));
    watch.target = Some(target);
    watch
}

fn rule(key: &'static str, label: &'static str, bounds: &Bounds) -> Option<Rule> {
    (bounds.warning.is_some() || bounds.critical.is_some()).then(|| Rule {
        warning: bounds.warning,
        critical: bounds.critical,
        hold: bounds.hold,
        hint: bounds.hint.clone(),
        ..Rule::new(key, label)
    })
}

#[derive(Debug)]
struct DatabaseProbe {
    /// `database:rota`, as its proofs are recorded.
    subject: String,
    database: Arc<dyn Database>,
    ledger: Arc<dyn Ledger>,
    blocking: Blocking,
    /// The last proof that was heard of, for the time the ledger cannot be read.
    integrity: Option<Proof>,
}

impl DatabaseProbe {
    fn new(spec: &DatabaseSpec, context: &Context) -> Self {
        Self {
            subject: Target::database(&spec.id).to_string(),
            database: (sqlite::ENGINE.open)(&spec.path),
            ledger: Arc::clone(&context.ledger),
            blocking: Blocking::new(),
            integrity: None,
        }
    }

    async fn take(&mut self) -> Result<Reading, ProbeError> {
        // A file system that hangs must hang only here, and only once.
        let (runtime, database) = (Handle::current(), Arc::clone(&self.database));
        let vitals = self.blocking.run(move || runtime.block_on(database.vitals())).await?;
        let mut vitals = match vitals {
            // What is known to be gone or broken is no lack of knowledge.
            Err(DatabaseError::Missing(text) | DatabaseError::Malformed(text)) => {
                let finding = Finding::new(Status::Critical, "structure", text);
                return Ok(Reading { findings: vec![finding], ..Reading::default() });
            }
            other => other.map_err(ProbeError::from)?,
        };
        match self.ledger.proofs(ProofKind::Integrity, &self.subject).await {
            Ok(proofs) => self.integrity = proofs.into_iter().find(|proof| proof.subject == self.subject),
            Err(error) => vitals.integrity_unknown = Some(error.to_string()),
        }
        vitals.integrity.clone_from(&self.integrity);
        Ok(Reading::of(vitals.samples()).with(Detail::Vitals(vitals)))
    }
}

impl Probe for DatabaseProbe {
    fn read(&mut self, _now: Timestamp) -> BoxFuture<'_, Result<Reading, ProbeError>> {
        Box::pin(self.take())
    }
}

impl From<DatabaseError> for ProbeError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Denied(text) => ProbeError::Denied(text),
            DatabaseError::Malformed(text) => ProbeError::Malformed(text),
            other => ProbeError::Unreachable(other.to_string()),
        }
    }
}

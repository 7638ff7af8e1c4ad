//! `database:ID`: the vital signs of one database, held against limits, its growth, and the age
//! of the last proof that its structure is sound.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::config::Config;
use crate::config::spec::DatabaseSpec;
use crate::database::{Database, DatabaseError, Engine};
use crate::domain::board::Watch;
use crate::domain::finding::Finding;
use crate::domain::inventory::Target;
use crate::domain::observation::{Detail, ProbeError, Reading};
use crate::domain::status::Status;
use crate::domain::time::Timestamp;
use crate::domain::trend::Trend;
use crate::domain::vitals::{DatabasePolicy, Proof, ProofKind, Vitals};
use crate::ledger::Ledger;
use crate::probe::blocking::Blocking;
use crate::probe::{BoxFuture, Context, Kind, Probe, Watched};

pub const KIND: Kind = Kind { name: "database", summary: "size, log, latency and soundness of a database", build };

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
    watch.rules = spec.rules();
    watch.trends = vec![Trend::per_day("size", "growth")];
    watch.judge = Some(Arc::new(DatabasePolicy {
        integrity_every: spec.integrity_every,
        limited: watch
            .rules
            .iter()
            .filter_map(|rule| Some(spec.limits.get_key_value(&*rule.key)?.0))
            .copied()
            .collect(),
    }));
    watch.target = Some(target);
    watch
}

#[derive(Debug)]
struct DatabaseProbe {
    id: String,
    /// `database:rota`, as its proofs are recorded.
    subject: String,
    database: Arc<dyn Database>,
    /// Whether a read may hang in the kernel.
    blocks: bool,
    /// The file it is, where it is one.
    file: Option<PathBuf>,
    ledger: Arc<dyn Ledger>,
    blocking: Blocking,
    /// The last proof that was heard of, for the time the ledger cannot be read.
    integrity: Option<Proof>,
}

impl DatabaseProbe {
    fn new(spec: &DatabaseSpec, context: &Context) -> Self {
        let engine = Engine::of(spec);
        Self {
            id: spec.id.clone(),
            subject: Target::database(&spec.id).to_string(),
            database: (engine.open)(spec),
            blocks: engine.blocks,
            file: spec.address.file().map(Path::to_owned),
            ledger: Arc::clone(&context.ledger),
            blocking: Blocking::new(),
            integrity: None,
        }
    }

    async fn vitals(&mut self) -> Result<Result<Vitals, DatabaseError>, ProbeError> {
        if !self.blocks {
            return Ok(self.database.vitals().await);
        }
        // A file system that hangs must hang only here, and only once.
        let (runtime, database) = (Handle::current(), Arc::clone(&self.database));
        self.blocking.run(move || runtime.block_on(database.vitals())).await
    }

    async fn take(&mut self) -> Result<Reading, ProbeError> {
        let mut vitals = self.vitals().await?;
        // It may be the very file of the ledger, which was just being made.
        if let (Err(DatabaseError::Missing(_) | DatabaseError::Malformed(_)), Some(file)) = (&vitals, &self.file)
            && self.ledger.is_kept_in(file).await
        {
            vitals = self.vitals().await?;
        }
        let mut vitals = match vitals {
            // What is known to be gone or broken is no lack of knowledge.
            Err(DatabaseError::Missing(text) | DatabaseError::Malformed(text)) => {
                let key = if self.blocks { "structure" } else { "reachable" };
                let finding = Finding::new(Status::Critical, key, text);
                return Ok(Reading { findings: vec![finding], ..Reading::default() });
            }
            other => other.map_err(ProbeError::from)?,
        };
        match self.ledger.proofs(ProofKind::Integrity, &self.subject).await {
            Ok(proofs) => self.integrity = proofs.into_iter().find(|proof| proof.subject == self.subject),
            Err(error) => vitals.integrity_unknown = Some(error.to_string()),
        }
        vitals.integrity.clone_from(&self.integrity);
        Ok(Reading {
            samples: vitals.samples(),
            findings: vitals.measured.findings.clone(),
            remarks: vitals.measured.remarks.iter().map(|remark| remark.clone().of_database(&self.id)).collect(),
            detail: Detail::Vitals(vitals),
        })
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

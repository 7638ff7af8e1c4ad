//! `backup:ID`: what lies on a shelf, told from names, sizes and manifests. A look opens no
//! backup: hashing is for verification, whose proofs are taken from the ledger.

mod claims;
mod look;
mod second;
mod strange;
mod tool;
mod unfinished;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use self::claims::{Claims, ClaimsProbe};
use self::look::{Memory, Shelf};
use self::tool::ToolProbe;
use crate::config::Config;
use crate::config::spec::{BackupSpec, Bounds};
use crate::domain::backup::{Backup, BackupPolicy, BackupState, Catalogue, Drill, RecoveryPolicy};
use crate::domain::board::Watch;
use crate::domain::inventory::Target;
use crate::domain::observation::{Detail, ProbeError, Reading};
use crate::domain::sample::Sample;
use crate::domain::time::Timestamp;
use crate::domain::vitals::{Proof, ProofKind};
use crate::ledger::Ledger;
use crate::probe::blocking::Blocking;
use crate::probe::{BoxFuture, Context, Kind, Probe, Watched};
use second::Second;

pub const KIND: Kind = Kind { name: "backup", summary: "age, size and proof of the backups of one target", build };

/// How often a shelf is looked at; nothing on it changes fast.
const EVERY: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(10);

fn build(config: &Config, context: &Context) -> Vec<Watched> {
    config
        .backups
        .iter()
        .map(|spec| {
            let source = spec.database.as_ref().and_then(|id| config.databases.iter().find(|one| one.id == *id));
            let source = source.and_then(|database| database.address.file().map(ToOwned::to_owned));
            let probe: Box<dyn Probe> = match (&spec.manifest, &spec.tool) {
                (_, Some(tool)) => {
                    let limited = spec.min_size.is_some() || spec.size_change != Bounds::default();
                    Box::new(ToolProbe::new(tool.clone(), limited, &context.state_dir))
                }
                (Some(manifest), None) => {
                    let objects = manifest.has_files.then(|| spec.files.clone());
                    let pattern = manifest.pattern.clone();
                    let claims = Claims { pattern, objects, zone: context.zone.clone() };
                    Box::new(ClaimsProbe::new(Target::backup(&spec.id).to_string(), claims, &context.ledger))
                }
                (None, None) => Box::new(BackupProbe::new(spec, source, context)),
            };
            Watched { watch: watch(spec, context), probe }
        })
        .collect()
}

fn watch(spec: &BackupSpec, context: &Context) -> Watch {
    let target = Target::backup(&spec.id);
    let (every, timeout) = if spec.tool.is_some() { (tool::EVERY, tool::TIMEOUT) } else { (EVERY, TIMEOUT) };
    let mut watch = Watch::new(target.probe(), &context.system, every, timeout);
    watch.judge = Some(Arc::new(BackupPolicy {
        schedule: spec.schedule.clone(),
        grace: spec.grace,
        rpo: spec.rpo,
        min_size: spec.min_size,
        size_warning: spec.size_change.warning,
        size_critical: spec.size_change.critical,
        verify_every: spec.verify_every,
        recovery: RecoveryPolicy {
            copy_max_age: spec.copy.as_ref().and_then(|copy| copy.max_age),
            drill_every: spec.drill.every,
            rto: spec.rto,
        },
        can_run: spec.database.is_some() || spec.command.is_some(),
        zone: context.zone.clone(),
    }));
    watch.target = Some(target);
    watch
}

#[derive(Debug)]
struct BackupProbe {
    target: String,
    /// Whether an act of ours makes what is looked for, and its directory with the first.
    makes: bool,
    shelf: Shelf,
    second: Option<Second>,
    ledger: Arc<dyn Ledger>,
    blocking: Blocking,
    /// What the last look found; lost when a look does not come back, at the price of reading
    /// the manifests again.
    memory: Memory,
    /// The last proofs that were heard of, for the time the ledger cannot be read.
    proofs: Vec<Proof>,
}

impl BackupProbe {
    fn new(spec: &BackupSpec, source: Option<PathBuf>, context: &Context) -> Self {
        Self {
            target: Target::backup(&spec.id).to_string(),
            makes: spec.database.is_some(),
            shelf: Shelf { files: spec.files.clone(), pair: spec.pair.clone(), source },
            second: spec
                .copy
                .as_ref()
                .map(|copy| Second::new(&Target::backup(&spec.id).to_string(), &spec.files, &copy.place)),
            ledger: Arc::clone(&context.ledger),
            blocking: Blocking::new(),
            memory: Memory::new(),
            proofs: Vec::new(),
        }
    }

    async fn take(&mut self, now: Timestamp) -> Result<Reading, ProbeError> {
        let (shelf, before) = (self.shelf.clone(), std::mem::take(&mut self.memory));
        let looked = self.blocking.run(move || shelf.look(&before, now)).await?;
        let (mut catalogue, memory) = looked?;
        self.memory = memory;

        let prefix = self.shelf.files.dir().display().to_string();
        match self.ledger.proofs(ProofKind::Verify, &prefix).await {
            Ok(proofs) => self.proofs = proofs,
            Err(error) => catalogue.proofs_unknown = Some(error.to_string()),
        }
        prove(&mut catalogue.files, &self.proofs);
        catalogue.last_prune = last_prune(&self.ledger, &self.target).await;
        self.drills(&mut catalogue, &prefix).await;
        if let Some(second) = &mut self.second {
            catalogue.copies = Some(second.look(&self.ledger).await);
        }
        let findings = self.strange(&catalogue);
        if !findings.is_empty() {
            // That the directory is not there is told by one of them already.
            catalogue.shelf_missing = None;
        }
        let samples = samples(&catalogue);
        Ok(Reading { samples, detail: Detail::backups(catalogue), findings, ..Reading::default() })
    }
}

impl BackupProbe {
    /// The drills with files of this shelf.
    async fn drills(&self, catalogue: &mut Catalogue, shelf: &str) {
        let drills = match self.ledger.proofs(ProofKind::Drill, shelf).await {
            Ok(drills) => drills,
            Err(error) => return catalogue.proofs_unknown = Some(error.to_string()),
        };
        let ours = |drill: &&Proof| {
            let path = Path::new(&drill.subject);
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            path.parent() == Some(self.shelf.files.dir())
                && name.is_some_and(|name| self.shelf.files.stamp_of(&name).is_some())
        };
        let drills: Vec<&Proof> = drills.iter().filter(ours).collect();
        let good = drills.iter().filter(|drill| drill.ok);
        catalogue.drilled = good.map(|drill| (PathBuf::from(&drill.subject), drill.at)).collect();
        catalogue.drill = drills.into_iter().max_by_key(|drill| drill.at).map(|drill| Drill {
            at: drill.at,
            ok: drill.ok,
            detail: drill.detail.clone(),
            took_s: drill.took_s,
        });
    }
}

impl Probe for BackupProbe {
    fn read(&mut self, now: Timestamp) -> BoxFuture<'_, Result<Reading, ProbeError>> {
        Box::pin(self.take(now))
    }
}

/// When files of a backup were deleted last. Where that cannot be told nothing can be deleted, either.
async fn last_prune(ledger: &Arc<dyn Ledger>, target: &str) -> Option<Timestamp> {
    let proofs = ledger.proofs(ProofKind::Prune, target).await.ok()?;
    proofs.into_iter().find(|proof| proof.subject == target).map(|proof| proof.at)
}

/// Tells each file of the proof that is about it.
fn prove(files: &mut [Backup], proofs: &[Proof]) {
    let mut known = HashMap::with_capacity(proofs.len());
    for proof in proofs {
        known.entry(&*proof.subject).or_insert(proof);
    }
    for file in files.iter_mut().filter(|_| !known.is_empty()) {
        if let Some(proof) = known.get(&*file.path.to_string_lossy()) {
            file.take_proof(proof);
        }
    }
}

fn samples(catalogue: &Catalogue) -> Vec<Sample> {
    let count = |wanted: fn(&Backup) -> bool| catalogue.files.iter().filter(|file| wanted(file)).count() as f64;
    vec![
        Sample::count("count", count(Backup::is_complete)),
        Sample::count("damaged", count(|file| matches!(file.state, BackupState::Damaged(_)))),
        Sample::count("debris", catalogue.debris.len() as f64),
    ]
}

#[cfg(test)]
mod tests;

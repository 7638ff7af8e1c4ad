//! `backup:ID`: what lies on a shelf, told from names, sizes and manifests. A look opens no
//! backup: hashing is for verification, whose proofs are taken from the ledger.

mod claims;
mod second;
mod strange;
mod tool;
mod unfinished;

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use self::claims::{Claims, ClaimsProbe};
use self::tool::ToolProbe;
use crate::archive::manifest::{self, Brief, ManifestError};
use crate::archive::restore::BEFORE;
use crate::archive::shelf::{self, Seen};
use crate::config::Config;
use crate::config::spec::{BackupSpec, Bounds};
use crate::domain::backup::{Backup, BackupPolicy, BackupState, Catalogue, Drill, Hold, RecoveryPolicy, StampPattern};
use crate::domain::board::Watch;
use crate::domain::humanize;
use crate::domain::inventory::Target;
use crate::domain::observation::{Detail, ProbeError, Reading};
use crate::domain::sample::Sample;
use crate::domain::sanitize;
use crate::domain::time::Timestamp;
use crate::domain::vitals::{Proof, ProofKind};
use crate::ledger::Ledger;
use crate::probe::blocking::Blocking;
use crate::probe::{BoxFuture, Context, Kind, Probe, Watched};
use second::Second;

pub const KIND: Kind = Kind { name: "backup", summary: "age, size and proof of the backups of one target", build };

/// A copy of another tool that takes longer than this is not told apart from one that was touched.
const MAY_TAKE: chrono::Duration = chrono::Duration::hours(24);
/// From so many files on their manifests are read by several threads, and by how many at most.
const MANY: usize = 200;
const MOST_THREADS: usize = 8;
/// How often a shelf is looked at; nothing on it changes fast.
const EVERY: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long what a restore replaced is held, whatever the rules say.
const HOLD_BEFORE: chrono::Duration = chrono::Duration::days(7);
/// A file without a manifest counts as finished when it has not changed for this long.
const SETTLED: chrono::Duration = chrono::Duration::seconds(5);

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

/// Where to look.
#[derive(Clone, Debug)]
struct Shelf {
    files: StampPattern,
    pair: Option<StampPattern>,
    /// The database that is copied.
    source: Option<PathBuf>,
}

type Memory = HashMap<PathBuf, Remembered>;
type Stamp = (u64, Option<SystemTime>);

/// What is known of one file since an earlier look.
#[derive(Clone, Debug, Default)]
struct Remembered {
    /// Size and time of its last change, to see it grow.
    data: Stamp,
    /// The same of its manifest, to read that again only when it is another one.
    manifest: Option<Stamp>,
    known: Known,
}

/// What the manifest says.
#[derive(Clone, Debug, Default, PartialEq)]
enum Known {
    #[default]
    Nothing,
    /// A later format: the file counts, and is left alone.
    Newer,
    Bad(String),
    Manifest {
        bytes: Option<u64>,
        sha256: Option<String>,
        took_s: f64,
        started: Timestamp,
        /// It is what a restore replaced.
        before_restore: bool,
    },
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
        catalogue.files = catalogue.files.into_iter().map(|file| proven(file, &self.proofs)).collect();
        catalogue.last_prune = last_prune(&self.ledger, &self.target).await;
        self.drills(&mut catalogue, &prefix).await;
        if let Some(second) = &mut self.second {
            catalogue.copies = Some(second.look(&self.ledger).await);
        }
        let findings = self.strange(&catalogue);
        let samples = samples(&catalogue);
        Ok(Reading { samples, detail: Detail::Backups(catalogue), findings, ..Reading::default() })
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

fn proven(file: Backup, proofs: &[Proof]) -> Backup {
    if proofs.is_empty() {
        return file;
    }
    let subject = file.path.display().to_string();
    match proofs.iter().find(|proof| proof.subject == subject) {
        Some(proof) => file.proven(proof),
        None => file,
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

impl Shelf {
    /// Looks at everything once; blocks as long as the file system does.
    fn look(&self, before: &Memory, now: Timestamp) -> Result<(Catalogue, Memory), ProbeError> {
        let contents = shelf::look(&self.files).map_err(|error| self.unreadable(&error))?;
        let mut memory = Memory::new();
        let mut catalogue = Catalogue {
            debris: contents.debris,
            misnamed: contents.misnamed,
            shelf_missing: contents.missing,
            ..Catalogue::default()
        };
        let remembered = remember(&contents.files, before);
        for (seen, remembered) in contents.files.into_iter().zip(remembered).rev() {
            let earlier = before.get(&seen.path);
            if remembered.known == Known::Newer {
                catalogue.held.insert(seen.path.clone(), Hold::NewerFormat);
            }
            if remembered.known.is_of_before(now) {
                catalogue.held.insert(seen.path.clone(), Hold::BeforeRestore);
            }
            if seen.pinned {
                catalogue.held.insert(seen.path.clone(), Hold::Pinned);
            }
            let pair = self.pair.as_ref().map(|pair| {
                pair.paths_of(seen.stamp).find(|path| path.exists()).unwrap_or_else(|| pair.path_of(seen.stamp))
            });
            let taken = taken_at(&self.files, &seen, &remembered.known);
            catalogue.files.push(Backup {
                taken_at: taken,
                size_bytes: Some(seen.size),
                sha256: remembered.known.sha256(),
                took_s: remembered.known.took_s(),
                verified_at: None,
                state: state(&seen, earlier, &remembered.known, pair.as_deref(), taken, now),
                path: seen.path.clone(),
            });
            memory.insert(seen.path, remembered);
        }
        catalogue.files.sort_by_key(|file| std::cmp::Reverse(file.taken_at));
        // One whose size is known may still be one that nobody here can read.
        if let Some(newest) = catalogue.files.iter_mut().find(|file| file.is_complete() && file.taken_at <= now)
            && let Err(error) = readable(&newest.path)
        {
            newest.state = BackupState::Damaged(error);
        }
        let created = self.source.as_ref().and_then(|path| std::fs::metadata(path).ok()?.created().ok());
        catalogue.source_since = created.map(Timestamp::from);
        Ok((catalogue, memory))
    }

    fn unreadable(&self, error: &std::io::Error) -> ProbeError {
        let place = sanitize::line(&self.files.dir().display().to_string());
        if error.kind() == std::io::ErrorKind::PermissionDenied {
            ProbeError::Denied(format!("{place}: no permission to list it; give this user the right to read there"))
        } else {
            ProbeError::Unreachable(format!("{place}: {error}"))
        }
    }
}

/// What is known of each file. Where there are many, several threads read their manifests.
fn remember(files: &[Seen], before: &Memory) -> Vec<Remembered> {
    let all = |files: &[Seen]| files.iter().map(|one| Remembered::of(one, before.get(&one.path))).collect::<Vec<_>>();
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    if files.len() < MANY || threads == 1 {
        return all(files);
    }
    thread::scope(|scope| {
        let parts: Vec<_> = files.chunks(files.len().div_ceil(threads)).map(|part| scope.spawn(|| all(part))).collect();
        let joined = parts.into_iter().map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.flatten().collect()
    })
}

impl Remembered {
    fn of(seen: &Seen, earlier: Option<&Remembered>) -> Self {
        let data = (seen.size, seen.modified);
        let stamp = |meta: Metadata| (meta.len(), meta.modified().ok());
        if let Some(earlier) = earlier {
            let manifest = std::fs::metadata(manifest::path_for(&seen.path)).ok().map(stamp);
            if earlier.manifest == manifest {
                return Self { data, manifest, known: earlier.known.clone() };
            }
        }
        let (meta, read) = Brief::of(&seen.path);
        Self { data, manifest: meta.map(stamp), known: Known::of(read) }
    }
}

impl Known {
    fn of(read: Result<Brief, ManifestError>) -> Self {
        match read {
            Ok(manifest) => Known::Manifest {
                bytes: manifest.data().map(|data| data.bytes),
                sha256: manifest.data().map(|data| sanitize::line(&data.sha256)),
                took_s: manifest.took_s,
                started: manifest.started,
                before_restore: manifest.why.starts_with(BEFORE),
            },
            Err(ManifestError::Absent) => Known::Nothing,
            Err(ManifestError::Newer(_)) => Known::Newer,
            Err(error) => Known::Bad(error.to_string()),
        }
    }

    /// Whether it is what a restore replaced a short while ago.
    fn is_of_before(&self, now: Timestamp) -> bool {
        matches!(self, Known::Manifest { before_restore: true, started, .. } if now - *started < HOLD_BEFORE)
    }

    fn sha256(&self) -> Option<String> {
        if let Known::Manifest { sha256, .. } = self { sha256.clone() } else { None }
    }

    fn took_s(&self) -> Option<f64> {
        if let Known::Manifest { took_s, .. } = self { Some(*took_s) } else { None }
    }
}

/// When it was taken: what its name says, and where that is only a day or an hour, what the
/// manifest or the file's own time says within it.
fn taken_at(pattern: &StampPattern, seen: &Seen, known: &Known) -> Timestamp {
    let named = pattern.zone.instants(seen.stamp).earliest();
    let closer = match known {
        Known::Manifest { started, .. } => Some(*started),
        _ => seen.modified.map(Timestamp::from),
    };
    closer.filter(|at| (named..named + pattern.precision()).contains(at)).unwrap_or(named)
}

/// Whether a file may be counted, as far as a look can tell.
fn state(
    seen: &Seen,
    earlier: Option<&Remembered>,
    known: &Known,
    pair: Option<&Path>,
    taken: Timestamp,
    now: Timestamp,
) -> BackupState {
    let bytes = |bytes: u64| humanize::bytes(bytes as f64);
    let damage = match known {
        _ if seen.is_link => Some(linked(&seen.path)),
        Known::Bad(why) => Some(why.clone()),
        Known::Manifest { bytes: Some(expected), .. } if *expected != seen.size => {
            Some(format!("{} where the manifest says {}", bytes(seen.size), bytes(*expected)))
        }
        Known::Nothing => {
            let changed = earlier.is_some_and(|earlier| earlier.data != (seen.size, seen.modified));
            let since_change = seen.modified.map(|modified| now - Timestamp::from(modified));
            // A file that is named for long ago was not begun just now: something touched it.
            let young = now - taken < MAY_TAKE;
            if changed || (young && since_change.is_some_and(|age| age.abs() < SETTLED)) {
                return BackupState::Growing;
            }
            unfinished::why(seen)
        }
        Known::Newer | Known::Manifest { .. } => None,
    };
    match damage.or_else(|| pair.and_then(missing)) {
        Some(why) => BackupState::Damaged(why),
        None => BackupState::Complete,
    }
}

/// What a link leads to may lie elsewhere, be kept twice, or go when nobody thinks of it.
fn linked(path: &Path) -> String {
    let to = std::fs::read_link(path).map(|to| sanitize::line(&to.display().to_string())).unwrap_or_default();
    format!("it is a link to {to}, and counts as nothing; let `files` name where the backups lie")
}

/// Whether it can be read at all. None of it is.
fn readable(path: &Path) -> Result<(), String> {
    let opened = if path.is_dir() { std::fs::read_dir(path).map(drop) } else { std::fs::File::open(path).map(drop) };
    opened.map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => "no permission to read it; give this user the right".to_owned(),
        _ => format!("it cannot be read: {error}"),
    })
}

/// Why the second file does not do.
fn missing(pair: &Path) -> Option<String> {
    let name = pair.file_name().map_or_else(String::new, |name| sanitize::bytes(name.as_encoded_bytes()));
    match std::fs::metadata(pair) {
        Ok(meta) if meta.len() > 0 => None,
        Ok(_) => Some(format!("its pair {name} is empty")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(format!("its pair {name} is missing")),
        Err(error) => Some(format!("its pair {name} cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests;

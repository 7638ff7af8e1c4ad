//! Backups that another tool keeps in a repository of its own, as that tool tells of them. Looking
//! takes no lock: whoever backs up at this moment is never held up by it.

mod borg;
mod pgbackrest;
mod restic;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::config::spec::{Tool, ToolSpec};
use crate::database::secret;
use crate::domain::backup::{Backup, BackupState, Catalogue};
use crate::domain::finding::Finding;
use crate::domain::humanize;
use crate::domain::observation::{Detail, ProbeError, Reading};
use crate::domain::plan::Invocation;
use crate::domain::redact;
use crate::domain::sample::Sample;
use crate::domain::sanitize;
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, seconds_between};
use crate::exec::Captured;
use crate::platform::unnamed::Unnamed;
use crate::probe::program::Program;
use crate::probe::{BoxFuture, Probe};

/// How long a tool may take to list what it has, and to weigh the newest of it after that.
const LIST: Duration = Duration::from_secs(20);
const WEIGH: Duration = Duration::from_secs(25);
/// The whole look.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);
/// A repository may be on another continent, and what is in it changes once a night.
pub(super) const EVERY: Duration = Duration::from_mins(5);
/// So many snapshots that nobody keeps more of them.
const MOST_OUTPUT: usize = 32 << 20;
/// How many of the newest are weighed where the list does not say it: what is usual is told of so
/// many.
const WEIGHED: usize = 11;

/// What one tool has, and how it is asked.
#[derive(Debug)]
struct Card {
    name: &'static str,
    /// What a Debian machine calls it.
    package: &'static str,
    list: fn(&ToolSpec) -> Invocation,
    read: fn(&Captured, &ToolSpec) -> Result<Told, ProbeError>,
    weigh: Weigh,
    /// How its own programs are told the password: by the path of a file.
    password: fn(&mut Invocation, &Path),
    /// What it holds a repository on this machine locked with, and for how long at most that means
    /// that it works.
    locks: Option<Locks>,
}

/// How the size of a snapshot is found.
#[derive(Debug)]
enum Weigh {
    /// The list says it.
    Listed,
    /// One after the other.
    Each(fn(&ToolSpec, &str) -> Invocation, fn(&Captured) -> Option<u64>),
    /// The newest at once, in a cache of our own; only where somebody wants to know.
    Newest(fn(&ToolSpec, usize, &Path) -> Invocation, fn(&Captured) -> BTreeMap<String, u64>),
}

#[derive(Debug)]
struct Locks {
    folder: &'static str,
    stale_after: Duration,
    mend: &'static str,
}

/// What a tool told.
#[derive(Debug, Default)]
struct Told {
    snapshots: Vec<Snapshot>,
    findings: Vec<Finding>,
    samples: Vec<Sample>,
}

/// One of its backups.
#[derive(Clone, Debug)]
struct Snapshot {
    id: String,
    taken_at: Timestamp,
    /// The host and the paths.
    about: String,
    host: Option<String>,
    /// What `match` is held against: its name, its host, its tags and paths.
    words: Vec<String>,
    size: Option<u64>,
    took_s: Option<f64>,
    state: BackupState,
}

/// Asks a tool, over and over.
#[derive(Debug)]
pub(super) struct ToolProbe {
    spec: ToolSpec,
    card: &'static Card,
    /// Somebody wants to know how large they are.
    limited: bool,
    cache: PathBuf,
    program: Program,
    /// How large each is, as far as it was told; `None` for what was asked in vain.
    sizes: BTreeMap<String, Option<u64>>,
}

impl ToolProbe {
    pub(super) fn new(spec: ToolSpec, limited: bool, state_dir: &Path) -> Self {
        let card = match spec.tool {
            Tool::Restic => &restic::CARD,
            Tool::Borg => &borg::CARD,
            Tool::Pgbackrest => &pgbackrest::CARD,
        };
        let cache = state_dir.join("cache").join(card.name);
        Self { spec, card, limited, cache, program: Program::default(), sizes: BTreeMap::new() }
    }

    async fn look(&mut self, now: Timestamp) -> Result<Reading, ProbeError> {
        let begun = Instant::now();
        let password = self.password().await?;
        let mut list = (self.card.list)(&self.spec);
        self.confide(&mut list, password.as_ref());
        let said = self.ask(&list, LIST).await?;
        let mut told = (self.card.read)(&said, &self.spec)?;
        if let Some(wanted) = self.spec.matches.as_deref().and_then(|text| glob::Pattern::new(text).ok()) {
            told.snapshots.retain(|one| one.words.iter().any(|word| wanted.matches(word)));
        }
        told.snapshots.sort_by_key(|one| std::cmp::Reverse(one.taken_at));
        self.weigh(&mut told.snapshots, password.as_ref(), begun).await;
        told.findings.extend(self.several_hosts(&told.snapshots));
        told.findings.extend(self.locked(now));
        Ok(reading(told))
    }

    /// A file that holds the password, for as long as somebody may read it.
    async fn password(&self) -> Result<Option<Unnamed>, ProbeError> {
        let Some(reference) = &self.spec.password else { return Ok(None) };
        let found = secret::fetch(reference).await.map_err(|why| ProbeError::Denied(sanitize::line(&why)))?;
        let file = Unnamed::with(found.expose().as_bytes());
        file.map(Some).map_err(|why| ProbeError::Unreachable(format!("the password cannot be handed over: {why}")))
    }

    fn confide(&self, invocation: &mut Invocation, password: Option<&Unnamed>) {
        if let Some(file) = password {
            (self.card.password)(invocation, file.path());
        }
    }

    async fn ask(&mut self, invocation: &Invocation, timeout: Duration) -> Result<Captured, ProbeError> {
        let package = self.card.package;
        let mended = |error: ProbeError| match &error {
            ProbeError::Unreachable(text) if text.contains("was not found") => {
                ProbeError::Unreachable(format!("{text}; install it, on Debian the package {package}"))
            }
            _ => error,
        };
        let said = self.program.ask(invocation, timeout, MOST_OUTPUT).await.map_err(mended)?;
        if said.cut {
            let most = humanize::bytes(MOST_OUTPUT as f64);
            return Err(ProbeError::Malformed(format!("{} told more than {most}, which is no list", self.card.name)));
        }
        Ok(said)
    }

    /// Gives the newest their size, as far as the time allows.
    async fn weigh(&mut self, snapshots: &mut [Snapshot], password: Option<&Unnamed>, begun: Instant) {
        let unknown = |one: &&mut Snapshot| one.size.is_none();
        match self.card.weigh {
            Weigh::Each(ask, read) if self.limited => {
                for one in snapshots.iter_mut().take(WEIGHED).filter(unknown) {
                    let left = WEIGH.saturating_sub(begun.elapsed());
                    if !self.sizes.contains_key(&one.id) && !left.is_zero() {
                        let mut invocation = ask(&self.spec, &one.id);
                        self.confide(&mut invocation, password);
                        let size = self.ask(&invocation, left).await.ok().and_then(|said| read(&said));
                        self.sizes.insert(one.id.clone(), size);
                    }
                }
            }
            Weigh::Newest(ask, read) if self.limited => {
                let newest: Vec<&Snapshot> = snapshots.iter().take(WEIGHED).collect();
                if newest.iter().any(|one| !self.sizes.contains_key(&one.id)) {
                    let mut invocation = ask(&self.spec, WEIGHED, &self.cache);
                    self.confide(&mut invocation, password);
                    let left = WEIGH.saturating_sub(begun.elapsed());
                    let found = self.ask(&invocation, left).await.map(|said| read(&said)).unwrap_or_default();
                    self.sizes.extend(newest.iter().map(|one| (one.id.clone(), found.get(&one.id).copied())));
                }
            }
            _ => {}
        }
        self.sizes.retain(|id, _| snapshots.iter().any(|one| one.id == *id));
        for one in snapshots.iter_mut().filter(|one| one.size.is_none()) {
            one.size = self.sizes.get(&one.id).copied().flatten();
        }
    }

    /// The newest of one host would hide that there is none of another since weeks.
    fn several_hosts(&self, snapshots: &[Snapshot]) -> Option<Finding> {
        let hosts: std::collections::BTreeSet<&str> = snapshots.iter().filter_map(|one| one.host.as_deref()).collect();
        let several = self.spec.matches.is_none() && hosts.len() > 1;
        several.then(|| {
            let names = hosts.iter().copied().take(3).collect::<Vec<_>>().join(", ");
            let text = format!(
                "the repository is of {} hosts ({names}): the newest of one hides what another lacks",
                hosts.len()
            );
            Finding::new(Status::Warning, "hosts", text)
                .advice("name one with `match`, and give each a [[backup]] of its own")
        })
    }

    /// A lock that nobody refreshes any more, in a repository on this machine.
    fn locked(&self, now: Timestamp) -> Option<Finding> {
        let locks = self.card.locks.as_ref()?;
        let folder = Path::new(self.spec.repository.as_deref()?).join(locks.folder);
        let entries = std::fs::read_dir(&folder).ok()?;
        let changed = |entry: std::fs::DirEntry| {
            Some((Timestamp::from(entry.metadata().ok()?.modified().ok()?), entry.file_name()))
        };
        let (since, name) = entries.flatten().filter_map(changed).min_by_key(|(at, _)| *at)?;
        let age = seconds_between(since, now);
        (age > locks.stale_after.as_secs_f64()).then(|| {
            let (age, name) = (humanize::seconds(age), sanitize::line(&name.to_string_lossy()));
            let text = format!("locked since {age} by {name:.40}: as long as that is there, backups may fail");
            Finding::new(Status::Warning, "locked", text).since(since).advice(locks.mend)
        })
    }
}

impl Probe for ToolProbe {
    fn read(&mut self, now: Timestamp) -> BoxFuture<'_, Result<Reading, ProbeError>> {
        Box::pin(self.look(now))
    }
}

fn reading(told: Told) -> Reading {
    let mut catalogue = Catalogue::default();
    for one in told.snapshots {
        let path = PathBuf::from(&one.id);
        if !one.about.is_empty() {
            catalogue.about.insert(path.clone(), one.about);
        }
        catalogue.files.push(Backup {
            path,
            taken_at: one.taken_at,
            size_bytes: one.size,
            sha256: None,
            took_s: one.took_s,
            verified_at: None,
            state: one.state,
        });
    }
    let newest = catalogue.files.first().and_then(|newest| catalogue.about.get(&newest.path));
    let newest = newest.map(|about| Sample::text("newest", about.clone()));
    let samples = super::samples(&catalogue).into_iter().chain(newest).chain(told.samples).collect();
    Reading { samples, detail: Detail::backups(catalogue), findings: told.findings, ..Reading::default() }
}

/// What a tool printed, as one document.
fn document<T: DeserializeOwned>(said: &Captured, name: &str) -> Result<T, ProbeError> {
    serde_json::from_slice(&said.stdout).map_err(|why| {
        ProbeError::Malformed(format!("what {name} tells is not understood: {}", sanitize::line(&why.to_string())))
    })
}

/// The lines of what a tool complained of, without secrets.
fn complaints(said: &Captured) -> Vec<String> {
    let clean = redact::bytes(&said.stderr);
    clean.split(|byte| *byte == b'\n').map(sanitize::bytes).filter(|line| !line.trim().is_empty()).collect()
}

/// What was copied, in one line.
fn about(host: &str, paths: &[String]) -> String {
    sanitize::line(&format!("{host}: {}", paths.join(", ")))
}

#[cfg(test)]
mod tests;

//! Backups that only manifests of another tool tell of, such as exports into a bucket. A manifest
//! is a claim: what can be held against it is, and what cannot is said.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde_json::Value;

use crate::archive::{prune, shelf};
use crate::domain::backup::{Backup, BackupState, Catalogue, StampPattern};
use crate::domain::finding::Finding;
use crate::domain::humanize;
use crate::domain::observation::{Detail, ProbeError, Reading};
use crate::domain::sanitize;
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, Zone};
use crate::domain::vitals::ProofKind;
use crate::ledger::Ledger;
use crate::probe::blocking::Blocking;
use crate::probe::file::walk::Walk;
use crate::probe::{BoxFuture, Probe};

/// Longer than any manifest of a backup.
const LONGEST: u64 = 1 << 20;

const TIMES: [&str; 9] =
    ["taken_at", "date", "timestamp", "time", "started_at", "started", "created_at", "completed_at", "finished_at"];
const STATES: [&str; 3] = ["status", "state", "result"];
const SIZES: [&str; 3] = ["size_bytes", "bytes", "size"];
const PLACES: [&str; 6] = ["location", "path", "destination", "outputUriPrefix", "uri", "file"];
const GOOD: [&str; 8] = ["completed", "complete", "success", "succeeded", "successful", "ok", "done", "finished"];
const UNDER_WAY: [&str; 6] = ["running", "in_progress", "in-progress", "pending", "started", "processing"];

/// What one manifest says.
#[derive(Debug, Default, PartialEq)]
struct Claim {
    taken_at: Option<Timestamp>,
    status: Option<String>,
    size: Option<u64>,
    place: Option<String>,
}

/// Where to look for manifests, and for what they tell of.
#[derive(Clone, Debug)]
pub(super) struct Claims {
    pub(super) pattern: String,
    /// What they should tell of, where that is files of this machine.
    pub(super) objects: Option<StampPattern>,
    pub(super) zone: Zone,
}

/// Looks at manifests, over and over.
#[derive(Debug)]
pub(super) struct ClaimsProbe {
    target: String,
    claims: Claims,
    ledger: Arc<dyn Ledger>,
    blocking: Blocking,
}

impl ClaimsProbe {
    pub(super) fn new(target: String, claims: Claims, ledger: &Arc<dyn Ledger>) -> Self {
        Self { target, claims, ledger: Arc::clone(ledger), blocking: Blocking::new() }
    }

    /// What was found of files of this machine, and when some of them were deleted last.
    async fn remembered(&self, catalogue: &mut Catalogue, objects: &StampPattern) {
        match self.ledger.proofs(ProofKind::Verify, &objects.dir().display().to_string()).await {
            Ok(proofs) => super::prove(&mut catalogue.files, &proofs),
            Err(error) => catalogue.proofs_unknown = Some(error.to_string()),
        }
        catalogue.last_prune = super::last_prune(&self.ledger, &self.target).await;
    }
}

impl Probe for ClaimsProbe {
    fn read(&mut self, _: Timestamp) -> BoxFuture<'_, Result<Reading, ProbeError>> {
        Box::pin(async move {
            let claims = self.claims.clone();
            let (mut catalogue, findings) = self.blocking.run(move || claims.look()).await??;
            if let Some(objects) = self.claims.objects.clone() {
                self.remembered(&mut catalogue, &objects).await;
            }
            let samples = super::samples(&catalogue);
            Ok(Reading { samples, detail: Detail::backups(catalogue), findings, ..Reading::default() })
        })
    }
}

impl Claims {
    /// Reads every manifest; blocks as long as the file system does.
    pub(super) fn look(&self) -> Result<(Catalogue, Vec<Finding>), ProbeError> {
        let mut paths = Vec::new();
        let walked = Walk::new(&self.pattern)?.run(|path, _| paths.push(path.to_owned()))?;
        if let Some(trouble) = walked.troubles.into_iter().next() {
            return Err(trouble);
        }
        let claims: Vec<(PathBuf, Result<Claim, String>)> = paths
            .into_iter()
            .map(|path| {
                let claim = read(&path, &self.zone);
                (path, claim)
            })
            .collect();
        // What is told of is looked for after it was told: it is there before.
        let there = self.objects.as_ref().map(There::look).transpose()?.unwrap_or_default();
        let mut catalogue = Catalogue { debris: there.debris.clone(), ..Catalogue::default() };
        let mut told = BTreeSet::new();
        for (path, claim) in claims {
            let (claim, state) = match claim {
                Ok(claim) => {
                    let state = judge(&claim);
                    (claim, state)
                }
                Err(why) => (Claim::default(), BackupState::Damaged(why)),
            };
            let named = || path.file_stem().and_then(|stem| stamp(&stem.to_string_lossy(), &self.zone));
            let (state, taken_at) = match claim.taken_at.or_else(named) {
                Some(at) => (state, at),
                None => (
                    BackupState::Damaged("neither it nor its name says when it is of".to_owned()),
                    DateTime::UNIX_EPOCH,
                ),
            };
            let object = self.objects.as_ref().map(|objects| Object::of(objects, taken_at, &there));
            let state = match (state, &object) {
                (BackupState::Complete, Some(object)) => object.held_against(&claim),
                (state, _) => state,
            };
            if let (Some(objects), Some(Object { found: None, .. })) = (&self.objects, &object) {
                for name in names_at(objects, taken_at) {
                    catalogue.told_by.entry(name).or_insert_with(|| path.clone());
                }
            }
            let mut size_bytes = claim.size;
            let path = match object.and_then(|object| object.found) {
                // What is there is what is verified, and deleted with what tells of it.
                Some((object, bytes)) => {
                    told.insert(object.clone());
                    catalogue.told_by.insert(object.clone(), path);
                    size_bytes = Some(bytes);
                    object
                }
                None => path,
            };
            catalogue.files.push(Backup {
                path,
                taken_at,
                size_bytes,
                sha256: None,
                took_s: None,
                verified_at: None,
                state,
            });
        }
        catalogue.files.sort_by_key(|file| std::cmp::Reverse(file.taken_at));
        let findings = there.untold(&told).into_iter().collect();
        Ok((catalogue, findings))
    }
}

/// What lies where the manifests say, oldest first, and what killed prunes left there.
#[derive(Debug, Default)]
struct There {
    files: Vec<(PathBuf, u64)>,
    sizes: BTreeMap<PathBuf, u64>,
    debris: Vec<PathBuf>,
    begun: BTreeSet<PathBuf>,
}

impl There {
    fn look(objects: &StampPattern) -> Result<Self, ProbeError> {
        let unreadable = |error| ProbeError::Unreachable(format!("{}: {error}", shown(objects.dir())));
        let contents = shelf::look(objects).map_err(unreadable)?;
        let files: Vec<(PathBuf, u64)> = contents.files.into_iter().map(|file| (file.path, file.size)).collect();
        let sizes = files.iter().cloned().collect();
        Ok(Self { files, sizes, debris: contents.debris, begun: prune::begun(objects.dir()) })
    }

    /// Objects that no manifest tells of: nobody would find them, and nobody prunes them.
    fn untold(&self, told: &BTreeSet<PathBuf>) -> Option<Finding> {
        let untold: Vec<&PathBuf> =
            self.files.iter().map(|(path, _)| path).filter(|path| !told.contains(*path)).collect();
        let newest = untold.last()?;
        let (count, name) =
            (humanize::count(untold.len(), "file"), shown(Path::new(newest.file_name().unwrap_or_default())));
        let finding =
            Finding::new(Status::Warning, "orphan", format!("no manifest tells of {count}, the newest is {name}"));
        Some(finding.advice("nothing that goes by the manifests finds or removes them; look who removed those"))
    }
}

/// What a manifest tells of, where that is a file of this machine.
struct Object {
    name: PathBuf,
    /// Where it is, and how large.
    found: Option<(PathBuf, u64)>,
    /// A prune deleted it, and came no further.
    half_pruned: bool,
}

/// What is of an instant, as it is called in every packing.
fn names_at(objects: &StampPattern, taken_at: Timestamp) -> impl Iterator<Item = PathBuf> {
    objects.paths_of(objects.zone.local(taken_at).naive_local())
}

impl Object {
    fn of(objects: &StampPattern, taken_at: Timestamp, there: &There) -> Self {
        let found = names_at(objects, taken_at).find_map(|path| Some((*there.sizes.get(&path)?, path)));
        let half_pruned = found.is_none() && names_at(objects, taken_at).any(|path| there.begun.contains(&path));
        Self { name: objects.name_for(taken_at), found: found.map(|(bytes, path)| (path, bytes)), half_pruned }
    }

    fn held_against(&self, claim: &Claim) -> BackupState {
        let bytes = |bytes: u64| humanize::bytes(bytes as f64);
        match (&self.found, claim.size) {
            (None, _) if self.half_pruned => {
                let name = shown(&self.name);
                BackupState::Damaged(format!(
                    "a prune that was interrupted deleted {name}; the next one removes its manifest"
                ))
            }
            (None, _) => BackupState::Damaged(format!("what it tells of, {}, is not there", shown(&self.name))),
            (Some((_, 0)), _) => BackupState::Damaged("the file is empty".to_owned()),
            (Some((_, found)), Some(told)) if *found != told => {
                BackupState::Damaged(format!("{} where its manifest says {}", bytes(*found), bytes(told)))
            }
            _ => BackupState::Complete,
        }
    }
}

fn shown(path: &Path) -> String {
    sanitize::line(&path.display().to_string())
}

fn read(path: &Path, zone: &Zone) -> Result<Claim, String> {
    let meta = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if meta.len() == 0 {
        return Err("it is empty".to_owned());
    }
    if meta.len() > LONGEST {
        return Err(format!("{} are no manifest", humanize::bytes(meta.len() as f64)));
    }
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    let document: Value = serde_json::from_slice(&text).map_err(|why| format!("not one whole JSON document: {why}"))?;
    let first = |keys: &[&str]| keys.iter().find_map(|key| document.get(key).filter(|value| !value.is_null()).cloned());
    let text = |value: Value| value.as_str().map(sanitize::line);
    let time = match first(&TIMES) {
        Some(Value::String(written)) => {
            let read = stamp(&written, zone);
            Some(read.ok_or_else(|| format!("`{}` is no time that is known here", sanitize::line(&written)))?)
        }
        Some(Value::Number(seconds)) => seconds.as_i64().and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
        _ => None,
    };
    Ok(Claim {
        taken_at: time,
        status: first(&STATES).and_then(text),
        size: first(&SIZES).and_then(|size| size.as_u64()),
        place: first(&PLACES).and_then(text),
    })
}

/// A time as tools write it: `20260302_020000`, `2026-03-02T02:00:00Z`, `2026-03-02`.
fn stamp(text: &str, zone: &Zone) -> Option<Timestamp> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    let formats = [
        "%Y%m%d_%H%M%S",
        "%Y%m%d-%H%M%S",
        "%Y%m%dT%H%M%S",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%d_%H-%M-%S",
        "%Y-%m-%d %H:%M:%S",
    ];
    let local = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let day = || ["%Y-%m-%d", "%Y%m%d"].iter().find_map(|format| NaiveDate::parse_from_str(text, format).ok());
    let local = local.or_else(|| day()?.and_hms_opt(0, 0, 0))?;
    Some(zone.instants(local).earliest())
}

/// Whether what is claimed may be counted, as far as this machine can tell.
fn judge(claim: &Claim) -> BackupState {
    let word = claim.status.as_deref().map(str::to_lowercase);
    match word.as_deref() {
        Some(word) if UNDER_WAY.contains(&word) => return BackupState::Growing,
        Some(word) if !GOOD.contains(&word) => {
            return BackupState::Damaged(format!("its manifest says `{word}`"));
        }
        _ => {}
    }
    let here = claim.place.as_deref().map(|place| place.strip_prefix("file://").unwrap_or(place)).map(Path::new);
    let Some(here) = here.filter(|place| place.is_absolute()) else { return BackupState::Complete };
    let is_there = match std::fs::metadata(here) {
        Ok(meta) if meta.is_dir() => std::fs::read_dir(here).is_ok_and(|mut entries| entries.next().is_some()),
        Ok(meta) => meta.len() > 0,
        Err(_) => false,
    };
    if is_there {
        BackupState::Complete
    } else {
        BackupState::Damaged(format!("what it tells of, {}, is not there or empty", shown(here)))
    }
}

#[cfg(test)]
mod tests;

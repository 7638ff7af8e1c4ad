//! Borg 1: `list --json`. Times are local to whoever asks, so it is asked in UTC. Sizes are known
//! to its chunk cache alone; ours is beside the store, for that of the operator is locked while
//! somebody uses it, and a backup that finds it locked fails.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime};
use serde::Deserialize;

use super::{Card, Locks, Snapshot, Told, Weigh, complaints, document};
use crate::config::spec::ToolSpec;
use crate::domain::backup::BackupState;
use crate::domain::observation::ProbeError;
use crate::domain::plan::Invocation;
use crate::domain::sanitize;
use crate::domain::time::Timestamp;
use crate::exec::Captured;

pub(super) const CARD: Card = Card {
    name: "borg",
    package: "borgbackup",
    list,
    read,
    weigh: Weigh::Newest(info, sizes),
    password,
    locks: Some(Locks {
        folder: "lock.exclusive",
        // It is written once, when the work begins.
        stale_after: Duration::from_hours(24),
        mend: "when no borg works there, `borg break-lock` removes it",
    }),
};

#[derive(Debug, Deserialize)]
struct Document {
    archives: Vec<Archive>,
}

#[derive(Debug, Deserialize)]
struct Archive {
    name: String,
    start: String,
    stats: Option<Stats>,
}

#[derive(Debug, Deserialize)]
struct Stats {
    original_size: u64,
}

/// A line of `--log-json`.
#[derive(Debug, Deserialize)]
struct Line {
    #[serde(default)]
    message: String,
    #[serde(default)]
    levelname: String,
    #[serde(default)]
    msgid: String,
}

fn command(spec: &ToolSpec, arguments: &[&str]) -> Invocation {
    let all = ["borg", "--log-json", "--bypass-lock"];
    let mut invocation = Invocation::new(all.into_iter().chain(arguments.iter().copied()));
    let repository = spec.repository.clone().unwrap_or_default();
    invocation.environment =
        BTreeMap::from([("BORG_REPO".to_owned(), repository), ("TZ".to_owned(), "UTC".to_owned())]);
    invocation
}

fn list(spec: &ToolSpec) -> Invocation {
    command(spec, &["list", "--json"])
}

fn info(spec: &ToolSpec, newest: usize, cache: &Path) -> Invocation {
    let mut invocation = command(spec, &["info", "--json", &format!("--last={newest}")]);
    invocation.environment.insert("BORG_CACHE_DIR".to_owned(), cache.display().to_string());
    invocation
}

fn sizes(said: &Captured) -> BTreeMap<String, u64> {
    let document: Option<Document> = serde_json::from_slice(&said.stdout).ok();
    let archives = document.map(|document| document.archives).unwrap_or_default();
    archives.into_iter().filter_map(|one| Some((sanitize::line(&one.name), one.stats?.original_size))).collect()
}

/// It wants a command that prints it.
fn password(invocation: &mut Invocation, file: &Path) {
    invocation.environment.insert("BORG_PASSCOMMAND".to_owned(), format!("cat '{}'", file.display()));
}

fn read(said: &Captured, spec: &ToolSpec) -> Result<Told, ProbeError> {
    if said.exit_code != Some(0) {
        return Err(trouble(said, spec));
    }
    let document: Document = document(said, "borg")?;
    let snapshots: Result<Vec<Snapshot>, ProbeError> = document
        .archives
        .into_iter()
        .map(|one| {
            let name = sanitize::line(&one.name);
            let odd = || ProbeError::Malformed(format!("borg says that {name} is of `{}`", sanitize::line(&one.start)));
            let taken_at = instant(&one.start).ok_or_else(odd)?;
            let (about, state, words) = (String::new(), BackupState::Complete, vec![one.name]);
            Ok(Snapshot { id: name, words, taken_at, about, host: None, size: None, took_s: None, state })
        })
        .collect();
    Ok(Told { snapshots: snapshots?, ..Told::default() })
}

/// `2026-11-21T17:39:49.000000`, or with an offset.
fn instant(text: &str) -> Option<Timestamp> {
    let zoned = DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
    zoned.or_else(|| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok().map(|at| at.and_utc()))
}

/// Why there is no list.
fn trouble(said: &Captured, spec: &ToolSpec) -> ProbeError {
    let repository = sanitize::line(spec.repository.as_deref().unwrap_or_default());
    let complaints = complaints(said);
    let lines: Vec<Line> = complaints.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let is_error = |line: &&Line| line.levelname == "ERROR" || line.levelname == "CRITICAL";
    let known = lines.iter().filter(is_error).find(|line| !line.msgid.is_empty());
    let error = known.or_else(|| lines.iter().rfind(is_error));
    // Of a traceback, the line it comes to: the last before what is said of the machine.
    let words = |line: &Line| {
        let told = line.message.split("\n\n").next().unwrap_or_default();
        sanitize::line(told.lines().last().unwrap_or_default())
    };
    let why = error.map_or_else(|| complaints.last().cloned().unwrap_or_else(|| "it said nothing".to_owned()), words);
    match error.map_or("", |line| line.msgid.as_str()) {
        "PassphraseWrong" | "NoPassphraseFailure" | "PasscommandFailure" | "PasswordRetriesExceeded" => {
            ProbeError::Denied(format!("{repository} is not opened by this `password`: {why}"))
        }
        "Repository.DoesNotExist" | "Repository.PathDoesNotExist" | "Repository.InvalidRepository" => {
            ProbeError::Unreachable(format!("there is no borg repository in {repository}: {why}"))
        }
        "Repository.CheckNeeded" | "IntegrityError" | "Repository.ObjectNotFound" => {
            ProbeError::Unreachable(format!("{repository} is damaged: {why}"))
        }
        "Cache.CacheInitAbortedError" | "Cache.RepositoryAccessAborted" | "Cache.EncryptionMethodMismatch" => {
            ProbeError::Denied(format!(
                "borg wants to be told that {repository} may be trusted ({why}); type `borg list` once as this user"
            ))
        }
        _ => ProbeError::Unreachable(format!("borg could not read {repository}, {said}: {why}")),
    }
}

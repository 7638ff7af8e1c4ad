//! restic: `snapshots --json`. A snapshot it cannot read is left out of that list with exit code
//! 0, and told only beside it.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::{Card, Locks, Snapshot, Told, Weigh, about, complaints, document};
use crate::config::spec::ToolSpec;
use crate::domain::backup::BackupState;
use crate::domain::finding::Finding;
use crate::domain::observation::ProbeError;
use crate::domain::plan::Invocation;
use crate::domain::sanitize;
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, seconds_between};
use crate::exec::Captured;

pub(super) const CARD: Card = Card {
    name: "restic",
    package: "restic",
    list,
    read,
    weigh: Weigh::Each(stats, size),
    password,
    locks: Some(Locks {
        folder: "locks",
        // A lock that is in use is written anew every five minutes.
        stale_after: Duration::from_mins(30),
        mend: "when no restic works there, `restic unlock` removes locks of the dead",
    }),
};

#[derive(Debug, Deserialize)]
struct Listed {
    id: String,
    time: Timestamp,
    #[serde(default)]
    hostname: String,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    summary: Option<Summary>,
}

/// Written since restic 0.17.
#[derive(Debug, Deserialize)]
struct Summary {
    backup_start: Option<Timestamp>,
    backup_end: Option<Timestamp>,
    total_bytes_processed: Option<u64>,
}

fn command(spec: &ToolSpec, arguments: &[&str]) -> Invocation {
    let repository = format!("--repo={}", spec.repository.as_deref().unwrap_or_default());
    let all = ["restic", &repository, "--no-lock", "--json"];
    Invocation::new(all.into_iter().chain(arguments.iter().copied()))
}

fn list(spec: &ToolSpec) -> Invocation {
    command(spec, &["snapshots"])
}

fn stats(spec: &ToolSpec, id: &str) -> Invocation {
    command(spec, &["stats", "--mode=restore-size", id])
}

fn size(said: &Captured) -> Option<u64> {
    serde_json::from_slice::<serde_json::Value>(&said.stdout).ok()?.get("total_size")?.as_u64()
}

fn password(invocation: &mut Invocation, file: &Path) {
    invocation.environment.insert("RESTIC_PASSWORD_FILE".to_owned(), file.display().to_string());
}

fn read(said: &Captured, spec: &ToolSpec) -> Result<Told, ProbeError> {
    let complaints = complaints(said);
    if said.exit_code != Some(0) {
        return Err(trouble(said, spec, &complaints));
    }
    let listed: Option<Vec<Listed>> = document(said, "restic")?;
    let snapshots = listed.unwrap_or_default().into_iter().map(|one| {
        let mut told = about(&one.hostname, &one.paths);
        let tags = one.tags.unwrap_or_default();
        if !tags.is_empty() {
            told.push_str(&sanitize::line(&format!(" [{}]", tags.join(", "))));
        }
        let words = [one.id.clone(), one.hostname.clone()].into_iter().chain(one.paths).chain(tags);
        let took = one.summary.as_ref().and_then(|told| Some(seconds_between(told.backup_start?, told.backup_end?)));
        Snapshot {
            id: sanitize::line(one.id.get(..8).unwrap_or(&one.id)),
            taken_at: one.time,
            about: told,
            host: Some(sanitize::line(&one.hostname)),
            words: words.collect(),
            size: one.summary.and_then(|told| told.total_bytes_processed),
            took_s: took,
            state: BackupState::Complete,
        }
    });
    // The words of 0.14, and those of 0.17 and later.
    let lost: Vec<&String> = complaints.iter().filter(|line| line.contains("load snapshot")).collect();
    let lost = lost.first().map(|first| {
        let text = match lost.len() {
            1 => format!("a snapshot cannot be read: {first}"),
            many => format!("{many} snapshots cannot be read; {first}"),
        };
        Finding::new(Status::Critical, "damaged", text)
            .advice("`restic check` tells how much of the repository is damaged")
    });
    Ok(Told { snapshots: snapshots.collect(), findings: lost.into_iter().collect(), ..Told::default() })
}

/// Why there is no list. Its exit codes have meant something since 0.17.
fn trouble(said: &Captured, spec: &ToolSpec, complaints: &[String]) -> ProbeError {
    let repository = sanitize::line(spec.repository.as_deref().unwrap_or_default());
    let fatal = complaints.iter().find(|line| line.contains("Fatal")).or(complaints.last());
    let fatal = fatal.map_or("it said nothing", |line| line.trim_start_matches("Fatal: "));
    let has = |words: &str| complaints.iter().any(|line| line.contains(words));
    match said.exit_code {
        Some(12) => ProbeError::Denied(format!("{repository} is not opened by this `password`: {fatal}")),
        _ if has("wrong password") => {
            ProbeError::Denied(format!("{repository} is not opened by this `password`: {fatal}"))
        }
        Some(10) => ProbeError::Unreachable(format!("there is no restic repository in {repository}: {fatal}")),
        _ if has("unable to open config file") => {
            ProbeError::Unreachable(format!("there is no restic repository in {repository}: {fatal}"))
        }
        Some(11) => ProbeError::Unreachable(format!("{repository} is locked: {fatal}")),
        _ => ProbeError::Unreachable(format!("restic could not read {repository}, {said}: {fatal}")),
    }
}

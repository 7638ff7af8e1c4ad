//! pgBackRest: `info --output=json`, which ends with exit code 0 whatever it found: what it found
//! is in its status.

use serde::Deserialize;

use super::{Card, Snapshot, Told, Weigh, about, complaints, document};
use crate::config::spec::ToolSpec;
use crate::domain::backup::BackupState;
use crate::domain::observation::ProbeError;
use crate::domain::plan::Invocation;
use crate::domain::sample::Sample;
use crate::domain::sanitize;
use crate::domain::time::Timestamp;
use crate::exec::Captured;

pub(super) const CARD: Card = Card {
    name: "pgbackrest",
    package: "pgbackrest",
    list,
    read,
    weigh: Weigh::Listed,
    password: |_, _| {},
    locks: None,
};

#[derive(Debug, Deserialize)]
struct Stanza {
    name: String,
    #[serde(default)]
    backup: Vec<Listed>,
    status: Status,
}

#[derive(Debug, Deserialize)]
struct Status {
    code: u32,
    message: String,
    lock: Option<Lock>,
}

#[derive(Debug, Deserialize)]
struct Lock {
    backup: Option<Held>,
}

#[derive(Debug, Deserialize)]
struct Held {
    held: bool,
}

#[derive(Debug, Deserialize)]
struct Listed {
    label: String,
    #[serde(rename = "type")]
    kind: String,
    timestamp: Times,
    info: Sizes,
    /// Pages whose checksums were wrong when they were copied.
    error: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Times {
    start: i64,
    stop: i64,
}

#[derive(Debug, Deserialize)]
struct Sizes {
    size: u64,
}

fn list(spec: &ToolSpec) -> Invocation {
    let stanza = format!("--stanza={}", spec.stanza.as_deref().unwrap_or_default());
    let all = ["pgbackrest", &stanza, "--log-level-console=off", "--log-level-stderr=error", "--log-level-file=off"];
    let repository = spec.repository.as_ref().map(|path| format!("--repo1-path={path}"));
    let ends = ["--output=json", "info"].map(ToOwned::to_owned);
    Invocation::new(all.map(ToOwned::to_owned).into_iter().chain(repository).chain(ends))
}

fn read(said: &Captured, spec: &ToolSpec) -> Result<Told, ProbeError> {
    let wanted = spec.stanza.as_deref().unwrap_or_default();
    let shown = sanitize::line(wanted);
    if said.exit_code != Some(0) {
        let why = complaints(said).first().cloned().unwrap_or_else(|| "it said nothing".to_owned());
        return Err(ProbeError::Unreachable(format!("pgbackrest could not tell of stanza `{shown}`, {said}: {why}")));
    }
    let stanzas: Vec<Stanza> = document(said, "pgbackrest")?;
    let stanza = stanzas.into_iter().find(|one| one.name == wanted);
    let stanza = stanza.ok_or_else(|| ProbeError::Unreachable(format!("pgbackrest knows no stanza `{shown}`")))?;
    let Status { code, message, lock } = stanza.status;
    // 0 is well, 2 no backup yet, and 4 that its repositories differ; all others hide what there is.
    if !matches!(code, 0 | 2 | 4) {
        let message = sanitize::line(&message);
        return Err(ProbeError::Unreachable(format!(
            "stanza `{shown}`: {message}; look whether this user may read pgbackrest's configuration and repository"
        )));
    }
    let snapshots: Result<Vec<Snapshot>, ProbeError> = stanza
        .backup
        .into_iter()
        .map(|one| {
            let label = sanitize::line(&one.label);
            let odd = || ProbeError::Malformed(format!("pgbackrest says that {label} is of {}", one.timestamp.start));
            let broken = one.error == Some(true);
            let damage = "pages of wrong checksums were copied into it";
            Ok(Snapshot {
                taken_at: Timestamp::from_timestamp(one.timestamp.start, 0).ok_or_else(odd)?,
                about: about(wanted, &[one.kind]),
                host: None,
                words: Vec::new(),
                size: Some(one.info.size),
                took_s: Some((one.timestamp.stop - one.timestamp.start) as f64),
                state: if broken { BackupState::Damaged(damage.to_owned()) } else { BackupState::Complete },
                id: label,
            })
        })
        .collect();
    let running = lock.and_then(|lock| lock.backup).is_some_and(|backup| backup.held);
    let samples = running.then(|| Sample::text("running", "a backup is being made"));
    Ok(Told { snapshots: snapshots?, samples: samples.into_iter().collect(), ..Told::default() })
}

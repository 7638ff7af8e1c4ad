//! Leases: one act per target, across processes. The kernel holds the lock, so a lease ends
//! with the process that took it, however that ends; what is written in the file only tells
//! who it is.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::database::Held;
use crate::domain::audit::Actor;
use crate::domain::humanize;
use crate::domain::time::{Timestamp, seconds_between};
use crate::platform::file;

/// The right to act on some targets, held until dropped.
#[derive(Debug)]
pub struct Lease {
    /// Locked files; closing them is giving the lease back.
    files: Vec<File>,
    /// What servers keep for us, against those who act from other machines.
    held: Vec<Box<dyn Held>>,
}

/// Who holds a lease, for whoever is turned away.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Holder {
    operator: String,
    host: String,
    pid: u32,
    action: String,
    since: Timestamp,
}

/// Why there is no lease.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    #[error("{target} is busy: {holder}")]
    Held { target: String, holder: String },
    #[error("cannot lock {path}: {why}", path = path.display())]
    Io { path: PathBuf, why: std::io::Error },
}

impl Lease {
    /// Takes the lease on every target, or on none. Never waits.
    pub fn take(
        directory: &Path,
        targets: &[String],
        actor: &Actor,
        action: &str,
        now: Timestamp,
    ) -> Result<Self, LeaseError> {
        file::create_private_directory(directory).map_err(|why| LeaseError::Io { path: directory.to_owned(), why })?;
        let holder = Holder {
            operator: actor.operator.clone(),
            host: actor.host.clone(),
            pid: std::process::id(),
            action: action.to_owned(),
            since: now,
        };
        let mut targets = targets.to_vec();
        // One order for everybody, so that two acts never wait for each other's half.
        targets.sort();
        targets.dedup();
        let mut files = Vec::with_capacity(targets.len());
        for target in targets {
            let path = directory.join(format!("{}.lock", file_name(&target)));
            let io = |why| LeaseError::Io { path: path.clone(), why };
            let mut file = open(&path).map_err(io)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(LeaseError::Held { target, holder: describe(&mut file, now) });
                }
                Err(TryLockError::Error(why)) => return Err(io(why)),
            }
            let text = serde_json::to_vec(&holder).unwrap_or_default();
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&text)).map_err(io)?;
            files.push(file);
        }
        Ok(Self { files, held: Vec::new() })
    }

    /// Adds what a server keeps for us.
    pub(super) fn join(&mut self, held: Box<dyn Held>) {
        self.held.push(held);
    }

    /// How many targets it covers.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    file::private().read(true).write(true).create(true).truncate(false).open(path)
}

fn describe(file: &mut File, now: Timestamp) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    match read.ok().and_then(|_| serde_json::from_str::<Holder>(&text).ok()) {
        Some(holder) => format!(
            "{} by {}@{} (pid {}) for {}",
            crate::domain::sanitize::line(&holder.action),
            crate::domain::sanitize::line(&holder.operator),
            crate::domain::sanitize::line(&holder.host),
            holder.pid,
            humanize::seconds(seconds_between(holder.since, now))
        ),
        None => "another process holds it".to_owned(),
    }
}

/// A target as a file name: letters and digits stay, everything else is written in hex.
fn file_name(target: &str) -> String {
    target
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
            other => format!("%{other:02x}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(directory: &Path, targets: &[&str]) -> Result<Lease, LeaseError> {
        let actor = Actor { operator: "asha".into(), host: "db1".into(), ..Actor::default() };
        let targets: Vec<String> = targets.iter().map(|target| (*target).to_owned()).collect();
        Lease::take(directory, &targets, &actor, "vacuum", "2026-03-02T09:00:00Z".parse().expect("test time"))
    }

    #[test]
    fn the_second_is_told_who_the_first_is() {
        let directory = tempfile::tempdir().expect("scratch");
        let first = take(directory.path(), &["database:rota"]).expect("free");
        let refusal = take(directory.path(), &["backup:x", "database:rota"]).expect_err("held").to_string();
        assert!(refusal.starts_with("database:rota is busy: vacuum by asha@db1 (pid "), "{refusal}");
        assert!(take(directory.path(), &["backup:x"]).is_ok(), "the failed one kept nothing");
        drop(first);
        assert!(take(directory.path(), &["database:rota"]).is_ok());
    }

    #[test]
    fn names_never_leave_the_directory() {
        assert_eq!(file_name("task:../../etc/x"), "task%3a%2e%2e%2f%2e%2e%2fetc%2fx");
    }
}

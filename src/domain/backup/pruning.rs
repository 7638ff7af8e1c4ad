//! A prune as it is confirmed: the files that go, and the state of the shelf it was decided upon.
//! Whoever carries it out reads the shelf again, and does nothing where the state is another.

use std::fmt::Write;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BackupState, Catalogue, Retention};
use crate::domain::time::Timestamp;

/// What is deleted, oldest first, and on what grounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Pruning {
    pub doomed: Vec<Doomed>,
    /// How many files stay.
    pub kept: usize,
    pub state: ShelfState,
}

/// A file that goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Doomed {
    pub path: PathBuf,
    pub taken_at: Timestamp,
    pub bytes: u64,
    /// The manifest of another tool that tells of it, and goes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_by: Option<PathBuf>,
}

/// The hash of everything a decision about a shelf depends on: every file with its size, its
/// manifest's hash and its state, and what was decided about it for which reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShelfState(pub String);

impl Pruning {
    /// What a decision about a catalogue comes to.
    pub fn of(catalogue: &Catalogue, retention: &Retention) -> Self {
        let mut doomed: Vec<Doomed> = catalogue
            .files
            .iter()
            .zip(&retention.files)
            .filter(|(_, decision)| !decision.is_kept())
            .map(|(file, _)| Doomed {
                path: file.path.clone(),
                taken_at: file.taken_at,
                bytes: file.size_bytes.unwrap_or(0),
                told_by: catalogue.told_by.get(&file.path).cloned(),
            })
            .collect();
        doomed.sort_by(|a, b| (a.taken_at, &a.path).cmp(&(b.taken_at, &b.path)));
        let kept = catalogue.files.len() - doomed.len();
        Self { doomed, kept, state: ShelfState::of(catalogue, retention) }
    }

    /// How much room it makes.
    pub fn bytes(&self) -> u64 {
        self.doomed.iter().map(|file| file.bytes).sum()
    }
}

impl ShelfState {
    fn of(catalogue: &Catalogue, retention: &Retention) -> Self {
        let mut sha = Sha256::new();
        // Every field with its length before it: no two states are one text.
        let mut field = |bytes: &[u8]| {
            sha.update((bytes.len() as u64).to_le_bytes());
            sha.update(bytes);
        };
        for (file, decision) in catalogue.files.iter().zip(&retention.files) {
            let state = match &file.state {
                BackupState::Complete => "complete",
                BackupState::Growing => "growing",
                BackupState::Damaged(_) => "damaged",
            };
            field(file.path.as_os_str().as_encoded_bytes());
            field(&file.taken_at.timestamp_micros().to_le_bytes());
            field(&file.size_bytes.unwrap_or(0).to_le_bytes());
            field(file.sha256.as_deref().unwrap_or_default().as_bytes());
            field(state.as_bytes());
            field(decision.words().as_bytes());
        }
        Self(sha.finalize().iter().fold(String::new(), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        }))
    }

    /// Enough of it to tell two states apart.
    pub fn short(&self) -> &str {
        self.0.get(..Self::SHORT).unwrap_or(&self.0)
    }

    /// Whether somebody who wrote `text` meant this state: all of it, or its beginning.
    pub fn is_meant_by(&self, text: &str) -> bool {
        text.len() >= Self::SHORT && self.0.starts_with(&text.to_ascii_lowercase())
    }

    const SHORT: usize = 12;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::{TimeDelta, TimeZone, Utc};

    use super::*;
    use crate::domain::backup::{Backup, Hold, KeepPolicy, Moment, Rule};
    use crate::domain::time::Zone;

    fn now() -> Timestamp {
        Utc.with_ymd_and_hms(2026, 3, 2, 9, 0, 0).single().expect("instant")
    }

    fn shelf(nights: i64) -> Catalogue {
        let file = |night: i64| Backup {
            path: format!("/srv/rota/{night:03}").into(),
            taken_at: now() - TimeDelta::days(night) - TimeDelta::hours(7),
            size_bytes: Some(1_000),
            sha256: Some("ab".into()),
            took_s: None,
            verified_at: Some(now()),
            state: BackupState::Complete,
        };
        Catalogue { files: (0..nights).map(file).collect(), ..Catalogue::default() }
    }

    fn pruning(catalogue: &Catalogue) -> Pruning {
        let policy = KeepPolicy { counts: BTreeMap::from([(Rule::Last, 3)]), ..KeepPolicy::default() };
        let retention = policy.decide(catalogue, Moment { now: now(), zone: &Zone::utc(), last_prune: None });
        Pruning::of(catalogue, &retention)
    }

    #[test]
    fn the_oldest_go_first_and_their_bytes_are_counted() {
        let pruning = pruning(&shelf(5));
        let names: Vec<_> = pruning.doomed.iter().map(|file| file.path.display().to_string()).collect();
        assert_eq!(names, ["/srv/rota/004", "/srv/rota/003"]);
        assert_eq!((pruning.kept, pruning.bytes()), (3, 2_000));
    }

    type Change = fn(&mut Catalogue);

    #[test]
    fn whatever_changes_on_the_shelf_is_another_state() {
        let planned = pruning(&shelf(5)).state;
        assert_eq!(planned, pruning(&shelf(5)).state, "the same shelf is the same state");
        let changes: [Change; 8] = [
            |shelf| drop(shelf.files.remove(4)),
            |shelf| drop(shelf.files.remove(0)),
            |shelf| shelf.files[4].size_bytes = Some(1_001),
            |shelf| shelf.files[4].sha256 = Some("cd".into()),
            |shelf| shelf.files[1].state = BackupState::Growing,
            |shelf| shelf.files[3].path = "/srv/rota/other".into(),
            |shelf| shelf.files[0].taken_at += TimeDelta::seconds(1),
            |shelf| shelf.held.extend([(shelf.files[4].path.clone(), Hold::Pinned)]),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut changed = shelf(5);
            change(&mut changed);
            assert_ne!(planned, pruning(&changed).state, "change {index}");
        }
        assert!(planned.is_meant_by(planned.short()) && planned.is_meant_by(&planned.0));
        assert!(
            !planned.is_meant_by("")
                && !planned.is_meant_by(&planned.0[..6])
                && !planned.is_meant_by(&planned.0[1..20])
        );
    }
}

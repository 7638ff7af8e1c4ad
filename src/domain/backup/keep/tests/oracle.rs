//! The same rules read a second time, without buckets: a file is held against every other by
//! what a calendar on the wall would show, and slots are found by walking along it.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Datelike as _, TimeDelta, TimeZone as _};
use chrono_tz::Tz;

use super::super::{Hold, KeepPolicy, Pick, Rule};
use crate::domain::backup::{Backup, BackupState};
use crate::domain::time::Timestamp;

pub(super) struct Oracle<'a> {
    policy: &'a KeepPolicy,
    zone: Tz,
    now: Timestamp,
    /// Every file with what holds it.
    pub(super) files: Vec<(&'a Backup, Option<Hold>)>,
    pub(super) usable: Vec<&'a Backup>,
    /// What the calendar showed when a file was taken.
    labels: HashMap<(Rule, Timestamp), String>,
}

impl<'a> Oracle<'a> {
    pub(super) fn new(
        policy: &'a KeepPolicy,
        zone: Tz,
        now: Timestamp,
        files: Vec<(&'a Backup, Option<Hold>)>,
    ) -> Self {
        let good =
            |file: &&Backup| file.state == BackupState::Complete && file.taken_at.timestamp() <= now.timestamp() + 60;
        let usable: Vec<&Backup> = files.iter().map(|(file, _)| *file).filter(good).collect();
        let mut oracle = Self { policy, zone, now, files, usable, labels: HashMap::new() };
        for rule in policy.counts.keys().filter(|rule| **rule != Rule::Last) {
            for file in &oracle.usable {
                oracle.labels.insert((*rule, file.taken_at), oracle.label(*rule, file.taken_at));
            }
        }
        oracle
    }

    /// What the calendar shows for an instant.
    fn label(&self, rule: Rule, at: Timestamp) -> String {
        let local: DateTime<Tz> = self.zone.from_utc_datetime(&at.naive_utc());
        let format = match rule {
            Rule::Hourly => "%Y-%m-%d %H %z",
            Rule::Daily => "%Y-%m-%d",
            Rule::Monthly => "%Y-%m",
            Rule::Yearly => "%Y",
            Rule::Weekly => {
                let mut day = local.date_naive();
                while day.weekday() != self.policy.week_start {
                    day = day.pred_opt().expect("day");
                }
                return day.to_string();
            }
            Rule::Last => unreachable!("has no calendar"),
        };
        local.format(format).to_string()
    }

    /// Whether a rule keeps a usable file: it stands for its stretch of the calendar, and
    /// fewer than `count` stretches after that one hold anything.
    pub(super) fn kept_by(&self, rule: Rule, count: u32, file: &Backup) -> bool {
        let usable = &self.usable;
        let after = |one: &Backup, other: &Backup| {
            one.taken_at > other.taken_at || (one.taken_at == other.taken_at && one.path > other.path)
        };
        if rule == Rule::Last {
            return usable.iter().filter(|other| after(other, file)).count() < count as usize;
        }
        let own = &self.labels[&(rule, file.taken_at)];
        let mut later = BTreeSet::new();
        for other in usable {
            let label = &self.labels[&(rule, other.taken_at)];
            if label == own {
                let better = match self.policy.pick {
                    Pick::First => after(file, other),
                    Pick::Last => after(other, file),
                };
                if better {
                    return false;
                }
            } else if other.taken_at > file.taken_at {
                later.insert(label);
            }
        }
        later.len() < count as usize
    }

    /// Whether a file may be deleted, had `min` no say.
    pub(super) fn superfluous(&self, file: &Backup, hold: Option<Hold>) -> bool {
        let usable = &self.usable;
        if !usable.iter().any(|one| one.path == file.path) || hold.is_some() {
            return false;
        }
        let newest = |verified: bool| {
            let files = usable.iter().filter(|one| !verified || one.verified_at.is_some());
            files.max_by(|a, b| a.taken_at.cmp(&b.taken_at).then(a.path.cmp(&b.path))).map(|one| &one.path)
        };
        if newest(false) == Some(&file.path) || newest(true) == Some(&file.path) {
            return false;
        }
        let latest = usable.iter().map(|one| one.taken_at).max().expect("itself");
        let spared =
            self.policy.within.is_some_and(|within| (latest - file.taken_at).to_std().is_ok_and(|age| age <= within));
        !spared && !self.policy.counts.iter().any(|(rule, count)| self.kept_by(*rule, *count, file))
    }

    /// How many slots of a rule are filled and how many are not, walking back from now.
    pub(super) fn slots(&self, rule: Rule, want: u32) -> (usize, usize) {
        let step = match rule {
            Rule::Hourly => TimeDelta::minutes(15),
            Rule::Daily => TimeDelta::hours(1),
            Rule::Weekly => TimeDelta::hours(12),
            _ => TimeDelta::hours(24),
        };
        let filled: BTreeSet<String> = self.usable.iter().map(|one| self.label(rule, one.taken_at)).collect();
        let Some(oldest) = self.files.iter().map(|(one, _)| one.taken_at).min() else { return (0, 0) };
        let (current, end) = (self.label(rule, self.now), self.label(rule, oldest));
        let (mut seen, mut there, mut missing) = (BTreeSet::new(), 0, 0);
        let mut at = self.now;
        // One stretch beyond the oldest file, so that no step leaps over its own.
        while there + missing < want as usize && at > oldest - TimeDelta::days(366) {
            let label = self.label(rule, at);
            at -= step;
            if !seen.insert(label.clone()) || (oldest > self.now && label != end) {
                continue;
            }
            if filled.contains(&label) {
                there += 1;
            } else if label != current {
                missing += 1;
            }
            if label == end {
                break;
            }
        }
        (there, missing)
    }
}

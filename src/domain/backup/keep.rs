//! Retention: which backups a policy keeps and why, and why nothing may be deleted now.
//!
//! Counts are of calendar buckets that hold a usable backup, not of days gone by: nothing
//! becomes superfluous because backups stopped. A file that is no usable backup is never
//! deleted by a rule.

mod bucket;
mod guard;
mod slots;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::Weekday;

use crate::domain::backup::{Backup, BackupState, Catalogue, policy};
use crate::domain::time::{Timestamp, Zone, span};

pub use bucket::Bucket;
pub use slots::Slots;

/// What is kept: whatever any of the rules keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepPolicy {
    /// How many each rule keeps.
    pub counts: BTreeMap<Rule, u32>,
    /// Everything taken within this span before the newest usable backup.
    pub within: Option<Duration>,
    pub pick: Pick,
    /// How many usable backups are left whatever the rules say.
    pub min: u32,
    /// The first day of the weeks of [`Rule::Weekly`].
    pub week_start: Weekday,
}

/// A rule that keeps a number of backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    Last,
    Hourly,
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// Which backup of a bucket stands for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pick {
    /// The oldest: Monday's, the 1st's, or the next one that was good.
    #[default]
    First,
    /// The newest, as restic and borg do.
    Last,
}

/// Why a file must stay for a reason outside the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    Pinned,
    /// Something reads it: a copy, a drill, a restore.
    InUse,
    /// Written by a newer version, which may know more of it.
    NewerFormat,
    /// What was there before a restore, while that is recent.
    BeforeRestore,
}

/// Why a file is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Rule(Rule),
    Within,
    Newest,
    NewestVerified,
    Held(Hold),
    /// Too few would be left without it.
    Min,
    /// It is none of the usable backups, and only somebody who looked at it may delete it.
    Growing,
    Damaged,
    Future,
}

/// What is known beside the catalogue when files are judged.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    pub now: Timestamp,
    /// The zone of the system's calendar.
    pub zone: &'a Zone,
    /// When files were deleted last.
    pub last_prune: Option<Timestamp>,
}

/// What becomes of every file.
#[derive(Clone, Debug, PartialEq)]
pub struct Retention {
    /// In the order of the catalogue.
    pub files: Vec<Decision>,
    /// What the calendar rules ask for and what there is.
    pub slots: Vec<Slots>,
    /// Why nothing may be deleted now, each a sentence; nothing stands against it when empty.
    pub guards: Vec<String>,
}

/// What becomes of one file: it is kept for each of its reasons, or, without one, superfluous.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    pub reasons: Vec<Reason>,
}

impl Default for KeepPolicy {
    fn default() -> Self {
        Self { counts: BTreeMap::new(), within: None, pick: Pick::First, min: Self::MIN, week_start: Weekday::Mon }
    }
}

impl KeepPolicy {
    /// How many usable backups are left where the policy does not say.
    pub const MIN: u32 = 3;

    /// Judges every file of a catalogue.
    pub fn decide(&self, catalogue: &Catalogue, moment: Moment<'_>) -> Retention {
        let usable = Usable::of(catalogue, moment.now);
        let mut files: Vec<Decision> = catalogue
            .files
            .iter()
            .map(|file| Decision { reasons: unusable(file, moment.now).into_iter().collect() })
            .collect();
        for (rule, count) in &self.counts {
            for index in self.kept_by(*rule, *count as usize, &usable, moment.zone) {
                files[index].reasons.push(Reason::Rule(*rule));
            }
        }
        if let (Some(within), Some((_, newest))) = (self.within, usable.newest()) {
            let since = newest.taken_at.checked_sub_signed(span(within));
            for (index, _) in usable.0.iter().filter(|(_, file)| since.is_none_or(|since| file.taken_at >= since)) {
                files[*index].reasons.push(Reason::Within);
            }
        }
        if let Some((index, _)) = usable.newest() {
            files[index].reasons.push(Reason::Newest);
        }
        if let Some((index, _)) = usable.0.iter().find(|(_, file)| file.verified_at.is_some()) {
            files[*index].reasons.push(Reason::NewestVerified);
        }
        for (decision, file) in files.iter_mut().zip(&catalogue.files) {
            decision.reasons.extend(catalogue.held.get(&file.path).copied().map(Reason::Held));
        }
        let kept = usable.0.iter().filter(|(index, _)| files[*index].is_kept()).count();
        let lacking = (self.min as usize).saturating_sub(kept);
        let spare: Vec<usize> =
            usable.0.iter().map(|(index, _)| *index).filter(|index| !files[*index].is_kept()).take(lacking).collect();
        for index in spare {
            files[index].reasons.push(Reason::Min);
        }
        Retention {
            files,
            slots: slots::slots(self, catalogue, &usable, moment),
            guards: guard::guards(self, catalogue, &usable, moment),
        }
    }

    /// The files a rule keeps: one for each of the newest buckets that hold any.
    fn kept_by(&self, rule: Rule, count: usize, usable: &Usable<'_>, zone: &Zone) -> Vec<usize> {
        if rule == Rule::Last {
            return usable.0.iter().take(count).map(|(index, _)| *index).collect();
        }
        let mut buckets: BTreeMap<Bucket, usize> = BTreeMap::new();
        for (index, file) in &usable.0 {
            let Some(bucket) = Bucket::of(rule, file.taken_at, zone, self.week_start) else { continue };
            match self.pick {
                // Newest first: whatever comes later is older.
                Pick::First => drop(buckets.insert(bucket, *index)),
                Pick::Last => drop(buckets.entry(bucket).or_insert(*index)),
            }
        }
        buckets.into_values().rev().take(count).collect()
    }
}

/// The files that count as backups, newest first, with their places in the catalogue.
struct Usable<'a>(Vec<(usize, &'a Backup)>);

impl<'a> Usable<'a> {
    fn of(catalogue: &'a Catalogue, now: Timestamp) -> Self {
        let mut files: Vec<(usize, &Backup)> =
            catalogue.files.iter().enumerate().filter(|(_, file)| unusable(file, now).is_none()).collect();
        // Of two with one stamp, the name says which is which, whatever order they were read in.
        files.sort_by(|(_, a), (_, b)| (b.taken_at, &b.path).cmp(&(a.taken_at, &a.path)));
        Self(files)
    }

    fn newest(&self) -> Option<(usize, &'a Backup)> {
        self.0.first().copied()
    }
}

/// Why a file is no backup to count on.
fn unusable(file: &Backup, now: Timestamp) -> Option<Reason> {
    match file.state {
        BackupState::Growing => Some(Reason::Growing),
        BackupState::Damaged(_) => Some(Reason::Damaged),
        BackupState::Complete => (file.taken_at > now + policy::CLOCK_TOLERANCE).then_some(Reason::Future),
    }
}

impl Decision {
    pub fn is_kept(&self) -> bool {
        !self.reasons.is_empty()
    }

    /// The reasons in words: `daily, weekly`.
    pub fn words(&self) -> String {
        match self.reasons.as_slice() {
            [] => "no rule keeps it".to_owned(),
            reasons => reasons.iter().map(|reason| reason.word()).collect::<Vec<_>>().join(", "),
        }
    }
}

impl Rule {
    pub const ALL: [Rule; 6] = [Rule::Last, Rule::Hourly, Rule::Daily, Rule::Weekly, Rule::Monthly, Rule::Yearly];

    pub const fn word(self) -> &'static str {
        match self {
            Rule::Last => "last",
            Rule::Hourly => "hourly",
            Rule::Daily => "daily",
            Rule::Weekly => "weekly",
            Rule::Monthly => "monthly",
            Rule::Yearly => "yearly",
        }
    }
}

impl Pick {
    pub const fn word(self) -> &'static str {
        match self {
            Pick::First => "first",
            Pick::Last => "last",
        }
    }
}

impl Reason {
    pub const fn word(self) -> &'static str {
        match self {
            Reason::Rule(rule) => rule.word(),
            Reason::Within => "within",
            Reason::Newest => "newest",
            Reason::NewestVerified => "newest verified",
            Reason::Held(hold) => hold.word(),
            Reason::Min => "min",
            Reason::Growing => "being written",
            Reason::Damaged => "damaged",
            Reason::Future => "from the future",
        }
    }
}

impl Hold {
    pub const fn word(self) -> &'static str {
        match self {
            Hold::Pinned => "pinned",
            Hold::InUse => "in use",
            Hold::NewerFormat => "newer format",
            Hold::BeforeRestore => "before a restore",
        }
    }
}

#[cfg(test)]
mod tests;

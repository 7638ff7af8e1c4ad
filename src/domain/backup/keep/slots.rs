//! Which stretches of the calendar a policy wants a backup of, and which have one.

use std::collections::BTreeSet;

use chrono::Datelike as _;

use super::{Bucket, KeepPolicy, Moment, Rule, Usable};
use crate::domain::backup::Catalogue;

/// The slots of one rule: its newest stretches of the calendar. The one that is not over yet
/// is among them when it has a backup already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slots {
    pub rule: Rule,
    pub want: u32,
    /// How many of them hold a usable backup.
    pub have: u32,
    /// What those without one are called, newest first. Nothing is missed from before the
    /// oldest file there is.
    pub missing: Vec<String>,
}

impl Slots {
    /// `weekly: 3 of 4, Monday 23 Feb missing`.
    pub fn sentence(&self) -> String {
        let Self { rule, want, have, missing } = self;
        let missing = match missing.as_slice() {
            [] => String::new(),
            [one] => format!(", {one} missing"),
            [one, other] => format!(", {one} and {other} missing"),
            [one, rest @ ..] => format!(", {one} and {} more missing", rest.len()),
        };
        format!("{}: {have} of {want}{missing}", rule.word())
    }
}

pub(super) fn slots(policy: &KeepPolicy, catalogue: &Catalogue, usable: &Usable<'_>, moment: Moment<'_>) -> Vec<Slots> {
    policy.counts.iter().map(|(rule, want)| of_rule(*rule, *want, policy, catalogue, usable, moment)).collect()
}

fn of_rule(
    rule: Rule,
    want: u32,
    policy: &KeepPolicy,
    catalogue: &Catalogue,
    usable: &Usable<'_>,
    moment: Moment<'_>,
) -> Slots {
    let Moment { now, zone, .. } = moment;
    let bucket = |at| Bucket::of(rule, at, zone, policy.week_start);
    let filled: BTreeSet<Bucket> = usable.0.iter().filter_map(|(_, file)| bucket(file.taken_at)).collect();
    let oldest = catalogue.files.iter().map(|file| file.taken_at).min().and_then(bucket);
    let (Some(current), Some(oldest)) = (bucket(now), oldest) else {
        let have = u32::try_from(usable.0.len()).unwrap_or(u32::MAX).min(want);
        let have = if rule == Rule::Last { have } else { 0 };
        return Slots { rule, want, have, missing: Vec::new() };
    };
    let year = zone.date(now).year();
    let over = |bucket: &Bucket| *bucket != current || filled.contains(bucket);
    let wanted = std::iter::successors(Some(current), |bucket| bucket.before(zone))
        .take_while(|bucket| *bucket >= oldest)
        .filter(over)
        .take(want as usize);
    let (there, missing): (Vec<Bucket>, Vec<Bucket>) = wanted.partition(|bucket| filled.contains(bucket));
    Slots {
        rule,
        want,
        have: there.len() as u32,
        missing: missing.into_iter().map(|bucket| bucket.name(year)).collect(),
    }
}

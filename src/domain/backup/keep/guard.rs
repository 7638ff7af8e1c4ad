//! Why nothing may be deleted now, whatever the rules say of each file.

use chrono::TimeDelta;

use super::{KeepPolicy, Moment, Usable, policy};
use crate::domain::backup::{Backup, BackupState, Catalogue};
use crate::domain::humanize;
use crate::domain::time::seconds_between;

/// After a longer silence it is likelier that the clock is wrong than that nobody looked.
const SILENCE: TimeDelta = TimeDelta::days(400);

/// Each reason a sentence without its full stop.
pub(super) fn guards(keep: &KeepPolicy, catalogue: &Catalogue, usable: &Usable<'_>, moment: Moment<'_>) -> Vec<String> {
    let nothing = (keep.counts.is_empty() && keep.within.is_none())
        .then(|| "the policy has no rule: it would keep nothing but the newest".to_owned());
    let clock = future(catalogue, moment).or_else(|| silence(usable, moment));
    let newest = newest(catalogue, usable, moment);
    [nothing, clock, newest].into_iter().flatten().collect()
}

/// A stamp from the future: our clock is behind, or that of the writer was ahead.
fn future(catalogue: &Catalogue, Moment { now, .. }: Moment<'_>) -> Option<String> {
    let newest = catalogue.files.iter().max_by_key(|file| file.taken_at)?;
    (newest.taken_at > now + policy::CLOCK_TOLERANCE).then(|| {
        let ahead = humanize::seconds(seconds_between(now, newest.taken_at));
        format!("{} is stamped {ahead} in the future: the clock is suspect", newest.name())
    })
}

/// Nothing was done for longer than anybody looks away: our clock may be ahead.
fn silence(usable: &Usable<'_>, Moment { now, last_prune, .. }: Moment<'_>) -> Option<String> {
    let (_, newest) = usable.newest()?;
    let last = [Some(newest.taken_at), newest.verified_at, last_prune].into_iter().flatten().max()?;
    (now - last > SILENCE).then(|| {
        let ago = humanize::seconds(seconds_between(last, now));
        format!("the last thing known to have happened here was {ago} ago: the clock is suspect")
    })
}

/// What is deleted has a proven successor.
fn newest(catalogue: &Catalogue, usable: &Usable<'_>, Moment { now, .. }: Moment<'_>) -> Option<String> {
    let newer = |file: &&Backup| {
        let past = file.taken_at <= now + policy::CLOCK_TOLERANCE;
        past && usable.newest().is_none_or(|(_, newest)| file.taken_at > newest.taken_at)
    };
    let latest = catalogue.files.iter().filter(newer).max_by_key(|file| file.taken_at);
    match (latest.map(|file| (file, &file.state)), usable.newest()) {
        (Some((file, BackupState::Damaged(why))), _) => Some(format!("the newest, {}, is damaged: {why}", file.name())),
        (Some((file, _)), _) => Some(format!("the newest, {}, is still being written", file.name())),
        (None, None) => Some("there is no usable backup".to_owned()),
        (None, Some((_, newest))) => match &catalogue.proofs_unknown {
            Some(why) => Some(format!("which backups were verified cannot be told: {why}")),
            None => {
                newest.verified_at.is_none().then(|| format!("the newest, {}, was not verified yet", newest.name()))
            }
        },
    }
}

//! The six questions a backup must answer: is it fresh, complete, verified, drilled, retained
//! and copied? Each with its age; what is not known is unknown, and never well.

use crate::domain::backup::{Catalogue, Moment, Retention};
use crate::domain::board::Assessment;
use crate::domain::humanize;
use crate::domain::sample::Value;
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, seconds_between};
use crate::tui::pane::Snapshot;

/// The answer to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) word: &'static str,
    pub(super) status: Status,
    /// Nothing was asked for here, so that not knowing is no fault.
    pub(super) quiet: bool,
    pub(super) says: String,
    /// The same in a few cells: an age, a count, `never`.
    pub(super) short: String,
}

/// The keys of the findings that an answer tells.
const TOLD: [&str; 8] = ["fresh", "damaged", "size", "verified", "drilled", "retained", "slots", "copied"];

/// Whether a finding is told by one of the answers.
pub(super) fn tells(key: &str) -> bool {
    TOLD.contains(&key)
}

/// The six answers of one backup.
pub(super) fn answers(see: &Snapshot<'_>, one: &Assessment, catalogue: Option<&Catalogue>) -> [Answer; 6] {
    let asks = Asks { see, one, catalogue };
    [asks.fresh(), asks.complete(), asks.verified(), asks.drilled(), asks.retained(), asks.copied()]
}

struct Asks<'a> {
    see: &'a Snapshot<'a>,
    one: &'a Assessment,
    catalogue: Option<&'a Catalogue>,
}

impl Asks<'_> {
    /// The finding of one of these keys, or what is true without one.
    fn told(&self, word: &'static str, keys: &[&str], otherwise: impl FnOnce() -> Answer) -> Answer {
        let mut findings = self.one.findings.iter().filter(|finding| keys.contains(&&*finding.key));
        match findings.next() {
            Some(finding) => {
                Answer { says: finding.text.clone(), short: otherwise().short, ..Answer::of(word, finding.status) }
            }
            None if self.catalogue.is_none() => unknown(word, "nothing was read yet", ""),
            None => otherwise(),
        }
    }

    fn fresh(&self) -> Answer {
        self.told("fresh", &["fresh"], || {
            let newest = self.catalogue.and_then(|catalogue| catalogue.newest(self.see.now));
            let age = newest.map(|newest| seconds_between(newest.taken_at, self.see.now));
            let Some(age) = self.one.gauge("age").or(age) else {
                return unknown("fresh", "there is none to ask", "none");
            };
            let limit = self.one.sample("age").and_then(|judged| judged.warning.or(judged.critical));
            let limit = limit.map_or_else(String::new, |limit| format!(", limit {}", humanize::seconds(limit.value)));
            let short = format!("{} old", humanize::short_seconds(age));
            Answer { short, ..good("fresh", format!("{} old{limit}", humanize::seconds(age))) }
        })
    }

    fn complete(&self) -> Answer {
        self.told("complete", &["size", "damaged"], || {
            let newest = self.catalogue.and_then(|catalogue| catalogue.newest(self.see.now));
            let Some(newest) = newest else { return unknown("complete", "there is none to ask", "") };
            let size = newest.size();
            let by =
                if newest.sha256.is_some() { "as its manifest says" } else { "by its size alone, without a manifest" };
            good("complete", format!("{size}, {by}"))
        })
    }

    fn verified(&self) -> Answer {
        self.told("verified", &["verified"], || {
            let last = self
                .catalogue
                .into_iter()
                .flat_map(|all| all.usable(self.see.now))
                .filter_map(|file| file.verified_at)
                .max();
            match last {
                Some(at) => Answer {
                    short: humanize::short_seconds(seconds_between(at, self.see.now)),
                    ..good("verified", format!("{} ago", self.ago(at)))
                },
                None => unknown("verified", "never", "never"),
            }
        })
    }

    fn drilled(&self) -> Answer {
        self.told("drilled", &["drilled"], || match self.time("drilled") {
            Some(at) => {
                let took = self
                    .one
                    .gauge("drill_took")
                    .map_or_else(String::new, |took| format!(", it took {}", humanize::seconds(took)));
                let short = humanize::short_seconds(seconds_between(at, self.see.now));
                Answer { short, ..good("drilled", format!("{} ago{took}", self.ago(at))) }
            }
            None => unknown("drilled", "never: nobody knows yet whether it can be restored", "never"),
        })
    }

    fn retained(&self) -> Answer {
        self.told("retained", &["retained", "slots"], || {
            let Some(retention) = retention(self.see, self.one, self.catalogue) else {
                let says = "every file stays: no `keep` is configured".to_owned();
                return Answer { quiet: true, short: "all".to_owned(), ..good("retained", says) };
            };
            let says =
                retention.slots.iter().map(crate::domain::backup::Slots::sentence).collect::<Vec<_>>().join("; ");
            let whole = retention.slots.iter().all(|slots| slots.missing.is_empty());
            let status = if whole { Status::Ok } else { Status::Warning };
            let short: Vec<String> =
                retention.slots.iter().map(|slots| format!("{}/{}", slots.have, slots.want)).collect();
            Answer { says, short: short.join(" "), ..Answer::of("retained", status) }
        })
    }

    fn copied(&self) -> Answer {
        self.told("copied", &["copied"], || match self.time("copied") {
            Some(at) => {
                let copies = self.catalogue.and_then(|catalogue| catalogue.copies.as_ref());
                let unread = copies.is_some_and(|copies| copies.unread);
                let where_to = if unread { "sent away, and read there by nobody" } else { "to a second place" };
                let short = humanize::short_seconds(seconds_between(at, self.see.now));
                Answer { short, ..good("copied", format!("{} ago, {where_to}", self.ago(at))) }
            }
            None => unknown("copied", "no second place is known", "never"),
        })
    }

    fn time(&self, key: &str) -> Option<Timestamp> {
        match self.one.sample(key)?.sample.value {
            Value::Time(at) => Some(at),
            _ => None,
        }
    }

    fn ago(&self, at: Timestamp) -> String {
        humanize::seconds(seconds_between(at, self.see.now))
    }
}

/// What the policy makes of every file, where there is one.
pub(super) fn retention(see: &Snapshot<'_>, one: &Assessment, catalogue: Option<&Catalogue>) -> Option<Retention> {
    let keep = see.inventory.backups.get(one.id.name())?.keep.as_ref()?;
    let catalogue = catalogue?;
    Some(keep.decide(catalogue, Moment { now: see.now, zone: see.zone, last_prune: catalogue.last_prune }))
}

impl Answer {
    fn of(word: &'static str, status: Status) -> Self {
        Self { word, status, quiet: false, says: String::new(), short: String::new() }
    }
}

fn good(word: &'static str, says: String) -> Answer {
    Answer { says, ..Answer::of(word, Status::Ok) }
}

fn unknown(word: &'static str, says: &str, short: &str) -> Answer {
    Answer { quiet: true, says: says.to_owned(), short: short.to_owned(), ..Answer::of(word, Status::Unknown) }
}

//! The vital signs of a database, the same words for every engine, and when they are worth a
//! sentence. What an engine does not have is `None`, never a zero.

mod measured;

pub use measured::{Hidden, Measured};

use std::collections::BTreeSet;
use std::time::Duration;

use crate::domain::action_name::ActionName;
use crate::domain::board::{Judge, JudgedSample, Verdict};
use crate::domain::finding::{Finding, Remark};
use crate::domain::humanize;
use crate::domain::limit::Limit;
use crate::domain::observation::{Detail, Reading};
use crate::domain::sample::{Sample, Unit};
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, seconds_between, span};

/// The vital signs of a database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vitals {
    pub engine: &'static str,
    pub version: String,
    pub location: String,
    /// When it came into being, where that can be told.
    pub created: Option<Timestamp>,
    /// All files of it together, write-ahead log included.
    pub size_bytes: Option<u64>,
    pub wal_bytes: Option<u64>,
    pub journal_mode: Option<String>,
    pub page_size: Option<u64>,
    pub pages: Option<u64>,
    pub free_pages: Option<u64>,
    pub tables: Option<u64>,
    /// How long our own questions took.
    pub latency_s: f64,
    /// The last structure check; `None` when there was none, or it cannot be told.
    pub integrity: Option<Proof>,
    /// Why the last structure check cannot be told; `None` when it can.
    pub integrity_unknown: Option<String>,
    /// What the checks of a server brought.
    pub measured: Box<Measured>,
}

/// Something that was proven, or disproved, at a moment: a structure check, a verified file.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    /// What it is about: a target (`database:rota`) or a backup file's path.
    pub subject: String,
    pub kind: ProofKind,
    pub at: Timestamp,
    pub ok: bool,
    /// What was found.
    pub detail: String,
    pub took_s: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProofKind {
    /// The database's own structure check.
    Integrity,
    /// A backup's hash, structure and rows.
    Verify,
    /// Superfluous files of a backup were deleted; of the target itself.
    Prune,
    /// A backup was carried to its second place; of the file there.
    Copy,
    /// A backup was restored into a scratch.
    Drill,
}

impl ProofKind {
    pub const fn word(self) -> &'static str {
        match self {
            ProofKind::Integrity => "integrity",
            ProofKind::Verify => "verify",
            ProofKind::Prune => "prune",
            ProofKind::Copy => "copy",
            ProofKind::Drill => "drill",
        }
    }
}

/// With less free space than this inside a file its share of it is nobody's worry.
const FREE_BYTES: u64 = 50_000_000;

impl Vitals {
    /// The facts that have a history.
    pub fn samples(&self) -> Vec<Sample> {
        let bytes = |key: &'static str, value: Option<u64>| value.map(|value| Sample::bytes(key, value));
        let count = |key: &'static str, value: Option<u64>| value.map(|value| Sample::count(key, value as f64));
        let mode = self.journal_mode.clone().map(|mode| Sample::text("journal_mode", mode));
        [
            Some(Sample::seconds("latency", self.latency_s)),
            bytes("size", self.size_bytes),
            bytes("wal", self.wal_bytes),
            count("pages", self.pages),
            count("free_pages", self.free_pages),
            self.free_percent().map(|share| Sample::percent("free", share)),
            count("tables", self.tables),
            mode,
        ]
        .into_iter()
        .flatten()
        .chain(self.measured.samples.iter().cloned())
        .collect()
    }

    /// How much of the file holds nothing, in percent, where there is enough of it for a vacuum.
    fn free_percent(&self) -> Option<f64> {
        let (free, pages) = (self.free_pages?, self.pages?);
        (pages > 0 && self.free_bytes()? >= FREE_BYTES).then(|| free as f64 / pages as f64 * 100.0)
    }

    /// What is said of it when it passes its limit.
    pub fn free_remark(&self) -> Option<Remark> {
        let (share, bytes) = (self.free_percent()?, self.free_bytes()? as f64);
        let (share, bytes) = (humanize::quantity(share, Unit::Percent), humanize::bytes(bytes));
        let text = format!("{share} of the file is free space ({bytes})");
        Some(Remark::new("free", text).mend(ActionName::VACUUM))
    }

    /// How many bytes a vacuum would give back.
    pub fn free_bytes(&self) -> Option<u64> {
        Some(self.free_pages?.saturating_mul(self.page_size?))
    }
}

/// What is expected of a database beyond limits on single samples.
#[derive(Clone, Debug, Default)]
pub struct DatabasePolicy {
    /// How old the last structure check may be; `None` when it is not asked for.
    pub integrity_every: Option<Duration>,
    /// The gauges that are limited. That another one cannot be told is nobody's worry.
    pub limited: BTreeSet<&'static str>,
}

impl Judge for DatabasePolicy {
    fn judge(&self, reading: &Reading, now: Timestamp) -> Verdict {
        let Detail::Vitals(vitals) = &reading.detail else { return Verdict::default() };
        let integrity = self.judge_integrity(vitals, now);
        let samples = vitals.integrity.iter().map(|proof| JudgedSample {
            sample: Sample::time("integrity", proof.at),
            status: integrity.as_ref().map_or(Status::Ok, |finding| finding.status),
            warning: self.integrity_every.map(|every| Limit::over(every.as_secs_f64(), Unit::Seconds)),
            critical: None,
            pending: None,
        });
        let samples = samples.collect();
        let findings = integrity.into_iter().chain(self.judge_hidden(vitals)).collect();
        Verdict { samples, findings, premature: false }
    }
}

impl DatabasePolicy {
    fn judge_integrity(&self, vitals: &Vitals, now: Timestamp) -> Option<Finding> {
        let age = |proof: &Proof| humanize::seconds(seconds_between(proof.at, now));
        match (&vitals.integrity, self.integrity_every) {
            (Some(proof), _) if !proof.ok => {
                let text = format!("the integrity check {} ago failed: {}", age(proof), proof.detail);
                let advice = "stop its program, keep the file, and restore the last verified backup";
                Some(Finding::new(Status::Critical, "integrity", text).since(proof.at).advice(advice))
            }
            (Some(proof), Some(every)) if seconds_between(proof.at, now) > every.as_secs_f64() => {
                let text = format!("last integrity check {} ago, limit {}", age(proof), humanize::duration(every));
                let finding = Finding::new(Status::Warning, "integrity", text).since(proof.at + span(every));
                Some(finding.mend(ActionName::INTEGRITY))
            }
            // Not yet due: nobody can have neglected it.
            (None, Some(every)) if vitals.created.is_some_and(|at| now < at + span(every)) => None,
            (None, Some(every)) => Some(vitals.integrity_unknown.as_ref().map_or_else(
                || {
                    let text = format!("integrity never checked, limit {}", humanize::duration(every));
                    Finding::new(Status::Warning, "integrity", text).mend(ActionName::INTEGRITY)
                },
                |why| {
                    let text = format!("the last integrity check cannot be told: {why}");
                    Finding::new(Status::Unknown, "integrity", text)
                },
            )),
            _ => None,
        }
    }

    /// One sentence for all that one grant would uncover.
    fn judge_hidden(&self, vitals: &Vitals) -> Vec<Finding> {
        let mut groups: Vec<(&Hidden, Vec<&str>)> = Vec::new();
        for hidden in vitals.measured.hidden.iter().filter(|hidden| self.limited.contains(hidden.key)) {
            let same =
                |(first, _): &&mut (&Hidden, Vec<&str>)| (&first.why, &first.grant) == (&hidden.why, &hidden.grant);
            match groups.iter_mut().find(same) {
                Some((_, keys)) if keys.contains(&hidden.key) => {}
                Some((_, keys)) => keys.push(hidden.key),
                None => groups.push((hidden, vec![hidden.key])),
            }
        }
        let told = groups.into_iter().map(|(hidden, keys)| {
            let key = if keys.len() == 1 { hidden.key } else { "hidden" };
            let text = format!("{} cannot be told: {}", humanize::listed(&keys), hidden.why);
            let mut finding = Finding::new(Status::Unknown, key, text);
            finding.advice.clone_from(&hidden.grant);
            finding
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{TimeZone, Utc};

    const DAY: Duration = Duration::from_hours(24);

    fn at(hours: i64) -> Timestamp {
        Utc.timestamp_opt(1_772_400_000 + hours * 3600, 0).single().expect("instant")
    }

    fn proof(ok: bool) -> Proof {
        let detail = "2 faults in the structure".to_owned();
        Proof { subject: "database:rota".into(), kind: ProofKind::Integrity, at: at(0), ok, detail, took_s: 1.0 }
    }

    fn said(vitals: Vitals, every: Option<Duration>, hours: i64) -> Vec<(Status, String, Option<ActionName>)> {
        let policy = DatabasePolicy { integrity_every: every, limited: BTreeSet::from(["connections", "blocked"]) };
        let verdict = policy.judge(&Reading::default().with(Detail::Vitals(vitals)), at(hours));
        verdict.findings.into_iter().map(|finding| (finding.status, finding.text, finding.mend)).collect()
    }

    #[test]
    fn a_structure_check_grows_old_by_itself() {
        let with = |proof: Option<Proof>| Vitals { integrity: proof, ..Vitals::default() };
        let table = [
            (with(Some(proof(true))), Some(DAY), 24, None),
            (
                with(Some(proof(true))),
                Some(DAY),
                25,
                Some((Status::Warning, "last integrity check 25 h ago, limit 24 h")),
            ),
            (with(Some(proof(true))), None, 9999, None),
            (with(None), None, 1, None),
            (with(None), Some(DAY), 1, Some((Status::Warning, "integrity never checked, limit 24 h"))),
            (Vitals { created: Some(at(0)), ..with(None) }, Some(DAY), 23, None),
            (
                Vitals { created: Some(at(0)), ..with(None) },
                Some(DAY),
                25,
                Some((Status::Warning, "integrity never checked, limit 24 h")),
            ),
            (
                with(Some(proof(false))),
                None,
                3,
                Some((Status::Critical, "the integrity check 3 h ago failed: 2 faults in the structure")),
            ),
            (
                Vitals { integrity_unknown: Some("the store is locked".into()), ..with(None) },
                Some(DAY),
                1,
                Some((Status::Unknown, "the last integrity check cannot be told: the store is locked")),
            ),
        ];
        for (vitals, every, hours, expected) in table {
            let found = said(vitals, every, hours);
            let found = found.first().map(|(status, text, _)| (*status, text.as_str()));
            assert_eq!(found, expected, "{every:?} {hours}");
        }
    }

    #[test]
    fn free_space_is_worth_a_figure_only_when_it_is_much() {
        let with = |pages, free| Vitals {
            page_size: Some(4096),
            pages: Some(pages),
            free_pages: Some(free),
            ..Vitals::default()
        };
        let told = |vitals: &Vitals| vitals.samples().into_iter().find(|sample| sample.key == "free");
        let little = with(100, 90);
        assert_eq!((told(&little), little.free_remark()), (None, None), "90 % of nothing");
        let much = with(50_000, 15_000);
        assert_eq!(told(&much), Some(Sample::percent("free", 30.0)));
        let remark = much.free_remark().expect("it is much");
        assert_eq!(remark.text, "30 % of the file is free space (61.4 MB)");
        assert_eq!(remark.mend, Some(ActionName::VACUUM));
    }

    #[test]
    fn what_is_hidden_is_unknown_in_one_sentence_for_each_grant() {
        let mut vitals = Vitals::default();
        let grant = Some("GRANT pg_monitor TO mon".to_owned());
        for key in ["connections", "commits", "blocked", "connections"] {
            vitals.measured.hide(key, "the role mon sees only its own sessions", grant.clone());
        }
        let text = "connections and blocked cannot be told: the role mon sees only its own sessions";
        assert_eq!(said(vitals.clone(), None, 0), [(Status::Unknown, text.to_owned(), None)]);
        let policy = DatabasePolicy { limited: BTreeSet::from(["connections"]), ..DatabasePolicy::default() };
        let verdict = policy.judge(&Reading::default().with(Detail::Vitals(vitals)), at(0));
        assert_eq!(verdict.findings[0].advice, grant);
        assert_eq!(verdict.findings[0].key, "connections");
    }

    #[test]
    fn an_absent_fact_is_no_sample() {
        let keys: Vec<_> = Vitals::default().samples().into_iter().map(|sample| sample.key).collect();
        assert_eq!(keys, ["latency"]);
    }
}

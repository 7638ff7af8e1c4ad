//! The report: what everything is like at one moment, as one value. The dashboard's overview
//! and `rounds check` are both drawn from it, so they cannot disagree.

mod json;
mod junit;
mod nagios;
mod openmetrics;
#[cfg(test)]
mod tests;
mod text;

pub use json::{check, checklist};
pub use text::command_for;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::board::{Assessment, JudgedSample};
use crate::domain::checklist::{ItemState, ListView};
use crate::domain::humanize;
use crate::domain::observation::ProbeId;
use crate::domain::sample::Value;
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, Zone};

/// What everything is like at one moment.
#[derive(Clone, Debug)]
pub struct Report {
    pub host: String,
    pub at: Timestamp,
    pub took: Duration,
    pub assessments: Vec<Assessment>,
    pub checklists: Vec<ListView>,
}

/// How many probes are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub ok: usize,
    pub warning: usize,
    pub critical: usize,
    pub unknown: usize,
}

/// Something that needs attention: one row of the list.
#[derive(Clone, Debug)]
pub struct Attention<'a> {
    pub status: Status,
    pub since: Option<Timestamp>,
    pub text: String,
    pub subject: Subject<'a>,
    /// The consequences folded under it.
    pub folded: Vec<&'a Assessment>,
}

/// What a row of the attention list is about.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    Probe(&'a Assessment),
    Checklist(&'a ListView),
}

impl Subject<'_> {
    /// `backup` and `rota-db`: the two columns that name it.
    pub fn names(&self) -> (&str, &str) {
        match self {
            Subject::Probe(one) if one.id.kind() == one.id.as_str() => (one.id.kind(), ""),
            Subject::Probe(one) => (one.id.kind(), one.id.name()),
            Subject::Checklist(list) => ("checklist", &list.id),
        }
    }
}

impl Report {
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for assessment in &self.assessments {
            match assessment.status {
                Status::Ok => counts.ok += 1,
                Status::Warning => counts.warning += 1,
                Status::Critical => counts.critical += 1,
                Status::Unknown => counts.unknown += 1,
            }
        }
        counts
    }

    /// The worst of everything, unsigned checklists included.
    pub fn status(&self) -> Status {
        let lists = self.checklists.iter().filter(|list| list.wants_signature()).map(|_| Status::Warning);
        Status::worst(self.assessments.iter().map(|one| one.status).chain(lists))
    }

    /// What needs attention: worst first, then longest. Consequences are folded under their
    /// cause.
    pub fn attention(&self, zone: &Zone) -> Vec<Attention<'_>> {
        let mut folded: BTreeMap<&ProbeId, Vec<&Assessment>> = BTreeMap::new();
        for one in &self.assessments {
            if let Some(cause) = &one.folded_under {
                folded.entry(cause).or_default().push(one);
            }
        }
        let mut rows: Vec<Attention<'_>> = self
            .assessments
            .iter()
            .filter(|one| !one.status.is_ok() && one.folded_under.is_none())
            .map(|one| Attention {
                status: one.status,
                since: one.since,
                text: one.findings.first().map_or_else(String::new, |finding| finding.text.clone()),
                subject: Subject::Probe(one),
                folded: folded.remove(&one.id).unwrap_or_default(),
            })
            .collect();
        rows.extend(self.checklists.iter().filter_map(|list| {
            Some(Attention {
                status: Status::Warning,
                since: list.unsigned_since(),
                text: list.finding(zone)?,
                subject: Subject::Checklist(list),
                folded: Vec::new(),
            })
        }));
        rows.sort_by(|a, b| {
            b.status.cmp(&a.status).then_with(|| a.since.unwrap_or(self.at).cmp(&b.since.unwrap_or(self.at)))
        });
        rows
    }

    /// The first line of everything: whether the round is done, and what is in the way.
    pub fn verdict(&self) -> String {
        let counts = self.counts();
        let waiting = self.assessments.iter().filter(|one| one.waiting).count();
        let mut parts: Vec<String> = [
            (counts.critical, "critical"),
            (counts.unknown - waiting.min(counts.unknown), "unknown"),
            (counts.warning, "warning"),
            (waiting, "waiting"),
            (counts.ok, "ok"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
        if parts.is_empty() {
            parts.push("nothing is watched".to_owned());
        }
        let word = match self.status() {
            Status::Ok => "READY",
            _ if waiting > 0 && waiting == self.assessments.len() => "WAITING",
            _ => "NOT READY",
        };
        let mut line = format!("{word}: {}", parts.join(", "));
        for list in &self.checklists {
            line.push_str(&format!(" | {} {}/{}", list.id, list.done(), list.items.len()));
            match (&list.signed, list.failed(), list.needs_you()) {
                (Some(signature), ..) => {
                    line.push_str(&format!(" signed by {}", signature.operator));
                    let regressed = list.count(ItemState::Regressed);
                    if regressed > 0 {
                        line.push_str(&format!(", {regressed} regressed since"));
                    }
                }
                (None, failed, you) => {
                    let parts = [(failed, "failed"), (you, "for you")];
                    let mut parts: Vec<String> =
                        parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
                    if list.wants_signature() {
                        parts.push("unsigned".to_owned());
                    }
                    if !parts.is_empty() {
                        line.push_str(&format!(": {}", parts.join(", ")));
                    }
                }
            }
        }
        line
    }
}

/// One assessment in a few words: the first finding, or the most telling figures when all is
/// well. What has a limit tells more than what has none.
pub fn headline(assessment: &Assessment, now: Timestamp) -> String {
    if let Some(finding) = assessment.findings.first() {
        return finding.text.clone();
    }
    if assessment.premature {
        return "nothing has happened yet".to_owned();
    }
    let limited = |judged: &&JudgedSample| judged.warning.is_some() || judged.critical.is_some();
    let (first, rest): (Vec<_>, Vec<_>) = assessment.samples.iter().partition(limited);
    let figures: Vec<String> = first
        .into_iter()
        .chain(rest)
        .filter_map(|judged| {
            let (value, unit) = match judged.sample.value {
                Value::Gauge(..) | Value::Time(_) => judged.sample.value.number(now)?,
                Value::Flag(_) | Value::Text(_) => return None,
            };
            Some(format!("{} {}", judged.sample.key.replace('_', " "), humanize::quantity(value, unit)))
        })
        .take(2)
        .collect();
    if figures.is_empty() { "ok".to_owned() } else { figures.join(", ") }
}

//! The board: the latest observation of every probe, and what they mean at a given moment.
//!
//! [`Board::apply`] takes what happened; [`Board::assess`] is a pure question that may be
//! asked at any `now`. A backup grows old and a silent probe becomes unknown without a
//! single new observation.

mod assessment;
mod track;
mod watch;

use std::collections::BTreeMap;
use std::time::Duration;

pub use assessment::{Assessment, JudgedSample, Pending};
pub use watch::{Judge, Verdict, Watch};

use crate::domain::finding::Finding;
use crate::domain::humanize;
use crate::domain::observation::{Detail, Observation, ProbeId};
use crate::domain::sample::Key;
use crate::domain::status::Status;
use crate::domain::task::TaskFacts;
use crate::domain::time::{Timestamp, seconds_between};
use crate::domain::trend::{Point, Series};
use track::{Track, with_trends};

/// The latest observation of every probe. Rebuilt exactly by replaying the same updates.
#[derive(Debug, Default)]
pub struct Board {
    watches: Vec<Watch>,
    /// What is remembered of each, in the same order.
    tracks: Vec<Track>,
    /// The place of each probe in both.
    places: BTreeMap<ProbeId, usize>,
    /// When the board was set up: how long it has been waiting for a probe's first word.
    started: Option<Timestamp>,
    /// Every probe is read once: what is not known by then will not be.
    one_look: bool,
}

impl Board {
    pub fn new(watches: Vec<Watch>, started: Timestamp) -> Self {
        let tracks = watches.iter().map(|_| Track::default()).collect();
        let places = watches.iter().enumerate().map(|(place, watch)| (watch.id.clone(), place)).collect();
        Self { watches, tracks, places, started: Some(started), one_look: false }
    }

    /// A board for a single look. What must last before it counts, and is not known to have
    /// lasted or to have begun just now, is a warning there: nobody looks a second time.
    #[must_use]
    pub fn for_one_look(mut self) -> Self {
        self.one_look = true;
        self
    }

    pub fn watches(&self) -> &[Watch] {
        &self.watches
    }

    pub fn watch(&self, id: &ProbeId) -> Option<&Watch> {
        self.watches.get(*self.places.get(id)?)
    }

    /// Takes what a probe saw. An observation of a probe that is not watched is ignored: the
    /// configuration that knew it is gone.
    pub fn apply(&mut self, observation: &Observation) {
        let Some(place) = self.places.get(&observation.probe) else { return };
        self.tracks[*place].take(&self.watches[*place], observation);
    }

    /// Takes points of earlier runs, oldest first, so that trends do not start anew. Readings of
    /// this run may have come before them.
    pub fn load(&mut self, probe: &ProbeId, key: &Key, points: impl IntoIterator<Item = Point>) {
        let place = self.places.get(probe).copied();
        if let Some((watch, track)) = place.and_then(|at| Some((self.watches.get(at)?, self.tracks.get_mut(at)?))) {
            track.series.entry(key.clone()).or_default().precede_with(points);
            track.look_back(watch, key);
        }
    }

    /// Takes a status an earlier run left, so that `since` reaches back before this one. What
    /// this run has told already stands.
    pub fn remember(&mut self, probe: &ProbeId, status: Status, since: Timestamp) {
        if let Some(track) = self.track_mut(probe) {
            track.told.get_or_insert((status, since));
        }
    }

    /// The past of one sample, for a sparkline.
    pub fn series(&self, probe: &ProbeId, key: &str) -> Option<&Series> {
        self.track(probe)?.series.get(key)
    }

    /// The facts behind the last good reading, for the panes that show a table.
    pub fn detail(&self, probe: &ProbeId) -> Option<&Detail> {
        Some(&self.track(probe)?.good.as_ref()?.1.detail)
    }

    /// What everything is like at `now`, in the order of the watches.
    pub fn assess(&self, now: Timestamp) -> Vec<Assessment> {
        let mut all: Vec<Assessment> =
            self.watches.iter().zip(&self.tracks).map(|(watch, track)| self.assess_one(watch, track, now)).collect();
        for (place, watch) in self.watches.iter().enumerate() {
            let Some(cause) = &watch.folds_under else { continue };
            // What is worse than its cause stands for itself, or nobody would see it.
            let (one, cause_place) = (all[place].status, self.places.get(cause));
            if !one.is_ok() && cause_place.is_some_and(|cause| all[*cause].status >= one) {
                all[place].folded_under = Some(cause.clone());
            }
        }
        all
    }

    /// What was read of every probe, in their order, without looking each up by its name.
    pub fn details(&self) -> impl Iterator<Item = (&ProbeId, &Detail)> + Clone {
        let all = self.watches.iter().zip(&self.tracks);
        all.filter_map(|(watch, track)| Some((&watch.id, &track.good.as_ref()?.1.detail)))
    }

    /// Every task that was read.
    pub fn tasks(&self) -> impl Iterator<Item = &TaskFacts> {
        self.details().filter_map(|(_, detail)| match detail {
            Detail::Task(facts) => Some(&**facts),
            _ => None,
        })
    }

    fn track(&self, probe: &ProbeId) -> Option<&Track> {
        self.tracks.get(*self.places.get(probe)?)
    }

    fn track_mut(&mut self, probe: &ProbeId) -> Option<&mut Track> {
        self.tracks.get_mut(*self.places.get(probe)?)
    }

    fn assess_one(&self, watch: &Watch, track: &Track, now: Timestamp) -> Assessment {
        let mut assessment = Assessment {
            id: watch.id.clone(),
            system: watch.system.clone(),
            status: Status::Unknown,
            since: None,
            observed_at: None,
            age: None,
            took: track.latest.as_ref().map(|latest| latest.took),
            stale: false,
            waiting: track.latest.is_none(),
            premature: false,
            findings: Vec::new(),
            samples: Vec::new(),
            folded_under: None,
            target: watch.target.clone(),
        };
        if let Some((at, reading)) = &track.good {
            let age = Duration::from_secs_f64(seconds_between(*at, now));
            assessment.observed_at = Some(*at);
            assessment.age = Some(age);
            assessment.stale = !self.one_look && age > watch.stale_after();
            assessment.samples.reserve(reading.samples.len());
            for sample in with_trends(watch, &track.series, &reading.samples) {
                let (judged, finding) = track.judge(sample, &watch.rules, &reading.remarks, now, self.one_look);
                assessment.samples.push(judged);
                assessment.findings.extend(finding);
            }
            assessment.findings.extend(reading.findings.iter().cloned());
            if let Some(judge) = &watch.judge {
                let verdict = judge.judge(reading, now);
                assessment.premature = verdict.premature;
                assessment.samples.extend(verdict.samples);
                assessment.findings.extend(verdict.findings);
            }
            if assessment.stale && track.failing_since.is_none() {
                let text = format!("no reading for {}", humanize::duration(age));
                assessment.findings.push(Finding::new(Status::Unknown, "reading", text).since(*at));
            }
        }
        if let Some(Err(error)) = track.latest.as_ref().map(|latest| &latest.outcome) {
            let mut finding = Finding::new(Status::Unknown, "reading", error.to_string());
            finding.since = track.failing_since;
            assessment.findings.push(finding);
        }
        if track.latest.is_none() {
            let waited = self.started.map_or(0.0, |started| seconds_between(started, now));
            let text = format!("waiting for the first reading, {} so far", humanize::seconds(waited));
            assessment.findings.push(Finding::new(Status::Unknown, "reading", text));
        }
        assessment.findings.sort_by_key(|finding| std::cmp::Reverse(finding.status));
        assessment.status = Status::worst(assessment.findings.iter().map(|finding| finding.status));
        assessment.since = since(&assessment, track);
        assessment
    }

    /// Notes what changed since the last time it was told, for the log of events. Called once
    /// per tick by the owner of the board.
    pub fn changes(&mut self, assessments: &[Assessment], now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        for assessment in assessments.iter().filter(|one| !one.waiting) {
            let Some(track) = self.track_mut(&assessment.id) else { continue };
            let before = track.told.map(|(status, _)| status);
            if before == Some(assessment.status) {
                continue;
            }
            track.told = Some((assessment.status, assessment.since.unwrap_or(now).min(now)));
            let text = assessment.findings.first().map_or_else(String::new, |finding| finding.text.clone());
            changes.push(Change { probe: assessment.id.clone(), at: now, from: before, to: assessment.status, text });
        }
        changes
    }
}

/// A status that became another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub probe: ProbeId,
    pub at: Timestamp,
    /// `None` the first time this probe is heard of.
    pub from: Option<Status>,
    pub to: Status,
    /// The first finding at that moment; empty when ok.
    pub text: String,
}

/// The moment the worst finding began; for ok, the moment it was first seen so.
fn since(assessment: &Assessment, track: &Track) -> Option<Timestamp> {
    let told = track.told.and_then(|(status, at)| (status == assessment.status).then_some(at));
    let found = assessment
        .findings
        .iter()
        .filter(|finding| finding.status == assessment.status)
        .filter_map(|finding| finding.since)
        .min();
    match (told, found) {
        (Some(told), Some(found)) => Some(told.min(found)),
        (told, found) => told.or(found),
    }
}

#[cfg(test)]
mod tests;

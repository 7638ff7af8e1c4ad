//! The board: the latest observation of every probe, and what they mean at a given moment.
//!
//! [`Board::apply`] takes what happened; [`Board::assess`] is a pure question that may be
//! asked at any `now`. A backup grows old and a silent probe becomes unknown without a
//! single new observation.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::finding::{Finding, Remark};
use crate::domain::humanize;
use crate::domain::inventory::Target;
use crate::domain::limit::{Limit, Rule};
use crate::domain::observation::{Detail, Observation, ProbeId, Reading};
use crate::domain::sample::{Key, Sample, Unit, Value};
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, seconds_between, span};
use crate::domain::trend::{KEPT_STEP, Point, Series, Trend};

/// One probe as the board sees it: how often it reads, and what its values may be.
#[derive(Clone, Debug)]
pub struct Watch {
    pub id: ProbeId,
    /// The system it belongs to; groups, and names the environment.
    pub system: String,
    pub every: Duration,
    /// The deadline of one reading.
    pub timeout: Duration,
    pub rules: Vec<Rule>,
    pub trends: Vec<Trend>,
    /// What limits on samples cannot say: freshness against a schedule, slots of a task.
    pub judge: Option<Arc<dyn Judge>>,
    /// What can be done about it, if anything.
    pub target: Option<Target>,
    /// The cause under which this one is folded while both are not ok.
    pub folds_under: Option<ProbeId>,
}

impl Watch {
    pub fn new(id: ProbeId, system: &str, every: Duration, timeout: Duration) -> Self {
        Self {
            id,
            system: system.to_owned(),
            every,
            timeout,
            rules: Vec::new(),
            trends: Vec::new(),
            judge: None,
            target: None,
            folds_under: None,
        }
    }

    /// How old a reading may be before it looks stale: two intervals.
    pub fn stale_after(&self) -> Duration {
        self.every * 2
    }
}

/// Facts to verdict, for kinds whose verdict depends on more than one number: pure, and
/// asked anew at every `now`.
pub trait Judge: std::fmt::Debug + Send + Sync {
    fn judge(&self, reading: &Reading, now: Timestamp) -> Verdict;
}

/// What a judge says at one moment.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Samples that only exist at a moment, already judged: an age against a schedule.
    pub samples: Vec<JudgedSample>,
    pub findings: Vec<Finding>,
    /// Nothing is wrong, because nothing has happened yet: no evidence either way.
    pub premature: bool,
}

/// A sample with the bounds it was held against.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedSample {
    pub sample: Sample,
    pub status: Status,
    pub warning: Option<Limit>,
    pub critical: Option<Limit>,
    /// It is ok only because its limit has not been passed for long enough yet.
    pub pending: Option<Pending>,
}

/// A limit that is passed, and not yet for as long as its rule wants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pending {
    pub limit: Limit,
    pub since: Timestamp,
    /// How long it must be passed before it counts.
    pub hold: Duration,
}

impl JudgedSample {
    pub fn plain(sample: Sample) -> Self {
        Self { sample, status: Status::Ok, warning: None, critical: None, pending: None }
    }
}

/// What one probe's target is like at a given moment.
#[derive(Clone, Debug)]
pub struct Assessment {
    pub id: ProbeId,
    pub system: String,
    pub status: Status,
    /// Since when the status has been what it is, as far as is known.
    pub since: Option<Timestamp>,
    /// When the values were read; `None` before the first reading.
    pub observed_at: Option<Timestamp>,
    pub age: Option<Duration>,
    pub took: Option<Duration>,
    /// The values are older than two intervals.
    pub stale: bool,
    /// Nothing has been heard yet.
    pub waiting: bool,
    /// It was read, and nothing has happened yet that could be judged: ok, and no evidence.
    pub premature: bool,
    /// Worst first; empty when ok.
    pub findings: Vec<Finding>,
    pub samples: Vec<JudgedSample>,
    pub folded_under: Option<ProbeId>,
    pub target: Option<Target>,
}

impl Assessment {
    pub fn sample(&self, key: &str) -> Option<&JudgedSample> {
        self.samples.iter().find(|judged| judged.sample.key == key)
    }

    /// The number of a gauge, or `None` where it was not measured.
    pub fn gauge(&self, key: &str) -> Option<f64> {
        match self.sample(key)?.sample.value {
            Value::Gauge(value, _) => Some(value),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Bound {
    Warning,
    Critical,
}

/// What the board remembers of one probe.
#[derive(Debug, Default)]
struct Track {
    latest: Option<Observation>,
    /// The last reading that succeeded, kept while later ones fail.
    good: Option<(Timestamp, Reading)>,
    /// Since when the latest outcomes have been errors.
    failing_since: Option<Timestamp>,
    /// Since when each bound has been passed without a break.
    passed: BTreeMap<(Key, Bound), Passed>,
    series: BTreeMap<Key, Series>,
    /// The status at the last change that was told, and when that was.
    told: Option<(Status, Timestamp)>,
}

/// A bound that is passed, as far back as is known.
#[derive(Clone, Copy, Debug)]
struct Passed {
    since: Timestamp,
    /// The value was seen within its bound just before: it has not been passed for longer.
    began: bool,
}

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
        let (watch, track) = (&self.watches[*place], &mut self.tracks[*place]);
        match &observation.outcome {
            Ok(reading) => {
                track.failing_since = None;
                for sample in &reading.samples {
                    if let Value::Gauge(value, _) = sample.value {
                        let point = Point { at: observation.at, value };
                        track.series.entry(sample.key.clone()).or_default().push(point);
                    }
                }
                track.good = Some((observation.at, reading.clone()));
                let samples: Vec<Sample> = with_trends(watch, &track.series, &reading.samples).collect();
                track.note_bounds(watch, &samples, observation.at);
            }
            Err(_) => {
                track.failing_since.get_or_insert(observation.at);
            }
        }
        track.latest = Some(observation.clone());
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
            assessment.stale = age > watch.stale_after();
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
            if track.failing_since.is_none() && age > watch.stale_after() + watch.timeout {
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

/// The samples of a reading, with those that are derived from the past.
fn with_trends<'a>(
    watch: &'a Watch,
    series: &'a BTreeMap<Key, Series>,
    samples: &'a [Sample],
) -> impl Iterator<Item = Sample> + 'a {
    let derived = watch.trends.iter().filter_map(|trend| trend.derive(series.get(&trend.of)?));
    samples.iter().cloned().chain(derived)
}

impl Track {
    /// Notes since when each bound has been passed. A sample that is missing breaks the run.
    fn note_bounds(&mut self, watch: &Watch, samples: &[Sample], at: Timestamp) {
        for rule in &watch.rules {
            let number = samples
                .iter()
                .find(|sample| sample.key == rule.key)
                .and_then(|sample| sample.value.number(at))
                .map(|(number, _)| number);
            for (bound, limit) in [(Bound::Warning, rule.warning), (Bound::Critical, rule.critical)] {
                let passed = limit.zip(number).is_some_and(|(limit, number)| limit.is_passed_by(number));
                let key = (rule.key.clone(), bound);
                match limit.filter(|_| passed) {
                    Some(limit) if !self.passed.contains_key(&key) => {
                        self.passed.insert(key, passed_before(watch, self.series.get(&rule.key), limit, at));
                    }
                    Some(_) => {}
                    None => {
                        self.passed.remove(&key);
                    }
                }
            }
        }
    }

    /// Takes into account what has become known of the time before the readings of this run.
    fn look_back(&mut self, watch: &Watch, key: &Key) {
        for rule in watch.rules.iter().filter(|rule| rule.key == *key) {
            for (bound, limit) in [(Bound::Warning, rule.warning), (Bound::Critical, rule.critical)] {
                if let (Some(limit), Some(passed)) = (limit, self.passed.get_mut(&(key.clone(), bound))) {
                    *passed = passed_before(watch, self.series.get(key), limit, passed.since);
                }
            }
        }
    }

    /// Holds one sample against its rule at `now`.
    fn judge(
        &self,
        sample: Sample,
        rules: &[Rule],
        remarks: &[Remark],
        now: Timestamp,
        one_look: bool,
    ) -> (JudgedSample, Option<Finding>) {
        let Some(rule) = rules.iter().find(|rule| rule.key == sample.key) else {
            return (JudgedSample::plain(sample), None);
        };
        let Some((number, unit)) = sample.value.number(now) else { return (JudgedSample::plain(sample), None) };
        let mut pending = None;
        let verdict =
            [(Bound::Critical, rule.critical, Status::Critical), (Bound::Warning, rule.warning, Status::Warning)]
                .into_iter()
                .find_map(|(bound, limit, status)| {
                    let limit = limit.filter(|limit| limit.is_passed_by(number))?;
                    // An age passes its bound at an instant that can be told to the second.
                    let passed = match sample.value {
                        Value::Time(at) => at + chrono::Duration::milliseconds((limit.value * 1000.0) as i64),
                        _ => self.passed.get(&(rule.key.clone(), bound)).map_or(now, |passed| passed.since),
                    };
                    // A clock that was set back must not make what is passed now pass later.
                    let passed = passed.min(now);
                    if now - passed >= span(rule.hold) {
                        return Some((status, limit, passed));
                    }
                    pending.get_or_insert(Pending { limit, since: passed, hold: rule.hold });
                    None
                });
        if verdict.is_none()
            && one_look
            && let Some(finding) = self.undecided(rule, number, unit)
        {
            let judged = JudgedSample {
                sample,
                status: finding.status,
                warning: rule.warning,
                critical: rule.critical,
                pending: None,
            };
            return (judged, Some(finding));
        }
        let status = verdict.map_or(Status::Ok, |(status, ..)| status);
        let finding = verdict.map(|(status, limit, passed)| {
            let held = if rule.hold > Duration::ZERO {
                format!(" for {}", humanize::seconds(seconds_between(passed, now)))
            } else {
                String::new()
            };
            let remark = remarks.iter().find(|remark| remark.key == rule.key);
            let subject = remark.map_or_else(
                || format!("{} {}", rule.label, humanize::beside_limit(number, limit.value, unit)),
                |remark| remark.text.clone(),
            );
            let text = format!("{subject}{held}, limit {}", humanize::quantity(limit.value, limit.unit));
            let mut finding = Finding::new(status, rule.key.clone(), text).since(passed);
            finding.mend = remark.and_then(|remark| remark.mend.clone());
            // What the operator wrote goes before what the reading says.
            finding.advice = rule.hint.clone().or_else(|| remark?.advice.clone());
            finding
        });
        // What is not ok says so itself.
        let pending = pending.filter(|_| status.is_ok());
        (JudgedSample { sample, status, warning: rule.warning, critical: rule.critical, pending }, finding)
    }
}

impl Track {
    /// What is past a bound now, when it is not known whether for long enough.
    fn undecided(&self, rule: &Rule, number: f64, unit: Unit) -> Option<Finding> {
        let limit = [(Bound::Critical, rule.critical), (Bound::Warning, rule.warning)].into_iter().find_map(
            |(bound, limit)| {
                let passed = self.passed.get(&(rule.key.clone(), bound))?;
                limit.filter(|limit| !passed.began && limit.is_passed_by(number))
            },
        )?;
        let text = format!(
            "{} {}, past the limit {} now; not known whether for {}",
            rule.label,
            humanize::beside_limit(number, limit.value, unit),
            humanize::quantity(limit.value, limit.unit),
            humanize::duration(rule.hold)
        );
        let mut finding = Finding::new(Status::Warning, rule.key.clone(), text);
        finding.advice = rule.hint.clone().or_else(|| Some(RECORD.to_owned()));
        Some(finding)
    }
}

/// How what lasts becomes known.
const RECORD: &str = "look again later; where a dashboard runs, what it records answers this";

/// How far back from `at` a bound was passed without a break. A time of which nothing is known
/// is no evidence: between two points there is no more than one interval beyond what is kept.
fn passed_before(watch: &Watch, series: Option<&Series>, limit: Limit, at: Timestamp) -> Passed {
    let mut passed = Passed { since: at, began: false };
    let most = KEPT_STEP.max(span(watch.every)) + span(watch.every + watch.timeout);
    for point in series.iter().flat_map(|series| series.recent()).rev().filter(|point| point.at < at) {
        if passed.since - point.at > most {
            break;
        }
        if !limit.is_passed_by(point.value) {
            passed.began = true;
            break;
        }
        passed.since = point.at;
    }
    passed
}

#[cfg(test)]
mod tests;

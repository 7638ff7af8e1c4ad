//! The board: the latest observation of every probe, and what they mean at a given moment.
//!
//! [`Board::apply`] takes what happened; [`Board::assess`] is a pure question that may be
//! asked at any `now`. A backup grows old and a silent probe becomes unknown without a
//! single new observation.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::finding::Finding;
use crate::domain::humanize;
use crate::domain::inventory::Target;
use crate::domain::limit::{Limit, Rule};
use crate::domain::observation::{Detail, Observation, ProbeId, Reading};
use crate::domain::sample::{Key, Sample, Value};
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, seconds_between, span};
use crate::domain::trend::{Point, Series, Trend};

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
}

/// A sample with the bounds it was held against.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedSample {
    pub sample: Sample,
    pub status: Status,
    pub warning: Option<Limit>,
    pub critical: Option<Limit>,
}

impl JudgedSample {
    pub fn plain(sample: Sample) -> Self {
        Self { sample, status: Status::Ok, warning: None, critical: None }
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
    passed_since: BTreeMap<(Key, Bound), Timestamp>,
    series: BTreeMap<Key, Series>,
    /// The status at the last change that was told, and when that was.
    told: Option<(Status, Timestamp)>,
}

/// The latest observation of every probe. Rebuilt exactly by replaying the same updates.
#[derive(Debug, Default)]
pub struct Board {
    watches: Vec<Watch>,
    tracks: BTreeMap<ProbeId, Track>,
    /// When the board was set up: how long it has been waiting for a probe's first word.
    started: Option<Timestamp>,
}

impl Board {
    pub fn new(watches: Vec<Watch>, started: Timestamp) -> Self {
        let tracks = watches.iter().map(|watch| (watch.id.clone(), Track::default())).collect();
        Self { watches, tracks, started: Some(started) }
    }

    pub fn watches(&self) -> &[Watch] {
        &self.watches
    }

    pub fn watch(&self, id: &ProbeId) -> Option<&Watch> {
        self.watches.iter().find(|watch| watch.id == *id)
    }

    /// Takes what a probe saw. An observation of a probe that is not watched is ignored: the
    /// configuration that knew it is gone.
    pub fn apply(&mut self, observation: &Observation) {
        let Some(watch) = self.watches.iter().find(|watch| watch.id == observation.probe) else { return };
        let Some(track) = self.tracks.get_mut(&observation.probe) else { return };
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
                let samples = with_trends(watch, &track.series, &reading.samples);
                track.note_bounds(&watch.rules, &samples, observation.at);
            }
            Err(_) => {
                track.failing_since.get_or_insert(observation.at);
            }
        }
        track.latest = Some(observation.clone());
    }

    /// Takes points of earlier runs, oldest first, so that trends do not start anew.
    pub fn load(&mut self, probe: &ProbeId, key: &Key, points: impl IntoIterator<Item = Point>) {
        if let Some(track) = self.tracks.get_mut(probe) {
            let series = track.series.entry(key.clone()).or_default();
            points.into_iter().for_each(|point| series.push(point));
        }
    }

    /// Takes a status an earlier run left, so that `since` reaches back before this one.
    pub fn remember(&mut self, probe: &ProbeId, status: Status, since: Timestamp) {
        if let Some(track) = self.tracks.get_mut(probe) {
            track.told = Some((status, since));
        }
    }

    /// The past of one sample, for a sparkline.
    pub fn series(&self, probe: &ProbeId, key: &str) -> Option<&Series> {
        self.tracks.get(probe)?.series.get(key)
    }

    /// The facts behind the last good reading, for the panes that show a table.
    pub fn detail(&self, probe: &ProbeId) -> Option<&Detail> {
        Some(&self.tracks.get(probe)?.good.as_ref()?.1.detail)
    }

    /// What everything is like at `now`, in the order of the watches.
    pub fn assess(&self, now: Timestamp) -> Vec<Assessment> {
        let mut all: Vec<Assessment> = self
            .watches
            .iter()
            .filter_map(|watch| Some(self.assess_one(watch, self.tracks.get(&watch.id)?, now)))
            .collect();
        let bad: std::collections::BTreeSet<ProbeId> =
            all.iter().filter(|one| !one.status.is_ok()).map(|one| one.id.clone()).collect();
        for (assessment, watch) in all.iter_mut().zip(&self.watches) {
            assessment.folded_under =
                watch.folds_under.clone().filter(|cause| !assessment.status.is_ok() && bad.contains(cause));
        }
        all
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
            let samples = with_trends(watch, &track.series, &reading.samples);
            for sample in samples {
                let (judged, finding) = track.judge(sample, &watch.rules, now);
                assessment.samples.push(judged);
                assessment.findings.extend(finding);
            }
            assessment.findings.extend(reading.findings.iter().cloned());
            if let Some(judge) = &watch.judge {
                let verdict = judge.judge(reading, now);
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
            let Some(track) = self.tracks.get_mut(&assessment.id) else { continue };
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
fn with_trends(watch: &Watch, series: &BTreeMap<Key, Series>, samples: &[Sample]) -> Vec<Sample> {
    let derived = watch.trends.iter().filter_map(|trend| trend.derive(series.get(&trend.of)?));
    samples.iter().cloned().chain(derived).collect()
}

impl Track {
    /// Notes since when each bound has been passed. A sample that is missing breaks the run.
    fn note_bounds(&mut self, rules: &[Rule], samples: &[Sample], at: Timestamp) {
        for rule in rules {
            let number = samples
                .iter()
                .find(|sample| sample.key == rule.key)
                .and_then(|sample| sample.value.number(at))
                .map(|(number, _)| number);
            for (bound, limit) in [(Bound::Warning, rule.warning), (Bound::Critical, rule.critical)] {
                let passed = limit.zip(number).is_some_and(|(limit, number)| limit.is_passed_by(number));
                let key = (rule.key.clone(), bound);
                if passed {
                    self.passed_since.entry(key).or_insert(at);
                } else {
                    self.passed_since.remove(&key);
                }
            }
        }
    }

    /// Holds one sample against its rule at `now`.
    fn judge(&self, sample: Sample, rules: &[Rule], now: Timestamp) -> (JudgedSample, Option<Finding>) {
        let Some(rule) = rules.iter().find(|rule| rule.key == sample.key) else {
            return (JudgedSample::plain(sample), None);
        };
        let Some((number, unit)) = sample.value.number(now) else { return (JudgedSample::plain(sample), None) };
        let verdict =
            [(Bound::Critical, rule.critical, Status::Critical), (Bound::Warning, rule.warning, Status::Warning)]
                .into_iter()
                .find_map(|(bound, limit, status)| {
                    let limit = limit.filter(|limit| limit.is_passed_by(number))?;
                    // An age passes its bound at an instant that can be told to the second.
                    let passed = match sample.value {
                        Value::Time(at) => at + chrono::Duration::milliseconds((limit.value * 1000.0) as i64),
                        _ => self.passed_since.get(&(rule.key.clone(), bound)).copied().unwrap_or(now),
                    };
                    (now - passed >= span(rule.hold)).then_some((status, limit, passed))
                });
        let status = verdict.map_or(Status::Ok, |(status, ..)| status);
        let finding = verdict.map(|(status, limit, passed)| {
            let held = if rule.hold > Duration::ZERO {
                format!(" for {}", humanize::seconds(seconds_between(passed, now)))
            } else {
                String::new()
            };
            let text = format!(
                "{} {}{held}, limit {}",
                rule.label,
                humanize::quantity(number, unit),
                humanize::quantity(limit.value, limit.unit)
            );
            let mut finding = Finding::new(status, rule.key.clone(), text).since(passed);
            finding.advice.clone_from(&rule.hint);
            finding
        });
        (JudgedSample { sample, status, warning: rule.warning, critical: rule.critical }, finding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::observation::ProbeError;
    use crate::domain::sample::Unit;
    use chrono::{TimeDelta, TimeZone, Utc};

    fn at(seconds: i64) -> Timestamp {
        Utc.timestamp_opt(1_772_400_000 + seconds, 0).single().expect("instant")
    }

    fn watch() -> Watch {
        let mut watch = Watch::new(ProbeId::new("host", ""), "here", Duration::from_secs(2), Duration::from_secs(5));
        watch.rules = vec![
            Rule::new("cpu", "cpu")
                .warn(Limit::over(70.0, Unit::Percent))
                .crit(Limit::over(90.0, Unit::Percent))
                .hold(Duration::from_mins(1)),
            Rule::new("checked", "last check").warn(Limit::over(100.0, Unit::Seconds)),
        ];
        watch
    }

    fn saw(seconds: i64, samples: Vec<Sample>) -> Observation {
        Observation {
            probe: ProbeId::new("host", ""),
            at: at(seconds),
            took: Duration::from_millis(3),
            outcome: Ok(Reading::of(samples)),
        }
    }

    fn failed(seconds: i64) -> Observation {
        Observation { outcome: Err(ProbeError::Unreachable("gone".to_owned())), ..saw(seconds, Vec::new()) }
    }

    fn status(board: &Board, seconds: i64) -> Status {
        board.assess(at(seconds))[0].status
    }

    #[test]
    fn nothing_seen_is_unknown_never_ok() {
        let board = Board::new(vec![watch()], at(0));
        let assessment = &board.assess(at(3))[0];
        assert_eq!(assessment.status, Status::Unknown);
        assert!(assessment.waiting);
        assert_eq!(assessment.findings[0].text, "waiting for the first reading, 3.0 s so far");
    }

    #[test]
    fn a_bound_counts_only_when_it_held_without_a_break() {
        let mut board = Board::new(vec![watch()], at(0));
        for second in (0..=50).step_by(2) {
            board.apply(&saw(second, vec![Sample::percent("cpu", 95.0)]));
        }
        assert_eq!(status(&board, 50), Status::Ok);
        board.apply(&saw(52, vec![Sample::percent("cpu", 10.0)]));
        for second in (54..=113).step_by(2) {
            board.apply(&saw(second, vec![Sample::percent("cpu", 95.0)]));
        }
        assert_eq!(status(&board, 113), Status::Ok, "the dip at 52 s started the count anew");
        board.apply(&saw(114, vec![Sample::percent("cpu", 95.0)]));
        let assessment = &board.assess(at(114))[0];
        assert_eq!(assessment.status, Status::Critical);
        assert_eq!(assessment.since, Some(at(54)));
        assert_eq!(assessment.findings[0].text, "cpu 95 % for 1 m, limit 90 %");
    }

    #[test]
    fn time_alone_makes_a_check_too_old() {
        let mut watch = watch();
        watch.every = Duration::from_secs(1000);
        let mut board = Board::new(vec![watch], at(0));
        board.apply(&saw(0, vec![Sample::time("checked", at(0))]));
        assert_eq!(status(&board, 100), Status::Ok);
        let late = &board.assess(at(150))[0];
        assert_eq!(late.status, Status::Warning);
        assert_eq!(late.since, Some(at(100)), "since the limit was passed, not since it was seen");
    }

    #[test]
    fn a_probe_that_fell_silent_becomes_unknown() {
        let mut board = Board::new(vec![watch()], at(0));
        board.apply(&saw(0, vec![Sample::percent("cpu", 1.0)]));
        assert!(!board.assess(at(4))[0].stale);
        assert!(board.assess(at(5))[0].stale, "older than two intervals looks stale");
        assert_eq!(status(&board, 9), Status::Ok);
        assert_eq!(status(&board, 10), Status::Unknown, "two intervals and a deadline without a word");
    }

    #[test]
    fn an_error_keeps_the_old_values_and_says_since_when() {
        let mut board = Board::new(vec![watch()], at(0));
        board.apply(&saw(0, vec![Sample::percent("cpu", 1.0)]));
        board.apply(&failed(2));
        board.apply(&failed(4));
        let assessment = &board.assess(at(5))[0];
        assert_eq!(assessment.status, Status::Unknown);
        assert_eq!(assessment.since, Some(at(2)));
        assert_eq!(assessment.observed_at, Some(at(0)));
        assert!(assessment.sample("cpu").is_some());
    }

    #[test]
    fn consequences_fold_under_a_cause_that_is_bad_itself() {
        let mut child = watch();
        child.id = ProbeId::new("http", "login");
        child.folds_under = Some(ProbeId::new("host", ""));
        let mut board = Board::new(vec![watch(), child], at(0));
        assert_eq!(board.assess(at(1))[1].folded_under, Some(ProbeId::new("host", "")));
        board.apply(&saw(2, vec![Sample::percent("cpu", 1.0)]));
        assert_eq!(board.assess(at(3))[1].folded_under, None);
    }

    #[test]
    fn every_change_is_told_once() {
        let mut board = Board::new(vec![watch()], at(0));
        let assessments = board.assess(at(0));
        assert!(board.changes(&assessments, at(0)).is_empty(), "waiting is no event");
        board.apply(&saw(1, vec![Sample::percent("cpu", 1.0)]));
        let assessments = board.assess(at(1));
        assert_eq!(board.changes(&assessments, at(1)).len(), 1);
        assert!(board.changes(&assessments, at(2)).is_empty());
        board.apply(&failed(3));
        let assessments = board.assess(at(3));
        let change = &board.changes(&assessments, at(3))[0];
        assert_eq!((change.from, change.to), (Some(Status::Ok), Status::Unknown));
    }

    #[test]
    fn replaying_the_same_updates_rebuilds_the_same_board() {
        let script: Vec<Observation> = (0..200)
            .map(
                |n: i64| {
                    if n % 7 == 3 { failed(n) } else { saw(n, vec![Sample::percent("cpu", ((n * 37) % 100) as f64)]) }
                },
            )
            .collect();
        let run = || {
            let mut board = Board::new(vec![watch()], at(0));
            for observation in &script {
                board.apply(observation);
            }
            format!("{:?}", board.assess(at(200) + TimeDelta::seconds(1)))
        };
        assert_eq!(run(), run());
    }
}

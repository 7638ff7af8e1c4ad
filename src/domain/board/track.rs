//! What is remembered of one probe: its last readings, and since when each of its limits has
//! been passed.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{JudgedSample, Pending, Watch};
use crate::domain::finding::{Finding, Remark};
use crate::domain::humanize;
use crate::domain::limit::{Limit, Rule};
use crate::domain::observation::{Observation, Reading};
use crate::domain::sample::{Key, Sample, Unit, Value};
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, seconds_between, span};
use crate::domain::trend::{KEPT_STEP, Point, Series};

/// What the board remembers of one probe.
#[derive(Debug, Default)]
pub(super) struct Track {
    pub(super) latest: Option<Observation>,
    /// The last reading that succeeded, kept while later ones fail.
    pub(super) good: Option<(Timestamp, Reading)>,
    /// Since when the latest outcomes have been errors.
    pub(super) failing_since: Option<Timestamp>,
    /// Since when each bound has been passed without a break.
    passed: BTreeMap<(Key, Bound), Passed>,
    pub(super) series: BTreeMap<Key, Series>,
    /// The status at the last change that was told, and when that was.
    pub(super) told: Option<(Status, Timestamp)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Bound {
    Warning,
    Critical,
}

/// A bound that is passed, as far back as is known.
#[derive(Clone, Copy, Debug)]
struct Passed {
    since: Timestamp,
    /// The value was seen within its bound just before: it has not been passed for longer.
    began: bool,
}

impl Track {
    /// Takes what the probe saw.
    pub(super) fn take(&mut self, watch: &Watch, observation: &Observation) {
        match &observation.outcome {
            Ok(reading) => {
                self.failing_since = None;
                for sample in &reading.samples {
                    if let Value::Gauge(value, _) = sample.value {
                        let point = Point { at: observation.at, value };
                        self.series.entry(sample.key.clone()).or_default().push(point);
                    }
                }
                self.good = Some((observation.at, reading.clone()));
                let samples: Vec<Sample> = with_trends(watch, &self.series, &reading.samples).collect();
                self.note_bounds(watch, &samples, observation.at);
            }
            Err(_) => {
                self.failing_since.get_or_insert(observation.at);
            }
        }
        self.latest = Some(observation.clone());
    }

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
    pub(super) fn look_back(&mut self, watch: &Watch, key: &Key) {
        for rule in watch.rules.iter().filter(|rule| rule.key == *key) {
            for (bound, limit) in [(Bound::Warning, rule.warning), (Bound::Critical, rule.critical)] {
                if let (Some(limit), Some(passed)) = (limit, self.passed.get_mut(&(key.clone(), bound))) {
                    *passed = passed_before(watch, self.series.get(key), limit, passed.since);
                }
            }
        }
    }

    /// Holds one sample against its rule at `now`.
    pub(super) fn judge(
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
        (
            JudgedSample {
                sample,
                status,
                warning: rule.warning,
                critical: rule.critical,
                pending: pending.map(Box::new),
            },
            finding,
        )
    }

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

/// The samples of a reading, with those that are derived from the past.
pub(super) fn with_trends<'a>(
    watch: &'a Watch,
    series: &'a BTreeMap<Key, Series>,
    samples: &'a [Sample],
) -> impl Iterator<Item = Sample> + 'a {
    let derived = watch.trends.iter().filter_map(|trend| trend.derive(series.get(&trend.of)?));
    samples.iter().cloned().chain(derived)
}

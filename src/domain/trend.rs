//! What a value has done over hours and days: growth per day, days until nothing is left,
//! and the points of a sparkline.

use std::collections::VecDeque;

use chrono::Duration;

use crate::domain::sample::{Key, Sample, Unit};
use crate::domain::time::Timestamp;

/// One value at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub at: Timestamp,
    pub value: f64,
}

/// The past of one sample: the latest readings as they came, and one in half an hour for
/// two weeks.
#[derive(Clone, Debug, Default)]
pub struct Series {
    recent: VecDeque<Point>,
    long: VecDeque<Point>,
}

/// Of the readings of earlier runs, one is kept in each of these.
pub const KEPT_STEP: Duration = Duration::minutes(5);
/// How many of the latest readings are kept: a sparkline on a wide screen.
const RECENT: usize = 240;
/// The spacing of the long memory, and how many points it holds: two weeks.
const LONG_STEP: Duration = Duration::minutes(30);
const LONG: usize = 14 * 48;
/// A trend needs this much evidence before it is worth a sentence.
const MIN_SPAN: Duration = Duration::hours(6);
const MIN_POINTS: usize = 6;

impl Series {
    /// Takes a point that is newer than all before it; an older one (the clock went back) is
    /// left out.
    pub fn push(&mut self, point: Point) {
        if !point.value.is_finite() || self.recent.back().is_some_and(|last| point.at <= last.at) {
            return;
        }
        self.recent.push_back(point);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        if self.long.back().is_none_or(|last| point.at - last.at >= LONG_STEP) {
            self.long.push_back(point);
            if self.long.len() > LONG {
                self.long.pop_front();
            }
        }
    }

    /// Takes older points, oldest first, in front of those that are there. Points that are not
    /// older than all of them are left out.
    pub fn precede_with(&mut self, points: impl IntoIterator<Item = Point>) {
        let oldest = self.long.front().or(self.recent.front()).map(|point| point.at);
        let mut whole = Series::default();
        for point in points.into_iter().filter(|point| oldest.is_none_or(|oldest| point.at < oldest)) {
            whole.push(point);
        }
        let mut own: Vec<Point> = self.long.iter().chain(&self.recent).copied().collect();
        own.sort_by_key(|point| point.at);
        for point in own {
            whole.push(point);
        }
        *self = whole;
    }

    /// The latest readings, oldest first.
    pub fn recent(&self) -> impl DoubleEndedIterator<Item = Point> + ExactSizeIterator + '_ {
        self.recent.iter().copied()
    }

    /// Change per day by least squares over the long memory; `None` while there is too little
    /// of it to say.
    pub fn per_day(&self) -> Option<f64> {
        let (first, last) = (self.long.front()?, self.long.back()?);
        if self.long.len() < MIN_POINTS || last.at - first.at < MIN_SPAN {
            return None;
        }
        let days = |at: Timestamp| (at - first.at).num_seconds() as f64 / 86_400.0;
        let n = self.long.len() as f64;
        let mean_x = self.long.iter().map(|point| days(point.at)).sum::<f64>() / n;
        let mean_y = self.long.iter().map(|point| point.value).sum::<f64>() / n;
        let (mut covariance, mut variance) = (0.0, 0.0);
        for point in &self.long {
            let dx = days(point.at) - mean_x;
            covariance += dx * (point.value - mean_y);
            variance += dx * dx;
        }
        (variance > 0.0).then(|| covariance / variance)
    }

    /// Seconds until the value reaches zero if it goes on as it did; `None` when it does not
    /// fall, or there is too little evidence.
    pub fn until_zero(&self) -> Option<f64> {
        let slope = self.per_day()?;
        let last = self.long.back()?.value;
        (slope < 0.0 && last >= 0.0).then(|| last / -slope * 86_400.0)
    }
}

/// A sample that is derived from another one's past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trend {
    pub of: Key,
    pub makes: Key,
    pub form: TrendForm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrendForm {
    /// Bytes per day.
    PerDay,
    /// Seconds until it reaches zero.
    UntilZero,
}

impl Trend {
    pub const fn per_day(of: &'static str, makes: &'static str) -> Self {
        Self { of: Key::Borrowed(of), makes: Key::Borrowed(makes), form: TrendForm::PerDay }
    }

    pub const fn until_zero(of: &'static str, makes: &'static str) -> Self {
        Self { of: Key::Borrowed(of), makes: Key::Borrowed(makes), form: TrendForm::UntilZero }
    }

    /// The derived sample, where there is evidence for it.
    pub fn derive(&self, series: &Series) -> Option<Sample> {
        let (value, unit) = match self.form {
            TrendForm::PerDay => (series.per_day()?, Unit::BytesPerDay),
            TrendForm::UntilZero => (series.until_zero()?, Unit::Seconds),
        };
        Some(Sample::gauge(self.makes.clone(), value, unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{TimeZone, Utc};

    fn series(hours: i64, value: impl Fn(f64) -> f64) -> Series {
        let start = Utc.with_ymd_and_hms(2026, 3, 1, 0, 0, 0).single().expect("date");
        let mut series = Series::default();
        for half in 0..=hours * 2 {
            series.push(Point { at: start + Duration::minutes(30 * half), value: value(half as f64 / 48.0) });
        }
        series
    }

    #[test]
    fn growth_is_the_slope_in_bytes_per_day() {
        let growth = series(48, |day| 500e6 + day * 10e6).per_day().expect("enough evidence");
        assert!((growth - 10e6).abs() < 1.0, "{growth}");
    }

    #[test]
    fn a_disk_that_loses_a_tenth_a_day_is_full_in_eight_days_after_two() {
        let left = series(48, |day| 100.0 - 10.0 * day).until_zero().expect("falling");
        assert!((left / 86_400.0 - 8.0).abs() < 0.01, "{left}");
        assert_eq!(series(48, |day| 100.0 + day).until_zero(), None, "a growing value never ends");
    }

    #[test]
    fn two_hours_are_no_evidence() {
        assert_eq!(series(2, |day| day).per_day(), None);
    }

    #[test]
    fn points_of_earlier_runs_go_in_front_and_only_once() {
        let whole = series(48, |day| 500e6 + day * 10e6);
        let earlier: Vec<Point> = whole.long.iter().copied().take(90).collect();
        let mut late = Series::default();
        whole.long.iter().skip(90).for_each(|point| late.push(*point));
        assert_eq!(late.per_day(), None, "three hours of this run alone are no evidence");
        late.precede_with(earlier.clone());
        assert!((late.per_day().expect("evidence") - 10e6).abs() < 1.0);
        let count = late.recent().len();
        late.precede_with(earlier);
        assert_eq!(late.recent().len(), count);
    }

    #[test]
    fn a_clock_that_went_back_leaves_no_kink() {
        let mut series = series(24, |day| day);
        let (count, first) = (series.recent().len(), series.recent().next().expect("points"));
        series.push(Point { at: first.at, value: 1e9 });
        assert_eq!(series.recent().len(), count);
    }
}

//! Limits as the configuration writes them, `"> 80 %"`, `"< 7d"`, `"> 10 MB/day"`, and the
//! rules that hold a sample against them.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::domain::humanize;
use crate::domain::sample::{Key, Unit};

/// A comparison with a figure, in the base unit of its kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    pub comparison: Comparison,
    pub value: f64,
    pub unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Over,
    AtLeast,
    Under,
    AtMost,
}

/// Warning and critical bounds on one sample of a probe.
#[derive(Clone, Debug)]
pub struct Rule {
    pub key: Key,
    /// What the sample is called in a sentence: `free space`.
    pub label: Cow<'static, str>,
    pub warning: Option<Limit>,
    pub critical: Option<Limit>,
    /// How long a bound must be passed without a break before it counts.
    pub hold: Duration,
    /// What to do about it, in the words of whoever wrote the rule.
    pub hint: Option<String>,
}

impl Rule {
    pub fn new(key: impl Into<Key>, label: &'static str) -> Self {
        Self { key: key.into(), label: label.into(), warning: None, critical: None, hold: Duration::ZERO, hint: None }
    }

    #[must_use]
    pub fn warn(mut self, limit: Limit) -> Self {
        self.warning = Some(limit);
        self
    }

    #[must_use]
    pub fn crit(mut self, limit: Limit) -> Self {
        self.critical = Some(limit);
        self
    }

    #[must_use]
    pub fn hold(mut self, hold: Duration) -> Self {
        self.hold = hold;
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Why a limit could not be read; names the cause and the mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    #[error("a limit is a comparison with a figure, such as \"> 80 %\"; `{0}` has no comparison")]
    NoComparison(String),
    #[error(
        "`{0}` is not a figure with a unit; write a number with %, a size (MB, GB), a size per day (MB/day), a time (s, m, h, d) or nothing"
    )]
    NotAFigure(String),
}

impl Limit {
    pub const fn over(value: f64, unit: Unit) -> Self {
        Self { comparison: Comparison::Over, value, unit }
    }

    pub const fn under(value: f64, unit: Unit) -> Self {
        Self { comparison: Comparison::Under, value, unit }
    }

    pub const fn at_least(value: f64, unit: Unit) -> Self {
        Self { comparison: Comparison::AtLeast, value, unit }
    }

    /// Whether `value` passes the bound. A value that is not a number never does: the probe
    /// that delivers one reports the sample as absent instead.
    pub fn is_passed_by(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::Over => value > self.value,
            Comparison::AtLeast => value >= self.value,
            Comparison::Under => value < self.value,
            Comparison::AtMost => value <= self.value,
        }
    }

    /// The bound in the base unit, as JSON shows it: `> 93600`.
    pub fn raw(&self) -> String {
        format!("{} {}", self.comparison, self.value)
    }

    /// Reads `"> 80 %"` and its kind.
    pub fn parse(text: &str) -> Result<Self, LimitError> {
        let text = text.trim();
        let comparisons = [
            (">=", Comparison::AtLeast),
            ("<=", Comparison::AtMost),
            (">", Comparison::Over),
            ("<", Comparison::Under),
        ];
        let (comparison, figure) = comparisons
            .iter()
            .find_map(|(sign, comparison)| text.strip_prefix(sign).map(|rest| (*comparison, rest.trim())))
            .ok_or_else(|| LimitError::NoComparison(text.to_owned()))?;
        let (value, unit) = parse_quantity(figure).ok_or_else(|| LimitError::NotAFigure(figure.to_owned()))?;
        Ok(Self { comparison, value, unit })
    }
}

/// A figure with a unit, in base units: `80 %`, `500 MB`, `10 MB/day`, `7d 2h`, `1.5`.
pub fn parse_quantity(text: &str) -> Option<(f64, Unit)> {
    let text = text.trim();
    if let Some(number) = text.strip_suffix('%') {
        return Some((parse_number(number)?, Unit::Percent));
    }
    if let Some(size) = text.strip_suffix("/day") {
        return Some((parse_size(size)?, Unit::BytesPerDay));
    }
    if let Some(number) = parse_number(text) {
        return Some((number, Unit::Count));
    }
    if let Some(size) = parse_size(text) {
        return Some((size, Unit::Bytes));
    }
    let duration = humantime::parse_duration(text).ok()?;
    Some((duration.as_secs_f64(), Unit::Seconds))
}

/// A size in bytes: `500 MB` is decimal, `64 MiB` binary.
pub fn parse_size(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 11] = [
        ("KiB", 1024.0),
        ("MiB", 1_048_576.0),
        ("GiB", 1_073_741_824.0),
        ("TiB", 1_099_511_627_776.0),
        ("kB", 1e3),
        ("KB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9),
        ("TB", 1e12),
        ("PB", 1e15),
        ("B", 1.0),
    ];
    let text = text.trim();
    UNITS.iter().find_map(|(unit, factor)| parse_number(text.strip_suffix(unit)?).map(|number| number * factor))
}

/// A finite decimal number that is not negative; `1e400`, `inf` and `-3` are not limits.
fn parse_number(text: &str) -> Option<f64> {
    let number: f64 = text.trim().parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number)
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Comparison::Over => ">",
            Comparison::AtLeast => ">=",
            Comparison::Under => "<",
            Comparison::AtMost => "<=",
        })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.comparison, humanize::quantity(self.value, self.unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_the_contract_are_read() {
        let table = [
            ("> 80 %", Limit::over(80.0, Unit::Percent)),
            ("<20%", Limit::under(20.0, Unit::Percent)),
            (">= 1", Limit::at_least(1.0, Unit::Count)),
            ("> 500 MB", Limit::over(5e8, Unit::Bytes)),
            ("> 64 MiB", Limit::over(67_108_864.0, Unit::Bytes)),
            ("> 10 MB/day", Limit::over(1e7, Unit::BytesPerDay)),
            ("< 7d", Limit::under(604_800.0, Unit::Seconds)),
            ("> 7d 2h", Limit::over(612_000.0, Unit::Seconds)),
            ("> 500 ms", Limit::over(0.5, Unit::Seconds)),
            ("> 1.5", Limit::over(1.5, Unit::Count)),
        ];
        for (text, limit) in table {
            assert_eq!(Limit::parse(text), Ok(limit), "{text}");
        }
    }

    #[test]
    fn what_is_no_limit_is_refused_with_the_reason() {
        assert!(matches!(Limit::parse("80 %"), Err(LimitError::NoComparison(_))));
        for text in ["> lots", "> -3", "> 1e999", "> NaN", "> 5 parsecs", ">"] {
            assert!(matches!(Limit::parse(text), Err(LimitError::NotAFigure(_))), "{text}");
        }
    }

    #[test]
    fn bounds_are_exact_at_the_edge() {
        let over = Limit::over(80.0, Unit::Percent);
        assert!(!over.is_passed_by(80.0) && over.is_passed_by(80.1));
        assert!(Limit::at_least(1.0, Unit::Count).is_passed_by(1.0));
        assert!(!over.is_passed_by(f64::NAN));
    }
}

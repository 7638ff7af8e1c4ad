//! A gauge: one figure of a database that can be limited by one key of the configuration, with
//! the limits that hold when nobody wrote any.

use std::time::Duration;

use crate::domain::limit::Limit;
use crate::domain::sample::Unit;

/// One figure that can be limited.
#[derive(Clone, Copy, Debug)]
pub struct Gauge {
    /// Its key in the configuration, in JSON and in findings.
    pub key: &'static str,
    /// What it is called in a sentence.
    pub label: &'static str,
    pub unit: Unit,
    pub bad: Bad,
    pub warning: Option<Limit>,
    pub critical: Option<Limit>,
    /// How long a bound must be passed without a break.
    pub hold: Duration,
    /// A limit as one might write it.
    pub example: &'static str,
    /// What to do about it, where the reading itself does not say.
    pub hint: Option<&'static str>,
    /// Who says that the default is a good one.
    pub source: &'static str,
}

/// On which side of a limit the trouble is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    High,
    Low,
    Either,
}

impl Gauge {
    /// A gauge that is bad when it is high, without limits.
    pub const fn new(key: &'static str, label: &'static str, unit: Unit, example: &'static str) -> Self {
        Self {
            key,
            label,
            unit,
            bad: Bad::High,
            warning: None,
            critical: None,
            hold: Duration::ZERO,
            example,
            hint: None,
            source: "",
        }
    }

    #[must_use]
    pub const fn bad(mut self, bad: Bad) -> Self {
        self.bad = bad;
        self
    }

    /// Warns beyond this figure, on the side where the gauge is bad.
    #[must_use]
    pub const fn warn(mut self, figure: f64, source: &'static str) -> Self {
        self.warning = Some(self.limit(figure));
        self.source = source;
        self
    }

    /// Is critical beyond this figure.
    #[must_use]
    pub const fn crit(mut self, figure: f64, source: &'static str) -> Self {
        self.critical = Some(self.limit(figure));
        self.source = source;
        self
    }

    #[must_use]
    pub const fn hold(mut self, hold: Duration) -> Self {
        self.hold = hold;
        self
    }

    #[must_use]
    pub const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    const fn limit(&self, figure: f64) -> Limit {
        match self.bad {
            Bad::Low => Limit::under(figure, self.unit),
            Bad::High | Bad::Either => Limit::over(figure, self.unit),
        }
    }
}

//! Bounds on what is measured: in its unit, on the side where it is bad, and the critical one
//! beyond the warning.

use toml::Spanned;

use crate::config::error::Fault;
use crate::config::raw;
use crate::config::source::Source;
use crate::config::spec::Bounds;
use crate::config::values::LimitText;
pub(super) use crate::domain::engine::Bad;
use crate::domain::engine::Gauge;
use crate::domain::limit::{Comparison, Limit};
use crate::domain::sample::Unit;

/// Something that can be limited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    /// Its key: `cpu`.
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    pub(super) bad: Bad,
    /// A limit as one might write it.
    pub(super) example: &'static str,
}

impl Measure {
    /// A share of something, in percent: never above 100.
    pub(super) const fn share(name: &'static str, bad: Bad) -> Self {
        let example = match bad {
            Bad::Low => "< 20 %",
            Bad::High | Bad::Either => "> 80 %",
        };
        Self { name, unit: Unit::Percent, bad, example }
    }

    /// What can be limited of a database.
    pub(super) const fn of(gauge: &Gauge) -> Self {
        Self { name: gauge.key, unit: gauge.unit, bad: gauge.bad, example: gauge.example }
    }

    /// Bounds as they are written, or none when nothing is.
    pub(super) fn optional(self, written: Option<&raw::Bounds>, source: &Source) -> Result<Bounds, Fault> {
        self.bounds(written, Bounds::default(), source)
    }

    /// Bounds as they are written; they replace the default as a whole.
    pub(super) fn bounds(
        self,
        written: Option<&raw::Bounds>,
        default: Bounds,
        source: &Source,
    ) -> Result<Bounds, Fault> {
        let Some(written) = written else { return Ok(default) };
        for limit in written.warn.iter().chain(&written.crit) {
            self.fits(limit.get_ref().0).map_err(|why| source.fault_at(limit, why))?;
        }
        if let (Some(warn), Some(crit)) = (&written.warn, &written.crit) {
            in_order(warn, crit).map_err(|why| source.fault_at(crit, why))?;
        }
        Ok(Bounds {
            warning: written.warn.as_ref().map(|limit| limit.get_ref().0),
            critical: written.crit.as_ref().map(|limit| limit.get_ref().0),
            hold: written.hold.map(|hold| hold.0).unwrap_or_default(),
            hint: written.hint.as_ref().map(|hint| hint.0.clone()),
        })
    }

    fn fits(self, limit: Limit) -> Result<(), String> {
        let Self { name, unit, bad, example } = self;
        if limit.unit != unit {
            return Err(format!(
                "`{name}` is {}, and this limit is {}; write one such as \"{example}\"",
                described(unit),
                described(limit.unit)
            ));
        }
        if bad != Bad::Either && bad != side(limit) {
            let word = if bad == Bad::High { "high" } else { "low" };
            return Err(format!("`{name}` is bad when it is {word}; write a limit such as \"{example}\""));
        }
        if unit == Unit::Percent && limit.value > 100.0 && bad != Bad::Either {
            return Err(format!("`{name}` is never above 100 %"));
        }
        Ok(())
    }
}

fn in_order(warn: &Spanned<LimitText>, crit: &Spanned<LimitText>) -> Result<(), String> {
    let (warn, crit) = (warn.get_ref().0, crit.get_ref().0);
    if side(warn) != side(crit) {
        return Err(format!("`crit` ({crit}) and `warn` ({warn}) look in opposite directions"));
    }
    let weaker = if side(crit) == Bad::High { crit.value < warn.value } else { crit.value > warn.value };
    if weaker {
        return Err(format!("`crit` ({crit}) is reached before `warn` ({warn}); exchange them"));
    }
    Ok(())
}

fn side(limit: Limit) -> Bad {
    match limit.comparison {
        Comparison::Over | Comparison::AtLeast => Bad::High,
        Comparison::Under | Comparison::AtMost => Bad::Low,
    }
}

fn described(unit: Unit) -> &'static str {
    match unit {
        Unit::Percent => "a percentage",
        Unit::Bytes => "a size",
        Unit::BytesPerDay => "a size per day",
        Unit::Seconds => "a span of time",
        Unit::Count => "a plain number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPU: Measure = Measure::share("cpu", Bad::High);

    fn read(measure: Measure, text: &str) -> Result<Bounds, String> {
        #[derive(serde::Deserialize)]
        struct Line {
            x: raw::Bounds,
        }
        let text = format!("x = {text}");
        let line: Line = toml::from_str(&text).expect("bounds");
        let source = Source { name: "a.toml".into(), directory: "/".into(), text };
        measure.optional(Some(&line.x), &source).map_err(|fault| fault.message)
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let free = Measure::share("free", Bad::Low);
        let table = [
            (CPU, "{ warn = '> 70 %', crit = '> 60 %' }", "reached before `warn`"),
            (CPU, "{ warn = '> 500 MB' }", "`cpu` is a percentage, and this limit is a size"),
            (CPU, "{ warn = '> 70' }", "this limit is a plain number"),
            (CPU, "{ crit = '< 5 %' }", "bad when it is high"),
            (CPU, "{ crit = '> 150 %' }", "never above 100 %"),
            (free, "{ warn = '< 10 %', crit = '< 20 %' }", "exchange them"),
            (free, "{ warn = '> 20 %' }", "bad when it is low"),
            (Measure { bad: Bad::Either, ..CPU }, "{ warn = '> 1 %', crit = '< 0.5 %' }", "opposite directions"),
        ];
        for (measure, text, why) in table {
            let said = read(measure, text).expect_err(text);
            assert!(said.contains(why), "{text}: {said}");
        }
    }

    #[test]
    fn what_is_written_replaces_the_default_as_a_whole() {
        let source = Source { name: String::new(), directory: "/".into(), text: String::new() };
        let default = Bounds { warning: Some(Limit::over(70.0, Unit::Percent)), ..Bounds::default() };
        assert_eq!(CPU.bounds(None, default.clone(), &source), Ok(default.clone()));
        assert_eq!(CPU.bounds(Some(&raw::Bounds::default()), default, &source), Ok(Bounds::default()));
        assert_eq!(read(CPU, "{ crit = '> 90 %', warn = '> 90 %' }").map(|bounds| bounds.hint), Ok(None));
    }
}

//! What a Monitoring Plugin prints: a line for people, perfdata for machines, and more lines
//! after the first.
//!
//! The forms are those of the Monitoring Plugins Development Guidelines, and of the plugins
//! that do not quite follow them.

use crate::domain::limit::{Comparison, Limit};
use crate::domain::sample::Unit;
use crate::domain::sanitize;
use crate::domain::status::Status;

/// More values than any plugin has reason to print.
const MOST_PERFDATA: usize = 500;

/// What an exit code says; `None` for one that no plugin should end with.
pub const fn status(exit_code: i32) -> Option<Status> {
    match exit_code {
        0 => Some(Status::Ok),
        1 => Some(Status::Warning),
        2 => Some(Status::Critical),
        3 => Some(Status::Unknown),
        _ => None,
    }
}

/// The output of a plugin, read. All text is clean.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PluginOutput {
    /// The first line, without its perfdata.
    pub text: String,
    /// The lines after it.
    pub long: Vec<String>,
    pub perfdata: Vec<Perf>,
    /// Pieces of perfdata that make no sense.
    pub unreadable: usize,
}

/// One value, in the base unit of its kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Perf {
    pub label: String,
    pub value: f64,
    pub unit: Unit,
    pub warning: Option<Range>,
    pub critical: Option<Range>,
}

/// A range of the guidelines: it alerts outside of `start..=end`, or with `@` inside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub start: f64,
    pub end: f64,
    pub inside: bool,
}

impl PluginOutput {
    pub fn parse(stdout: &[u8]) -> Self {
        let mut output = Self::default();
        let mut in_perfdata = false;
        for (index, line) in stdout.split(|byte| *byte == b'\n').enumerate() {
            let (text, perfdata) = match line.iter().position(|byte| *byte == b'|') {
                _ if in_perfdata => (&line[..0], line),
                Some(bar) => (&line[..bar], &line[bar + 1..]),
                None => (line, &line[..0]),
            };
            if index == 0 {
                sanitize::bytes(text).trim().clone_into(&mut output.text);
            } else if !in_perfdata && output.long.len() < sanitize::MAX_LINES {
                output.long.push(sanitize::bytes(text.trim_ascii_end()));
            }
            // A bar in the long text starts perfdata that goes on to the end.
            in_perfdata |= index > 0 && text.len() < line.len();
            output.read_perfdata(&String::from_utf8_lossy(perfdata));
        }
        while output.long.last().is_some_and(String::is_empty) {
            output.long.pop();
        }
        output
    }

    /// `'label'=value[unit];[warn];[crit];[min];[max]`, separated by blanks.
    fn read_perfdata(&mut self, text: &str) {
        let mut rest = text.trim();
        while !rest.is_empty() && self.perfdata.len() < MOST_PERFDATA {
            let (item, tail) = first_item(rest);
            match Perf::parse(item) {
                Some(Some(perf)) if self.perfdata.iter().all(|other| other.label != perf.label) => {
                    self.perfdata.push(perf);
                }
                Some(None) => {}
                _ => self.unreadable += 1,
            }
            rest = tail.trim_start();
        }
    }
}

/// Splits off the first piece of perfdata. A label in quotes may hold blanks.
fn first_item(text: &str) -> (&str, &str) {
    let mut quoted = false;
    let end = text.char_indices().find_map(|(at, c)| {
        quoted ^= c == '\'';
        (c.is_whitespace() && !quoted).then_some(at)
    });
    // A quote that is never closed ends where the next blank is.
    let end = end.or_else(|| text.find(char::is_whitespace).filter(|_| quoted));
    text.split_at(end.unwrap_or(text.len()))
}

impl Perf {
    /// `Some(None)` for a value that the plugin itself could not determine.
    #[expect(clippy::option_option, reason = "no value and no sense are different things, once, here")]
    fn parse(item: &str) -> Option<Option<Self>> {
        let (label, fields) = split_label(item)?;
        let mut fields = fields.split(';');
        let value = fields.next()?;
        if value == "U" {
            return Some(None);
        }
        let (number, unit) = value.split_at(number_length(value));
        let (unit, factor) = unit_of(unit)?;
        let number: f64 = number.parse().ok()?;
        let value = Some(number * factor).filter(|value| value.is_finite())?;
        let mut range = || Range::parse(fields.next()?).map(|range| range.scaled(factor));
        Some(Some(Self { label, value, unit, warning: range(), critical: range() }))
    }
}

/// The label, and what stands after the `=`. In quotes, a quote is written twice.
fn split_label(item: &str) -> Option<(String, &str)> {
    let (label, fields) = if let Some(quoted) = item.strip_prefix('\'') {
        let (label, fields) = quoted.rsplit_once("'=")?;
        (label.replace("''", "'"), fields)
    } else {
        let (label, fields) = item.split_once('=')?;
        (label.to_owned(), fields)
    };
    let label = sanitize::line(label.trim());
    (!label.is_empty()).then_some((label, fields))
}

/// How much of `text` is a number: `-1.5`, and `1e-05` as some languages print it.
fn number_length(text: &str) -> usize {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        from + rest.find(|c: char| !matches!(c, '0'..='9' | '.' | '-' | '+')).unwrap_or(rest.len())
    };
    let mantissa = digits(0);
    if !text[mantissa..].starts_with(['e', 'E']) {
        return mantissa;
    }
    let whole = digits(mantissa + 1);
    if text[..whole].parse::<f64>().is_ok() { whole } else { mantissa }
}

/// Our unit, and what one of theirs is in it.
fn unit_of(text: &str) -> Option<(Unit, f64)> {
    let known = match text {
        "" | "c" => (Unit::Count, 1.0),
        "s" => (Unit::Seconds, 1.0),
        "ms" => (Unit::Seconds, 1e-3),
        "us" | "µs" => (Unit::Seconds, 1e-6),
        "ns" => (Unit::Seconds, 1e-9),
        "%" => (Unit::Percent, 1.0),
        "B" => (Unit::Bytes, 1.0),
        "KB" | "kB" => (Unit::Bytes, 1e3),
        "MB" => (Unit::Bytes, 1e6),
        "GB" => (Unit::Bytes, 1e9),
        "TB" => (Unit::Bytes, 1e12),
        "PB" => (Unit::Bytes, 1e15),
        "KiB" => (Unit::Bytes, 1024.0),
        "MiB" => (Unit::Bytes, 1_048_576.0),
        "GiB" => (Unit::Bytes, 1_073_741_824.0),
        "TiB" => (Unit::Bytes, 1_099_511_627_776.0),
        // A unit we do not have, such as Hz or W: the number is still worth its history.
        other if other.chars().all(|c| c.is_alphabetic() || c == '/') => (Unit::Count, 1.0),
        _ => return None,
    };
    Some(known)
}

impl Range {
    /// `10`, `10:`, `~:10`, `10:20`, `@10:20`; `None` for what is no range, or empty.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (inside, text) = text.strip_prefix('@').map_or((false, text), |rest| (true, rest));
        if text.is_empty() {
            return None;
        }
        let (start, end) = text.split_once(':').unwrap_or(("0", text));
        let number = |text: &str| text.parse().ok().filter(|number: &f64| number.is_finite());
        let start = match start {
            "~" => f64::NEG_INFINITY,
            "" => 0.0,
            number_text => number(number_text)?,
        };
        let end = if end.is_empty() { f64::INFINITY } else { number(end)? };
        (start <= end).then_some(Self { start, end, inside })
    }

    /// Whether `value` alerts.
    pub fn alerts(&self, value: f64) -> bool {
        (self.start..=self.end).contains(&value) == self.inside
    }

    /// The same range as a single comparison, where it is one. A range from zero counts as
    /// one: its lower end is there because nothing is below it.
    pub fn limit(&self, unit: Unit) -> Option<Limit> {
        let open_below = self.start == f64::NEG_INFINITY || self.start == 0.0;
        let open_above = self.end == f64::INFINITY;
        match (open_below, open_above, self.inside) {
            (_, true, false) if self.start.is_finite() => Some(Limit::under(self.start, unit)),
            (_, true, true) if self.start.is_finite() => Some(Limit::at_least(self.start, unit)),
            (true, false, false) => Some(Limit::over(self.end, unit)),
            (true, false, true) => Some(Limit { comparison: Comparison::AtMost, value: self.end, unit }),
            _ => None,
        }
    }

    fn scaled(self, factor: f64) -> Self {
        Self { start: self.start * factor, end: self.end * factor, ..self }
    }
}

#[cfg(test)]
mod tests;

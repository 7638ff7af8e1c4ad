//! A page of TOML that grows line by line, and how values are written in it.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use crate::config::spec::Bounds;
use crate::domain::limit::Limit;
use crate::domain::plan::Invocation;
use crate::domain::sample::Unit;
use crate::domain::sanitize;

/// What is being written.
#[derive(Debug, Default)]
pub(super) struct Page(String);

impl Page {
    pub(super) fn text(self) -> String {
        self.0
    }

    pub(super) fn gap(&mut self) {
        self.0.push('\n');
    }

    pub(super) fn section(&mut self, header: &str) {
        self.line(format_args!("\n{header}"));
    }

    pub(super) fn comment(&mut self, text: &str) {
        self.line(format_args!("# {}", sanitize::line(text)));
    }

    pub(super) fn set(&mut self, key: &str, value: impl AsRef<str>) {
        self.line(format_args!("{key} = {}", value.as_ref()));
    }

    pub(super) fn maybe(&mut self, key: &str, value: Option<String>) {
        if let Some(value) = value {
            self.set(key, value);
        }
    }

    pub(super) fn bounds(&mut self, key: &str, value: &Bounds) {
        if *value != Bounds::default() {
            self.set(key, bounds(value));
        }
    }

    /// A list with a line for each entry; nothing when it is empty.
    pub(super) fn lines(&mut self, key: &str, entries: impl Iterator<Item = String>) {
        let text: String = entries.fold(String::new(), |text, entry| text + "  " + &entry + ",\n");
        if !text.is_empty() {
            self.set(key, format!("[\n{text}]"));
        }
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{text}");
    }
}

pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

pub(super) fn path(path: &Path) -> String {
    quoted(&path.display().to_string())
}

pub(super) fn url(path: &Path) -> String {
    quoted(&format!("sqlite:{}", path.display()))
}

pub(super) fn list(texts: &[impl ToString]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(&text.to_string())).collect();
    format!("[{}]", texts.join(", "))
}

pub(super) fn argv(command: &Invocation) -> String {
    list(&command.argv)
}

pub(super) fn inline<'a>(pairs: impl IntoIterator<Item = (&'a str, Option<String>)>) -> String {
    let pairs: Vec<String> = pairs.into_iter().filter_map(|(key, value)| Some(format!("{key} = {}", value?))).collect();
    if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
}

pub(super) fn bounds(bounds: &Bounds) -> String {
    inline([
        ("warn", bounds.warning.map(limit)),
        ("crit", bounds.critical.map(limit)),
        ("for", (!bounds.hold.is_zero()).then(|| span(bounds.hold))),
        ("hint", bounds.hint.as_deref().map(quoted)),
    ])
}

/// A limit without the rounding that people are shown.
pub(super) fn limit(limit: Limit) -> String {
    let figure = match limit.unit {
        Unit::Percent => format!("{} %", limit.value),
        Unit::Count => limit.value.to_string(),
        Unit::Bytes => bytes(limit.value),
        Unit::BytesPerDay => format!("{}/day", bytes(limit.value)),
        Unit::Seconds => exact(Duration::try_from_secs_f64(limit.value).unwrap_or(Duration::MAX)),
    };
    quoted(&format!("{} {figure}", limit.comparison))
}

pub(super) fn span(duration: Duration) -> String {
    quoted(&exact(duration))
}

/// In the largest unit that leaves no remainder.
fn exact(duration: Duration) -> String {
    const UNITS: [(u128, &str); 6] = [
        (31_557_600_000_000_000, "y"),
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
    ];
    let nanos = duration.as_nanos();
    let unit = UNITS.iter().find(|(unit, _)| nanos >= *unit && nanos.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{nanos}ns"), |(unit, name)| format!("{}{name}", nanos / unit))
}

/// In the largest unit that leaves no remainder, decimal before binary.
pub(super) fn bytes(value: f64) -> String {
    const UNITS: [(f64, &str); 7] = [
        (1e12, "TB"),
        (1e9, "GB"),
        (1e6, "MB"),
        (1_073_741_824.0, "GiB"),
        (1_048_576.0, "MiB"),
        (1e3, "kB"),
        (1024.0, "KiB"),
    ];
    let unit = UNITS.iter().find(|(unit, _)| value >= *unit && value % unit == 0.0);
    unit.map_or_else(|| format!("{value} B"), |(unit, name)| format!("{} {name}", value / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_exact_in_the_largest_unit() {
        let table = [
            (0, "0ns"),
            (500, "500ms"),
            (90_000, "90s"),
            (90 * 86_400_000, "90d"),
            (7 * 31_557_600_000, "7y"),
            (93_600_000, "26h"),
        ];
        for (millis, text) in table {
            assert_eq!(exact(Duration::from_millis(millis)), text);
            assert_eq!(humantime::parse_duration(text).expect(text).as_millis(), u128::from(millis));
        }
        assert_eq!(exact(Duration::from_nanos(1)), "1ns");
        for (value, text) in [(5e8, "500 MB"), (67_108_864.0, "64 MiB"), (1.0, "1 B"), (0.0, "0 B"), (1536.0, "1536 B")]
        {
            assert_eq!(bytes(value), text);
        }
    }
}

//! Numbers as people say them. Every sentence of the program takes its figures from here,
//! so that the screen and the headless report never disagree about one.

use crate::domain::sample::{Unit, Value};
use crate::domain::time::{Timestamp, Zone};

/// A span of time: `0.4 s`, `41 s`, `2 m 10 s`, `31 h 04 m`, `9 d 3 h`.
pub fn seconds(value: f64) -> String {
    if !value.is_finite() {
        return "unknown".to_owned();
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let value = value.abs();
    if value < 0.9995 {
        return format!("{sign}{} ms", (value * 1000.0).round());
    }
    if value < 9.95 {
        return format!("{sign}{value:.1} s");
    }
    let whole = value.round() as u64;
    let (minutes, secs) = (whole / 60, whole % 60);
    let (hours, mins) = (whole / 3600, minutes % 60);
    match whole {
        0..60 => format!("{sign}{whole} s"),
        60..3600 => paired(sign, minutes, "m", secs, "s"),
        // A daily backup is spoken of in hours well past the first day.
        3600..172_800 => paired(sign, hours, "h", mins, "m"),
        _ => {
            let (days, rest) = (hours / 24, hours % 24);
            if days >= 10 || rest == 0 { format!("{sign}{days} d") } else { format!("{sign}{days} d {rest} h") }
        }
    }
}

/// `2 m`, or `2 m 05 s` where the smaller part says something.
fn paired(sign: &str, large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 {
        format!("{sign}{large} {large_unit}")
    } else {
        format!("{sign}{large} {large_unit} {small:02} {small_unit}")
    }
}

/// The same span in at most six cells, for a column: `0.4s`, `41s`, `2m`, `31h`, `9d`.
pub fn short_seconds(value: f64) -> String {
    if !value.is_finite() {
        return "?".to_owned();
    }
    let value = value.max(0.0);
    let whole = value.round() as u64;
    match whole {
        _ if value < 0.9995 => format!("{}ms", (value * 1000.0).round()),
        _ if value < 9.95 => format!("{value:.1}s"),
        0..120 => format!("{whole}s"),
        120..7200 => format!("{}m", whole / 60),
        7200..172_800 => format!("{}h", whole / 3600),
        _ => format!("{}d", whole / 86_400),
    }
}

pub fn duration(value: std::time::Duration) -> String {
    seconds(value.as_secs_f64())
}

/// Decimal bytes as disks and cloud bills count them: `512 B`, `48.1 MB`, `2.0 TB`.
pub fn bytes(value: f64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    if !value.is_finite() {
        return "unknown".to_owned();
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let mut value = value.abs();
    let mut unit = 0;
    while value >= 999.5 && unit < UNITS.len() - 1 {
        value /= 1000.0;
        unit += 1;
    }
    let name = UNITS[unit];
    match unit {
        0 => format!("{sign}{} {name}", value.round()),
        _ if value < 99.95 => format!("{sign}{value:.1} {name}"),
        _ => format!("{sign}{} {name}", value.round()),
    }
}

/// A plain number without useless digits: `3`, `0.42`, `1.9`.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "unknown".to_owned();
    }
    let magnitude = value.abs();
    if (value - value.round()).abs() < 0.005 || magnitude >= 100.0 {
        grouped(value.round())
    } else if magnitude >= 10.0 {
        format!("{value:.1}")
    } else {
        let text = format!("{value:.2}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// Whole numbers with a thin group mark from five digits on: `4711`, `12 345`.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let sign = if value < 0.0 { "-" } else { "" };
    if digits.len() < 5 {
        return format!("{sign}{digits}");
    }
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    format!("{sign}{out}")
}

/// A figure with its unit.
pub fn quantity(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Percent if value.is_finite() && value > 0.0 && value < 9.95 => format!("{value:.1} %"),
        Unit::Percent if value.is_finite() => format!("{value:.0} %"),
        Unit::Percent => "unknown".to_owned(),
        Unit::Bytes => bytes(value),
        Unit::BytesPerDay => format!("{}/day", bytes(value)),
        Unit::Seconds => seconds(value),
        Unit::Count => number(value),
    }
}

/// A figure that passed a limit, never rounded to the limit itself: `19.6 %` is not `20 %`.
pub fn beside_limit(value: f64, limit: f64, unit: Unit) -> String {
    let text = quantity(value, unit);
    if unit == Unit::Percent && text == quantity(limit, unit) { format!("{value:.2} %") } else { text }
}

/// A sample's value, as it is shown in a list of samples.
pub fn value(value: &Value, now: Timestamp, zone: &Zone) -> String {
    match value {
        Value::Gauge(number, unit) => quantity(*number, *unit),
        Value::Time(at) => {
            format!("{} ({} ago)", clock(*at, now, zone), seconds(crate::domain::time::seconds_between(*at, now)))
        }
        Value::Flag(true) => "yes".to_owned(),
        Value::Flag(false) => "no".to_owned(),
        Value::Text(text) => text.clone(),
    }
}

/// When something was, as short as it can be without being ambiguous: `08:30` today,
/// `Sun 02:00` within a week, `2 Feb 02:00` this year, `2025-12-31` before that.
pub fn clock(at: Timestamp, now: Timestamp, zone: &Zone) -> String {
    let (then, today) = (zone.local(at), zone.local(now));
    let days = (today.date_naive() - then.date_naive()).num_days();
    let format = match days {
        0 => "%H:%M",
        -6..=6 => "%a %H:%M",
        _ if chrono::Datelike::year(&then) == chrono::Datelike::year(&today) => "%-d %b %H:%M",
        _ => "%Y-%m-%d",
    };
    then.format(format).to_string()
}

/// `1 backup`, `3 backups`.
pub fn count(number: usize, noun: &str) -> String {
    let ending = if noun.ends_with('x') { "es" } else { "s" };
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}{ending}") }
}

/// Things one after the other: `a`, `a and b`, `a, b and c`.
pub fn listed(things: &[&str]) -> String {
    match things {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_as_spoken() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
    }

    #[test]
    fn spans_read_as_spoken() {
        let table = [
            (0.0, "0 ms"),
            (0.0214, "21 ms"),
            (0.9999, "1.0 s"),
            (4.12, "4.1 s"),
            (9.96, "10 s"),
            (59.6, "1 m"),
            (130.0, "2 m 10 s"),
            (3600.0, "1 h"),
            (111_840.0, "31 h 04 m"),
            (93_600.0, "26 h"),
            (200_000.0, "2 d 7 h"),
            (864_000.0, "10 d"),
            (-7200.0, "-2 h"),
            (f64::NAN, "unknown"),
        ];
        for (value, text) in table {
            assert_eq!(seconds(value), text, "{value}");
        }
    }

    #[test]
    fn sizes_and_numbers() {
        let sizes = [(0.0, "0 B"), (512.0, "512 B"), (999.6, "1.0 kB"), (48_100_000.0, "48.1 MB"), (512e6, "512 MB")];
        for (value, text) in sizes {
            assert_eq!(bytes(value), text);
        }
        for (value, text) in [(3.0, "3"), (0.42, "0.42"), (1.9, "1.9"), (12_345.0, "12 345"), (4711.0, "4711")] {
            assert_eq!(number(value), text);
        }
        assert_eq!(quantity(17.82, Unit::Percent), "18 %");
        assert_eq!(quantity(0.4, Unit::Percent), "0.4 %");
        assert_eq!(beside_limit(19.96, 20.0, Unit::Percent), "19.96 %");
        assert_eq!(beside_limit(17.5, 20.0, Unit::Percent), "18 %");
    }
}

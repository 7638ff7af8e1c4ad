//! Times as programs write them: somewhere at the beginning of a line of a log, or as the value
//! of a row. What says no zone is local to the one that is given.

use chrono::{FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::{Timestamp, Zone};

/// Where in a line its time may begin, at the latest.
const REACH: usize = 100;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// A reading of a clock, and how far that clock is from UTC where it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Written {
    wall: NaiveDateTime,
    offset: Option<FixedOffset>,
}

impl Written {
    fn instant(self, zone: &Zone) -> Timestamp {
        match self.offset {
            Some(offset) => (self.wall - TimeDelta::seconds(offset.local_minus_utc().into())).and_utc(),
            None => zone.instants(self.wall).earliest(),
        }
    }
}

/// The first time that stands at the beginning of a line, whatever stands before it:
/// `2026-03-02 02:00:01,123 INFO …`, `[2026-03-02T02:00:01Z] …`, `… - - [02/Mar/2026:02:00:01 +0000] …`.
pub fn in_line(line: &str, zone: &Zone) -> Option<Timestamp> {
    let bytes = line.as_bytes();
    let begins = |at: &usize| bytes[*at].is_ascii_digit() && (*at == 0 || !bytes[at - 1].is_ascii_alphanumeric());
    let mut places = (0..bytes.len().min(REACH)).filter(begins);
    places.find_map(|at| {
        let rest = Rest(&bytes[at..]);
        // A day alone is no time of a line.
        Some(rest.iso(true).or_else(|| rest.apache())?.0.instant(zone))
    })
}

/// The time a text is: as in a line, a day alone, or the seconds since 1970.
pub fn value(text: &str, zone: &Zone) -> Option<Timestamp> {
    let text = text.trim();
    if let Some((written, rest)) = Rest(text.as_bytes()).iso(false) {
        return rest.0.is_empty().then(|| written.instant(zone));
    }
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if !(9..=16).contains(&whole.len()) || !whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    match whole.len() {
        ..=11 => Timestamp::from_timestamp(number, 0),
        12..=14 => Timestamp::from_timestamp_millis(number),
        _ => Timestamp::from_timestamp_micros(number),
    }
}

/// What is left to be read.
#[derive(Clone, Copy, Debug)]
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    /// Takes so many digits.
    fn digits(self, count: usize) -> Option<(u32, Self)> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        let number = digits
            .iter()
            .try_fold(0_u32, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))?;
        Some((number, Self(rest)))
    }

    fn one_of(self, signs: &[u8]) -> Option<Self> {
        let (first, rest) = self.0.split_first()?;
        signs.contains(first).then_some(Self(rest))
    }

    /// `2026-03-02`, with a time unless a day will do.
    fn iso(self, timed: bool) -> Option<(Written, Self)> {
        let (year, rest) = self.digits(4)?;
        let (month, rest) = rest.one_of(b"-/")?.digits(2)?;
        let (day, rest) = rest.one_of(b"-/")?.digits(2)?;
        let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
        match rest.one_of(b"T _").and_then(Rest::clock) {
            Some((time, rest)) => {
                let (offset, rest) = rest.zone();
                Some((Written { wall: date.and_time(time), offset }, rest))
            }
            None if timed => None,
            None => Some((Written { wall: date.and_time(NaiveTime::MIN), offset: None }, rest)),
        }
    }

    /// `02/Mar/2026:02:00:01 +0000`
    fn apache(self) -> Option<(Written, Self)> {
        let (day, rest) = self.digits(2)?;
        let (name, rest) = rest.one_of(b"/")?.0.split_at_checked(3)?;
        let month = MONTHS.iter().position(|month| month.as_bytes().eq_ignore_ascii_case(name))?;
        let (year, rest) = Self(rest).one_of(b"/")?.digits(4)?;
        let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, u32::try_from(month).ok()? + 1, day)?;
        let (time, rest) = rest.one_of(b": ")?.clock()?;
        let (offset, rest) = rest.zone();
        Some((Written { wall: date.and_time(time), offset }, rest))
    }

    /// `02:00`, `02:00:01`, `02:00:01.123456`
    fn clock(self) -> Option<(NaiveTime, Self)> {
        let (hour, rest) = self.digits(2)?;
        let (minute, mut rest) = rest.one_of(b":")?.digits(2)?;
        let mut second = 0;
        if let Some((found, after)) = rest.one_of(b":").and_then(|rest| rest.digits(2)) {
            (second, rest) = (found, after);
            if let Some(part) = rest.one_of(b".,").filter(|part| part.0.first().is_some_and(u8::is_ascii_digit)) {
                let digits = part.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
                rest = Self(&part.0[digits..]);
            }
        }
        // A leap second is the last of its minute.
        Some((NaiveTime::from_hms_opt(hour, minute, second.min(59))?, rest))
    }

    /// `Z`, `+00`, `+0000`, `+00:00`; behind a blank only what cannot be anything else.
    fn zone(self) -> (Option<FixedOffset>, Self) {
        let utc = |rest: &'a [u8]| (FixedOffset::east_opt(0), Self(rest));
        let found = match self.0 {
            [b'Z' | b'z', rest @ ..] | [b' ', b'U', b'T', b'C', rest @ ..] | [b' ', b'G', b'M', b'T', rest @ ..] => {
                Some(utc(rest))
            }
            [b' ', rest @ ..] => Self(rest).offset(true),
            _ => self.offset(false),
        };
        found.unwrap_or((None, self))
    }

    fn offset(self, whole: bool) -> Option<(Option<FixedOffset>, Self)> {
        let sign = if self.0.first()? == &b'-' { -1 } else { 1 };
        let (hours, rest) = self.one_of(b"+-")?.digits(2)?;
        let minutes = rest.one_of(b":").unwrap_or(rest).digits(2);
        if whole && minutes.is_none() {
            return None;
        }
        let (minutes, rest) = minutes.unwrap_or((0, rest));
        let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
        Some((Some(FixedOffset::east_opt(sign * seconds)?), rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn london() -> Zone {
        Zone::named("Europe/London").expect("zone")
    }

    #[test]
    fn a_line_is_of_the_first_time_in_it() {
        let table = [
            ("2026-07-02 02:00:01,123 INFO report sent", Some("2026-07-02T01:00:01Z")),
            ("[2026-07-02T02:00:01.5Z] report sent", Some("2026-07-02T02:00:01Z")),
            ("INFO 2026/03/02 02:00 report sent 2026-03-01 01:00", Some("2026-03-02T02:00:00Z")),
            ("1.2.3.4 - - [02/Jul/2026:02:00:01 +0200] \"GET /\"", Some("2026-07-02T00:00:01Z")),
            ("2026-03-02 02:00:01 -05 files left", Some("2026-03-02T02:00:01Z")),
            ("2026-03-02 02:00:01 -0500 done", Some("2026-03-02T07:00:01Z")),
            ("2026-03-02 02:00:60 UTC a leap second", Some("2026-03-02T02:00:59Z")),
            ("report of 2026-03-02 is sent", None),
            ("v2026-03-02 02:00", None),
            ("2026-13-02 02:00:01 no month", None),
            ("2026-03-02 25:00:01 no hour", None),
            ("", None),
        ];
        for (line, expected) in table {
            let expected = expected.map(|text| text.parse::<Timestamp>().expect("time"));
            assert_eq!(in_line(line, &london()), expected, "{line}");
        }
        let late = format!("{}2026-03-02 02:00:01", " ".repeat(REACH));
        assert_eq!(in_line(&late, &london()), None, "it is not looked for further on");
    }

    #[test]
    fn a_value_is_a_time_from_its_first_to_its_last_letter() {
        let table = [
            ("2026-07-02 02:00:01+00", Some("2026-07-02T02:00:01Z")),
            ("2026-07-02 02:00:01.25+05:30", Some("2026-07-01T20:30:01Z")),
            (" 2026-07-02 02:00:01 ", Some("2026-07-02T01:00:01Z")),
            ("2026-07-02", Some("2026-07-01T23:00:00Z")),
            ("1772416800", Some("2026-03-02T02:00:00Z")),
            ("1772416800.75", Some("2026-03-02T02:00:00Z")),
            ("1772416800000", Some("2026-03-02T02:00:00Z")),
            ("1772416800000000", Some("2026-03-02T02:00:00Z")),
            ("2026-07-02 02:00:01 and more", None),
            ("42", None),
            ("-1772416800", None),
            ("yesterday", None),
            ("", None),
        ];
        for (text, expected) in table {
            let expected = expected.map(|text| text.parse::<Timestamp>().expect("time"));
            assert_eq!(value(text, &london()), expected, "{text}");
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_fall() {
        let mut seed = 7_u64;
        let mut next = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize
        };
        let pieces = ["2026", "-", "03", "/", "02", "T", " ", ":", "99", ".", ",", "Z", "+", "é", "[", "Mar", "\u{1b}"];
        for _ in 0..20_000 {
            let text: String = (0..next() % 14).map(|_| pieces[next() % pieces.len()]).collect();
            let (found, whole) = (in_line(&text, &london()), value(&text, &london()));
            assert!(found.is_none_or(|at| at.timestamp() > -62_200_000_000), "{text}");
            assert!(whole.is_none() || text.contains("2026") || text.len() > 8, "{text}");
        }
    }
}

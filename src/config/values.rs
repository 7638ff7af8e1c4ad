//! Values that are written as text with a unit: each knows how it is read, and says in its
//! error how it is written.

use std::fmt;
use std::time::Duration;

use chrono::NaiveTime;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use crate::domain::limit::{self, Limit};

/// A span of time that is not zero: an interval, a deadline, an age.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interval(pub(super) Duration);

/// How often something is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Every(pub(super) Duration);

/// A span of time that may be zero: a grace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance(pub(super) Duration);

/// A size in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size(pub(super) u64);

/// A comparison with a figure.
#[derive(Clone, Copy, Debug)]
pub(super) struct LimitText(pub(super) Limit);

/// A local time of day.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeOfDay(pub(super) NaiveTime);

/// A name that becomes part of probe ids, file names and commands.
#[derive(Clone, Debug)]
pub(super) struct Id(pub(super) String);

/// A text that people are shown.
#[derive(Clone, Debug)]
pub(super) struct Label(pub(super) String);

/// A program and its arguments.
#[derive(Clone, Debug)]
pub(super) struct Argv(pub(super) Vec<String>);

/// Longer than any span somebody means; keeps arithmetic with dates within their range.
const LONGEST: Duration = Duration::from_hours(100 * 366 * 24);

/// More often than this, looking is a load of its own.
const SHORTEST: Duration = Duration::from_millis(100);

fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|why| {
        format!("`{text}` is not a duration ({why}); write one with its unit, such as \"90s\" or \"26h\"")
    })?;
    if duration > LONGEST {
        return Err(format!("`{text}` is longer than 100 years"));
    }
    Ok(duration)
}

fn interval(text: &str) -> Result<Interval, String> {
    match duration(text)? {
        Duration::ZERO => Err("this must be longer than zero".to_owned()),
        duration => Ok(Interval(duration)),
    }
}

fn every(text: &str) -> Result<Every, String> {
    let every = interval(text)?.0;
    if every < SHORTEST {
        return Err("this is shorter than 100 ms; the machine would be busy with looking at itself".to_owned());
    }
    Ok(Every(every))
}

fn size(text: &str) -> Result<Size, String> {
    limit::parse_size(text)
        .filter(|bytes| *bytes <= i64::MAX as f64)
        .map(|bytes| Size(bytes as u64))
        .ok_or_else(|| format!("`{text}` is not a size; write one with its unit, such as \"500 MB\" or \"64 MiB\""))
}

fn time_of_day(text: &str) -> Result<TimeOfDay, String> {
    let shaped = text.len() == 5 && text.is_char_boundary(2) && &text[2..3] == ":";
    let time = shaped.then(|| NaiveTime::parse_from_str(text, "%H:%M").ok()).flatten();
    time.map(TimeOfDay).ok_or_else(|| format!("`{text}` is not a time of day; write it as \"09:00\""))
}

fn id(text: &str) -> Result<Id, String> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || ":/\\\"'`*?".contains(c);
    if text.is_empty() {
        return Err("an id must not be empty".to_owned());
    }
    if text.chars().any(odd) || text.starts_with(['.', '-']) || text.chars().count() > 64 {
        return Err(format!(
            "`{}` is not an id; use up to 64 letters, digits, `-`, `_` and `.`, and begin with a letter or a digit",
            text.escape_debug()
        ));
    }
    Ok(Id(text.to_owned()))
}

fn label(text: &str) -> Result<Label, String> {
    if text.trim().is_empty() {
        return Err("this text must not be empty".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err(
            "this text is shown on one line; it must not contain line breaks or other control characters".into()
        );
    }
    Ok(Label(text.to_owned()))
}

/// Deserializes from a string only. An error keeps the place of the value, and a value of
/// another type is told what was expected.
fn from_text<'de, D, T>(
    deserializer: D,
    expected: &'static str,
    read: fn(&str) -> Result<T, String>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
{
    struct Text<T> {
        expected: &'static str,
        read: fn(&str) -> Result<T, String>,
    }

    impl<T> Visitor<'_> for Text<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.expected)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            (self.read)(text).map_err(E::custom)
        }
    }

    deserializer.deserialize_str(Text { expected, read })
}

/// Gives a type its `Deserialize`: what is expected, and how it is read.
macro_rules! text_value {
    ($type:ty, $expected:literal, $read:expr) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                from_text(deserializer, $expected, $read)
            }
        }
    };
}

text_value!(Interval, "a duration in quotes, such as \"30s\"", interval);
text_value!(Every, "a duration in quotes, such as \"30s\"", every);
text_value!(Allowance, "a duration in quotes, such as \"30m\"", |text| duration(text).map(Allowance));
text_value!(Size, "a size in quotes, such as \"500 MB\"", size);
text_value!(LimitText, "a limit in quotes, such as \"> 80 %\"", |text| {
    Limit::parse(text).map(LimitText).map_err(|why| why.to_string())
});
text_value!(TimeOfDay, "a time of day in quotes, such as \"09:00\"", time_of_day);
text_value!(Id, "an id in quotes", id);
text_value!(Label, "a text in quotes", label);

impl<'de> Deserialize<'de> for Argv {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Argv;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of the program and its arguments, such as [\"systemctl\", \"restart\", \"rota\"]")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Argv, A::Error> {
                let mut argv = Vec::new();
                while let Some(argument) = seq.next_element::<String>()? {
                    argv.push(argument);
                }
                if argv.first().is_none_or(String::is_empty) {
                    return Err(A::Error::custom("this command names no program"));
                }
                if argv.iter().any(|argument| argument.contains('\0')) {
                    return Err(A::Error::custom("an argument cannot contain a NUL"));
                }
                Ok(Argv(argv))
            }
        }

        deserializer.deserialize_seq(List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct One<T> {
        x: T,
    }

    fn read<T: serde::de::DeserializeOwned>(value: &str) -> Result<T, String> {
        toml::from_str::<One<T>>(&format!("x = {value}")).map(|one| one.x).map_err(|why| why.message().to_owned())
    }

    #[test]
    fn durations_want_a_unit_and_an_interval_is_never_zero() {
        assert_eq!(read::<Interval>("'26h'").map(|x| x.0), Ok(Duration::from_hours(26)));
        assert_eq!(read::<Interval>("'7y'").map(|x| x.0), Ok(Duration::from_hours(7 * 8766)));
        assert_eq!(read::<Allowance>("'0s'").map(|x| x.0), Ok(Duration::ZERO));
        for (text, why) in [
            ("'0s'", "longer than zero"),
            ("'30'", "not a duration"),
            ("30", "expected a duration in quotes"),
            ("'5 parsecs'", "not a duration"),
            ("'-5s'", "not a duration"),
            ("'900y'", "longer than 100 years"),
            ("'99999999999999999999s'", "not a duration"),
        ] {
            let said = read::<Interval>(text).expect_err(text);
            assert!(said.contains(why), "{text}: {said}");
        }
    }

    #[test]
    fn sizes_are_decimal_or_binary() {
        assert_eq!(read::<Size>("'1 MB'").map(|x| x.0), Ok(1_000_000));
        assert_eq!(read::<Size>("'64MiB'").map(|x| x.0), Ok(67_108_864));
        assert!(read::<Size>("'1'").is_err() && read::<Size>("'99999999999 TB'").is_err());
    }

    #[test]
    fn times_of_day_have_two_and_two_digits() {
        assert_eq!(read::<TimeOfDay>("'09:05'").map(|x| x.0.to_string()), Ok("09:05:00".to_owned()));
        for text in ["'9:00'", "'24:00'", "'09:60'", "'0900'", "'é9:0'", "'09:00 '", "09:00:00"] {
            assert!(read::<TimeOfDay>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ids_cannot_leave_their_folder_or_look_like_something_else() {
        assert!(read::<Id>("'rota-db_2.x'").is_ok() && read::<Id>("'Straße'").is_ok());
        for text in ["''", "'a b'", "'a:b'", "'../x'", "'a/b'", "'-x'", "\"a\\u001b\"", "\"a\\n\"", "5"] {
            assert!(read::<Id>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_shown_carries_no_escapes() {
        assert!(read::<Label>("\"a\\u001b[31m\"").is_err() && read::<Label>("'  '").is_err());
        assert!(read::<Label>("'Größe > 5'").is_ok());
    }

    #[test]
    fn a_command_is_a_list_with_a_program() {
        assert_eq!(read::<Argv>("['ls', '-l']").map(|x| x.0), Ok(vec!["ls".to_owned(), "-l".to_owned()]));
        for (text, why) in [("'ls -l'", "a list of the program"), ("[]", "no program"), ("['']", "no program")] {
            let said = read::<Argv>(text).expect_err(text);
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}

//! The five fields: what cron accepts, and why it does not accept the rest.

use std::time::Duration;

use chrono::{Datelike, NaiveDate};

use super::dialect::Dialect;
use crate::domain::sanitize;

/// Which minutes, hours, days, months and weekdays: one bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) minutes: Field,
    pub(super) hours: Field,
    pub(super) days: Field,
    pub(super) months: Field,
    /// Sunday is 0.
    pub(super) weekdays: Field,
}

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    bits: u64,
    /// It begins with `*`, as cron asks: `*/2` does, `0-59` does not.
    pub(super) star: bool,
    /// How many values later than the one it names it may be due, by the daemon's choice: `0~30`.
    pub(super) spread: u32,
}

/// What a schedule that cannot be read gets wrong, and how to write it instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}, column {column}: {cause}; {mend}")]
pub struct ScheduleError {
    /// `minute`, `hour`, `day of month`, `month`, `day of week`, or `schedule` for the whole.
    pub field: &'static str,
    /// Where in the text, counted in characters from 1.
    pub column: usize,
    pub cause: String,
    pub mend: String,
}

/// What one part of a list comes to.
enum Part {
    /// One bit each.
    Values(u64),
    /// `22-2`: cron takes it, and finds no value in it.
    Backwards(ScheduleError),
}

/// What a field may hold.
struct Range {
    name: &'static str,
    low: u32,
    high: u32,
    /// Names for `low`, `low + 1`, …
    names: &'static [&'static str],
    /// Whether it may leave the choice of its value to the daemon.
    spreads: bool,
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const RANGES: [Range; 5] = [
    Range { name: "minute", low: 0, high: 59, names: &[], spreads: true },
    Range { name: "hour", low: 0, high: 23, names: &[], spreads: true },
    Range { name: "day of month", low: 1, high: 31, names: &[], spreads: false },
    Range { name: "month", low: 1, high: 12, names: &MONTHS, spreads: false },
    Range { name: "day of week", low: 0, high: 7, names: &WEEKDAYS, spreads: false },
];

impl Fields {
    /// What the daemon reads otherwise than it is written goes to `oddities`.
    pub(super) fn parse(text: &str, dialect: Dialect, oddities: &mut Vec<String>) -> Result<Self, ScheduleError> {
        let words: Vec<(usize, &str)> = words(if text.starts_with('@') { expand(text)? } else { text }).collect();
        let [minute, hour, day, month, weekday] = words[..] else {
            return Err(ScheduleError {
                field: "schedule",
                column: words.get(5).map_or(text.chars().count() + 1, |(column, _)| *column),
                cause: format!("cron has five fields, here are {}", words.len()),
                mend: "write minute, hour, day of month, month and day of week, such as `0 2 * * *`".to_owned(),
            });
        };
        let [minutes, hours, days, months, weekdays] = &RANGES;
        let mut fields = Self {
            minutes: minutes.parse(minute, dialect, oddities)?,
            hours: hours.parse(hour, dialect, oddities)?,
            days: days.parse(day, dialect, oddities)?,
            months: months.parse(month, dialect, oddities)?,
            weekdays: weekdays.parse(weekday, dialect, oddities)?,
        };
        // Sunday is 0 and 7.
        fields.weekdays.bits = (fields.weekdays.bits | fields.weekdays.bits >> 7) & 0x7f;
        Ok(fields)
    }

    /// Whether a date is one of its days. The two day fields are alternatives, unless one of
    /// them begins with `*`: then both must hold.
    pub(super) fn match_date(&self, date: NaiveDate) -> bool {
        let day = self.days.has(date.day());
        let weekday = self.weekdays.has(date.weekday().num_days_from_sunday());
        let either = !self.days.star && !self.weekdays.star;
        self.months.has(date.month()) && if either { day || weekday } else { day && weekday }
    }

    /// Whether it is due at this minute of one of its days.
    pub(super) fn match_minute(&self, minute: u32) -> bool {
        self.hours.has(minute / 60) && self.minutes.has(minute % 60)
    }

    /// The first minute of a day, from `from` on, at which it is due.
    pub(super) fn minute_from(&self, from: i64) -> Option<i64> {
        (from / 60..24).filter(|hour| self.hours.has(*hour as u32)).find_map(|hour| {
            let first = (from - hour * 60).max(0);
            let minute = (first..60).find(|minute| self.minutes.has(*minute as u32))?;
            Some(hour * 60 + minute)
        })
    }

    /// The last minute of a day, up to and with `upto`, at which it is due.
    pub(super) fn minute_up_to(&self, upto: i64) -> Option<i64> {
        (0..=upto.div_euclid(60)).rev().filter(|hour| self.hours.has(*hour as u32)).find_map(|hour| {
            let last = (upto - hour * 60).min(59);
            let minute = (0..=last).rev().find(|minute| self.minutes.has(*minute as u32))?;
            Some(hour * 60 + minute)
        })
    }

    /// How much later than its instants it may be due. One daemon takes `0~30` for the `0`, another
    /// for whichever minute of the half hour it once chose: what is between is not late for either.
    pub(super) fn spread(&self) -> Duration {
        Duration::from_secs(60 * u64::from(self.minutes.spread + 60 * self.hours.spread))
    }

    /// Whether it runs in every minute the clock really shows, rather than at fixed times.
    pub(super) fn follows_the_clock(&self) -> bool {
        self.minutes.star || self.hours.star
    }
}

impl Field {
    pub(super) fn has(self, value: u32) -> bool {
        self.bits >> value & 1 == 1
    }

    pub(super) fn values(self) -> Vec<u32> {
        (0..64).filter(|value| self.has(*value)).collect()
    }
}

/// The words of a text, each with its column.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split([' ', '\t'])
        .scan(1, |column, word| {
            let here = *column;
            *column += word.chars().count() + 1;
            Some((here, word))
        })
        .filter(|(_, word)| !word.is_empty())
}

/// What cron's macros stand for.
fn expand(text: &str) -> Result<&'static str, ScheduleError> {
    Ok(match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        _ => {
            return Err(ScheduleError {
                field: "schedule",
                column: 1,
                cause: format!("`{}` is no macro of cron", sanitize::line(text)),
                mend: "cron knows @reboot, @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly, \
                       in small letters"
                    .to_owned(),
            });
        }
    })
}

impl Range {
    fn parse(
        &self,
        (column, written): (usize, &str),
        dialect: Dialect,
        oddities: &mut Vec<String>,
    ) -> Result<Field, ScheduleError> {
        let text = dialect.as_far_as_it_reads(written, self.spreads);
        if text != written {
            let odd = format!("{}: Debian's cron reads `{written}` as `{text}`; write what is meant", self.name);
            oddities.push(sanitize::line(&odd));
        }
        let (mut bits, mut spread, mut backwards) = (0, 0, None);
        let mut at = column;
        for part in text.split(',') {
            if let Some((first, last)) = part.split_once('~').filter(|_| self.spreads) {
                let first_at = at + first.chars().count() + 1;
                let (low, high) = (self.value(at, first)?, self.value(first_at, last)?);
                if low > high {
                    return Err(self.error(
                        at,
                        &format!("the range `{part}` runs backwards"),
                        "write the lower value first",
                    ));
                }
                bits |= 1 << low;
                spread = spread.max(high - low);
            } else {
                match self.part(at, part, dialect)? {
                    Part::Values(values) => bits |= values,
                    Part::Backwards(error) => backwards = Some(error),
                }
            }
            at += part.chars().count() + 1;
        }
        match backwards {
            Some(error) if bits == 0 => Err(error),
            Some(error) => {
                oddities.push(format!("{}: {}; {}", self.name, error.cause, error.mend));
                Ok(Field { bits, star: text.starts_with('*'), spread })
            }
            None => Ok(Field { bits, star: text.starts_with('*'), spread }),
        }
    }

    /// `*`, `5`, `mon-fri`, each range with or without `/step`.
    fn part(&self, column: usize, part: &str, dialect: Dialect) -> Result<Part, ScheduleError> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (part, None),
        };
        let (first, last) = if range == "*" {
            (self.low, self.high)
        } else if let Some((first, last)) = range.split_once('-') {
            let (low, mut high) = (self.value(column, first)?, self.value(column + first.chars().count() + 1, last)?);
            // A week may end on the Sunday that also begins it, but for one daemon, and not in steps.
            if self.high == 7 && high == 0 && low > 0 && dialect == Dialect::Cronie && step.is_none() {
                high = 7;
            }
            if low > high {
                let mend = match (self.high, high) {
                    (7, 0) => format!("write {first}-7{}", step.map_or_else(String::new, |step| format!("/{step}"))),
                    _ => format!("write {first}-{},{}-{last}", self.high, self.low),
                };
                let cause = format!("the range `{range}` runs backwards, and nothing is due in it");
                return Ok(Part::Backwards(self.error(column, &cause, &mend)));
            }
            (low, high)
        } else {
            let value = self.value(column, range)?;
            if step.is_some() {
                let mend = format!("write {range}-{}/…", self.high);
                return Err(self.error(column, &format!("`{part}` is a step without a range"), &mend));
            }
            (value, value)
        };
        let step = match step.map(|step| (step, number(step))) {
            None => 1,
            Some((_, Some(step))) if step > 0 => step,
            Some((step, _)) => {
                let column = column + range.chars().count() + 1;
                return Err(self.error(column, &format!("`{step}` is no step"), "write a number from 1"));
            }
        };
        Ok(Part::Values((first..=last).step_by(step as usize).fold(0, |bits, value| bits | 1 << value)))
    }

    fn value(&self, column: usize, text: &str) -> Result<u32, ScheduleError> {
        let named = self.names.iter().position(|name| text.eq_ignore_ascii_case(name));
        let value = named.map(|index| self.low + index as u32).or_else(|| number(text));
        value.filter(|value| (self.low..=self.high).contains(value)).ok_or_else(|| {
            let cause = match text {
                "" => "a value is missing".to_owned(),
                _ if text.contains('~') => format!("`{text}` is a random time, which cannot be foretold"),
                _ => format!("`{text}` is not one of its values"),
            };
            let mend = match (self.names.first(), self.names.last()) {
                (Some(first), Some(last)) => format!("use {}-{} or {first}-{last}", self.low, self.high),
                _ => format!("use {}-{}", self.low, self.high),
            };
            self.error(column, &cause, &mend)
        })
    }

    fn error(&self, column: usize, cause: &str, mend: &str) -> ScheduleError {
        ScheduleError { field: self.name, column, cause: sanitize::line(cause), mend: sanitize::line(mend) }
    }
}

/// Digits only: cron takes no sign, and any number of zeros before.
fn number(text: &str) -> Option<u32> {
    let digits = (1..100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

//! One line of syslog: its stamp, who says it, and what cron says of a job.

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::Calendar;
use crate::domain::time::{Reading, Timestamp};

/// Longer lines than this are none of cron's.
const MOST: usize = 16 * 1024;

/// When a line was written, as far as it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamp<'a> {
    /// `2026-11-20T09:31:58.424673+00:00`
    Full(&'a str),
    /// `Nov 20 09:31:58`: a clock on a wall, of which year it does not say.
    Short(&'a str),
}

/// What cron says of a job. The process is the job's own, where cron tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said<'a> {
    Began {
        user: &'a str,
        command: &'a str,
        process: Option<u32>,
    },
    Failed {
        process: u32,
        code: i32,
    },
    Ended {
        process: u32,
    },
    /// Known, and none of a job's: a crontab was reloaded, nobody takes its mail.
    Nothing,
}

/// The stamp of a line, and what follows it.
pub(super) fn split(line: &[u8]) -> Option<(Stamp<'_>, &[u8])> {
    const SHORT: usize = "Nov 20 09:31:58".len();
    let first = *line.first()?;
    if first.is_ascii_digit() {
        let end = line.iter().take(40).position(|byte| *byte == b' ')?;
        return Some((Stamp::Full(std::str::from_utf8(&line[..end]).ok()?), &line[end + 1..]));
    }
    let is_short = first.is_ascii_uppercase() && line.get(SHORT) == Some(&b' ') && line[9] == b':' && line[12] == b':';
    if !is_short {
        return None;
    }
    Some((Stamp::Short(std::str::from_utf8(&line[..SHORT]).ok()?), &line[SHORT + 1..]))
}

/// Who of cron's speaks, and what; `None` for everybody else. `rest` is `host tag[pid]: message`.
pub(super) fn of_cron(rest: &[u8]) -> Option<(&str, &[u8])> {
    let host = rest.iter().take(256).position(|byte| *byte == b' ')?;
    let rest = &rest[host + 1..];
    let end = rest.iter().take(64).position(|byte| matches!(byte, b'[' | b':' | b' '))?;
    let tag = rest[..end].rsplit(|byte| *byte == b'/').next()?;
    if ![&b"cron"[..], b"crond"].iter().any(|name| tag.eq_ignore_ascii_case(name)) || rest.len() > MOST {
        return None;
    }
    let colon = rest.iter().take(end + 16).position(|byte| *byte == b':')?;
    Some((std::str::from_utf8(tag).ok()?, rest[colon + 1..].trim_ascii()))
}

/// What a message of cron says; `None` when it is none that is known.
pub(super) fn message<'a>(_tag: &str, message: &'a [u8]) -> Option<Said<'a>> {
    // What is no UTF-8 is told by where it stops being: the start of the command will do.
    let text = match std::str::from_utf8(message) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&message[..error.valid_up_to()]).ok()?,
    };
    let whole = text.len() == message.len();
    if let Some(code) = text.strip_prefix("(CRON) error (grandchild #") {
        let (process, rest) = code.split_once(' ')?;
        let code = rest.strip_prefix("failed with exit status ")?.strip_suffix(')')?;
        return Some(Said::Failed { process: process.parse().ok()?, code: code.parse().ok()? });
    }
    let Some((user, rest)) = text.strip_prefix('(').and_then(|text| text.split_once(") ")) else {
        return known(text).then_some(Said::Nothing);
    };
    let (verb, told) = rest.split_once(' ').unwrap_or((rest, ""));
    let inside = || {
        let told = told.strip_prefix('(')?;
        if whole { told.strip_suffix(')') } else { Some(told) }
    };
    match verb {
        "CMD" => {
            let (process, command) = numbered(inside()?);
            Some(Said::Began { user, command: command.trim(), process })
        }
        "END" => match numbered(inside()?) {
            (Some(process), _) => Some(Said::Ended { process }),
            (None, _) => Some(Said::Nothing),
        },
        _ => Some(Said::Nothing),
    }
}

/// `[35] command`, as a daemon writes it that tells the process.
fn numbered(text: &str) -> (Option<u32>, &str) {
    let told = text.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    match told.and_then(|(number, rest)| Some((number.parse().ok()?, rest))) {
        Some((number, rest)) => (Some(number), rest),
        None => (None, text),
    }
}

/// What cron says beside its jobs.
fn known(text: &str) -> bool {
    ["Error: ", "pam_", "Authentication", "Permission", "CRON "].iter().any(|start| text.starts_with(start))
}

impl Stamp<'_> {
    /// The instant, no later than about now. `latest` is that of the line before: in the hour a
    /// clock shows twice, it tells the second from the first.
    pub(super) fn instant(self, calendar: &Calendar, latest: Option<Timestamp>) -> Option<Timestamp> {
        match self {
            Stamp::Full(text) => DateTime::parse_from_rfc3339(text).ok().map(Into::into),
            Stamp::Short(text) => {
                let (month, day, time) = wall(text)?;
                let year = calendar.zone.local(calendar.now).year();
                // Eight years hold a 29 February.
                let mut instants = (year - 8..=year + 1).rev().filter_map(|year| {
                    let wall = NaiveDateTime::new(NaiveDate::from_ymd_opt(year, month, day)?, time);
                    Some(match calendar.zone.instants(wall) {
                        Reading::Twice(first, second) => {
                            let again = latest.is_some_and(|latest| latest > first + TimeDelta::minutes(1));
                            if again { second } else { first }
                        }
                        once => once.earliest(),
                    })
                });
                instants.find(|at| *at <= calendar.now + TimeDelta::days(1))
            }
        }
    }
}

/// `Nov 20 09:31:58`: month, day and time.
fn wall(text: &str) -> Option<(u32, u32, NaiveTime)> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = MONTHS.iter().position(|name| text.get(..3) == Some(name))?;
    let day = text.get(4..6)?.trim_start().parse().ok()?;
    let part = |range: std::ops::Range<usize>| text.get(range)?.parse::<u32>().ok();
    let time = NaiveTime::from_hms_opt(part(7..9)?, part(10..12)?, part(13..15)?)?;
    Some((u32::try_from(month).ok()? + 1, day, time))
}

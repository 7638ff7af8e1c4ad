//! Jobs of anacron: what is to run every so many days on a machine that is not always on, and the day
//! on which it last did.
//!
//! anacron writes down the day when a job is over, however that went: that it ran is known, how it
//! ended is not. It starts what is due whenever it is started itself, so the day is all there is to
//! hold it to.

use std::path::Path;
use std::time::Duration;

use chrono::{Datelike as _, Days, Months, NaiveDate, TimeDelta};

use super::cron_log::Calendar;
use super::crontab::{self, Parts};
use super::source::{Acts, Ask, Last, Listed, Outcome, SourceKind};
use super::uptime;
use crate::domain::plan::Invocation;
use crate::domain::sanitize;
use crate::domain::task::Told;
use crate::domain::time::{Timestamp, Zone};

/// Jobs of anacron.
pub const SOURCE: SourceKind = SourceKind {
    name: "anacron",
    together: None,
    every: Duration::from_mins(1),
    is_here,
    is_of_system: |_| false,
    names: read,
    read,
    recall: |_, _, _, _| {},
    parse,
    acts,
};

const TABLE: &str = "etc/anacrontab";
const STAMPS: &str = "var/spool/anacron";
/// A file larger than this is no table of anacron.
const MOST_BYTES: u64 = 1 << 20;
/// Of how many days a year has at most.
const A_YEAR: u64 = 366;
/// How long after the machine came up anacron is started at the latest: by its own timer, or by a line
/// of every hour.
const AWAKE: Duration = Duration::from_hours(2);

/// Whether there is anything to ask.
pub fn is_here(root: &Path) -> bool {
    root.join(TABLE).is_file()
}

/// How often a job is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Period {
    Days(u64),
    Monthly,
    Yearly,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
struct Job {
    period: Period,
    delay: Duration,
    id: String,
    command: String,
    line: usize,
}

/// What the table says.
#[derive(Debug, Default)]
struct Table {
    jobs: Vec<Job>,
    /// The hours of the day in which jobs may begin.
    hours: Option<(u64, u64)>,
    /// As long as this may be added to each delay.
    random: Duration,
    /// A sentence for each line that anacron does not understand.
    broken: Vec<String>,
}

impl Table {
    fn read(root: &Path) -> Result<Self, String> {
        use std::io::Read as _;
        let read = || {
            let mut bytes = Vec::new();
            std::fs::File::open(root.join(TABLE))?.take(MOST_BYTES).read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(bytes)
        };
        let bytes = read().map_err(|error| format!("/{TABLE} cannot be read: {error}"))?;
        Ok(Self::of(&String::from_utf8_lossy(&bytes)))
    }

    fn of(text: &str) -> Self {
        let mut table = Self::default();
        let mut lines = text.lines().zip(1..);
        while let Some((line, number)) = lines.next() {
            let mut line = line.trim_end_matches('\r').to_owned();
            // A line goes on in the next one behind a backslash.
            while let Some(begun) = line.strip_suffix('\\') {
                line = begun.to_owned() + lines.next().map_or("", |(next, _)| next);
            }
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some((name, value)) = setting(line) {
                table.set(name, value);
                continue;
            }
            match Job::of(line, number) {
                Ok(job) => table.jobs.push(job),
                Err(why) => table.broken.push(format!("/{TABLE}, line {number}: {why}; anacron leaves it out")),
            }
        }
        table
    }

    fn set(&mut self, name: &str, value: &str) {
        match name {
            "START_HOURS_RANGE" => {
                let hours = value.split_once('-').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
                self.hours = hours.filter(|(from, to)| from < to && *to <= 24);
            }
            "RANDOM_DELAY" => self.random = value.parse().map_or(Duration::ZERO, Duration::from_mins),
            _ => {}
        }
    }

    /// Since when a job is due, and how much later than that it may begin. Before the machine came up
    /// it could not.
    fn due(&self, job: &Job, last: NaiveDate, zone: &Zone, booted_at: Option<Timestamp>) -> (Timestamp, Duration) {
        let opens = TimeDelta::hours(self.hours.map_or(0, |(from, _)| from.cast_signed()));
        let due = zone.start_of(job.period.after(last)) + opens;
        let late = job.delay + self.random;
        match booted_at.filter(|booted_at| *booted_at > due) {
            Some(booted_at) => {
                let closed = self.hours.map_or(0, |(from, to)| 24 - (to - from));
                (booted_at, AWAKE + Duration::from_hours(closed) + late)
            }
            None => (due, Duration::from_hours(24) + late),
        }
    }
}

/// `NAME=value`
fn setting(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim_end();
    (!name.is_empty() && !name.contains([' ', '\t'])).then(|| (name, value.trim()))
}

impl Job {
    /// `7 10 cron.weekly run-parts /etc/cron.weekly`
    fn of(line: &str, number: usize) -> Result<Self, String> {
        let word = |text: &mut &str| {
            let (word, rest) = text.split_once([' ', '\t']).unwrap_or((*text, ""));
            *text = rest.trim_start();
            word.to_owned()
        };
        let mut rest = line;
        let (period, delay, id) = (word(&mut rest), word(&mut rest), word(&mut rest));
        let period = match period.as_str() {
            "@daily" => Period::Days(1),
            "@weekly" => Period::Days(7),
            "@monthly" => Period::Monthly,
            "@yearly" | "@annually" => Period::Yearly,
            days => Period::Days(days.parse().map_err(|_no_number| format!("`{}` is no number of days", shown(days)))?),
        };
        let delay = delay.parse().map_err(|_no_number| format!("`{}` is no number of minutes", shown(&delay)))?;
        if id.is_empty() || id.contains('/') || rest.is_empty() {
            return Err("it wants days, minutes, a name without a slash, and a command".to_owned());
        }
        let delay = Duration::from_secs(60_u64.saturating_mul(delay).min(A_YEAR * 86_400));
        Ok(Self { period, delay, id: shown(&id), command: rest.to_owned(), line: number })
    }
}

fn shown(word: &str) -> String {
    sanitize::line(word)
}

impl Period {
    /// The first day on which what ran on `last` is due again, by anacron's own arithmetic: a month is as
    /// long as the one before that day, and so is a year.
    fn after(self, last: NaiveDate) -> NaiveDate {
        let days = |days| last.checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX);
        let length = |day: NaiveDate| match self {
            Period::Days(days) => days,
            Period::Monthly => {
                let first = day.with_day(1).unwrap_or(day);
                let before = first.checked_sub_months(Months::new(1)).unwrap_or(first);
                (first - before).num_days().cast_unsigned()
            }
            Period::Yearly => 365 + u64::from(NaiveDate::from_ymd_opt(day.year() - 1, 2, 29).is_some()),
        };
        match self {
            // Whatever a period of no days may mean, it is not more often than once a day.
            Period::Days(every) => days(every.clamp(1, 100 * A_YEAR)),
            Period::Monthly | Period::Yearly => {
                (1..=A_YEAR).find(|gone| *gone >= length(days(*gone))).map_or(NaiveDate::MAX, days)
            }
        }
    }

    fn words(self) -> String {
        match self {
            Period::Days(0 | 1) => "every day".to_owned(),
            Period::Days(7) => "every week".to_owned(),
            Period::Days(days) => format!("every {days} days"),
            Period::Monthly => "every month".to_owned(),
            Period::Yearly => "every year".to_owned(),
        }
    }
}

/// The lines that anacron does not understand.
pub(super) fn problems(root: &Path) -> Vec<String> {
    Table::read(root).map_or_else(|_not_here| Vec::new(), |table| table.broken)
}

fn read(_ask: Ask, calendar: &Calendar, root: &Path) -> Result<Vec<Listed>, String> {
    if !is_here(root) {
        return Ok(Vec::new());
    }
    let table = Table::read(root)?;
    let booted_at = uptime::booted_at(root);
    let mut all = Vec::new();
    for job in &table.jobs {
        let wrapped = crontab::records_itself(&Invocation::new(["/bin/sh", "-c", &job.command]));
        let stamp = stamp(&root.join(STAMPS).join(&job.id), &calendar.zone);
        let due = stamp.map(|(date, _)| table.due(job, date, &calendar.zone, booted_at));
        let told = Told {
            schedule: Some(format!("{} (anacron)", job.period.words())),
            next: due.map(|(at, _)| at),
            delay: due.map_or(Duration::ZERO, |(_, late)| late),
            ..Told::default()
        };
        // What is wrapped tells of itself, and better.
        let last = |mend: &str| {
            let (_, at) = stamp.filter(|_| !wrapped)?;
            let words = format!("anacron does not tell how it ended; {mend}");
            Some(Last { started_at: at, outcome: Outcome::Untold, words })
        };
        let mend = format!("put `rounds exec --task {} --` before its command in /{TABLE}, line {}", job.id, job.line);
        let parts = Parts::of(&job.command, root);
        let scripts = parts.iter().filter(|parts| !wrapped && in_etc(&parts.folder)).flat_map(Parts::named);
        let scripts: Vec<Listed> = scripts
            .map(|(name, path)| {
                let last = last(&format!("{mend}, which runs its folder"));
                Listed { name, told: told.clone(), last, command: path, ..Listed::default() }
            })
            .collect();
        let (name, command) = (job.id.clone(), shown(&job.command));
        all.push(Listed { name, last: last(&mend), told, command, parts, ..Listed::default() });
        all.extend(scripts);
    }
    Ok(all)
}

fn in_etc(folder: &str) -> bool {
    folder.strip_prefix("/etc/").is_some_and(|name| !name.trim_end_matches('/').contains('/'))
}

/// The day on which a job was last over, and when on that day.
fn stamp(path: &Path, zone: &Zone) -> Option<(NaiveDate, Timestamp)> {
    let text = std::fs::read(path).ok()?;
    let text = String::from_utf8_lossy(text.get(..8)?).into_owned();
    let date = NaiveDate::parse_from_str(&text, "%Y%m%d").ok()?;
    // A copy of the file has another time; the day is what anacron goes by.
    let written = path.metadata().and_then(|found| found.modified()).ok().map(Timestamp::from);
    let at = written.filter(|at| zone.date(*at) == date).unwrap_or_else(|| zone.start_of(date));
    Some((date, at))
}

fn parse(_text: &[u8], _calendar: &Calendar) -> Result<Vec<Listed>, String> {
    Err("anacron writes no list of its jobs".to_owned())
}

fn acts(name: &str, _command: &str) -> Acts {
    // No job has a slash in its name: that is a script of a folder in /etc.
    let run = if name.contains('/') {
        Invocation::new([format!("/etc/{name}")])
    } else {
        Invocation::new(["anacron", "-d", "-f", "-n", name])
    };
    Acts { run, hold: None }
}

#[cfg(test)]
pub(super) mod tests;

//! What the tasks, the check and the actions of a demo run: small programs over its own
//! directory, so that it needs nothing that is not there on every machine.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta};
use clap::{Args, ValueEnum};
use color_eyre::eyre::{Result, WrapErr};

use super::{past, rota};
use crate::cli::{environment, output};
use crate::domain::humanize;
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, seconds_between};
use crate::runtime::clock::{Clock, system_zone};

#[derive(Debug, Args)]
pub struct WorkArgs {
    work: Work,
    /// The directory of the demo
    directory: PathBuf,
    /// For `purge`: leave that ended before this year
    #[arg(long, default_value_t = 0)]
    before: i32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Work {
    /// A Monitoring Plugin: how many errors the log holds of the last hour
    Errors,
    /// Write a reminder for everybody who works in the next 24 hours
    Reminders,
    /// Write how many hours are planned, ward by ward
    Report,
    /// Write who is on leave
    Export,
    /// Put the log aside
    Rotate,
    /// Delete old leave
    Purge,
}

pub(in crate::cli) fn run(args: &WorkArgs) -> Result<ExitCode> {
    let now = Clock::system().now();
    let today = system_zone(environment::variable("TZ").as_deref()).date(now);
    let directory = &args.directory;
    let said = match args.work {
        Work::Errors => return errors(directory, now),
        Work::Reminders => reminders(directory, today)?,
        Work::Report => report(directory, today)?,
        Work::Export => {
            let (path, people) = export(directory, today)?;
            format!("{} on leave, written to {}", humanize::count(people, "person"), path.display())
        }
        Work::Rotate => rotate(directory)?,
        Work::Purge => purge(directory, args.before)?,
    };
    output::answer(&said)?;
    Ok(ExitCode::SUCCESS)
}

/// How many errors in an hour are critical.
const TOO_MANY: usize = 10;

fn errors(directory: &Path, now: Timestamp) -> Result<ExitCode> {
    let path = past::log(directory);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        // Put aside a moment ago, and nothing was written since.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).wrap_err_with(|| format!("cannot read {}", path.display())),
    };
    let recent: Vec<(Timestamp, &str)> = text
        .lines()
        .filter_map(|line| {
            let (at, rest) = line.split_once(' ')?;
            let at = DateTime::parse_from_rfc3339(at).ok()?.to_utc();
            Some((at, rest.strip_prefix("ERROR ")?)).filter(|(at, _)| now - *at < TimeDelta::hours(1))
        })
        .collect();
    let status = match recent.len() {
        0 => Status::Ok,
        1..TOO_MANY => Status::Warning,
        _ => Status::Critical,
    };
    let last = recent.last().map_or_else(String::new, |(at, text)| {
        format!(", the last {} ago: {text}", humanize::seconds(seconds_between(*at, now)))
    });
    let count = recent.len();
    let said = humanize::count(count, "error");
    output::answer(&format!("{said} in the last hour{last}|errors={count};0;{}", TOO_MANY - 1))?;
    Ok(ExitCode::from(status.exit_code()))
}

fn reminders(directory: &Path, today: NaiveDate) -> Result<String> {
    let connection = rota::open(&past::database(directory))?;
    let mut question = connection.prepare(
        "SELECT staff.name, shift.starts, shift.day FROM shift JOIN staff ON staff.id = shift.staff \
          WHERE shift.day = ?1 ORDER BY shift.starts, staff.name",
    )?;
    let due = question.query_map([today.to_string()], |row| {
        Ok(format!("{}: {} at {}\n", row.get::<_, String>(0)?, row.get::<_, String>(2)?, row.get::<_, String>(1)?))
    })?;
    let due = due.collect::<rusqlite::Result<Vec<String>>>()?;
    let path = directory.join(format!("outbox/reminders_{}.txt", today.format("%Y%m%d")));
    past::make_folder_of(&path)?;
    fs::write(&path, due.concat())?;
    Ok(format!("{} written to {}", humanize::count(due.len(), "reminder"), path.display()))
}

/// Ward by ward, with a rest in between, so that nobody who clocks in has to wait.
fn report(directory: &Path, today: NaiveDate) -> Result<String> {
    const REST: Duration = Duration::from_millis(230);
    let connection = rota::open(&past::database(directory))?;
    let path = directory.join(format!("reports/staffing_{}.csv", today.format("%Y%m%d")));
    past::make_folder_of(&path)?;
    let mut file = File::create(&path)?;
    for ward in rota::WARDS {
        let (shifts, hours): (u32, u32) = connection.query_row(
            "SELECT count(*), coalesce(sum(hours), 0) FROM shift JOIN staff ON staff.id = shift.staff \
              WHERE staff.ward = ?1 AND shift.day BETWEEN ?2 AND ?3",
            [ward.to_owned(), today.to_string(), (today + TimeDelta::days(6)).to_string()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        writeln!(file, "{ward},{shifts},{hours}")?;
        output::answer(&format!("{ward}: {shifts} shifts, {hours} hours in the next 7 days"))?;
        std::thread::sleep(REST);
    }
    Ok(format!("{} wards in the report", rota::WARDS.len()))
}

/// Writes who is on leave on a day; answers where, and how many they are.
pub(super) fn export(directory: &Path, day: NaiveDate) -> Result<(PathBuf, usize)> {
    let connection = rota::open(&past::database(directory))?;
    let mut question = connection.prepare(
        "SELECT staff.name, first_day, last_day FROM leave JOIN staff ON staff.id = leave.staff \
          WHERE ?1 BETWEEN first_day AND last_day ORDER BY staff.name",
    )?;
    let rows = question.query_map([day.to_string()], |row| {
        Ok(format!("{},{},{}\n", row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    })?;
    let rows = rows.collect::<rusqlite::Result<Vec<String>>>()?;
    let path = directory.join(format!("exports/leave_{}.csv", day.format("%Y%m%d")));
    past::make_folder_of(&path)?;
    fs::write(&path, format!("name,first_day,last_day\n{}", rows.concat()))?;
    Ok((path, rows.len()))
}

fn rotate(directory: &Path) -> Result<String> {
    let (log, aside) = (past::log(directory), directory.join("logs/rota.1.log"));
    fs::rename(&log, &aside).wrap_err_with(|| format!("cannot put {} aside", log.display()))?;
    Ok(format!("put aside as {}", aside.display()))
}

fn purge(directory: &Path, before: i32) -> Result<String> {
    let connection = rota::open(&past::database(directory))?;
    let gone = connection.execute("DELETE FROM leave WHERE last_day < ?1", [format!("{before:04}-01-01")])?;
    Ok(format!("{} of leave before {before} deleted", humanize::count(gone, "row")))
}

//! What is heard of cron's jobs: its lines in a log file, or where there is none, in the journal or in the
//! unified log of macOS.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use chrono::TimeDelta;

use crate::domain::sanitize;
use crate::domain::task::{RunEnd, TaskRun};
use crate::domain::time::{Timestamp, seconds_between};
use crate::scheduler::cron_log::{Calendar, CronLog, Journal, LOOK_BACK, Lines as _, LogTail, Sighting, Told, Unified};
use crate::scheduler::crontab::Entry;
use crate::scheduler::source::Ask;

/// Where cron's lines lie: on their own as on Debian and Red Hat, or among all others. The
/// first that has any is read alone, because Debian writes them twice.
const FILES: [&str; 4] = ["var/log/cron.log", "var/log/cron", "var/log/syslog", "var/log/messages"];

/// What starts cron on macOS, which has a log of its own.
const CRON_OF_MACOS: &str = "System/Library/LaunchDaemons/com.vix.cron.plist";

/// A log that nobody wrote for so long is a leftover.
const FRESH: TimeDelta = TimeDelta::hours(26);

/// What remembers how far a log was read.
#[derive(Debug, Default)]
pub(super) enum Ear {
    #[default]
    Open,
    File(Box<LogTail>),
    Told(Box<dyn Told>),
}

/// Every start that a log tells of.
#[derive(Debug)]
pub(super) struct Heard {
    /// Since when no start was missed; or why that is not known, where there is something to be
    /// done about it.
    pub(super) since: Result<Timestamp, Option<String>>,
    /// By user and command, oldest first.
    starts: HashMap<(String, String), Vec<Sighting>>,
}

impl Default for Heard {
    fn default() -> Self {
        Self { since: Err(None), starts: HashMap::new() }
    }
}

impl Heard {
    fn of(log: &CronLog, since: Timestamp) -> Self {
        let mut starts: HashMap<(String, String), Vec<Sighting>> = HashMap::new();
        for one in log.sightings() {
            starts.entry((one.user.clone(), one.command.clone())).or_default().push(one.clone());
        }
        Self { since: Ok(since), starts }
    }

    /// Whether the log writes the command of a line as the line does.
    pub(super) fn tells_of(line: &Entry) -> bool {
        const MOST: usize = 500;
        let command = line.part_of.as_ref().unwrap_or(&line.command);
        command.len() <= MOST && command.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    }

    /// The runs of a line, newest first. That one began is all that is known of it, unless cron
    /// tells that it failed.
    pub(super) fn runs(&self, line: &Entry, task: &str) -> Vec<TaskRun> {
        // Of a script cron tells when the line began that runs its folder.
        let command = line.part_of.as_ref().unwrap_or(&line.command);
        let key = (line.user.clone(), sanitize::line(command.trim()));
        let run = |one: &Sighting| TaskRun {
            id: format!("cron-{}", one.at.timestamp_micros()),
            task: task.to_owned(),
            started_at: one.at,
            ended: one.failed.map(|(at, code)| RunEnd {
                at,
                took_s: seconds_between(one.at, at),
                exit_code: Some(code),
                ..RunEnd::default()
            }),
            alive: false,
            tail: String::new(),
            untold: one.failed.is_none(),
        };
        self.starts.get(&key).into_iter().flatten().rev().map(run).collect()
    }

    /// When the machine lived.
    pub(super) fn instants(&self) -> impl Iterator<Item = Timestamp> {
        self.starts.values().flatten().map(|one| one.at)
    }
}

impl Ear {
    /// Takes what is new.
    pub(super) fn listen(&mut self, root: &Path, calendar: &Calendar, ask: Ask) -> Heard {
        match self {
            Ear::File(tail) => {
                if tail.follow(calendar).is_ok()
                    && let Some(since) = tail.since
                {
                    return Heard::of(&tail.log, since);
                }
            }
            Ear::Told(told) => {
                if let Ok(heard) = hear(&mut **told, calendar, ask) {
                    return heard;
                }
            }
            Ear::Open => {}
        }
        *self = Ear::Open;
        self.look_around(root, calendar, ask)
    }

    /// Finds a log that has lines of cron.
    fn look_around(&mut self, root: &Path, calendar: &Calendar, ask: Ask) -> Heard {
        let mut denied = Vec::new();
        for path in FILES.iter().map(|path| root.join(path)) {
            let Ok(found) = path.metadata() else { continue };
            let written = found.modified().map(Timestamp::from);
            if !found.is_file() || written.is_ok_and(|at| calendar.now - at > FRESH) {
                continue;
            }
            let mut tail = LogTail::new(path);
            match tail.follow(calendar) {
                Ok(()) if tail.log.sightings().next().is_some() => {
                    let heard = Heard::of(&tail.log, tail.since.unwrap_or(calendar.now));
                    *self = Ear::File(Box::new(tail));
                    return heard;
                }
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    denied.push(format!("{} cannot be read", tail.path().display()));
                }
                // It has none, or went away meanwhile.
                _ => {}
            }
        }
        let is_macos = root.join(CRON_OF_MACOS).exists();
        let mut told: Box<dyn Told> = if is_macos { Box::<Unified>::default() } else { Box::<Journal>::default() };
        match hear(&mut *told, calendar, ask) {
            Ok(heard) => {
                *self = Ear::Told(told);
                heard
            }
            Err(why) => {
                let (why, mend) = why.unzip();
                denied.extend(why.map(str::to_owned));
                let mend = mend.unwrap_or("join the group adm");
                let why = format!("when it began is not known either: {}; {mend}", denied.join(", and "));
                Heard { since: Err((!denied.is_empty()).then_some(why)), ..Heard::default() }
            }
        }
    }
}

/// Asks a log; `Err` with what keeps it from telling and what mends that, where something can be done.
fn hear(told: &mut dyn Told, calendar: &Calendar, ask: Ask) -> Result<Heard, Option<(&'static str, &'static str)>> {
    let answer = ask(&told.invocation(calendar.now)).map_err(|_absent| None)?;
    told.take(&answer.stdout);
    told.log().forget(calendar.now - LOOK_BACK);
    let first = told.log().sightings().next().map(|first| first.at);
    match first {
        Some(since) if answer.exit_code == Some(0) => Ok(Heard::of(told.log(), since)),
        _ => Err(told.denied(&answer.stderr)),
    }
}

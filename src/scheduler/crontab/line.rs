//! One crontab, line by line: settings, schedules, commands, and what is none of them.

use std::collections::BTreeMap;

use super::{Entry, mark, name};
use crate::domain::plan::Invocation;
use crate::domain::sanitize;
use crate::domain::schedule::{Dialect, Schedule, ScheduleError};
use crate::domain::time::Zone;

/// The lines that schedule something, or try to. A crontab of a user is given that user; the
/// system's name one in every line.
pub(super) fn entries(text: &[u8], user: Option<&str>, zone: &Zone, dialect: Dialect) -> impl Iterator<Item = Entry> {
    let mut environment = BTreeMap::new();
    let mut seen = mark::Seen::default();
    text.split(|byte| *byte == b'\n').zip(1..).filter_map(move |(bytes, number)| {
        let nth = seen.count(bytes);
        // What is held is there all the same, and does not run.
        let (mark, bytes) = mark::parse(bytes).map_or((None, bytes), |(mark, inner)| (Some(mark), inner));
        let text = String::from_utf8_lossy(bytes.strip_suffix(b"\r").unwrap_or(bytes)).into_owned();
        let line = text.trim_start_matches([' ', '\t']);
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        if let Some((name, value)) = setting(line) {
            environment.insert(name, value);
            return None;
        }
        let found = entry((line, number), user, zone, dialect, &environment);
        let command_at = text.len() - line.len() + found.command_at;
        Some(Entry { text, command_at, bytes: bytes.to_vec(), nth, mark, ..found })
    })
}

fn entry(
    (line, number): (&str, usize),
    user: Option<&str>,
    zone: &Zone,
    dialect: Dialect,
    environment: &BTreeMap<String, String>,
) -> Entry {
    // A leading dash asks SUSE's cron not to log the run.
    let (when, rest) = split_schedule(line.strip_prefix('-').unwrap_or(line));
    let (user, command) = match user {
        Some(user) => (user.to_owned(), rest),
        None => split_word(rest),
    };
    let command_at = line.len() - command.len();
    let (command, input) = split_input(command);
    let schedule = zone_of(environment, zone)
        .and_then(|zone| Schedule::parse_as(&when, zone, dialect))
        .and_then(|schedule| if command.is_empty() { Err(no_command(line)) } else { Ok(schedule) });
    let wrapped_as = wrapped_task(&command);
    Entry {
        id: wrapped_as.clone().unwrap_or_else(|| name::of(&command, number)),
        origin: String::new(),
        line: number,
        text: String::new(),
        command_at,
        user: sanitize::line(&user),
        schedule,
        command: if command.is_empty() { line.to_owned() } else { command },
        input,
        environment: environment.clone(),
        wrapped_as,
        written_at: None,
        parts: None,
        part_of: None,
        leaves_to_anacron: false,
        bytes: Vec::new(),
        nth: 0,
        mark: None,
        tab: None,
    }
}

/// `NAME = value`, with or without quotes, as cron reads settings.
fn setting(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    let name = unquoted(name.trim());
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(plain) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    Some((name.to_owned(), unquoted(value.trim()).to_owned()))
}

fn unquoted(text: &str) -> &str {
    let within = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).unwrap_or(text)
}

/// The zone of `CRON_TZ`, or cron's own.
fn zone_of(environment: &BTreeMap<String, String>, zone: &Zone) -> Result<Zone, ScheduleError> {
    let Some(name) = environment.get("CRON_TZ").filter(|name| !name.is_empty()) else { return Ok(zone.clone()) };
    Zone::named(name).ok_or_else(|| ScheduleError {
        field: "CRON_TZ",
        column: 1,
        cause: format!("`{}` is no time zone", sanitize::line(name)),
        mend: "name one as Europe/London is named".to_owned(),
    })
}

fn no_command(line: &str) -> ScheduleError {
    ScheduleError {
        field: "command",
        column: line.chars().count() + 1,
        cause: "there is none".to_owned(),
        mend: "write the schedule, in a system crontab the user, and the command".to_owned(),
    }
}

/// The schedule, its words apart by one space, and what follows it.
fn split_schedule(line: &str) -> (String, &str) {
    let count = if line.starts_with('@') { 1 } else { 5 };
    let mut words = Vec::new();
    let mut rest = line;
    while words.len() < count && !rest.is_empty() {
        let (word, after) = split_word(rest);
        words.push(word);
        rest = after;
    }
    (words.join(" "), rest)
}

fn split_word(text: &str) -> (String, &str) {
    let blank = [' ', '\t'];
    let text = text.trim_start_matches(blank);
    let (word, rest) = text.split_at(text.find(blank).unwrap_or(text.len()));
    (word.to_owned(), rest.trim_start_matches(blank))
}

/// The command, and what it is given to read: the first `%` ends the one and begins the
/// other, further ones are line ends, and `\%` is a percent sign.
fn split_input(text: &str) -> (String, Option<String>) {
    let mut lines = String::new();
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        lines.push(match c {
            '\\' if characters.next_if_eq(&'%').is_some() => '%',
            '%' => '\n',
            _ => c,
        });
    }
    match lines.split_once('\n') {
        Some((command, input)) => (command.trim_end().to_owned(), Some(format!("{input}\n"))),
        None => (lines.trim_end().to_owned(), None),
    }
}

/// Whether a command records how it went by itself: it is, or is a shell's, `rounds exec`.
pub fn records_itself(command: &Invocation) -> bool {
    match command.argv.as_slice() {
        [_, option, line] if option == "-c" => wrapped_task(line).is_some(),
        words => wrapped(words).is_some(),
    }
}

/// The task of `… rounds exec --task ID … -- command`.
pub fn wrapped_task(command: &str) -> Option<String> {
    wrapped(&name::words(command))
}

fn wrapped(words: &[String]) -> Option<String> {
    let program = words.iter().position(|word| name::base(word) == "rounds")?;
    let mut words = words[program + 1..].iter().take_while(|word| *word != "--").skip_while(|word| *word != "exec");
    words.next()?;
    while let Some(word) = words.next() {
        let id = if word == "--task" {
            words.next()?
        } else if let Some(id) = word.strip_prefix("--task=") {
            id
        } else {
            continue;
        };
        return Some(sanitize::line(id));
    }
    None
}

//! The table of `schtasks /query /fo CSV /v`, which is no CSV: quotes within a command are
//! printed as they are, and a comment may have several lines.

use super::dates::Order;
use super::result;
use crate::domain::sanitize;
use crate::domain::task::Told;
use crate::domain::time::Timestamp;
use crate::scheduler::cron_log::Calendar;
use crate::scheduler::source::{Last, Listed};

/// How many columns there are, and which are looked at.
const COLUMNS: usize = 28;
const NAME: usize = 1;
const NEXT: usize = 2;
const STATUS: usize = 3;
const LAST: usize = 5;
const RESULT: usize = 6;
const COMMAND: usize = 8;
const STATE: usize = 11;
const USER: usize = 14;
/// Whether it is deleted when it is not due any more: hardly ever, so that its word is the one
/// for "disabled" in any language.
const DELETED: usize = 15;
const KIND: usize = 18;
const STARTS: usize = 19;

/// More lines than this are not taken for one record.
const MOST_LINES: usize = 200;

pub(super) fn parse(text: &str, calendar: &Calendar) -> Result<Vec<Listed>, String> {
    let records = records(text);
    let Some(header) = records.first() else {
        return Err(format!("it does not have the {COLUMNS} columns of `schtasks /query /fo CSV /v`"));
    };
    let rows: Vec<&Vec<String>> = records.iter().skip(1).filter(|record| *record != header).collect();
    let dates: Vec<(&str, bool)> = rows.iter().flat_map(|row| [(&*row[LAST], false), (&*row[NEXT], true)]).collect();
    let order = Order::of(&dates, calendar);
    let mut tasks: Vec<Listed> = Vec::new();
    for row in rows {
        let task = listed(row, order, calendar);
        match tasks.iter_mut().find(|known| known.name == task.name) {
            // One row for each trigger: whichever comes next is when it is due.
            Some(known) => {
                known.told.next = [known.told.next, task.told.next].into_iter().flatten().min();
                if known.told.schedule != task.told.schedule {
                    known.told.schedule = Some("several triggers".to_owned());
                }
            }
            None => tasks.push(task),
        }
    }
    Ok(tasks)
}

/// The names in the short table of `schtasks /query /fo CSV /nh`: each once, though it has a row for
/// each trigger.
pub(super) fn names(text: &str) -> Vec<String> {
    let name = |line: &str| Some(line.strip_prefix('"')?.split_once("\",\"")?.0.to_owned());
    let paths = text.lines().filter_map(name).filter(|name| name.starts_with('\\'));
    let mut names: Vec<String> = paths.map(|name| sanitize::line(&name)).collect();
    names.sort();
    names.dedup();
    names
}

fn listed(row: &[String], order: Option<Order>, calendar: &Calendar) -> Listed {
    let instant = |text: &str| -> Option<Timestamp> { order?.instant(text, &calendar.zone) };
    let name = sanitize::line(&row[NAME]);
    let code = row[RESULT].trim().parse::<i64>().ok().map(|code| code as u32);
    let state = row[STATE].trim();
    let disabled = state == "Disabled" || (state != "Enabled" && state == row[DELETED].trim() && !state.is_empty());
    let last = instant(&row[LAST]).zip(code).and_then(|(started_at, code)| {
        let (outcome, words) = result::outcome(code, row[STATUS].trim())?;
        Some(Last { started_at, outcome, words })
    });
    let starts = row[STARTS].trim();
    let kind = sanitize::line(row[KIND].trim());
    Listed {
        told: Told {
            schedule: Some(if starts == "N/A" { kind } else { sanitize::line(&format!("{kind} {starts}")) }),
            next: instant(&row[NEXT]),
            disabled: disabled.then(|| format!("{name} is disabled")),
            ..Told::default()
        },
        last,
        command: sanitize::line(row[COMMAND].trim()),
        user: sanitize::line(row[USER].trim()),
        name,
        ..Listed::default()
    }
}

/// The records, each of as many fields as there are columns. What is cut off is left out.
fn records(text: &str) -> Vec<Vec<String>> {
    let mut records = Vec::new();
    let mut open = String::new();
    let mut lines = 0;
    for line in text.split('\n').map(|line| line.trim_end_matches('\r')) {
        if open.is_empty() && !line.starts_with('"') {
            continue;
        }
        if !open.is_empty() {
            open.push('\n');
        }
        open.push_str(line);
        lines += 1;
        if let Some(fields) = fields(&open) {
            records.push(fields);
        } else if lines < MOST_LINES {
            continue;
        }
        open.clear();
        lines = 0;
    }
    records
}

/// The fields of a whole record. Surplus ones are pieces of the command.
fn fields(record: &str) -> Option<Vec<String>> {
    let inner = record.strip_prefix('"')?.strip_suffix('"')?;
    let pieces: Vec<&str> = inner.split("\",\"").collect();
    let surplus = pieces.len().checked_sub(COLUMNS)?;
    let mut fields: Vec<String> = pieces[..COMMAND].iter().map(|piece| (*piece).to_owned()).collect();
    fields.push(pieces[COMMAND..=COMMAND + surplus].join("\",\""));
    fields.extend(pieces[COMMAND + surplus + 1..].iter().map(|piece| (*piece).to_owned()));
    Some(fields)
}

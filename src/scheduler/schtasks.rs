//! The Task Scheduler of Windows, as PowerShell or `schtasks /query /fo CSV /v` tell of it.
//!
//! PowerShell is asked, whose values are typed; `schtasks` where that does not answer, and where a file
//! has it. Header, words and dates of `schtasks` follow the language and the region of whoever asked, so
//! only the order of its columns is relied upon.

mod csv;
mod dates;
mod powershell;
mod result;

use std::path::Path;
use std::time::Duration;

use super::cron_log::Calendar;
use super::source::{Acts, Ask, Holding, Listed, SourceKind};
use crate::domain::plan::Invocation;
use crate::domain::sanitize;
use crate::platform::lacks;

/// The Task Scheduler of Windows.
pub(super) const SOURCE: SourceKind = SourceKind {
    name: "schtasks",
    together: Some("the tasks of Windows"),
    // PowerShell takes seconds of a processor to answer.
    every: Duration::from_mins(5),
    is_here: |root| lacks::TASK_SCHEDULER.is_none() || root.join(FOLDER).is_dir(),
    is_of_system: |name| name.to_ascii_lowercase().starts_with(r"\microsoft\"),
    names,
    read,
    recall: |_, _, _, _| {},
    parse,
    acts,
};

/// Where it keeps its tasks.
const FOLDER: &str = "Windows/System32/Tasks";

/// Asks for the names alone, which takes no second; where letters of them are lost in the code page, for
/// everything.
fn names(ask: Ask, calendar: &Calendar, root: &Path) -> Result<Vec<Listed>, String> {
    let told = ask(&Invocation::new(["schtasks", "/query", "/fo", "CSV", "/nh"]))?;
    let names = csv::names(&text(&told.stdout));
    let is_lost = |name: &String| name.contains(['\u{fffd}', '?']);
    if told.exit_code != Some(0) || names.is_empty() || names.iter().any(is_lost) {
        return read(ask, calendar, root);
    }
    Ok(names.into_iter().map(|name| Listed { name, ..Listed::default() }).collect())
}

fn read(ask: Ask, calendar: &Calendar, _root: &Path) -> Result<Vec<Listed>, String> {
    let asked = |name: &str, question: &Invocation| -> Result<Vec<Listed>, String> {
        let told = ask(question)?;
        if told.exit_code == Some(0) {
            return parse(&told.stdout, calendar);
        }
        let complaint = text(&told.stderr);
        Err(format!("`{name}` {told}: {}", sanitize::line(complaint.lines().next().unwrap_or_default().trim())))
    };
    asked("powershell", &powershell::question()).or_else(|why| {
        let table = Invocation::new(["schtasks", "/query", "/fo", "CSV", "/v"]);
        asked("schtasks /query", &table).map_err(|also| format!("{why}; {also}"))
    })
}

/// Either of the two, by how it begins.
fn parse(bytes: &[u8], calendar: &Calendar) -> Result<Vec<Listed>, String> {
    let text = text(bytes);
    match text.trim_start().chars().next() {
        Some('[' | '{') => powershell::parse(&text, calendar),
        Some('"') => csv::parse(&text, calendar),
        _ => Err("it is neither the CSV of `schtasks /query /fo CSV /v` nor the JSON of PowerShell".to_owned()),
    }
}

/// UTF-16 where it says so, as Windows PowerShell writes files; else the letters of whichever
/// code page, of which those beyond ASCII may be lost.
fn text(bytes: &[u8]) -> String {
    let units = |bytes: &[u8], of: fn([u8; 2]) -> u16| -> String {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| of([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => units(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => units(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => String::from_utf8_lossy(rest).into_owned(),
    }
}

fn acts(name: &str, _command: &str) -> Acts {
    let schtasks = |words: &[&str]| {
        let path = if name.starts_with('\\') { name.to_owned() } else { format!("\\{name}") };
        let words = words.iter().map(|word| if *word == "NAME" { path.clone() } else { (*word).to_owned() });
        Invocation::new(["schtasks".to_owned()].into_iter().chain(words))
    };
    Acts {
        run: schtasks(&["/run", "/tn", "NAME"]),
        hold: Some(Holding {
            stop: schtasks(&["/end", "/tn", "NAME"]),
            restart: None,
            enable: schtasks(&["/change", "/tn", "NAME", "/enable"]),
            disable: schtasks(&["/change", "/tn", "NAME", "/disable"]),
            freeze: schtasks(&["/change", "/tn", "NAME", "/disable"]),
            thaw: schtasks(&["/change", "/tn", "NAME", "/enable"]),
        }),
    }
}

#[cfg(test)]
pub(super) mod tests;

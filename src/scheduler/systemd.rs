//! Timers of systemd, as `systemctl` tells of them: when each is due, when it was last, and how
//! the service that it starts went.
//!
//! The timer itself is always well: the outcome stands with its service. Instants are the wall
//! clock's; what `list-timers` prints as time left is the same instant once more.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::cron_log::Calendar;
use super::source::{Acts, Ask, Last, Listed, Outcome, SourceKind, real};
use crate::domain::plan::Invocation;
use crate::domain::sanitize;
use crate::domain::task::Told;
use crate::domain::time::Timestamp;

/// Timers of systemd.
pub const SOURCE: SourceKind = SourceKind { name: "systemd", read, parse, acts };

/// What is asked of each timer and each service.
const PROPERTIES: &str = "Id,ActiveState,UnitFileState,LoadState,Result,Triggers,ExecMainStatus,ExecMainCode,\
                          ExecMainStartTimestamp,ExecMainExitTimestamp,TimersCalendar,TimersMonotonic,AccuracyUSec,\
                          RandomizedDelayUSec,LastTriggerUSec,NextElapseUSecRealtime,WantedBy,RequiredBy";

/// The properties of one unit.
type Unit = BTreeMap<String, String>;

fn read(ask: Ask, calendar: &Calendar) -> Result<Vec<Listed>, String> {
    let list = systemctl(ask, ["list-timers", "--all", "--output=json"].map(str::to_owned))?;
    let mut timers = parse(&list, calendar)?;
    let names = |timer: &Timer| [timer.unit.clone(), timer.activates.clone()];
    let listed: Vec<Timer> = entries(&list)?;
    let mut words = vec!["show".to_owned(), "--timestamp=unix".to_owned(), format!("--property={PROPERTIES}")];
    words.push("--".to_owned());
    words.extend(listed.iter().flat_map(names).filter(|name| !name.is_empty()));
    if listed.is_empty() {
        return Ok(timers);
    }
    let units = units(&String::from_utf8_lossy(&systemctl(ask, words)?));
    for (timer, told) in timers.iter_mut().zip(&listed) {
        timer.take(units.get(&told.unit), units.get(&told.activates));
    }
    Ok(timers)
}

/// The units that failed, but for those that a timer starts.
pub fn failed(ask: Ask, timers: &[Listed]) -> Result<Vec<String>, String> {
    let list = systemctl(ask, ["list-units", "--state=failed", "--output=json"].map(str::to_owned))?;
    let units: Vec<Value> = serde_json::from_slice(&list).map_err(|error| unreadable("list-units", &error))?;
    let names = units.iter().filter_map(|unit| unit["unit"].as_str()).map(sanitize::line);
    Ok(names.filter(|name| timers.iter().all(|timer| timer.command != *name)).collect())
}

fn systemctl(ask: Ask, words: impl IntoIterator<Item = String>) -> Result<Vec<u8>, String> {
    let words = ["systemctl".to_owned(), "--no-pager".to_owned()].into_iter().chain(words);
    let told = ask(&Invocation::new(words))?;
    if told.exit_code == Some(0) {
        return Ok(told.stdout);
    }
    let complaint = sanitize::bytes(&told.stderr);
    Err(format!("`systemctl` {told}: {}", complaint.lines().next().unwrap_or_default()))
}

/// One line of `list-timers`.
struct Timer {
    unit: String,
    activates: String,
    next: Option<Timestamp>,
    last: Option<Timestamp>,
}

fn entries(list: &[u8]) -> Result<Vec<Timer>, String> {
    let timers: Vec<Value> = serde_json::from_slice(list).map_err(|error| unreadable("list-timers", &error))?;
    let instant = |value: &Value| Timestamp::from_timestamp_micros(value.as_i64()?).and_then(real);
    let timer = |value: &Value| {
        Some(Timer {
            unit: sanitize::line(value["unit"].as_str()?),
            activates: sanitize::line(value["activates"].as_str().unwrap_or_default()),
            next: instant(&value["next"]),
            last: instant(&value["last"]),
        })
    };
    timers.iter().map(timer).collect::<Option<_>>().ok_or_else(|| "a timer without a name".to_owned())
}

fn unreadable(what: &str, error: &serde_json::Error) -> String {
    format!("what `systemctl {what} --output=json` printed cannot be read: {error}")
}

/// `systemctl list-timers --all --output=json`: when, but not how it went.
fn parse(list: &[u8], _calendar: &Calendar) -> Result<Vec<Listed>, String> {
    let listed = |timer: Timer| Listed {
        name: timer.unit,
        told: Told { next: timer.next, ..Told::default() },
        last: timer.last.map(|started_at| Last { started_at, outcome: Outcome::Untold, words: String::new() }),
        command: timer.activates,
        fleeting: false,
    };
    Ok(entries(list)?.into_iter().map(listed).collect())
}

/// `systemctl show` of several units: blocks of `Key=value`, apart by an empty line.
fn units(text: &str) -> BTreeMap<String, Unit> {
    let block = |block: &str| {
        let unit: Unit = block
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.to_owned(), sanitize::line(value)))
            .collect();
        Some((unit.get("Id")?.clone(), unit))
    };
    text.split("\n\n").filter_map(block).collect()
}

impl Listed {
    /// What the properties of the timer and of its service add.
    fn take(&mut self, timer: Option<&Unit>, service: Option<&Unit>) {
        if let Some(timer) = timer {
            let get = |key: &str| timer.get(key).map(String::as_str).unwrap_or_default();
            self.told.schedule = rule(get("TimersCalendar")).or_else(|| rule(get("TimersMonotonic")));
            self.told.delay = span(get("AccuracyUSec")) + span(get("RandomizedDelayUSec"));
            // What nothing wants is unloaded with its last activity, and a transient one is gone for good.
            self.fleeting =
                get("UnitFileState") == "transient" || [get("WantedBy"), get("RequiredBy")].concat().is_empty();
            if get("ActiveState") != "active" {
                let state = [get("ActiveState"), get("UnitFileState")].join(", ");
                self.told.disabled = Some(format!("{} is {state}", self.name));
            }
        }
        if let Some(last) = service.and_then(last) {
            self.last = Some(last);
        }
    }
}

/// `OnCalendar=*-*-* 02:00:00` of `{ OnCalendar=*-*-* 02:00:00 ; next_elapse=… }`
fn rule(text: &str) -> Option<String> {
    let rule = text.trim_start_matches(['{', ' ']).split(" ; ").next()?.trim();
    let (kind, when) = rule.split_once('=')?;
    Some(if kind == "OnCalendar" { when.to_owned() } else { format!("{} {when}", kind.trim_end_matches("USec")) })
}

/// `1min 30s`
fn span(text: &str) -> Duration {
    humantime::parse_duration(text).unwrap_or_default()
}

/// `@1795169284`
fn instant(text: Option<&String>) -> Option<Timestamp> {
    Timestamp::from_timestamp(text?.strip_prefix('@')?.split('.').next()?.parse().ok()?, 0).and_then(real)
}

/// How a service last went.
fn last(service: &Unit) -> Option<Last> {
    let get = |key: &str| service.get(key).map(String::as_str).unwrap_or_default();
    let started_at = instant(service.get("ExecMainStartTimestamp"))?;
    let at = instant(service.get("ExecMainExitTimestamp")).filter(|at| *at >= started_at);
    let result = get("Result");
    let status: Option<i32> = get("ExecMainStatus").parse().ok();
    let runs = ["activating", "active", "deactivating", "reloading"].contains(&get("ActiveState")) && at.is_none();
    if runs {
        return Some(Last { started_at, outcome: Outcome::Running, words: String::new() });
    }
    // 1: it exited; 2 and 3: a signal ended it, with a dump or without.
    let (exit_code, signal) = match get("ExecMainCode") {
        "1" => (status, None),
        "2" | "3" => (None, status),
        _ => (None, None),
    };
    let exit_code = if result == "success" { Some(0) } else { exit_code.filter(|code| *code != 0) };
    let words = match (result, exit_code) {
        ("success", _) => String::new(),
        (_, Some(203)) => "systemd: its program could not be started (203/EXEC)".to_owned(),
        (_, Some(200)) => "systemd: its working directory is not there (200/CHDIR)".to_owned(),
        (_, Some(217)) => "systemd: its user is not there (217/USER)".to_owned(),
        (result, _) => format!("systemd: {result}"),
    };
    let outcome = Outcome::Ended { at, exit_code, signal, timed_out: result == "timeout" };
    Some(Last { started_at, outcome, words })
}

fn acts(name: &str) -> Acts {
    let timer = if name.contains('.') { name.to_owned() } else { format!("{name}.timer") };
    let service = timer.replace(".timer", ".service");
    let systemctl = |words: &[&str]| Invocation::new(["systemctl"].iter().chain(words).copied());
    Acts {
        run: systemctl(&["start", "--", &service]),
        stop: systemctl(&["stop", "--", &service]),
        enable: systemctl(&["enable", "--now", "--", &timer]),
        disable: systemctl(&["disable", "--now", "--", &timer]),
        freeze: systemctl(&["stop", "--", &timer]),
        thaw: systemctl(&["start", "--", &timer]),
    }
}

#[cfg(test)]
mod tests;

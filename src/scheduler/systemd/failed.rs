//! The units besides timers that failed, or fail over and over without ever being left alone.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::TimeDelta;
use serde_json::Value;

use super::output::{self, Asked};
use super::state;
use super::unit::{self, Unit};
use super::{Manager, unreadable};
use crate::domain::humanize;
use crate::domain::plan::Invocation;
use crate::domain::sanitize;
use crate::domain::task::Service;
use crate::domain::time::Timestamp;
use crate::scheduler::journald;
use crate::scheduler::source::{Ask, Listed};

/// So often a service is started again within this time before somebody is told.
const OFTEN: usize = 3;
const LATELY: TimeDelta = TimeDelta::minutes(10);
/// What it said longer ago is of no help.
const TODAY: TimeDelta = TimeDelta::hours(24);
/// `systemd`: a restart was scheduled.
const RESTART: &str = "MESSAGE_ID=5eb03494b6584870a536b337290809b3";

/// One unit, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Failed {
    /// `web.service`
    pub name: String,
    /// `the unit web.service failed: exit code 7, started again 5 times; it said: no port`
    pub text: String,
    pub since: Option<Timestamp>,
    /// What shows more.
    pub look: String,
    pub service: Service,
}

/// The units that failed, but for those that a timer starts.
pub fn failed(ask: Ask, root: &Path, timers: &[Listed], now: Timestamp) -> Result<Vec<Failed>, String> {
    let mut all = Vec::new();
    for manager in Manager::all(root) {
        let list = ["list-units", "--state=failed", "--output=json"].map(str::to_owned);
        let units: Vec<Value> =
            serde_json::from_slice(&manager.asked(ask, list)?).map_err(|error| unreadable("list-units", &error))?;
        let names = units.iter().filter_map(|unit| unit["unit"].as_str()).map(sanitize::line);
        let a_timers = |name: &String| timers.iter().any(|timer| timer.command == *name);
        let names: Vec<String> = names.filter(|name| !a_timers(name)).collect();
        let restarted = restarted(manager, ask, now);
        let again =
            restarted.iter().filter(|(name, count)| **count >= OFTEN && !a_timers(name) && !names.contains(name));
        let again: Vec<String> = again.map(|(name, _)| name.clone()).collect();
        let shown = manager.show(ask, names.iter().chain(&again).cloned())?;
        let called = shown.iter().map(|(name, unit)| (manager.name(name), unit::main_pid(unit)));
        let called: Vec<(String, Option<String>)> = called.collect();
        let asked = called.iter().map(|(service, main_pid)| Asked { service, main_pid: main_pid.as_deref() });
        let said = output::outputs(ask, &asked.collect::<Vec<_>>(), now - TODAY);
        let unit = |name: &String, verb: String| {
            let unit = shown.get(name);
            let mut text = format!("the unit {} {verb}{}", manager.name(name), unit.map_or_else(String::new, ending));
            let last = said.get(&manager.name(name)).and_then(|said| said.last());
            text.extend(last.filter(|said| !said.line.is_empty()).map(|said| format!("; it said: {}", said.line)));
            let since = unit.and_then(|unit| unit::instant(unit.get("StateChangeTimestamp")));
            let look = manager.systemctl(["status", name.as_str()]).to_string();
            let service = Service {
                name: manager.name(name),
                restart: manager.systemctl(["restart", "--", name.as_str()]),
                as_root: manager == Manager::System,
            };
            Failed { name: manager.name(name), text, since, look, service }
        };
        all.extend(names.iter().map(|name| unit(name, "failed".to_owned())));
        all.extend(again.iter().map(|name| {
            let times = restarted.get(name).copied().unwrap_or_default();
            unit(name, format!("fails over and over, {times} times in {}", humanize::seconds(LATELY.as_seconds_f64())))
        }));
    }
    Ok(all)
}

/// How it ended, and how often it was tried.
fn ending(unit: &Unit) -> String {
    let how = state::ending(unit);
    let again: usize = unit.get("NRestarts").and_then(|count| count.parse().ok()).unwrap_or_default();
    let again = match again {
        0 => String::new(),
        1 => ", started again once".to_owned(),
        more => format!(", started again {more} times"),
    };
    if how.is_empty() { again } else { format!(": {how}{again}") }
}

/// How often services were started again of late, as the journal tells; nothing where it does not.
fn restarted(manager: Manager, ask: Ask, now: Timestamp) -> BTreeMap<String, usize> {
    let field = if manager == Manager::User { "USER_UNIT" } else { "UNIT" };
    let since = format!("--since=@{}", (now - LATELY).timestamp());
    let words = ["journalctl", "--no-pager", "-q", "-n", "2000", "-o", "json"];
    let fields = format!("--output-fields={field}");
    let asked = ask(&Invocation::new(words.into_iter().chain([&*fields, &*since, RESTART])));
    let mut counts = BTreeMap::new();
    for entry in asked.iter().flat_map(|told| journald::entries(&told.stdout)) {
        if let Some(unit) = journald::field(&entry, field) {
            *counts.entry(unit).or_default() += 1;
        }
    }
    counts
}

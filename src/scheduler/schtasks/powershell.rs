//! `Get-ScheduledTask | Get-ScheduledTaskInfo | ConvertTo-Json`, `Get-ScheduledTask |
//! ConvertTo-Json`, or the two together: typed values, in Windows PowerShell's way of writing
//! instants or in that of its successor.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime};
use serde_json::Value;

use super::result;
use crate::domain::sanitize;
use crate::domain::task::Told;
use crate::domain::time::{Timestamp, Zone};
use crate::scheduler::cron_log::Calendar;
use crate::scheduler::source::{Last, Listed, real};

pub(super) fn parse(text: &str, calendar: &Calendar) -> Result<Vec<Listed>, String> {
    let said = |error| format!("the JSON of PowerShell cannot be read: {error}");
    let value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(said)?;
    let items = match value {
        Value::Array(items) => items,
        one => vec![one],
    };
    let mut tasks: BTreeMap<String, Listed> = BTreeMap::new();
    for item in &items {
        let Some(name) = item["TaskName"].as_str() else {
            return Err("an entry has no `TaskName`; write `Get-ScheduledTask | Get-ScheduledTaskInfo`".to_owned());
        };
        // Paths end in a backslash, and a task's own name may be told with its path.
        let path = item["TaskPath"].as_str().unwrap_or("\\");
        let name = if name.starts_with('\\') { name.to_owned() } else { format!("{path}{name}") };
        let name = sanitize::line(&name);
        let task = tasks.entry(name.clone()).or_insert_with(|| Listed { name, ..Listed::default() });
        take(task, item, calendar);
    }
    Ok(tasks.into_values().collect())
}

/// What one object says, which may be the task or its state.
fn take(task: &mut Listed, item: &Value, calendar: &Calendar) {
    let state = match &item["State"] {
        Value::String(word) => word.as_str(),
        Value::Number(number) => match number.as_u64() {
            Some(1) => "Disabled",
            Some(2) => "Queued",
            Some(3) => "Ready",
            Some(4) => "Running",
            _ => "",
        },
        _ => "",
    };
    if state == "Disabled" {
        task.told.disabled = Some(format!("{} is disabled", task.name));
    }
    if let Some(next) = instant(&item["NextRunTime"], &calendar.zone) {
        task.told = Told { next: Some(next), ..task.told.clone() };
    }
    if let Some(command) = item["Actions"][0]["Execute"].as_str().or_else(|| item["Actions"]["Execute"].as_str()) {
        task.command = sanitize::line(command);
    }
    let code = item["LastTaskResult"].as_i64().map(|code| code as u32);
    if let (Some(started_at), Some(code)) = (instant(&item["LastRunTime"], &calendar.zone), code)
        && let Some((outcome, words)) = result::outcome(code, state)
    {
        task.last = Some(Last { started_at, outcome, words });
    }
}

/// `/Date(1795169284000)/`, `2026-11-20T07:45:01+00:00`, or without an offset; inside an object
/// where PowerShell wrote one.
fn instant(value: &Value, zone: &Zone) -> Option<Timestamp> {
    let text = value.as_str().or_else(|| value["value"].as_str()).or_else(|| value["DateTime"].as_str())?;
    let millis = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/"));
    let at = match millis {
        Some(millis) => Timestamp::from_timestamp_millis(millis.parse().ok()?)?,
        None => match DateTime::parse_from_rfc3339(text) {
            Ok(at) => at.into(),
            Err(_) => zone.instants(NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?).earliest(),
        },
    };
    real(at)
}

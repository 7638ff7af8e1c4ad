//! `Get-ScheduledTask | Get-ScheduledTaskInfo | ConvertTo-Json`, `Get-ScheduledTask |
//! ConvertTo-Json`, or the two together: typed values, in Windows PowerShell's way of writing
//! instants or in that of its successor.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime};
use serde_json::Value;

use super::result;
use crate::domain::plan::Invocation;
use crate::domain::sanitize;
use crate::domain::task::Told;
use crate::domain::time::{Timestamp, Zone};
use crate::scheduler::cron_log::Calendar;
use crate::scheduler::source::{Last, Listed, real};

/// Everything that is looked at, as one array of plain values: what they are called does not depend on a
/// language, and instants are UTC.
const QUESTION: &str = "$ErrorActionPreference = 'Stop'
[Console]::OutputEncoding = New-Object Text.UTF8Encoding $false
function Instant($at) { if ($at) { $at.ToUniversalTime().ToString('o') } }
$all = @(Get-ScheduledTask | ForEach-Object {
  $state = $_ | Get-ScheduledTaskInfo -ErrorAction SilentlyContinue
  $triggers = @($_.Triggers | Where-Object { $_ } | ForEach-Object {
    (($_.CimClass.CimClassName -replace '^MSFT_Task|Trigger$', '') + ' ' + $_.StartBoundary).Trim() })
  New-Object PSObject -Property @{
    TaskPath = $_.TaskPath; TaskName = $_.TaskName; State = [int]$_.State; UserId = $_.Principal.UserId
    Schedule = $triggers -join ', '
    Actions = @($_.Actions | Where-Object { $_ } | ForEach-Object {
      New-Object PSObject -Property @{ Execute = $_.Execute; Arguments = $_.Arguments } })
    LastRunTime = Instant $state.LastRunTime; LastTaskResult = $state.LastTaskResult
    NextRunTime = Instant $state.NextRunTime; NumberOfMissedRuns = $state.NumberOfMissedRuns } })
ConvertTo-Json -Compress -Depth 4 -InputObject $all";

/// Asks for every task.
pub(super) fn question() -> Invocation {
    Invocation::new(["powershell", "-NoLogo", "-NoProfile", "-NonInteractive", "-Command", QUESTION])
}

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
    // Of a single one PowerShell may make no list.
    let action = if item["Actions"].is_array() { &item["Actions"][0] } else { &item["Actions"] };
    if let Some(command) = action["Execute"].as_str() {
        let arguments = action["Arguments"].as_str().unwrap_or_default();
        task.command = sanitize::line(format!("{command} {arguments}").trim());
    }
    if let Some(user) = item["UserId"].as_str().or_else(|| item["Principal"]["UserId"].as_str()) {
        task.user = sanitize::line(user);
    }
    if let Some(schedule) = item["Schedule"].as_str().filter(|schedule| !schedule.is_empty()) {
        task.told.schedule = Some(sanitize::line(schedule));
    }
    task.missed = item["NumberOfMissedRuns"].as_u64().unwrap_or(task.missed);
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

//! A unit by its properties, as `systemctl show` prints them: when a timer starts, and how a service
//! went.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::sanitize;
use crate::domain::time::Timestamp;
use crate::scheduler::source::{Last, Listed, Outcome, real};

/// What is asked of each timer and each service.
pub(super) const PROPERTIES: &str = "Id,ActiveState,SubState,UnitFileState,LoadState,Result,Triggers,ExecMainStatus,\
                                     ExecMainCode,ExecMainStartTimestamp,ExecMainExitTimestamp,TimersCalendar,\
                                     TimersMonotonic,AccuracyUSec,RandomizedDelayUSec,LastTriggerUSec,\
                                     NextElapseUSecRealtime,Persistent,InvocationID,NRestarts,StateChangeTimestamp,\
                                     ConditionResult,ConditionTimestamp,User,ExecStart,ExecMainPID";

/// The properties of one unit.
pub(super) type Unit = BTreeMap<String, String>;
pub(super) type Units = BTreeMap<String, Unit>;

/// `systemctl show` of several units: blocks of `Key=value`, apart by an empty line. What stands
/// there more than once is kept line by line.
pub(super) fn units(text: &str) -> Units {
    let block = |block: &str| {
        let mut unit = Unit::new();
        for (key, value) in block.lines().filter_map(|line| line.split_once('=')) {
            let value = sanitize::line(value);
            unit.entry(key.to_owned())
                .and_modify(|known| {
                    known.push('\n');
                    known.push_str(&value);
                })
                .or_insert(value);
        }
        Some((unit.get("Id")?.clone(), unit))
    };
    text.split("\n\n").filter_map(block).collect()
}

impl Listed {
    /// What the properties of the timer and of its service add.
    pub(super) fn take(&mut self, timer: Option<&Unit>, service: Option<&Unit>) {
        if let Some(timer) = timer {
            let get = |key: &str| timer.get(key).map(String::as_str).unwrap_or_default();
            let calendar = rules(get("TimersCalendar"));
            let monotonic = rules(get("TimersMonotonic"));
            self.spent = get("SubState") == "elapsed" && !calendar.is_empty() && monotonic.is_empty();
            // Timers that count from a moment in the past begin at once where that is over.
            let counts_from_past = |rule: &String| rule.starts_with("OnBoot") || rule.starts_with("OnStartup");
            self.catches_up =
                get("Persistent") == "yes" && !calendar.is_empty() || monotonic.iter().any(counts_from_past);
            let all = [calendar, monotonic].concat();
            self.told.schedule = (!all.is_empty()).then(|| all.join(", "));
            self.told.delay = span(get("AccuracyUSec")) + span(get("RandomizedDelayUSec"));
            // Without a file it is gone for good once it is stopped.
            self.fleeting = get("UnitFileState") == "transient";
            if get("ActiveState") != "active" {
                let unit = if get("UnitFileState").is_empty() { get("LoadState") } else { get("UnitFileState") };
                let state = [get("ActiveState"), unit].join(", ");
                self.told.disabled = Some(format!("{} is {state}", self.name));
            }
        }
        if let Some(service) = service {
            // Without a word the manager's own user runs it.
            let own = if self.name.starts_with(super::OF_USER) { "" } else { "root" };
            service.get("User").filter(|user| !user.is_empty()).map_or(own, String::as_str).clone_into(&mut self.user);
            self.runs = service.get("ExecStart").map(|text| commands(text)).unwrap_or_default();
            self.invocation = service.get("InvocationID").cloned().unwrap_or_default();
            self.main_pid = main_pid(service);
            self.last = last(service).or(self.last.take());
        }
    }
}

/// `OnCalendar=*-*-* 02:00:00` of `{ OnCalendar=*-*-* 02:00:00 ; next_elapse=… }`, a line for each; the
/// last that was written stands first there.
fn rules(text: &str) -> Vec<String> {
    let rule = |line: &str| {
        let rule = line.trim_start_matches(['{', ' ']).split(" ; ").next()?.trim();
        let (kind, when) = rule.split_once('=')?;
        Some(if kind == "OnCalendar" { when.to_owned() } else { format!("{} {when}", kind.trim_end_matches("USec")) })
    };
    text.lines().rev().filter_map(rule).collect()
}

/// `/srv/backup.sh --all` of `{ path=/srv/backup.sh ; argv[]=/srv/backup.sh --all ; ignore_errors=no ; … }`,
/// a line for each.
fn commands(text: &str) -> String {
    let command = |line: &str| {
        let (_, argv) = line.split_once("argv[]=")?;
        Some(argv.rsplit_once(" ; ignore_errors=").map_or(argv, |(argv, _)| argv).to_owned())
    };
    text.lines().filter_map(command).collect::<Vec<_>>().join("; ")
}

/// `1min 30s`
fn span(text: &str) -> Duration {
    humantime::parse_duration(text).unwrap_or_default()
}

/// `@1795169284`
pub(super) fn instant(text: Option<&String>) -> Option<Timestamp> {
    Timestamp::from_timestamp(text?.strip_prefix('@')?.split('.').next()?.parse().ok()?, 0).and_then(real)
}

/// The main process of its last run; the number is told after its end, too.
pub(super) fn main_pid(service: &Unit) -> Option<String> {
    service.get("ExecMainPID").filter(|number| *number != "0").cloned()
}

/// What `ExecCondition=` says in the place of a result.
pub(super) const BY_COMMAND: &str = "exec-condition";

/// How a service last went.
pub(super) fn last(service: &Unit) -> Option<Last> {
    let get = |key: &str| service.get(key).map(String::as_str).unwrap_or_default();
    let started_at = instant(service.get("ExecMainStartTimestamp"));
    let skipped = |at, words: &str| Some(Last { started_at: at, outcome: Outcome::Skipped, words: words.to_owned() });
    let asked_at = instant(service.get("ConditionTimestamp"));
    if let Some(at) = asked_at.filter(|at| get("ConditionResult") == "no" && started_at.is_none_or(|began| began < *at))
    {
        return skipped(at, "its start condition failed");
    }
    if let Some(at) = asked_at.filter(|_| get("Result") == BY_COMMAND) {
        return skipped(at, "its ExecCondition said no");
    }
    let started_at = started_at?;
    let at = instant(service.get("ExecMainExitTimestamp")).filter(|at| *at >= started_at);
    let runs = ["activating", "active", "deactivating", "reloading"].contains(&get("ActiveState")) && at.is_none();
    if runs {
        return Some(Last { started_at, outcome: Outcome::Running, words: String::new() });
    }
    let (outcome, words) = ending(service, at);
    Some(Last { started_at, outcome, words })
}

/// How the main process of a service ended, by its code and by what its manager makes of it.
pub(super) fn ending(service: &Unit, at: Option<Timestamp>) -> (Outcome, String) {
    let get = |key: &str| service.get(key).map(String::as_str).unwrap_or_default();
    let (result, status): (&str, Option<i32>) = (get("Result"), get("ExecMainStatus").parse().ok());
    // 1: it exited; 2 and 3: a signal ended it, with a dump or without.
    let (exit_code, signal) = match get("ExecMainCode") {
        "1" => (status, None),
        "2" | "3" => (None, status),
        _ => (None, None),
    };
    let exit_code = match result {
        // Whoever was told to end, and did, has not done its work.
        "success" => signal.is_none().then_some(0),
        _ => exit_code.filter(|code| *code != 0),
    };
    let words = words(result, exit_code);
    (Outcome::Ended { at, exit_code, signal, timed_out: result == "timeout" }, words)
}

/// What a code means where systemd itself gave it.
pub(super) fn words(result: &str, exit_code: Option<i32>) -> String {
    match (result, exit_code) {
        ("success", _) => String::new(),
        (_, Some(203)) => "systemd: its program could not be started (203/EXEC)".to_owned(),
        (_, Some(200)) => "systemd: its working directory is not there (200/CHDIR)".to_owned(),
        (_, Some(217)) => "systemd: its user is not there (217/USER)".to_owned(),
        (result, _) => format!("systemd: {result}"),
    }
}

//! The runs before the last, and what they printed: systemd itself forgets both, and its journal does
//! not. What is there is read once and then only what is new.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde_json::Value;

use super::output::{self, Asked};
use super::unit::{self, words};
use super::{Manager, OF_USER};
use crate::domain::plan::Invocation;
use crate::domain::sanitize;
use crate::domain::time::Timestamp;
use crate::platform::user;
use crate::scheduler::cron_log::{Calendar, LOOK_BACK};
use crate::scheduler::journald::{self, entries, field, instant, text};
use crate::scheduler::source::{Ask, Last, Listed, Outcome, Ran};

/// What a manager says of its services, by the identity of the message: see sd-messages(3).
const STARTING: &str = "7d4958e842da4a758f6c1cdc7b36dcc5";
const STARTED: &str = "39f53479d3a045ac8e11786248231fbf";
const STOPPING: &str = "de5b426a63be47a7b6ac3eaac82e2f6f";
const EXITED: &str = "98e322203f7a4ed290d09fe03c09fe15";
const SUCCEEDED: &str = "7ad2d189f7e94e70a38c781354912448";
const FAILED: &str = "d9b373ed55a64feb8242e02dbe79a49c";
/// A condition that is a command of its own said no.
const SKIPPED: &str = "0e4284a0caca4bfc81c0bb6786972673";
const MESSAGES: [&str; 7] = [STARTING, STARTED, STOPPING, EXITED, SUCCEEDED, FAILED, SKIPPED];

/// No more messages than these are asked for at once, and no more runs of one service are kept.
pub(super) const MOST_MESSAGES: &str = "10000";
const MOST_RUNS: usize = 200;
/// The outputs of so many runs of a service are asked for, of each so many lines.
const OUTPUTS: usize = 8;
const MOST_LINES: usize = 200;
/// A run that nobody else knows of yet may have begun since systemd was asked.
const JUST_NOW: TimeDelta = TimeDelta::seconds(10);

/// What was read so far.
#[derive(Debug, Default)]
pub struct Journal {
    services: BTreeSet<String>,
    /// By service, the main process of its last run.
    main_pids: BTreeMap<String, String>,
    cursor: Option<String>,
    since: Option<Timestamp>,
    /// By service, and then by what its manager calls the run.
    runs: BTreeMap<String, BTreeMap<String, Run>>,
}

#[derive(Clone, Debug)]
struct Run {
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    result: String,
    exit_code: Option<i32>,
    signal: Option<i32>,
    /// Somebody told it to end.
    stopped: bool,
    /// What it printed.
    output: String,
    /// Nothing is to come any more.
    settled: bool,
}

/// Adds to timers what the journal remembers of them.
pub(super) fn recall(journal: &mut Journal, ask: Ask, calendar: &Calendar, timers: &mut [Listed]) {
    let service = |timer: &Listed| match timer.name.strip_prefix(OF_USER) {
        Some(_) => format!("{OF_USER}{}", timer.command),
        None => timer.command.clone(),
    };
    let services: BTreeSet<String> = timers.iter().filter(|timer| !timer.command.is_empty()).map(service).collect();
    if services.is_empty() {
        return;
    }
    if let Err(why) = journal.read(ask, calendar, services) {
        for timer in timers {
            timer.forgetful.clone_from(&why);
        }
        return;
    }
    let main_pid = |timer: &Listed| Some((service(timer), timer.main_pid.clone()?));
    journal.main_pids = timers.iter().filter_map(main_pid).collect();
    journal.ask_outputs(ask, calendar.now);
    for timer in timers {
        timer.remembered_since = journal.since;
        let Some(runs) = journal.runs.get(&service(timer)) else { continue };
        let ran = |(invocation, run): (&String, &Run)| {
            let current = *invocation == timer.invocation || run.started_at > calendar.now - JUST_NOW;
            Ran { invocation: invocation.clone(), last: run.last(current), output: run.output.clone() }
        };
        timer.ran = runs.iter().map(ran).collect();
        timer.ran.sort_by_key(|ran| std::cmp::Reverse(ran.last.started_at));
    }
}

/// The result of a start that a condition kept from being one; what it was stands in place of the output.
const CONDITION: &str = "condition";

/// `its start condition failed (ConditionPathExists=/srv)`, of systemd's own sentence about it.
fn condition(message: &str) -> Option<String> {
    let is_it = message.contains(" was skipped because of ") || message.starts_with("Condition check resulted in ");
    let which =
        message.rfind(" (").map(|at| message[at..].trim_end_matches('.')).filter(|_| message.contains(" check ("));
    is_it.then(|| format!("its start condition failed{}", which.unwrap_or_default()))
}

impl Run {
    /// One that begins.
    fn begun(at: Timestamp) -> Self {
        Self {
            started_at: at,
            ended_at: None,
            result: String::new(),
            exit_code: None,
            signal: None,
            stopped: false,
            output: String::new(),
            settled: false,
        }
    }

    fn is_skipped(&self) -> bool {
        [CONDITION, unit::BY_COMMAND].contains(&self.result.as_str())
    }

    fn last(&self, current: bool) -> Last {
        let Self { started_at, ended_at, exit_code, signal, .. } = *self;
        let outcome = match ended_at {
            Some(_) if self.is_skipped() => Outcome::Skipped,
            // It is over, and nobody saw how: the power failed.
            None if !current => Outcome::Lost,
            None => Outcome::Running,
            Some(_) => {
                let signal = signal.or(self.stopped.then_some(15).filter(|_| exit_code.is_none()));
                let exit_code = match self.result.as_str() {
                    "success" => signal.is_none().then_some(0),
                    _ => exit_code,
                };
                Outcome::Ended { at: ended_at, exit_code, signal, timed_out: self.result == "timeout" }
            }
        };
        let words = match self.result.as_str() {
            CONDITION => self.output.clone(),
            unit::BY_COMMAND => "its ExecCondition said no".to_owned(),
            result => ended_at.map_or_else(String::new, |_| words(result, exit_code)),
        };
        Last { started_at, outcome, words }
    }
}

impl Journal {
    /// Reads what is new. `Err` with what keeps it from telling, where that can be mended.
    fn read(&mut self, ask: Ask, calendar: &Calendar, services: BTreeSet<String>) -> Result<(), Option<String>> {
        if services != self.services {
            *self = Self { services, ..Self::default() };
        }
        let told = ask(&self.invocation(calendar.now - LOOK_BACK)).map_err(|_absent| None)?;
        if let Some(why) = journald::denied(&told.stderr) {
            return Err(Some(why.to_owned()));
        }
        if told.exit_code != Some(0) {
            return Err(None);
        }
        for entry in entries(&told.stdout) {
            self.take(&entry);
        }
        for runs in self.runs.values_mut() {
            while runs.len() > MOST_RUNS {
                let oldest =
                    runs.iter().min_by_key(|(_, run)| run.started_at).map(|(invocation, _)| invocation.clone());
                oldest.and_then(|oldest| runs.remove(&oldest));
            }
        }
        Ok(())
    }

    fn invocation(&self, since: Timestamp) -> Invocation {
        let from = match &self.cursor {
            Some(cursor) => format!("--after-cursor={cursor}"),
            None => format!("--since=@{}", since.timestamp()),
        };
        let fields = "--output-fields=MESSAGE,MESSAGE_ID,UNIT,USER_UNIT,INVOCATION_ID,USER_INVOCATION_ID,UNIT_RESULT,EXIT_CODE,\
                      EXIT_STATUS,COMMAND,_SOURCE_REALTIME_TIMESTAMP";
        let words = ["journalctl", "--no-pager", "-o", "json", "-n", MOST_MESSAGES, fields, &*from];
        let mut argv: Vec<String> = words.into_iter().map(str::to_owned).collect();
        let messages = || MESSAGES.iter().map(|id| format!("MESSAGE_ID={id}"));
        let own =
            self.services.iter().filter_map(|name| name.strip_prefix(OF_USER)).map(|name| format!("USER_UNIT={name}"));
        let (own, of_system): (Vec<String>, Vec<String>) = (
            own.collect(),
            self.services.iter().filter(|name| !name.starts_with(OF_USER)).map(|name| format!("UNIT={name}")).collect(),
        );
        if !of_system.is_empty() {
            argv.extend(messages().chain(of_system));
        }
        if !own.is_empty() {
            argv.extend((argv.last().is_some_and(|last| last.starts_with("UNIT="))).then(|| "+".to_owned()));
            argv.extend(messages().chain(own).chain([format!("_UID={}", user::number())]));
        }
        Invocation::new(argv)
    }

    fn take(&mut self, entry: &Value) {
        if let Some(cursor) = entry["__CURSOR"].as_str() {
            self.cursor = Some(cursor.to_owned());
        }
        let Some(at) = instant(entry) else { return };
        self.since = Some(self.since.map_or(at, |since| since.min(at)));
        let of_user = field(entry, "USER_UNIT").map(|unit| Manager::User.name(&unit));
        let Some(service) = of_user.or_else(|| field(entry, "UNIT")) else { return };
        let invocation = field(entry, "USER_INVOCATION_ID").or_else(|| field(entry, "INVOCATION_ID"));
        let invocation = invocation.filter(|id| !id.is_empty());
        let runs = self.runs.entry(service).or_default();
        let message = entry["MESSAGE_ID"].as_str().unwrap_or_default();
        if message == STARTED
            && let Some(why) = text(&entry["MESSAGE"]).and_then(|said| condition(&sanitize::bytes(&said)))
        {
            // A command that was asked is told of before, by the name of that run. What another condition
            // kept back never got a name: the one that stands there is of the run before, if there was one.
            let of_command = |id: &String| runs.get(id).is_some_and(|run| run.result == unit::BY_COMMAND);
            if !invocation.as_ref().is_some_and(of_command) {
                let begun = Run::begun(at);
                let run = Run { ended_at: Some(at), result: CONDITION.to_owned(), output: why, settled: true, ..begun };
                runs.insert(format!("skipped-{}", at.timestamp_micros()), run);
            }
            return;
        }
        let Some(invocation) = invocation else { return };
        if [STARTING, STARTED].contains(&message) {
            runs.entry(invocation).or_insert_with(|| Run::begun(at));
            return;
        }
        let Some(run) = runs.get_mut(&invocation) else { return };
        let status = || field(entry, "EXIT_STATUS").and_then(|status| status.parse().ok());
        match message {
            STOPPING => run.stopped = true,
            EXITED if field(entry, "COMMAND").is_none_or(|command| command == "ExecStart") => {
                match field(entry, "EXIT_CODE").as_deref() {
                    Some("exited") => run.exit_code = status(),
                    _ => run.signal = status(),
                }
            }
            SUCCEEDED => (run.ended_at, run.result) = (Some(at), "success".to_owned()),
            SKIPPED => (run.ended_at, run.result) = (Some(at), unit::BY_COMMAND.to_owned()),
            FAILED => {
                (run.ended_at, run.result) = (Some(at), field(entry, "UNIT_RESULT").unwrap_or_default());
            }
            _ => {}
        }
    }

    /// Asks what the newest runs printed, unless that is known for good.
    fn ask_outputs(&mut self, ask: Ask, now: Timestamp) {
        let mut wanted: BTreeMap<String, Vec<(Timestamp, String)>> = BTreeMap::new();
        for (service, runs) in &self.runs {
            let mut newest: Vec<(&String, &Run)> = runs.iter().collect();
            newest.sort_by_key(|(_, run)| std::cmp::Reverse(run.started_at));
            let unknown = newest.into_iter().take(OUTPUTS).filter(|(_, run)| !run.settled);
            let mut unknown: Vec<_> = unknown.map(|(id, run)| (run.started_at, id.clone())).collect();
            unknown.reverse();
            if !unknown.is_empty() {
                wanted.insert(service.clone(), unknown);
            }
        }
        let Some(since) = wanted.values().flatten().map(|(at, _)| *at).min() else { return };
        let asked =
            wanted.keys().map(|service| Asked { service, main_pid: self.main_pids.get(service).map(String::as_str) });
        let mut said = output::outputs(ask, &asked.collect::<Vec<_>>(), since);
        for (service, wanted) in wanted {
            let Some(known) = self.runs.get_mut(&service) else { continue };
            let mut own: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for said in said.remove(&service).unwrap_or_default() {
                // By its name, or else by when it was said.
                let by_time = || wanted.iter().rev().find(|(at, _)| *at <= said.at).map(|(_, id)| id.clone());
                let named = said.invocation.filter(|id| known.contains_key(id));
                if let Some(id) = named.or_else(by_time) {
                    own.entry(id).or_default().push(said.line);
                }
            }
            for (_, id) in wanted {
                let Some(run) = known.get_mut(&id) else { continue };
                let lines = own.remove(&id).unwrap_or_default();
                run.output = lines[lines.len().saturating_sub(MOST_LINES)..].join("\n");
                // What it printed may still be on its way as it ends.
                run.settled = run.ended_at.is_some_and(|at| at < now - JUST_NOW);
            }
        }
    }
}

#[cfg(test)]
mod tests;

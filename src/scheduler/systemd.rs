//! Timers of systemd, as `systemctl` tells of them: when each is due, when it was last, and how
//! the service that it starts went. Those of the system, and of the user this program runs as.
//!
//! The timer itself is always well: the outcome stands with its service. Instants are the wall
//! clock's; what `list-timers` prints as time left is the same instant once more.

mod failed;
mod journal;
mod output;
mod state;
mod unit;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::cron_log::Calendar;
use super::source::{Acts, Ask, Holding, Last, Listed, Outcome, SourceKind, real};
use super::uptime;
use crate::domain::plan::Invocation;
use crate::domain::sanitize;
use crate::domain::task::Told;
use crate::domain::time::Timestamp;
use crate::platform::user;
pub use failed::{Failed, failed};
pub use journal::Journal;
pub use state::{State, state};
use unit::units;

/// Timers of systemd.
pub const SOURCE: SourceKind = SourceKind {
    name: "systemd",
    together: Some("the timers"),
    every: Duration::from_mins(1),
    is_here: |root| root.join("run/systemd/system").is_dir(),
    is_of_system: |_| false,
    names: read,
    read,
    recall: journal::recall,
    parse,
    acts,
};

/// What stands before the name of a timer of the user's own manager. No unit has a slash in its name.
pub const OF_USER: &str = "user/";

/// One of the managers of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manager {
    System,
    /// That of the user this program runs as.
    User,
}

impl Manager {
    /// Those that run.
    fn all(root: &Path) -> impl Iterator<Item = Manager> {
        let socket = root.join(runtime_directory().trim_start_matches('/')).join("systemd/private");
        [Manager::System].into_iter().chain(socket.exists().then_some(Manager::User))
    }

    fn of(name: &str) -> (Manager, &str) {
        name.strip_prefix(OF_USER).map_or((Manager::System, name), |name| (Manager::User, name))
    }

    /// What a unit of it is called here.
    fn name(self, unit: &str) -> String {
        if self == Manager::User { format!("{OF_USER}{unit}") } else { unit.to_owned() }
    }

    fn systemctl(self, words: impl IntoIterator<Item = impl Into<String>>) -> Invocation {
        let mut argv = vec!["systemctl".to_owned()];
        argv.extend((self == Manager::User).then(|| "--user".to_owned()));
        argv.extend(words.into_iter().map(Into::into));
        let mut invocation = Invocation::new(argv);
        if self == Manager::User {
            invocation.environment.insert("XDG_RUNTIME_DIR".to_owned(), runtime_directory());
        }
        invocation
    }

    /// What it answers.
    fn asked(self, ask: Ask, words: impl IntoIterator<Item = String>) -> Result<Vec<u8>, String> {
        let told = ask(&self.systemctl(["--no-pager".to_owned()].into_iter().chain(words)))?;
        if told.exit_code == Some(0) {
            return Ok(told.stdout);
        }
        let complaint = sanitize::bytes(&told.stderr);
        Err(format!("`systemctl` {told}: {}", complaint.lines().next().unwrap_or_default()))
    }

    /// Everything that units are.
    fn show(self, ask: Ask, names: impl IntoIterator<Item = String>) -> Result<unit::Units, String> {
        let mut words =
            vec!["show".to_owned(), "--timestamp=unix".to_owned(), format!("--property={}", unit::PROPERTIES)];
        words.push("--".to_owned());
        let options = words.len();
        words.extend(names);
        if words.len() == options {
            return Ok(unit::Units::default());
        }
        Ok(units(&String::from_utf8_lossy(&self.asked(ask, words)?)))
    }
}

fn runtime_directory() -> String {
    format!("/run/user/{}", user::number())
}

fn read(ask: Ask, _calendar: &Calendar, root: &Path) -> Result<Vec<Listed>, String> {
    let mut all = Vec::new();
    for manager in Manager::all(root) {
        all.extend(timers(manager, ask)?);
    }
    // That a timer with a memory was started looks like a run of it; since the machine started its
    // service would know of one.
    let booted_at = uptime::booted_at(root);
    for timer in all.iter_mut().filter(|timer| timer.invocation.is_empty()) {
        let never_was =
            |last: &Last| last.outcome == Outcome::Untold && booted_at.is_some_and(|at| last.started_at > at);
        timer.last = timer.last.take().filter(|last| !never_was(last));
    }
    Ok(all)
}

/// The timers of one manager: those that it has loaded, and those that are installed.
fn timers(manager: Manager, ask: Ask) -> Result<Vec<Listed>, String> {
    let words = |words: [&str; 3]| words.map(str::to_owned);
    let mut timers = entries(&manager.asked(ask, words(["list-timers", "--all", "--output=json"]))?)?;
    let files = manager.asked(ask, words(["list-unit-files", "--type=timer", "--output=json"]))?;
    for unit in installed(&files)? {
        if timers.iter().all(|timer| timer.unit != unit) {
            let activates = unit.trim_end_matches(".timer").to_owned() + ".service";
            timers.push(Timer { unit, activates, next: None, last: None });
        }
    }
    let names = timers.iter().flat_map(|timer| [timer.unit.clone(), timer.activates.clone()]);
    let units = manager.show(ask, names.filter(|name| !name.is_empty()))?;
    let listed = timers.into_iter().map(|timer| {
        let (unit, service) = (units.get(&timer.unit), units.get(&timer.activates));
        let mut listed = timer.listed();
        listed.name = manager.name(&listed.name);
        listed.take(unit, service);
        listed
    });
    Ok(listed.collect())
}

/// One line of `list-timers`.
struct Timer {
    unit: String,
    activates: String,
    next: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Timer {
    fn listed(self) -> Listed {
        Listed {
            name: self.unit,
            told: Told { next: self.next, ..Told::default() },
            last: self.last.map(|started_at| Last { started_at, outcome: Outcome::Untold, words: String::new() }),
            command: self.activates,
            ..Listed::default()
        }
    }
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

/// The timers that have a file, but for templates and second names.
fn installed(list: &[u8]) -> Result<Vec<String>, String> {
    let files: Vec<Value> = serde_json::from_slice(list).map_err(|error| unreadable("list-unit-files", &error))?;
    let files = files.iter().filter(|file| file["state"] != "alias");
    let names = files.filter_map(|file| file["unit_file"].as_str()).map(sanitize::line);
    Ok(names.filter(|name| !name.contains("@.")).collect())
}

fn unreadable(what: &str, error: &serde_json::Error) -> String {
    format!("what `systemctl {what} --output=json` printed cannot be read: {error}")
}

/// `systemctl list-timers --all --output=json`: when, but not how it went.
fn parse(list: &[u8], _calendar: &Calendar) -> Result<Vec<Listed>, String> {
    Ok(entries(list)?.into_iter().map(Timer::listed).collect())
}

fn acts(name: &str, activates: &str) -> Acts {
    let (manager, unit) = Manager::of(name);
    let timer = if unit.contains('.') { unit.to_owned() } else { format!("{unit}.timer") };
    // A timer may start a service of any name.
    let service = if activates.is_empty() { timer.replace(".timer", ".service") } else { activates.to_owned() };
    let systemctl = |words: &[&str]| manager.systemctl(words.iter().copied());
    Acts {
        run: systemctl(&["start", "--", &service]),
        hold: Some(Holding {
            stop: systemctl(&["stop", "--", &service]),
            restart: Some(systemctl(&["restart", "--", &service])),
            enable: systemctl(&["enable", "--now", "--", &timer]),
            disable: systemctl(&["disable", "--now", "--", &timer]),
            freeze: systemctl(&["stop", "--", &timer]),
            thaw: systemctl(&["start", "--", &timer]),
        }),
    }
}

#[cfg(test)]
pub(super) mod tests;

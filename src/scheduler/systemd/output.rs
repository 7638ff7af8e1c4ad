//! What services printed, as the journal has it.

use std::collections::BTreeMap;

use super::journal::MOST_MESSAGES;
use super::{Manager, OF_USER};
use crate::domain::plan::Invocation;
use crate::domain::sanitize;
use crate::domain::time::Timestamp;
use crate::platform::user;
use crate::scheduler::journald::{entries, field, instant, text};
use crate::scheduler::source::Ask;

/// Where the manager of a user runs, and what it calls that itself.
const MANAGER: &str = "user@";
const MANAGERS_OWN: &str = "init.scope";

/// A service that is asked for.
pub(super) struct Asked<'a> {
    pub(super) service: &'a str,
    /// The main process of its last run.
    pub(super) main_pid: Option<&'a str>,
}

/// One line that a service printed.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) at: Timestamp,
    /// Of which run, where that was still known when it was written down.
    pub(super) invocation: Option<String>,
    pub(super) line: String,
}

/// What services printed since an instant, oldest first. By their names, because a process that is
/// gone at once is not known by its run any more when its words are written down; and one of a user
/// not by its name either, but by its number alone: only the manager of the system is believed when
/// it says whose words are to come.
pub(super) fn outputs(ask: Ask, asked: &[Asked<'_>], since: Timestamp) -> BTreeMap<String, Vec<Said>> {
    let mut said: BTreeMap<String, Vec<Said>> = BTreeMap::new();
    if asked.is_empty() {
        return said;
    }
    let of_user = || asked.iter().filter_map(|asked| Some((asked.service.strip_prefix(OF_USER)?, asked.main_pid)));
    let of_system = asked.iter().filter(|asked| !asked.service.starts_with(OF_USER));
    let of_system: Vec<String> = of_system.map(|asked| format!("_SYSTEMD_UNIT={}", asked.service)).collect();
    let own: Vec<String> = of_user().map(|(unit, _)| format!("_SYSTEMD_USER_UNIT={unit}")).collect();
    let by_number: Vec<String> = of_user().filter_map(|(_, main_pid)| Some(format!("_PID={}", main_pid?))).collect();
    let as_user = format!("_UID={}", user::number());
    let and = |mut terms: Vec<String>, more: &[&str]| {
        if !terms.is_empty() {
            terms.extend(more.iter().map(|term| (*term).to_owned()));
        }
        terms
    };
    let terms = [of_system, and(own, &[&as_user]), and(by_number, &["_TRANSPORT=stdout", &as_user])];
    let terms: Vec<Vec<String>> = terms.into_iter().filter(|terms| !terms.is_empty()).collect();
    let from = format!("--since=@{}", since.timestamp());
    let words = ["journalctl", "--no-pager", "-q", "-a", "-o", "json", "-n", MOST_MESSAGES, &*from];
    let fields = "--output-fields=MESSAGE,_SYSTEMD_UNIT,_SYSTEMD_USER_UNIT,_SYSTEMD_INVOCATION_ID,_PID";
    let argv = words.into_iter().chain([fields]).map(str::to_owned);
    let Ok(told) = ask(&Invocation::new(argv.chain(terms.join(&"+".to_owned())))) else { return said };
    for entry in entries(&told.stdout) {
        let unit = field(&entry, "_SYSTEMD_UNIT");
        let of_its_user = field(&entry, "_SYSTEMD_USER_UNIT");
        let number = field(&entry, "_PID");
        // Of a process that was too quick for the journal, its manager is all that was seen of it.
        let unseen = of_its_user.as_deref().is_none_or(|unit| unit == MANAGERS_OWN);
        let is_its = |(name, main_pid): &(&str, Option<&str>)| {
            let elsewhere = unit.as_deref().is_some_and(|unit| unit != *name && !unit.starts_with(MANAGER));
            unseen && !elsewhere && main_pid.is_some() && *main_pid == number.as_deref()
        };
        let by_number = of_user().find(is_its).map(|(name, _)| Manager::User.name(name));
        let service = by_number.or_else(|| of_its_user.map(|unit| Manager::User.name(&unit))).or(unit);
        let line = text(&entry["MESSAGE"]).map(|line| sanitize::bytes(&line));
        if let (Some(service), Some(at), Some(line)) = (service, instant(&entry), line) {
            let invocation = field(&entry, "_SYSTEMD_INVOCATION_ID");
            said.entry(service).or_default().push(Said { at, invocation, line });
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::exec::{Captured, Ended};

    const PRINTED: &str = r#"{"MESSAGE":"named","_SYSTEMD_USER_UNIT":"rota.service","_PID":"7","__REALTIME_TIMESTAMP":"1795294001000000"}
{"MESSAGE":"by its number","_PID":"8","__REALTIME_TIMESTAMP":"1795294002000000"}
{"MESSAGE":"as its manager called it","_SYSTEMD_UNIT":"rota.service","_PID":"8","__REALTIME_TIMESTAMP":"1795294003000000"}
{"MESSAGE":"before it had a place","_SYSTEMD_UNIT":"user@0.service","_SYSTEMD_USER_UNIT":"init.scope","_PID":"8","__REALTIME_TIMESTAMP":"1795294004000000"}
{"MESSAGE":"of the system","_SYSTEMD_UNIT":"rota.service","_PID":"9","__REALTIME_TIMESTAMP":"1795294005000000"}
{"MESSAGE":"of another that had the number before","_SYSTEMD_UNIT":"web.service","_PID":"8","__REALTIME_TIMESTAMP":"1795294006000000"}
{"MESSAGE":"of another of the user","_SYSTEMD_USER_UNIT":"web.service","_PID":"8","__REALTIME_TIMESTAMP":"1795294007000000"}
"#;

    #[test]
    fn what_a_process_printed_that_was_gone_at_once_is_known_by_its_number() {
        #[expect(clippy::unnecessary_wraps, reason = "the shape of what asks a program")]
        fn ask(asked: &Invocation) -> Result<Captured, String> {
            let user = user::number();
            let terms = format!(
                " _SYSTEMD_UNIT=rota.service + _SYSTEMD_USER_UNIT=rota.service _UID={user} + _PID=8 _TRANSPORT=stdout _UID={user}"
            );
            assert!(asked.argv.join(" ").ends_with(&terms), "{asked:?}");
            Ok(Captured {
                exit_code: Some(0),
                signal: None,
                ended: Ended::Exited,
                took: Duration::ZERO,
                stdout: PRINTED.into(),
                stderr: Vec::new(),
                cut: false,
                left: None,
            })
        }
        let asked = [
            Asked { service: "user/rota.service", main_pid: Some("8") },
            Asked { service: "rota.service", main_pid: Some("9") },
        ];
        let said = outputs(ask, &asked, Timestamp::from_timestamp(1_795_294_000, 0).expect("a time"));
        let lines = |service: &str| said[service].iter().map(|said| &*said.line).collect::<Vec<_>>();
        let own = ["named", "by its number", "as its manager called it", "before it had a place"];
        assert_eq!(lines("user/rota.service"), own);
        assert_eq!(lines("rota.service"), ["of the system"]);
    }
}

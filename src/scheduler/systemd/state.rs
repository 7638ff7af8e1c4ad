//! What a unit is at this moment, for whoever started it anew.

use super::Manager;
use super::unit::{self, Unit};
use crate::scheduler::source::{Ask, Outcome};

/// What became of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is there; its manager calls this run of it so.
    Active(String),
    /// It did its work and ended.
    Ended,
    /// It is on its way to the one or the other.
    Changing,
    /// It failed, or waits to be started once more after it did: how.
    Failed(String),
}

/// Asks the manager of a unit.
pub fn state(ask: Ask, name: &str) -> Result<State, String> {
    let (manager, unit) = Manager::of(name);
    let units = manager.show(ask, [unit.to_owned()])?;
    let shown = units.get(unit).ok_or_else(|| format!("systemd does not tell of {name}"))?;
    Ok(of(shown))
}

fn of(unit: &Unit) -> State {
    let get = |key: &str| unit.get(key).map(String::as_str).unwrap_or_default();
    match (get("ActiveState"), get("SubState")) {
        (_, "auto-restart" | "auto-restart-queued") | ("failed", _) => State::Failed(ending(unit)),
        ("active" | "reloading", _) => State::Active(get("InvocationID").to_owned()),
        ("inactive", _) if get("Result") == "success" => State::Ended,
        ("inactive", _) => State::Failed(ending(unit)),
        _ => State::Changing,
    }
}

pub(super) fn ending(unit: &Unit) -> String {
    match unit::ending(unit, None) {
        (Outcome::Ended { timed_out: true, .. }, _) => "past its time limit".to_owned(),
        (Outcome::Ended { exit_code: Some(code), .. }, _) if code != 0 && code < 200 => format!("exit code {code}"),
        (Outcome::Ended { signal: Some(signal), .. }, _) => format!("ended by signal {signal}"),
        (_, words) => words.trim_start_matches("systemd: ").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(text: &str) -> State {
        of(unit::units(&format!("Id=web.service\n{text}")).get("web.service").expect("a unit"))
    }

    #[test]
    fn a_unit_that_waits_to_be_started_once_more_failed() {
        assert_eq!(unit("ActiveState=active\nSubState=running\nInvocationID=abc"), State::Active("abc".to_owned()));
        assert_eq!(unit("ActiveState=activating\nSubState=start"), State::Changing);
        let failing =
            "ActiveState=activating\nSubState=auto-restart\nResult=exit-code\nExecMainCode=1\nExecMainStatus=7";
        assert_eq!(unit(failing), State::Failed("exit code 7".to_owned()));
        let killed = "ActiveState=failed\nSubState=failed\nResult=signal\nExecMainCode=2\nExecMainStatus=9";
        assert_eq!(unit(killed), State::Failed("ended by signal 9".to_owned()));
        assert_eq!(unit("ActiveState=inactive\nSubState=dead\nResult=success\nExecMainCode=1"), State::Ended);
    }
}

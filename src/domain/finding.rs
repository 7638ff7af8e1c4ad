//! One sentence saying why a status is not ok, and what mends it.

use serde::Serialize;

use crate::domain::action_name::ActionName;
use crate::domain::sample::Key;
use crate::domain::status::Status;
use crate::domain::time::Timestamp;

/// Why a status is not ok: a number, a limit, and the act that mends it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    pub status: Status,
    pub key: Key,
    pub text: String,
    /// Since when this has been so, where that is known.
    #[serde(skip)]
    pub since: Option<Timestamp>,
    /// The act that mends it; the dashboard names its key, `check` its command.
    #[serde(skip)]
    pub mend: Option<ActionName>,
    /// What to do about it, where no act of ours does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Finding {
    pub fn new(status: Status, key: impl Into<Key>, text: impl Into<String>) -> Self {
        Self { status, key: key.into(), text: text.into(), since: None, mend: None, advice: None }
    }

    #[must_use]
    pub fn since(mut self, at: Timestamp) -> Self {
        self.since = Some(at);
        self
    }

    #[must_use]
    pub fn mend(mut self, action: ActionName) -> Self {
        self.mend = Some(action);
        self
    }

    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

/// How a sample is told while it is beyond its limit: with the culprit, which its figure alone
/// does not name.
#[derive(Clone, Debug, PartialEq)]
pub struct Remark {
    /// The sample it is about.
    pub key: Key,
    /// Stands in the finding before the limit: `3 sessions wait behind pid 4711`.
    pub text: String,
    pub mend: Option<ActionName>,
    pub advice: Option<String>,
    /// The session that it is about, where ending that one would mend it.
    pub session: Option<u64>,
}

impl Remark {
    pub fn new(key: impl Into<Key>, text: impl Into<String>) -> Self {
        Self { key: key.into(), text: text.into(), mend: None, advice: None, session: None }
    }

    #[must_use]
    pub fn mend(mut self, action: ActionName) -> Self {
        self.mend = Some(action);
        self
    }

    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    #[must_use]
    pub fn session(mut self, pid: impl Into<Option<u64>>) -> Self {
        self.session = pid.into();
        self
    }

    /// The same with what ends its session, now that it is known of which database it is.
    #[must_use]
    pub fn of_database(mut self, id: &str) -> Self {
        if let Some(pid) = self.session {
            let command = format!("`rounds database terminate {id} --pid {pid}`");
            self.advice = Some(self.advice.map_or_else(|| command.clone(), |advice| format!("{advice}, or {command}")));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_ended_by_its_number_in_the_database_it_is_of() {
        let remark = Remark::new("blocked", "3 sessions wait").advice("end its transaction");
        assert_eq!(remark.clone().of_database("rota"), remark, "none is named");
        let named = remark.session(4711).of_database("rota").advice;
        assert_eq!(named.as_deref(), Some("end its transaction, or `rounds database terminate rota --pid 4711`"));
        let alone = Remark::new("blocked", "").session(7).of_database("rota").advice;
        assert_eq!(alone.as_deref(), Some("`rounds database terminate rota --pid 7`"));
    }
}

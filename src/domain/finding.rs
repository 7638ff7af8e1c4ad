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
}

impl Remark {
    pub fn new(key: impl Into<Key>, text: impl Into<String>) -> Self {
        Self { key: key.into(), text: text.into(), mend: None, advice: None }
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

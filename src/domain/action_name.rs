//! What an act is called, everywhere: on the command line, in the key table, in the audit log.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of an act: `backup`, `vacuum`, or the id of a configured action.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActionName(Cow<'static, str>);

impl ActionName {
    pub const BACKUP: ActionName = ActionName(Cow::Borrowed("backup"));
    pub const VERIFY: ActionName = ActionName(Cow::Borrowed("verify"));
    pub const PRUNE: ActionName = ActionName(Cow::Borrowed("prune"));
    pub const COPY: ActionName = ActionName(Cow::Borrowed("copy"));
    pub const DRILL: ActionName = ActionName(Cow::Borrowed("drill"));
    pub const RESTORE: ActionName = ActionName(Cow::Borrowed("restore"));
    pub const VACUUM: ActionName = ActionName(Cow::Borrowed("vacuum"));
    pub const VACUUM_ANALYZE: ActionName = ActionName(Cow::Borrowed("vacuum-analyze"));
    pub const VACUUM_FULL: ActionName = ActionName(Cow::Borrowed("vacuum-full"));
    pub const ANALYZE: ActionName = ActionName(Cow::Borrowed("analyze"));
    pub const REINDEX: ActionName = ActionName(Cow::Borrowed("reindex"));
    pub const CHECKPOINT: ActionName = ActionName(Cow::Borrowed("checkpoint"));
    pub const INTEGRITY: ActionName = ActionName(Cow::Borrowed("integrity"));
    pub const CANCEL: ActionName = ActionName(Cow::Borrowed("cancel"));
    pub const TERMINATE: ActionName = ActionName(Cow::Borrowed("terminate"));
    pub const FREEZE: ActionName = ActionName(Cow::Borrowed("freeze"));
    pub const THAW: ActionName = ActionName(Cow::Borrowed("thaw"));
    pub const ACCEPT: ActionName = ActionName(Cow::Borrowed("accept"));
    pub const ENABLE_TASK: ActionName = ActionName(Cow::Borrowed("enable-task"));
    pub const DISABLE_TASK: ActionName = ActionName(Cow::Borrowed("disable-task"));
    pub const STOP_TASK: ActionName = ActionName(Cow::Borrowed("stop-task"));
    pub const RESTART_TASK: ActionName = ActionName(Cow::Borrowed("restart-task"));
    pub const RUN_TASK: ActionName = ActionName(Cow::Borrowed("run-task"));

    pub fn custom(id: impl Into<String>) -> Self {
        Self(Cow::Owned(id.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

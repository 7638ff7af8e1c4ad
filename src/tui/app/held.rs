//! Tasks that are held back by a key: all of them for a while, or one for good.

use std::collections::BTreeMap;

use super::{App, Effect};
use crate::action::hold::{ALL, USUAL};
use crate::domain::action_name::ActionName;
use crate::domain::hold::{Handle, Hold};
use crate::domain::inventory::{Target, TargetKind};
use crate::domain::observation::Detail;
use crate::domain::slot::TaskState;
use crate::domain::status::Status;
use crate::domain::task::TaskFacts;
use crate::tui::overlay::Overlay;
use crate::tui::overlay::prompt::{Prompt, Purpose};

impl App {
    /// Thaws when anything is frozen; else asks for how long all tasks shall be.
    pub(super) fn freeze_or_thaw(&mut self) -> Vec<Effect> {
        let is_frozen = |facts: &TaskFacts| facts.held.as_ref().is_some_and(|held| held.hold == Hold::Frozen);
        if self.facts.board.tasks().any(|facts| is_frozen(facts) || facts.has_open_freeze()) {
            return self.propose(ActionName::THAW, Target::task(ALL), BTreeMap::new());
        }
        let about = vec![
            "No scheduled task of this machine begins until the freeze ends, or is thawed.".to_owned(),
            "For how long? Write 90m or 2h.".to_owned(),
        ];
        let (action, target, given) = (ActionName::FREEZE, Target::task(ALL), BTreeMap::new());
        let purpose = Purpose::Parameter { action, target, given, name: "for".to_owned() };
        self.open(Overlay::Prompt(Box::new(Prompt::window(purpose, "Freeze all tasks", about, USUAL))));
        Vec::new()
    }

    /// Whether a task that is to be run runs already, and can be begun anew.
    pub(super) fn is_to_restart(&self, action: &ActionName, target: &Target) -> bool {
        if let Some(Detail::Tasks(together)) = self.facts.board.detail(&target.probe()) {
            return *action == ActionName::RUN_TASK && !together.failed.is_empty();
        }
        let facts =
            self.facts.board.tasks().find(|facts| facts.policy.id == target.id && *action == ActionName::RUN_TASK);
        facts.is_some_and(|facts| {
            let runs = facts.runs.iter().any(|run| run.ended.is_none() && run.alive);
            let restarts = matches!(facts.handle.as_deref(), Some(Handle::Scheduler(lever)) if lever.restart.is_some());
            runs && restarts
        })
    }

    pub(super) fn enable_or_disable(&mut self) -> Vec<Effect> {
        let Some(target) = self.selected_target().filter(|target| target.kind == TargetKind::Task) else {
            self.ui.tell(Status::Warning, "choose the task first, among the tasks");
            return Vec::new();
        };
        let now = self.now;
        let facts = self.facts.board.tasks().find(|facts| facts.policy.id == target.id);
        let disabled = facts.is_some_and(|facts| facts.view(now).state == TaskState::Disabled);
        let action = if disabled { ActionName::ENABLE_TASK } else { ActionName::DISABLE_TASK };
        self.propose(action, target, BTreeMap::new())
    }
}

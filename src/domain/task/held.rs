//! A task that is held back: what is known of it, and since when nothing of it is missed.

use chrono::TimeDelta;

use super::TaskFacts;
use crate::domain::finding::Finding;
use crate::domain::hold::{Freeze, Held, Hold};
use crate::domain::slot::{Gap, TaskState};
use crate::domain::status::Status;
use crate::domain::time::Timestamp;

/// How far a freeze reaches that nobody has ended yet: further than anybody looks.
const OPEN: TimeDelta = TimeDelta::days(366);

impl Held {
    pub(super) const fn state(&self) -> TaskState {
        match self.hold {
            Hold::Frozen => TaskState::Frozen,
            Hold::Disabled => TaskState::Disabled,
        }
    }
}

impl TaskFacts {
    /// Takes what the store remembers of its freezes, and what holds it back now. What was due
    /// meanwhile is frozen, not missed; `changed_at` is when its schedule was last written.
    #[must_use]
    pub fn held(
        mut self,
        freezes: Vec<Freeze>,
        held: Option<Held>,
        changed_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        let gap = |from, until| Gap { from, until, why: "it was frozen", state: TaskState::Frozen };
        let frozen = held.as_ref().is_some_and(|held| held.hold == Hold::Frozen);
        let mut gaps: Vec<Gap> = freezes
            .iter()
            .enumerate()
            .map(|(index, freeze)| {
                // What is not held any more, and never thawed by us, somebody let go by hand.
                let open = if frozen && index == 0 { now + OPEN } else { changed_at.unwrap_or(freeze.at) };
                gap(freeze.at, freeze.thawed_at.unwrap_or(open).max(freeze.at))
            })
            .collect();
        if frozen && freezes.first().is_none_or(|newest| newest.thawed_at.is_some()) {
            gaps.push(gap(changed_at.unwrap_or(now), now + OPEN));
        }
        // The thaw is what wrote the schedule last: what was due before it is known all the same.
        if let Some(since) = self.since
            && let Some(around) = gaps.iter().find(|gap| gap.covers(since))
        {
            self.since = Some(around.from.min(since));
        }
        self.gaps.extend(gaps);
        self.held = held.map(Box::new);
        self.freezes = freezes;
        self
    }

    /// Whether the store remembers a freeze of it that nobody ended.
    pub fn has_open_freeze(&self) -> bool {
        self.freezes.iter().any(|freeze| freeze.thawed_at.is_none())
    }

    /// What is to be said of a task that is held back.
    pub(super) fn about_holding(&self, held: &Held, now: Timestamp) -> Finding {
        let zone = &self.policy.zone;
        let until = held.until.map(|until| self.clock(until, now)).filter(|_| held.is_overdue(now));
        match until {
            Some(until) => {
                let by = held.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
                let text = format!("its freeze{by} ended at {until}, and nobody thawed it: it does not run");
                let finding = Finding::new(Status::Critical, "frozen", text).advice("run `rounds task thaw`");
                finding.since(held.until.unwrap_or(now))
            }
            None => Finding::new(Status::Ok, held.hold.word(), held.says(now, zone)),
        }
    }
}

#[cfg(test)]
mod tests;

//! The world behind the dashboard: its effects become probes woken, jobs started, notes
//! written.

use std::future::Future;

use crate::domain::audit::Actor;
use crate::domain::time::Timestamp;
use crate::domain::update::Update;
use crate::runtime::Runtime;
use crate::runtime::clock::Clock;
use crate::runtime::recorder::Note;
use crate::tui::World;
use crate::tui::app::{Effect, Which};

/// The running round, on behalf of one operator.
#[derive(Debug)]
pub(super) struct Behind {
    pub(super) runtime: Runtime,
    pub(super) actor: Actor,
    pub(super) clock: Clock,
}

impl World for Behind {
    fn next(&mut self) -> impl Future<Output = Update> + Send {
        self.runtime.next()
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Refresh(Which::All) => self.runtime.refresh_all(),
            Effect::Refresh(Which::Probe(probe)) => self.runtime.refresh(&probe),
            Effect::Start { plan, reason } => {
                self.runtime.start_job(plan, self.actor.clone(), reason);
            }
            Effect::Look { database, aspect } => self.runtime.look(database, aspect),
            Effect::Explain { database, subject } => self.runtime.explain(database, subject),
            Effect::Cancel(job) => self.runtime.cancel(&job),
            Effect::Mark(mark) => self.runtime.note(Note::Mark(mark, self.actor.clone())),
            Effect::Sign(signature) => self.runtime.note(Note::Signature(signature, self.actor.clone())),
            Effect::RecordChanges(changes) => self.runtime.note(Note::Changes(changes)),
            // The loop keeps what is about the screen itself.
            Effect::Copy(_) | Effect::Suspend | Effect::Redraw | Effect::Quit => {}
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

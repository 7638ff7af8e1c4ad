//! What was worked out of the facts of a task, kept for as long as it holds: walking through a
//! day of slots costs far more than looking at them.
//!
//! It changes no answer. Who asks about a moment for which the kept one does not hold is answered
//! anew.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::domain::slot::{Band, Decided, Slot};
use crate::domain::time::Timestamp;

/// The last answers. A clone begins without any, for its facts may become others.
#[derive(Debug, Default)]
pub(super) struct Memo {
    band: OnceLock<Band>,
    slots: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    from: Timestamp,
    through: Option<Timestamp>,
    slots: Arc<[Slot]>,
}

impl Memo {
    pub(super) fn band(&self, work_out: impl FnOnce() -> Band) -> Band {
        *self.band.get_or_init(work_out)
    }

    pub(super) fn slots(&self, now: Timestamp, work_out: impl FnOnce() -> Decided) -> Arc<[Slot]> {
        let mut kept = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_ref().filter(|kept| kept.holds(now)) {
            return Arc::clone(&kept.slots);
        }
        let Decided { slots, through } = work_out();
        let slots: Arc<[Slot]> = slots.into();
        *kept = Some(Kept { from: now, through, slots: Arc::clone(&slots) });
        slots
    }
}

impl Kept {
    fn holds(&self, now: Timestamp) -> bool {
        self.from <= now && self.through.is_none_or(|through| now <= through)
    }
}

impl Clone for Memo {
    fn clone(&self) -> Self {
        Self::default()
    }
}

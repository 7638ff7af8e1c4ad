//! What a job tells of itself, without ever waiting for whoever listens: it holds a lease, and a
//! terminal that was halted with Ctrl-S must not keep others from acting.

use tokio::sync::mpsc;

use crate::domain::job::JobEvent;
use crate::domain::update::Update;

/// The telling side.
#[derive(Clone, Debug)]
pub struct Teller {
    /// A handful for each job, none of which may be lost: so it has no bound.
    matters: mpsc::UnboundedSender<Update>,
    /// Lines and progress: a listener who is behind loses some. The log file has them all.
    passing: mpsc::Sender<Update>,
}

impl Teller {
    /// A teller and where what matters arrives; what passes goes to `passing`.
    pub fn new(passing: mpsc::Sender<Update>) -> (Self, mpsc::UnboundedReceiver<Update>) {
        let (matters, inbox) = mpsc::unbounded_channel();
        (Self { matters, passing }, inbox)
    }

    pub(super) fn tell(&self, update: Update) {
        // A listener who is gone needs no news.
        let _ = self.matters.send(update);
    }

    pub(super) fn tell_job(&self, event: JobEvent) {
        self.tell(Update::Job(event));
    }

    pub(super) fn mention(&self, event: JobEvent) {
        let _ = self.passing.try_send(Update::Job(event));
    }
}

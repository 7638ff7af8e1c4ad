//! What a step tells of itself while it works: how far it is, and lines.

use std::time::Duration;

use tokio::time::Instant;

use super::Runner;
use super::steps::Work;
use crate::database::News;
use crate::domain::job::{JobEvent, Progress};

/// How often a step at least says how far it is.
const SAYS: Duration = Duration::from_millis(500);

impl Runner {
    /// Tells how far a step is that counts its bytes.
    pub(super) fn progress(&self, work: &Work<'_>) -> impl FnMut(u64, u64) + Send + use<> {
        self.counting(work, true)
    }

    /// Tells how far a step is: every percent, and from time to time.
    fn counting(&self, work: &Work<'_>, bytes: bool) -> impl FnMut(u64, u64) + Send + use<> {
        let (teller, job, since) = (work.order.teller.clone(), work.order.job.clone(), self.0.clock.now());
        let (mut told, mut at) = (0, Instant::now());
        move |done, of| {
            let percent = (done * 100).checked_div(of).unwrap_or(0);
            if percent != told || (of > 0 && done == of) || at.elapsed() >= SAYS {
                (told, at) = (percent, Instant::now());
                let progress = Progress { done, of, bytes, since };
                teller.mention(JobEvent::Progress { job: job.clone(), progress });
            }
        }
    }

    /// Tells what upkeep says.
    pub(super) fn news(&self, work: &Work<'_>) -> impl FnMut(News) + Send + use<> {
        let (teller, job, mut progress) =
            (work.order.teller.clone(), work.order.job.clone(), self.counting(work, false));
        move |news| match news {
            News::Line(line) => teller.mention(JobEvent::Line { job: job.clone(), line }),
            News::Progress { done, of } => progress(done, of),
        }
    }
}

//! The step that starts a failed unit anew. That it was started proves nothing: it has to stay, or to end
//! well.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Runner;
use super::steps::{Stopped, Work};
use crate::domain::humanize;
use crate::domain::job::JobResult;
use crate::domain::plan::Invocation;
use crate::runtime::guard;
use crate::scheduler;
use crate::scheduler::systemd::{self, State};

/// Whoever runs for so long did not fail at its start.
const STAYS: Duration = Duration::from_secs(3);
/// How long it may take until it is one or the other.
const PATIENCE: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_millis(300);

impl Runner {
    pub(super) async fn restart_unit(
        &self,
        unit: &str,
        command: &Invocation,
        work: &Work<'_>,
    ) -> Result<String, Stopped> {
        let told = self.tell_scheduler(unit, command, work.order.plan.timeout, work).await;
        let not_so = |why: String| Stopped::new(JobResult::NotEffective, format!("{unit} was started anew and {why}"));
        let until = Instant::now() + PATIENCE;
        let mut seen: Option<(String, Instant)> = None;
        loop {
            let name = unit.to_owned();
            let looked = guard::in_time(unit, move || systemd::state(scheduler::ask, &name)).await;
            match looked.and_then(|state| state) {
                Ok(State::Failed(how)) => return Err(not_so(format!("failed: {how}"))),
                Ok(State::Ended) => return told.map(|_| format!("{unit} was started anew and ended well")),
                Ok(State::Active(run)) => match &seen {
                    Some((first, _)) if *first != run => return Err(not_so("ended, and was begun again".to_owned())),
                    Some((_, since)) if since.elapsed() >= STAYS => {
                        let stays = humanize::duration(STAYS);
                        return told.map(|_| format!("{unit} was started anew and is active since {stays}"));
                    }
                    Some(_) => {}
                    None => seen = Some((run, Instant::now())),
                },
                Err(why) if Instant::now() >= until => return Err(not_so(format!("what it is cannot be told: {why}"))),
                Ok(State::Changing) | Err(_) => {}
            }
            if Instant::now() >= until || work.order.stop.hurry_token().is_cancelled() {
                return Err(told.err().unwrap_or_else(|| not_so("is still about to start".to_owned())));
            }
            sleep(AGAIN).await;
        }
    }
}

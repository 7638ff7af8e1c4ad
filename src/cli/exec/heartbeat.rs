//! The heartbeat of a run: a service elsewhere is told that it begins and how it ended, and calls
//! somebody when it hears nothing.
//!
//! It has a thread of its own, because names and secrets may take their time: the start of the
//! command never waits for it, and its end only for a moment.

mod ping;

use std::path::PathBuf;
use std::pin::pin;
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use self::ping::{Service, Word};
use super::note;
use crate::config::SecretRef;
use crate::database::secret;
use crate::domain::time::Timestamp;
use crate::scheduler::spool::{self, Unheard};

/// How long the service may take to hear that the run begins, while the command runs.
const FIRST: Duration = Duration::from_secs(10);
/// For how much longer, once the command has ended.
const OVERDUE: Duration = Duration::from_secs(2);
/// How long it may take to hear how the run ended.
const LAST: Duration = Duration::from_secs(5);
/// How long the disk may take to keep that nobody heard.
const KEPT: Duration = Duration::from_secs(1);

/// The heartbeat of one run, as far as it has come.
#[derive(Debug)]
pub(super) struct Heartbeat {
    task: String,
    ended: oneshot::Sender<Ended>,
    told: oneshot::Receiver<()>,
}

/// How a run ended, as far as a heartbeat tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) at: Timestamp,
    pub(super) well: bool,
}

/// Which run it is of.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) task: String,
}

impl Heartbeat {
    /// Tells that the run begins. `place` is where it is kept when nobody hears.
    pub(super) fn begin(to: SecretRef, run: Run, place: mpsc::Receiver<PathBuf>) -> Option<Self> {
        let (ended, hear_end) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        let task = run.task.clone();
        let work = move || {
            beat(&to, &run, hear_end, &place);
            let _ = tell.send(());
        };
        match std::thread::Builder::new().name("rounds-heartbeat".to_owned()).spawn(work) {
            Ok(_detached) => Some(Self { task, ended, told }),
            Err(error) => {
                note(format_args!("the heartbeat of `{task}` is not sent: {error}"));
                None
            }
        }
    }

    /// Tells how it ended, and gives that a moment.
    pub(super) async fn end(self, ended: Ended) {
        // Nobody to take it: what kept it from being told was said.
        let _ = self.ended.send(ended);
        if timeout(OVERDUE + LAST + KEPT, self.told).await.is_err() {
            note(format_args!("whether the heartbeat of `{}` was heard is not known: it took too long", self.task));
        }
    }
}

fn beat(to: &SecretRef, run: &Run, ended: oneshot::Receiver<Ended>, place: &mpsc::Receiver<PathBuf>) {
    let told = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(tell(to, run, ended)),
        Err(error) => {
            note(format_args!("the heartbeat of `{}` is not sent: {error}", run.task));
            return;
        }
    };
    // Without an end the wrapper is gone.
    let Some((ended, told)) = told else { return };
    if let Err(why) = &told {
        note(format_args!("the heartbeat of `{}` is not sent: {why}", run.task));
    }
    let Ok(place) = place.recv() else { return };
    let why = told.err().map(|why| Unheard { task: run.task.clone(), run: run.id.clone(), at: ended.at, why });
    if let Err(error) = spool::keep_unheard(&spool::directory(&place), &run.task, why.as_ref()) {
        tracing::debug!(%error, "what became of a heartbeat is not kept");
    }
}

/// Tells the beginning and the end; the end, and whether it was heard.
async fn tell(to: &SecretRef, run: &Run, mut ended: oneshot::Receiver<Ended>) -> Option<(Ended, Result<(), String>)> {
    let begin = async {
        let service = Service::of(&secret::fetch(to).await?)?;
        // One that did not hear the beginning may hear the end.
        let heard = service.ping(Word::Start, &run.id).await;
        Ok::<_, String>((service, heard))
    };
    let mut begin = pin!(timeout(FIRST, begin));
    let (ended, begun) = tokio::select! {
        begun = &mut begin => (ended.await.ok()?, Some(begun)),
        ended = &mut ended => (ended.ok()?, timeout(OVERDUE, begin).await.ok()),
    };
    let service = match begun {
        Some(Ok(Ok((service, _heard)))) => service,
        Some(Ok(Err(why))) => return Some((ended, Err(why))),
        Some(Err(_)) | None => return Some((ended, Err("the service does not answer".to_owned()))),
    };
    let word = if ended.well { Word::Well } else { Word::Failed };
    let heard = timeout(LAST, service.ping(word, &run.id)).await;
    Some((ended, heard.unwrap_or_else(|_elapsed| Err("the service does not answer".to_owned()))))
}

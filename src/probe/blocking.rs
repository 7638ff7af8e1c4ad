//! Stand-in: one outstanding blocking read, reported stuck, never doubled.

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::domain::observation::ProbeError;

/// Runs blocking reads one at a time.
#[derive(Debug, Default)]
pub struct Blocking {
    outstanding: Option<(Instant, JoinHandle<()>)>,
}

impl Blocking {
    pub fn new() -> Self {
        Self::default()
    }

    pub async fn run<T: Send + 'static>(&mut self, f: impl FnOnce() -> T + Send + 'static) -> Result<T, ProbeError> {
        if let Some((since, handle)) = &self.outstanding
            && !handle.is_finished()
        {
            return Err(ProbeError::Stuck(since.elapsed()));
        }
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let handle = tokio::task::spawn_blocking(move || {
            let _ = sender.send(f());
        });
        self.outstanding = Some((Instant::now(), handle));
        receiver.await.map_err(|error| ProbeError::Panicked(error.to_string()))
    }
}

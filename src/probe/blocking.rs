//! Stand-in: work that blocks, off the runtime's threads.

use crate::domain::observation::ProbeError;

/// One lane for blocking work.
#[derive(Debug, Default)]
pub struct Blocking;

impl Blocking {
    pub fn new() -> Self {
        Self
    }

    /// Runs `f` where it may block.
    pub async fn run<T: Send + 'static>(&mut self, f: impl FnOnce() -> T + Send + 'static) -> Result<T, ProbeError> {
        tokio::task::spawn_blocking(f).await.map_err(|error| ProbeError::Panicked(error.to_string()))
    }
}

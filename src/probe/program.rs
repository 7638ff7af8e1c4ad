//! Asking another program: started once and never doubled, for a limited time, and what not even
//! KILL ends is remembered instead of started again.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::blocking::Blocking;
use crate::domain::observation::ProbeError;
use crate::domain::plan::Invocation;
use crate::domain::sanitize;
use crate::exec::{self, Captured, Ended, ExecError, Left};

/// The program of one probe.
#[derive(Debug, Default)]
pub(super) struct Program {
    blocking: Blocking,
    /// One that is still there although it was killed, and since when.
    left: Option<(Instant, Left)>,
}

impl Program {
    /// Runs it to its own end and brings the first `most` bytes of each of its outputs.
    pub(super) async fn ask(
        &mut self,
        invocation: &Invocation,
        timeout: Duration,
        most: usize,
    ) -> Result<Captured, ProbeError> {
        if let Some((since, left)) = &mut self.left
            && !left.is_gone()
        {
            return Err(ProbeError::Stuck(since.elapsed()));
        }
        self.left = None;
        let begun = Instant::now();
        // Its file may lie on a disk that hangs: begun once, and never doubled.
        let (runtime, invocation) = (Handle::current(), invocation.clone());
        let start = move || {
            let _inside = runtime.enter();
            exec::start(&invocation)
        };
        let started = self.blocking.run(start).await?.map_err(|error| refused(&error))?;
        let mut captured = exec::capture_started(started, timeout, most).await.map_err(|error| refused(&error))?;
        self.left = captured.left.take().map(|left| (begun, left));
        if captured.ended != Ended::Exited {
            return Err(ProbeError::Timeout(timeout));
        }
        Ok(captured)
    }
}

fn refused(error: &ExecError) -> ProbeError {
    let text = sanitize::line(&error.to_string());
    if matches!(error, ExecError::NotExecutable { .. }) {
        ProbeError::Denied(text)
    } else {
        ProbeError::Unreachable(text)
    }
}

//! Telling a job to stop: it is asked first, and later it is not asked any more.

use tokio_util::sync::CancellationToken;

/// The two ways of stopping one job. Clones stop the same job.
#[derive(Clone, Debug)]
pub struct Stop {
    asked: CancellationToken,
    hurried: CancellationToken,
}

impl Default for Stop {
    fn default() -> Self {
        let hurried = CancellationToken::new();
        // Whoever hurries has also asked.
        Self { asked: hurried.child_token(), hurried }
    }
}

impl Stop {
    /// Asks: a program gets TERM and its time to tidy up, our own work ends at its next step.
    pub fn ask(&self) {
        self.asked.cancel();
    }

    /// The time to tidy up is over: a program gets KILL.
    pub fn hurry(&self) {
        self.hurried.cancel();
    }

    pub fn is_asked(&self) -> bool {
        self.asked.is_cancelled()
    }

    /// Waits until somebody asks.
    pub async fn asked(&self) {
        self.asked.cancelled().await;
    }

    /// Waits until somebody hurries.
    pub(super) async fn hurried(&self) {
        self.hurried.cancelled().await;
    }

    /// For work that takes a token to be asked by.
    pub(super) fn token(&self) -> CancellationToken {
        self.asked.clone()
    }

    /// For work that knows of the second one.
    pub(super) fn hurry_token(&self) -> CancellationToken {
        self.hurried.clone()
    }
}

//! Reads that may never come back: a `statvfs` on a dead network mount, a glob over one.
//!
//! Each runs on a thread of its own, outside the runtime, so that one that is stuck in the
//! kernel holds up neither the other probes nor the end of the program. While it is, no second
//! one is started for the same target.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::domain::humanize;
use crate::domain::observation::ProbeError;
use crate::domain::sanitize;

/// How many threads may be stuck at once, over all probes.
const MOST_ABANDONED: usize = 32;

/// The threads of the whole program that nobody waits for any more. The only thing probes
/// share, because threads are what the whole process shares.
static ABANDONED: Crowd = Crowd::new(MOST_ABANDONED);

/// Runs the blocking reads of one probe, one at a time.
#[derive(Debug)]
pub struct Blocking {
    outstanding: Option<(Instant, Arc<Ticket>)>,
    crowd: &'static Crowd,
}

impl Default for Blocking {
    fn default() -> Self {
        Self::new()
    }
}

impl Blocking {
    pub const fn new() -> Self {
        Self { outstanding: None, crowd: &ABANDONED }
    }

    /// Runs `read` on a thread of its own and waits for it. When the future is dropped before
    /// it came back, its result is thrown away whenever it comes, and until then further calls
    /// fail with [`ProbeError::Stuck`].
    pub async fn run<T: Send + 'static>(&mut self, read: impl FnOnce() -> T + Send + 'static) -> Result<T, ProbeError> {
        if let Some((since, ticket)) = &self.outstanding
            && !ticket.is_back()
        {
            return Err(ProbeError::Stuck(since.elapsed()));
        }
        if self.crowd.is_full() {
            let text = format!(
                "{} have not come back, so no further one is started until one of them does",
                humanize::count(self.crowd.most, "earlier read")
            );
            return Err(ProbeError::Unreachable(text));
        }
        let ticket = Arc::new(Ticket { state: AtomicU8::new(WAITED_FOR), crowd: self.crowd });
        self.outstanding = Some((Instant::now(), Arc::clone(&ticket)));
        let waiting = Waiting(Arc::clone(&ticket));
        let (answer, result) = oneshot::channel();
        let work = move || {
            // Whatever `read` holds is gone before the next one may start.
            let outcome = catch_unwind(AssertUnwindSafe(read)).map_err(|panic| sanitize::panic(&*panic));
            ticket.come_back();
            let _nobody_waits = answer.send(outcome);
        };
        let spawned = std::thread::Builder::new().name("rounds-read".to_owned()).spawn(work);
        if let Err(error) = spawned {
            waiting.0.come_back();
            return Err(ProbeError::Unreachable(format!("no thread could be started for the read: {error}")));
        }
        match result.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panic)) => Err(ProbeError::Panicked(panic)),
            Err(_closed) => Err(ProbeError::Panicked("its thread ended without an answer".to_owned())),
        }
    }
}

/// Somebody waits for the read, nobody does any more, it is back.
const WAITED_FOR: u8 = 0;
const GIVEN_UP: u8 = 1;
const BACK: u8 = 2;

/// Where one read stands.
#[derive(Debug)]
struct Ticket {
    state: AtomicU8,
    crowd: &'static Crowd,
}

impl Ticket {
    fn is_back(&self) -> bool {
        self.state.load(Ordering::Acquire) == BACK
    }

    fn come_back(&self) {
        if self.state.swap(BACK, Ordering::AcqRel) == GIVEN_UP {
            self.crowd.leave();
        }
    }

    fn give_up(&self) {
        // Counted before it is said, so that `come_back` never leaves a crowd it has not joined.
        self.crowd.join();
        let given_up = self.state.compare_exchange(WAITED_FOR, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire);
        if given_up.is_err() {
            self.crowd.leave();
        }
    }
}

/// Dropped with the future that waits.
#[derive(Debug)]
struct Waiting(Arc<Ticket>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

/// How many reads nobody waits for.
#[derive(Debug)]
struct Crowd {
    size: AtomicUsize,
    most: usize,
}

impl Crowd {
    const fn new(most: usize) -> Self {
        Self { size: AtomicUsize::new(0), most }
    }

    fn is_full(&self) -> bool {
        self.size.load(Ordering::Acquire) >= self.most
    }

    fn join(&self) {
        self.size.fetch_add(1, Ordering::AcqRel);
    }

    fn leave(&self) {
        self.size.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;
    use tokio::time::{advance, timeout};

    const DEADLINE: Duration = Duration::from_secs(5);

    /// A read that hangs until the sender is dropped.
    fn hang() -> (mpsc::Sender<()>, impl FnOnce() -> u32) {
        let (release, held) = mpsc::channel::<()>();
        (release, move || {
            let _closed = held.recv();
            1
        })
    }

    /// Waits in real time until a released thread is through.
    async fn answer_after_release(blocking: &mut Blocking) -> u32 {
        loop {
            match blocking.run(|| 2).await {
                Ok(value) => return value,
                Err(ProbeError::Stuck(_)) => std::thread::sleep(Duration::from_millis(1)),
                Err(error) => unreachable!("{error}"),
            }
        }
    }

    #[tokio::test]
    async fn a_read_that_comes_back_is_answered() {
        let mut blocking = Blocking::new();
        assert_eq!(blocking.run(|| 41 + 1).await, Ok(42));
        assert_eq!(blocking.run(|| "again").await, Ok("again"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_hangs_is_never_doubled_and_its_answer_never_used() {
        let mut blocking = Blocking::new();
        let (release, hanging) = hang();
        assert!(timeout(DEADLINE, blocking.run(hanging)).await.is_err());
        advance(Duration::from_mins(1)).await;
        let started = std::sync::Arc::new(AtomicUsize::new(0));
        for _ in 0..3 {
            let started = Arc::clone(&started);
            let error = blocking.run(move || started.fetch_add(1, Ordering::SeqCst)).await;
            assert_eq!(error, Err(ProbeError::Stuck(Duration::from_secs(65))));
        }
        assert_eq!(started.load(Ordering::SeqCst), 0);
        drop(release);
        assert_eq!(answer_after_release(&mut blocking).await, 2);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_of_that_read_alone() {
        let mut blocking = Blocking::new();
        let error = blocking.run(|| panic!("index {} of 3", 7)).await;
        assert_eq!(error, Err::<(), _>(ProbeError::Panicked("index 7 of 3".to_owned())));
        assert_eq!(blocking.run(|| 1).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn too_many_lost_reads_stop_all_further_ones_until_one_returns() {
        let crowd: &'static Crowd = Box::leak(Box::new(Crowd::new(2)));
        let probe = || Blocking { outstanding: None, crowd };
        let (mut first, mut second, mut third) = (probe(), probe(), probe());
        let (release_first, one) = hang();
        let (_release_second, two) = hang();
        assert!(timeout(DEADLINE, first.run(one)).await.is_err());
        assert_eq!(third.run(|| 3).await, Ok(3));
        assert!(timeout(DEADLINE, second.run(two)).await.is_err());
        let refused = third.run(|| 3).await.expect_err("two are stuck");
        assert_eq!(
            refused.to_string(),
            "2 earlier reads have not come back, so no further one is started until one of them does"
        );
        drop(release_first);
        assert_eq!(answer_after_release(&mut first).await, 2);
        assert_eq!(third.run(|| 3).await, Ok(3));
    }
}

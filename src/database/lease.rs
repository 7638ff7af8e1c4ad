//! A server's lock that lasts as long as somebody here holds it: the session that took it is kept,
//! and used now and then.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Held;

/// How often the session is used, so that nobody on the way takes it for dead.
const ALIVE: Duration = Duration::from_secs(20);

/// A session that holds a lock.
pub(super) trait Holder: Send + 'static {
    /// Uses it; the error says why it is gone.
    fn alive(&mut self) -> impl Future<Output = Result<(), String>> + Send;

    /// Ends it, and the lock with it.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// The lock, held until this is dropped.
#[derive(Debug)]
struct Lease {
    _ends: DropGuard,
}

impl Held for Lease {}

/// Keeps the session until what this gives is dropped.
pub(super) fn keep(mut holder: impl Holder) -> Box<dyn Held> {
    let stop = CancellationToken::new();
    let ends = stop.clone().drop_guard();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = sleep(ALIVE) => {
                    if let Err(why) = holder.alive().await {
                        tracing::warn!(why, "the lease on a database is lost");
                        return;
                    }
                }
            }
        }
        holder.close().await;
    });
    Box::new(Lease { _ends: ends })
}

//! Looking up the name of a server without being held by a resolver that never answers: on a
//! thread of its own, begun once, and never doubled. The driver looks it up again; what comes back
//! here comes back there.

use std::net::ToSocketAddrs as _;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::DatabaseError;
use crate::domain::{humanize, sanitize};

/// The lookups of one server.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    /// Since when one has been under way.
    underway: Arc<Mutex<Option<Instant>>>,
}

impl Lookup {
    /// Returns when the resolver has answered, whatever it said: why a name means nothing is for
    /// the driver to tell. While an earlier one has not come back, no other is begun.
    pub(super) async fn answered(&self, name: &str, port: u16) -> Result<(), DatabaseError> {
        let (tell, answer) = oneshot::channel();
        let shown = sanitize::line(name);
        {
            let mut underway = self.underway.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(since) = *underway {
                let ago = humanize::duration(since.elapsed());
                let text = format!("{shown}: the lookup of this name that began {ago} ago has not come back");
                return Err(DatabaseError::Unreachable(text));
            }
            *underway = Some(Instant::now());
        }
        let (name, underway) = (name.to_owned(), Arc::clone(&self.underway));
        let work = move || {
            let _found = (name.as_str(), port).to_socket_addrs();
            *underway.lock().unwrap_or_else(PoisonError::into_inner) = None;
            let _nobody_waits = tell.send(());
        };
        if let Err(error) = std::thread::Builder::new().name("rounds-lookup".to_owned()).spawn(work) {
            *self.underway.lock().unwrap_or_else(PoisonError::into_inner) = None;
            return Err(DatabaseError::Unreachable(format!("{shown}: no thread could be started: {error}")));
        }
        let _answered = answer.await;
        Ok(())
    }
}

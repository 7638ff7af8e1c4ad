//! Looks by hand into databases. Each database has a handle for them that no probe uses, so that
//! neither waits for the other; there is never a second look beside one that has not come back,
//! and whatever happens there is an answer within the deadline.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc};
use tokio::time::Instant;

use crate::config::Config;
use crate::database::{Database, DatabaseError, Engine};
use crate::domain::explain::{Explained, Explanation, Subject};
use crate::domain::humanize;
use crate::domain::look::{Aspect, Looked, Sight};
use crate::domain::sanitize;
use crate::domain::update::Update;
use crate::probe::blocking::Blocking;
use crate::runtime::clock::Clock;

/// The handles of the databases that were looked into.
#[derive(Debug)]
pub(super) struct Lookout {
    config: Arc<Config>,
    handles: BTreeMap<String, Arc<Handles>>,
}

/// One database.
#[derive(Debug)]
struct Handles {
    database: Arc<dyn Database>,
    deadline: Duration,
    /// `None` for what never hangs in the kernel.
    blocking: Option<Mutex<Blocking>>,
    /// Held while somebody looks.
    busy: Mutex<()>,
}

impl Lookout {
    pub(super) fn new(config: Arc<Config>) -> Self {
        Self { config, handles: BTreeMap::new() }
    }

    /// The look itself, to be run as a task of its own; its answer goes to `updates`.
    pub(super) fn look(
        &mut self,
        database: String,
        aspect: Aspect,
        clock: Clock,
        updates: mpsc::Sender<Update>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let handles = self.handles(&database);
        async move {
            let (at, started) = (clock.now(), Instant::now());
            let outcome = match handles {
                Some(handles) => handles.ask(aspect).await,
                None => Err(format!("there is no database `{database}`")),
            };
            let took_s = started.elapsed().as_secs_f64();
            // Nobody listens any more when the program ends.
            let _ = updates.send(Update::Looked(Box::new(Looked { database, aspect, at, took_s, outcome }))).await;
        }
    }

    /// The same for the plan of one statement.
    pub(super) fn explain(
        &mut self,
        database: String,
        subject: Subject,
        clock: Clock,
        updates: mpsc::Sender<Update>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let handles = self.handles(&database);
        async move {
            let (at, started) = (clock.now(), Instant::now());
            let outcome = match handles {
                Some(handles) => handles.plan(&subject).await,
                None => Err(format!("there is no database `{database}`")),
            };
            let took_s = started.elapsed().as_secs_f64();
            let explained = Explained { database, subject, at, took_s, outcome };
            let _ = updates.send(Update::Explained(Box::new(explained))).await;
        }
    }

    fn handles(&mut self, id: &str) -> Option<Arc<Handles>> {
        if let Some(known) = self.handles.get(id) {
            return Some(Arc::clone(known));
        }
        let spec = self.config.databases.iter().find(|spec| spec.id == id)?;
        let engine = Engine::of(spec);
        let handles = Arc::new(Handles {
            database: (engine.open)(spec),
            deadline: spec.timeout,
            blocking: engine.blocks.then(|| Mutex::new(Blocking::new())),
            busy: Mutex::new(()),
        });
        self.handles.insert(id.to_owned(), Arc::clone(&handles));
        Some(handles)
    }
}

impl Handles {
    async fn ask(&self, aspect: Aspect) -> Result<Sight, String> {
        let Ok(_busy) = self.busy.try_lock() else {
            return Err("an earlier look has not come back".to_owned());
        };
        self.in_time(self.see(aspect)).await
    }

    /// A plan waits for a look that is under way, within its own deadline.
    async fn plan(&self, subject: &Subject) -> Result<Explanation, String> {
        self.in_time(async {
            let _busy = self.busy.lock().await;
            self.database.explain(subject).await.map_err(|error| error.to_string())
        })
        .await
    }

    async fn in_time<T>(&self, asked: impl Future<Output = Result<T, String>>) -> Result<T, String> {
        let asking = AssertUnwindSafe(tokio::time::timeout(self.deadline, asked));
        match asking.catch_unwind().await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_elapsed)) => Err(format!("no answer within {}", humanize::duration(self.deadline))),
            Err(panic) => Err(format!("the look itself failed, please report it: {}", sanitize::panic(&*panic))),
        }
    }

    async fn see(&self, aspect: Aspect) -> Result<Sight, String> {
        let database = Arc::clone(&self.database);
        let Some(blocking) = &self.blocking else {
            return sight(&*database, aspect).await.map_err(|error| error.to_string());
        };
        // A file system that hangs must hang only here, and only once.
        let runtime = Handle::current();
        let read = move || runtime.block_on(sight(&*database, aspect));
        match blocking.lock().await.run(read).await {
            Ok(sight) => sight.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}

async fn sight(database: &dyn Database, aspect: Aspect) -> Result<Sight, DatabaseError> {
    Ok(match aspect {
        Aspect::Sessions => Sight::Sessions(database.activity().await?),
        Aspect::Tables => Sight::Tables(database.tables().await?),
        Aspect::Statements => Sight::Statements(database.statements().await?),
    })
}

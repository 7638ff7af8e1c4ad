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
use crate::domain::time::Timestamp;
use crate::domain::update::Update;
use crate::probe::blocking::Blocking;
use crate::runtime::clock::Clock;

/// The handles of the databases that were looked into.
#[derive(Debug)]
pub(super) struct Lookout {
    config: Arc<Config>,
    handles: BTreeMap<String, Arc<Handles>>,
}

/// What came of one question.
struct Asked<T> {
    at: Timestamp,
    took_s: f64,
    outcome: Result<T, String>,
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
    /// Held while a plan is asked for, which goes through a connection of its own and may have to
    /// wait for whoever follows it.
    planning: Mutex<()>,
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
        let asked = self.asked(&database, clock, move |handles| async move { handles.ask(aspect).await });
        async move {
            let Asked { at, took_s, outcome } = asked.await;
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
        let of = subject.clone();
        let asked = self.asked(&database, clock, move |handles| async move { handles.plan(&of).await });
        async move {
            let Asked { at, took_s, outcome } = asked.await;
            let explained = Explained { database, subject, at, took_s, outcome };
            let _ = updates.send(Update::Explained(Box::new(explained))).await;
        }
    }

    /// One question to a database, with its moment and how long it took.
    fn asked<T, A, F>(&mut self, database: &str, clock: Clock, ask: A) -> impl Future<Output = Asked<T>> + use<T, A, F>
    where
        A: FnOnce(Arc<Handles>) -> F,
        F: Future<Output = Result<T, String>>,
    {
        let handles = self.handles(database).ok_or_else(|| format!("there is no database `{database}`"));
        async move {
            let (at, started) = (clock.now(), Instant::now());
            let outcome = match handles {
                Ok(handles) => ask(handles).await,
                Err(why) => Err(why),
            };
            Asked { at, took_s: started.elapsed().as_secs_f64(), outcome }
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
            planning: Mutex::new(()),
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

    /// A plan waits for one that is under way, within its own deadline, and no look waits for it.
    async fn plan(&self, subject: &Subject) -> Result<Explanation, String> {
        self.in_time(async {
            let _planning = self.planning.lock().await;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::{Assignment, BoxFuture, Upkeep};
    use crate::domain::session::Activity;
    use crate::domain::vitals::Vitals;

    /// A database whose sessions are seen, never seen, or are too much for whoever looks.
    #[derive(Clone, Copy, Debug)]
    enum Manner {
        Answers,
        Hangs,
        Panics,
    }

    impl Database for Manner {
        fn vitals(&self) -> BoxFuture<'_, Result<Vitals, DatabaseError>> {
            Box::pin(async { Err(DatabaseError::Refused("nobody asks for them here".to_owned())) })
        }

        fn first_value<'a>(&'a self, _query: &'a str) -> BoxFuture<'a, Result<Option<String>, DatabaseError>> {
            Box::pin(async { Ok(None) })
        }

        fn maintain(&self, _job: Assignment) -> BoxFuture<'_, Result<Upkeep, DatabaseError>> {
            Box::pin(async { Err(DatabaseError::Refused("nobody acts here".to_owned())) })
        }

        fn activity(&self) -> BoxFuture<'_, Result<Activity, DatabaseError>> {
            let manner = *self;
            Box::pin(async move {
                match manner {
                    Manner::Answers => Ok(Activity::default()),
                    Manner::Hangs => std::future::pending().await,
                    Manner::Panics => unreachable!("a fault of the engine \u{1b}[31m"),
                }
            })
        }

        fn explain<'a>(&'a self, _subject: &'a Subject) -> BoxFuture<'a, Result<Explanation, DatabaseError>> {
            let manner = *self;
            Box::pin(async move {
                match manner {
                    Manner::Answers => Ok(Explanation::default()),
                    Manner::Hangs => {
                        tokio::time::sleep(PLANS).await;
                        Ok(Explanation::default())
                    }
                    Manner::Panics => unreachable!("a fault of the engine"),
                }
            })
        }
    }

    /// How long the plan of a database takes whose sessions are never seen.
    const PLANS: Duration = Duration::from_secs(3);

    fn handles(manner: Manner) -> Arc<Handles> {
        let blocking = None;
        Arc::new(Handles {
            database: Arc::new(manner),
            deadline: Duration::from_secs(5),
            blocking,
            busy: Mutex::new(()),
            planning: Mutex::new(()),
        })
    }

    fn statement() -> Subject {
        Subject::Statement("10:1:true".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_never_answers_is_given_up_at_its_deadline_and_never_asked_twice_at_once() {
        let handles = handles(Manner::Hangs);
        let (first, began) = (Arc::clone(&handles), Instant::now());
        let first = tokio::spawn(async move { first.ask(Aspect::Sessions).await });
        tokio::time::sleep(Duration::from_secs(1)).await;
        let second = handles.ask(Aspect::Sessions).await;
        assert_eq!(second, Err("an earlier look has not come back".to_owned()));
        assert_eq!(began.elapsed(), Duration::from_secs(1), "it is told at once");
        // A plan waits for no look and no look for a plan, and of two plans one is asked at a time.
        let (one, two) = (statement(), statement());
        let (one, two) = tokio::join!(handles.plan(&one), handles.plan(&two));
        assert_eq!(one, Ok(Explanation::default()));
        assert_eq!(two, Err("no answer within 5.0 s".to_owned()), "its own deadline came first");
        assert_eq!(began.elapsed(), Duration::from_secs(6));
        assert_eq!(first.await.expect("it ended"), Err("no answer within 5.0 s".to_owned()));
        // Whoever looks next is not kept out by one that was given up.
        assert_eq!(handles.ask(Aspect::Sessions).await, Err("no answer within 5.0 s".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_panics_is_an_answer_and_leaves_no_lock_behind() {
        let broken = handles(Manner::Panics);
        for _ in 0..2 {
            let why = broken.ask(Aspect::Sessions).await.expect_err("it panics");
            assert!(why.starts_with("the look itself failed, please report it: "), "{why}");
            assert!(why.contains("a fault of the engine") && !why.contains('\u{1b}'), "{why}");
        }
        let well = handles(Manner::Answers);
        assert_eq!(well.ask(Aspect::Sessions).await, Ok(Sight::Sessions(Activity::default())));
    }

    #[tokio::test]
    async fn what_is_not_configured_and_what_no_engine_has_is_told_as_an_answer() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rota.sqlite3");
        let made = rusqlite::Connection::open(&path).and_then(|it| it.execute_batch("CREATE TABLE staff (id int)"));
        made.expect("a database");
        let text = format!("version = 1\n[[database]]\nid = 'rota'\nurl = 'sqlite:{}'\n", path.display());
        let environment = crate::config::Environment { xdg_state_home: Some("/nowhere".into()), ..Default::default() };
        let config = crate::config::parse("a.toml", folder.path(), &text, &environment).expect("a configuration");
        let mut lookout = Lookout::new(Arc::new(config));
        let (sender, mut updates) = mpsc::channel(8);
        let clock = Clock::system();
        lookout.look("nope".to_owned(), Aspect::Tables, clock.clone(), sender.clone()).await;
        lookout.look("rota".to_owned(), Aspect::Sessions, clock.clone(), sender.clone()).await;
        lookout.look("rota".to_owned(), Aspect::Tables, clock.clone(), sender.clone()).await;
        lookout.explain("rota".to_owned(), statement(), clock, sender).await;
        let mut told = Vec::new();
        for _ in 0..4 {
            told.push(match updates.recv().await {
                Some(Update::Looked(looked)) => looked.outcome.map(|sight| match sight {
                    Sight::Tables(tables) => tables.rows[0].name.clone(),
                    other => unreachable!("{other:?}"),
                }),
                Some(Update::Explained(explained)) => explained.outcome.map(|plan| plan.statement),
                other => unreachable!("{other:?}"),
            });
        }
        let refused = |text: &str| Err(text.to_owned());
        assert_eq!(
            told,
            [
                refused("there is no database `nope`"),
                refused("a database that is a file has no sessions to list"),
                Ok("staff".to_owned()),
                refused("this engine is not asked for plans"),
            ]
        );
        assert_eq!(lookout.handles.len(), 1, "one handle, however often it is looked into");
    }
}

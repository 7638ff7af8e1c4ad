//! One connection to the store, and the promise that nobody ever meets half a transaction
//! on it.
//!
//! A future may be dropped at any await: a probe past its deadline, a dashboard that quits.
//! So each piece of work runs in a task of its own, which goes on to its end whether or not
//! anybody still waits; a record that was begun is written. And for the length of the work
//! the connection is taken out of its slot and put back only after a good end: an error, a
//! panic or a runtime that shuts down closes it, which rolls back, and the next piece of
//! work opens a new one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::Mutex;

use crate::ledger::BoxFuture;
use crate::store::error::StoreError;
use crate::store::open::Limits;
use crate::store::place;
use crate::store::sqlite::{Access, explain, options};

/// A connection that is opened when it is needed; clones share it, one piece of work at a time.
#[derive(Clone, Debug)]
pub(in crate::store) struct Link {
    path: Arc<PathBuf>,
    /// The file that was opened first. Writing into one that is no longer at this path
    /// would lose every record.
    identity: (u64, u64),
    busy: Duration,
    options: SqliteConnectOptions,
    slot: Arc<Mutex<Option<SqliteConnection>>>,
}

impl Link {
    pub(in crate::store) fn new(path: &Arc<PathBuf>, access: Access, limits: Limits) -> Result<Self, StoreError> {
        let identity = place::identity(path).map_err(|error| StoreError::from_io(&error, path))?;
        let options = options(path, access, limits);
        Ok(Self { path: Arc::clone(path), identity, busy: limits.busy, options, slot: Arc::default() })
    }

    /// Reads; see the module for what becomes of the work when nobody waits any more.
    pub(in crate::store) async fn read<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + 'static,
    {
        self.run(work).await
    }

    /// Writes in one transaction. It takes the write lock first: one that began as a reader
    /// would fail at once when another writer was faster, however long it may wait.
    pub(in crate::store) async fn write<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + 'static,
    {
        self.run(|connection| {
            Box::pin(async move {
                sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
                let answer = work(&mut *connection).await?;
                sqlx::query("COMMIT").execute(&mut *connection).await?;
                Ok(answer)
            })
        })
        .await
    }

    async fn run<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + 'static,
    {
        let link = self.clone();
        let task = tokio::spawn(async move {
            let mut slot = link.slot.lock().await;
            let explain = |error: sqlx::Error| explain(&error, &link.path, link.busy);
            if !link.is_still_there().await {
                *slot = None;
                return Err(StoreError::Replaced { path: link.path.to_path_buf() });
            }
            let mut connection = match slot.take() {
                Some(connection) => connection,
                None => link.options.connect().await.map_err(explain)?,
            };
            let answer = work(&mut connection).await.map_err(explain)?;
            *slot = Some(connection);
            Ok(answer)
        });
        task.await.unwrap_or_else(|error| {
            Err(StoreError::Io { path: self.path.to_path_buf(), why: format!("the work was not finished: {error}") })
        })
    }

    async fn is_still_there(&self) -> bool {
        let path = Arc::clone(&self.path);
        let found = tokio::task::spawn_blocking(move || place::identity(&path).ok()).await;
        found.is_ok_and(|identity| identity == Some(self.identity))
    }

    /// Closes the connection in good order, which folds the write-ahead log back in.
    pub(in crate::store) async fn close(&self) {
        if let Some(connection) = self.slot.lock().await.take() {
            // Nothing is lost if this fails: the log is folded in by whoever comes next.
            let _ = connection.close().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    async fn store() -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().expect("scratch directory");
        let path = directory.path().join("rounds.db");
        let store = Store::open(&path, crate::domain::time::Timestamp::UNIX_EPOCH).await.expect("open");
        (directory, store)
    }

    fn relaxed(store: &Store) -> &Link {
        &store.writers.as_ref().expect("writable").relaxed
    }

    const INSERT: &str = "INSERT INTO job VALUES ('j', 'h', 'b', 1, 1, 1, 'a', 't')";

    async fn scalar<T>(link: &Link, statement: &'static str) -> T
    where
        T: Send + Unpin + 'static + sqlx::Type<sqlx::Sqlite> + for<'r> sqlx::Decode<'r, sqlx::Sqlite>,
    {
        link.read(move |c| Box::pin(sqlx::query_scalar(statement).fetch_one(c))).await.expect("answer")
    }

    async fn jobs(store: &Store) -> i64 {
        scalar(&store.read, "SELECT count(*) FROM job").await
    }

    #[tokio::test]
    async fn work_that_fails_or_panics_leaves_nothing_behind() {
        let (_directory, store) = store().await;
        for panics in [false, true] {
            let failed: Result<(), _> = relaxed(&store)
                .write(move |c| {
                    Box::pin(async move {
                        sqlx::query(INSERT).execute(c).await?;
                        assert!(!panics, "on purpose");
                        Err(sqlx::Error::RowNotFound)
                    })
                })
                .await;
            assert!(matches!(failed, Err(StoreError::Io { .. })), "{failed:?}");
            assert_eq!(jobs(&store).await, 0);
        }
        let written = relaxed(&store).write(|c| Box::pin(sqlx::query(INSERT).execute(c))).await;
        assert_eq!((written.expect("written").rows_affected(), jobs(&store).await), (1, 1));
    }

    #[tokio::test]
    async fn every_connection_keeps_its_promises() {
        let (_directory, store) = store().await;
        let writers = store.writers.clone().expect("writable");
        // `synchronous` is 1 for normal, 2 for full.
        let pragmas = ["PRAGMA recursive_triggers", "PRAGMA trusted_schema", "PRAGMA query_only", "PRAGMA synchronous"];
        let table = [(&writers.durable, [1, 0, 0, 2]), (&writers.relaxed, [1, 0, 0, 1]), (&store.read, [1, 0, 1, 2])];
        for (link, expected) in table {
            for (pragma, expected) in pragmas.into_iter().zip(expected) {
                assert_eq!(scalar::<i64>(link, pragma).await, expected, "{pragma}");
            }
            assert_eq!(scalar::<String>(link, "PRAGMA journal_mode").await, "wal");
        }
    }
}

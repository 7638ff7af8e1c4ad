//! SQLite: a database that is a file. Reads go through connections that cannot write, on
//! threads that may hang without anybody else noticing.

mod answer;
mod daily;
mod integrity;
mod migrations;
mod open;
mod progress;
mod readers;
mod surroundings;
mod tables;
mod upkeep;
mod vacuum;
mod vitals;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use self::daily::Daily;
use crate::database::{Assignment, BoxFuture, Database, DatabaseError, Engine, Upkeep};
use crate::domain::engine;
use crate::domain::humanize;
use crate::domain::insight::Tables;
use crate::domain::upkeep::Verb;
use crate::domain::vitals::Vitals;

pub use open::{Patience, cancellable, explain, finished, read_only, read_write, sidecar, size_with_sidecars};

pub const ENGINE: Engine =
    Engine { card: &engine::SQLITE, blocks: true, open: |spec| at(spec.address.file().unwrap_or(Path::new(""))) };

/// How long the pages of a file are counted before that is given up.
const FOR_TABLES: Duration = Duration::from_secs(4);

/// How long an operator's own question may take.
const FOR_AN_ANSWER: Duration = Duration::from_secs(4);

/// The database in a file.
pub fn at(path: &Path) -> Arc<dyn Database> {
    Arc::new(Sqlite { path: path.to_owned(), daily: Arc::default() })
}

/// One database file. A connection lives for one question: nothing is held in between, so
/// the program that owns the file can do with it what it likes.
#[derive(Debug)]
struct Sqlite {
    path: PathBuf,
    daily: Arc<Daily>,
}

impl Database for Sqlite {
    fn vitals(&self) -> BoxFuture<'_, Result<Vitals, DatabaseError>> {
        let (daily, now) = (Arc::clone(&self.daily), tokio::time::Instant::now());
        Box::pin(aside(&self.path, move |path| {
            let mut vitals = vitals::read(path)?;
            let wal = vitals.journal_mode.as_deref() == Some("wal");
            vitals.measured.join(daily.read(path, wal, vitals.size_bytes.unwrap_or(0), now));
            Ok(vitals)
        }))
    }

    fn first_value<'a>(&'a self, query: &'a str) -> BoxFuture<'a, Result<Option<String>, DatabaseError>> {
        let query = query.to_owned();
        Box::pin(async move {
            let cancel = CancellationToken::new();
            let _stop = cancel.clone().drop_guard();
            let read = aside(&self.path, move |path| answer::first_value(path, &query, &cancel));
            tokio::time::timeout(FOR_AN_ANSWER, read).await.unwrap_or_else(|_elapsed| {
                let time = humanize::duration(FOR_AN_ANSWER);
                Err(DatabaseError::Unreachable(format!("the query had no answer within {time}")))
            })
        })
    }

    fn tables(&self) -> BoxFuture<'_, Result<Tables, DatabaseError>> {
        Box::pin(async move {
            let cancel = CancellationToken::new();
            let _stop = cancel.clone().drop_guard();
            let read = aside(&self.path, move |path| tables::read(path, &cancel));
            tokio::time::timeout(FOR_TABLES, read).await.unwrap_or_else(|_elapsed| {
                let time = humanize::duration(FOR_TABLES);
                Err(DatabaseError::Refused(format!("its pages could not be counted within {time}: it is too large")))
            })
        })
    }

    fn maintain(&self, job: Assignment) -> BoxFuture<'_, Result<Upkeep, DatabaseError>> {
        Box::pin(async move {
            // Whoever drops this future no longer wants the work done.
            let cancel = job.cancel.child_token();
            let _stop = cancel.clone().drop_guard();
            let Assignment { work, mut tell, .. } = job;
            aside(&self.path, move |path| match work.verb {
                Verb::Vacuum => vacuum::vacuum(path, &cancel, &mut tell),
                Verb::Integrity => integrity::integrity(path, &cancel, &mut tell),
                Verb::Analyze => upkeep::analyze(path, &work, &cancel, &mut tell),
                Verb::Reindex => upkeep::reindex(path, &work, &cancel, &mut tell),
                Verb::Checkpoint => upkeep::checkpoint(path, &cancel),
                Verb::VacuumAnalyze | Verb::VacuumFull | Verb::Cancel | Verb::Terminate => {
                    Err(DatabaseError::Refused(format!("sqlite has no {}", work.verb.word())))
                }
            })
            .await
        })
    }
}

/// Runs one blocking piece of work on a thread of its own.
async fn aside<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(&Path) -> Result<T, DatabaseError> + Send + 'static,
) -> Result<T, DatabaseError> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || work(&path)).await.unwrap_or_else(|error| {
        Err(DatabaseError::Malformed(format!("the read itself failed, please report it: {error}")))
    })
}

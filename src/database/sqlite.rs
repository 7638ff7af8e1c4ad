//! SQLite: a database that is a file. Reads go through connections that cannot write, on
//! threads that may hang without anybody else noticing.

mod open;
mod upkeep;
mod vitals;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::database::{BoxFuture, Database, DatabaseError, Engine, Upkeep};
use crate::domain::engine;
use crate::domain::inventory::Maintenance;
use crate::domain::vitals::Vitals;

pub use open::{Patience, cancellable, explain, finished, read_only, sidecar, size_with_sidecars};

pub const ENGINE: Engine =
    Engine { card: &engine::SQLITE, blocks: true, open: |spec| at(spec.address.file().unwrap_or(Path::new(""))) };

/// The database in a file.
pub fn at(path: &Path) -> Arc<dyn Database> {
    Arc::new(Sqlite { path: path.to_owned() })
}

/// One database file. A connection lives for one question: nothing is held in between, so
/// the program that owns the file can do with it what it likes.
#[derive(Debug)]
struct Sqlite {
    path: PathBuf,
}

impl Database for Sqlite {
    fn vitals(&self) -> BoxFuture<'_, Result<Vitals, DatabaseError>> {
        Box::pin(aside(&self.path, vitals::read))
    }

    fn maintain(
        &self,
        operation: Maintenance,
        cancel: CancellationToken,
    ) -> BoxFuture<'_, Result<Upkeep, DatabaseError>> {
        Box::pin(async move {
            // Whoever drops this future no longer wants the work done.
            let cancel = cancel.child_token();
            let _stop = cancel.clone().drop_guard();
            aside(&self.path, move |path| match operation {
                Maintenance::Vacuum => upkeep::vacuum(path, &cancel),
                Maintenance::Integrity => upkeep::integrity(path, &cancel),
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

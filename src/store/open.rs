//! Opening the store: whose file it is first, then its schema, and only then its
//! connections. Whatever is wrong is an error with a name, and nothing was changed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use sqlx::{ConnectOptions, Connection};
use tokio::time::{Instant, sleep};

use crate::domain::time::Timestamp;
use crate::store::error::StoreError;
use crate::store::place;
use crate::store::sqlite::link::Link;
use crate::store::sqlite::schema::{self, KNOWN, LIBRARY, Signs};
use crate::store::sqlite::{Access, explain, options};
use crate::store::{Store, Writers};

/// How long the store waits, and how large it may grow.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a locked store is waited for.
    pub busy: Duration,
    /// In pages of 4 KiB; `None` for as much as the disk takes.
    pub max_pages: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { busy: Duration::from_secs(5), max_pages: None }
    }
}

impl Store {
    /// Opens the store for reading and writing, and makes it where there is none. An older
    /// one is brought up to date; a newer one, and what is not ours, is refused and left as
    /// it is. `now` is noted in a store that is made.
    pub async fn open(path: &Path, now: Timestamp) -> Result<Store, StoreError> {
        Self::open_within(path, now, Limits::default()).await
    }

    /// [`Store::open`] with limits of one's own.
    pub async fn open_within(path: &Path, now: Timestamp, limits: Limits) -> Result<Store, StoreError> {
        off_thread(path, place::make).await?;
        let explain = |error: sqlx::Error| explain(&error, path, limits.busy);
        let foreign = || StoreError::Foreign { path: path.to_owned() };
        // Twice: first without touching anything, then with what its log may hold.
        let before = look(path, limits).await?;
        if !before.is_ours && !before.is_empty {
            return Err(foreign());
        }
        let mut connection = options(path, Access::Durable, limits).connect().await.map_err(explain)?;
        refuse_old_library(&schema::library_version(&mut connection).await.map_err(explain)?)?;
        let signs = schema::signs(&mut connection).await.map_err(explain)?;
        if !signs.is_ours && !signs.is_empty {
            return Err(foreign());
        }
        let version = schema::migrate(&mut connection, now).await.map_err(explain)?;
        if version > KNOWN {
            return Err(StoreError::Newer { path: path.to_owned(), found: version, known: KNOWN });
        }
        off_thread(path, place::keep_private).await?;
        switch_to_wal(&mut connection, limits.busy).await.map_err(explain)?;
        connection.close().await.map_err(explain)?;
        Self::connected(path, limits, Access::Read, true)
    }

    /// Opens a store that need not, or cannot, be written. On a file system that is mounted
    /// read-only it shows what had been folded into the file by then.
    pub async fn open_read_only(path: &Path) -> Result<Store, StoreError> {
        let signs = look(path, Limits::default()).await?;
        if signs.is_empty {
            return Err(StoreError::Missing { path: path.to_owned() });
        } else if !signs.is_ours {
            return Err(StoreError::Foreign { path: path.to_owned() });
        }
        let frozen = off_thread(path, |path| Ok(place::on_read_only_file_system(path))).await?;
        let access = if frozen { Access::Frozen } else { Access::Read };
        let store = Self::connected(path, Limits::default(), access, false)?;
        match store.read.read(|c| Box::pin(schema::signs(c))).await?.version {
            KNOWN => Ok(store),
            found if found > KNOWN => Err(StoreError::Newer { path: path.to_owned(), found, known: KNOWN }),
            found => Err(StoreError::Older { path: path.to_owned(), found, known: KNOWN }),
        }
    }

    fn connected(path: &Path, limits: Limits, read: Access, writable: bool) -> Result<Store, StoreError> {
        let path = Arc::new(path.to_owned());
        let link = |access| Link::new(&path, access, limits);
        let writers = if writable {
            Some(Writers { durable: link(Access::Durable)?, relaxed: link(Access::Relaxed)? })
        } else {
            None
        };
        Ok(Store { writers, read: link(read)?, kept: Arc::default(), path })
    }
}

/// Looks at files where a slow disk stops nobody else.
async fn off_thread<T: Send + 'static>(
    path: &Path,
    look: impl FnOnce(&Path) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let owned = path.to_owned();
    let looked = tokio::task::spawn_blocking(move || look(&owned)).await;
    looked.unwrap_or_else(|error| Err(StoreError::Io { path: path.to_owned(), why: error.to_string() }))
}

/// What the file says of itself, without a byte of it or beside it changing.
async fn look(path: &Path, limits: Limits) -> Result<Signs, StoreError> {
    let mut looks_left = 10;
    loop {
        match look_once(path, Access::Frozen, limits).await {
            // Looking takes no lock, and another instance may be in the middle of writing a
            // new store: a damaged file is damaged for longer than that takes.
            Err(StoreError::Damaged { .. }) if looks_left > 0 => sleep(Duration::from_millis(20)).await,
            // A program that was ended while it wrote its log back leaves a file that is whole
            // only together with that log: then the log has to be read, too.
            Err(StoreError::Damaged { .. }) if has_log(path) => return look_once(path, Access::Read, limits).await,
            answer => return answer,
        }
        looks_left -= 1;
    }
}

/// Whether a write-ahead log with something in it lies beside the file.
fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|log| log.len() > 0)
}

async fn look_once(path: &Path, access: Access, limits: Limits) -> Result<Signs, StoreError> {
    let explain = |error: sqlx::Error| explain(&error, path, limits.busy);
    let mut connection = options(path, access, limits).connect().await.map_err(explain)?;
    let signs = schema::signs(&mut connection).await.map_err(explain)?;
    connection.close().await.map_err(explain)?;
    Ok(signs)
}

fn refuse_old_library(found: &str) -> Result<(), StoreError> {
    let numbers = |version: &str| version.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>();
    if numbers(found) < numbers(LIBRARY) {
        return Err(StoreError::Library { found: found.to_owned(), wanted: LIBRARY });
    }
    Ok(())
}

/// Waits like for any lock, which SQLite itself does not do here: two instances that make one
/// store together both come this way.
async fn switch_to_wal(connection: &mut SqliteConnection, busy: Duration) -> Result<(), sqlx::Error> {
    let deadline = Instant::now() + busy;
    loop {
        match schema::use_wal(connection).await {
            Err(_) if Instant::now() < deadline => sleep(Duration::from_millis(20)).await,
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_library_is_refused_by_name() {
        for (found, good) in [("3.51.2", false), ("3.40.1", false), ("3.51.3", true), ("3.52.0", true), ("4.0", true)] {
            assert_eq!(refuse_old_library(found).is_ok(), good, "{found}");
        }
        let text = refuse_old_library("3.46.0").unwrap_err().to_string();
        assert!(text.contains("3.46.0") && text.contains("3.51.3"), "{text}");
    }
}

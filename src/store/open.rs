//! Opening the store: whose file it is first, then its schema, and only then its
//! connections. Whatever is wrong is an error with a name, and nothing was changed.

mod precaution;

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
use crate::store::sqlite::schema::{self, KNOWN, LIBRARY, MIGRATIONS, Signs, Steps};
use crate::store::sqlite::{Access, explain, options, unexpected};
use crate::store::{Store, Writers};

/// How long the store waits, and how large it may grow.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a locked store is waited for.
    pub busy: Duration,
    /// In pages of 4 KiB; `None` for as much as the disk takes.
    pub max_pages: Option<u32>,
    /// Past this many bytes the oldest observations go, whatever their age; nothing else does.
    pub roomy: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { busy: Duration::from_secs(5), max_pages: None, roomy: 1 << 30 }
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
        Self::open_at(path, now, limits, MIGRATIONS).await
    }

    async fn open_at(path: &Path, now: Timestamp, limits: Limits, steps: Steps) -> Result<Store, StoreError> {
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
        let known = schema::version_of(steps);
        let mut found = signs.version;
        if found < known {
            found = schema::begin_change(&mut connection).await.map_err(explain)?;
            if found > 0 && found < known {
                // Whoever fails here lets go of the lock, and nothing was changed.
                precaution::take(path, found, limits).await?;
            }
            schema::finish_change(&mut connection, steps, found, now).await.map_err(explain)?;
        }
        if found > known {
            return Err(StoreError::Newer { path: path.to_owned(), found, known });
        }
        // With a log that somebody left beside it SQLite opens such a store, and only the first
        // write would tell.
        if off_thread(path, |path| Ok(place::on_read_only_file_system(path))).await? {
            return Err(StoreError::ReadOnly { path: path.to_owned() });
        }
        off_thread(path, place::keep_private).await?;
        switch_to_wal(&mut connection, limits.busy).await.map_err(explain)?;
        connection.close().await.map_err(explain)?;
        Self::connected(path, limits, Access::Read, true)
    }

    /// Whether there is room for another record, without writing one. What is open already, and
    /// what others keep open, may be read on a full disk as if nothing were wrong.
    pub async fn has_room(&self) -> Result<(), StoreError> {
        if off_thread(&self.path, |path| Ok(place::is_full(path))).await? {
            return Err(StoreError::Full { path: self.path.to_path_buf() });
        }
        Ok(())
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
        // What a log beside it holds is part of it, and only a look that takes part in it sees that.
        let access = if frozen && !has_log(path) { Access::Frozen } else { Access::Read };
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
        Ok(Store { writers, read: link(read)?, kept: Arc::default(), path, roomy: limits.roomy })
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
            // Looking takes no lock. Another instance may be in the middle of writing, however
            // long that takes on a busy machine, or was ended there: then a log lies beside the
            // file, and the file is whole only together with it, or once the other is done.
            Err(StoreError::Damaged { .. }) if has_log(path) => match look_once(path, Access::Read, limits).await {
                Err(StoreError::Damaged { .. }) if looks_left > 0 => sleep(Duration::from_millis(20)).await,
                answer => return answer,
            },
            // It may have been done just now.
            Err(StoreError::Damaged { .. }) if looks_left > 0 => sleep(Duration::from_millis(20)).await,
            answer => return answer,
        }
        looks_left -= 1;
    }
}

/// Whether a log with something in it lies beside the file: of what is written, or of what
/// is to be taken back.
fn has_log(path: &Path) -> bool {
    ["-wal", "-journal"].iter().any(|log| std::fs::metadata(place::beside(path, log)).is_ok_and(|log| log.len() > 0))
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
mod tests;

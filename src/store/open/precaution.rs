//! Before an older store is changed: a copy of it as it was, proven, with its version in its
//! name (`rounds.db.v1`). Without one, nothing is changed.

use std::fs;
use std::io;
use std::path::Path;

use sqlx::sqlite::SqliteConnection;
use sqlx::{ConnectOptions, Connection};

use super::{Limits, off_thread};
use crate::platform::file;
use crate::store::error::StoreError;
use crate::store::place;
use crate::store::sqlite::{Access, options, schema};

/// Copies the store at `path`, which has this version. To be called under the write lock:
/// nobody else copies, and nothing comes after the copy that is not in it.
pub(super) async fn take(path: &Path, version: i64, limits: Limits) -> Result<(), StoreError> {
    let failed = |why: String| StoreError::NoCopy { path: path.to_owned(), found: version, why };
    let part = place::beside(path, &format!(".v{version}.part"));
    let copy = place::beside(path, &format!(".v{version}"));
    off_thread(&part, |part| prepare(part).map_err(|error| StoreError::from_io(&error, part)))
        .await
        .map_err(|error| failed(error.to_string()))?;
    write(path, &part, version, limits).await.map_err(|error| failed(error.to_string()))?;
    let publish = move |part: &Path| publish(part, &copy).map_err(|error| StoreError::from_io(&error, &copy));
    off_thread(&part, publish).await.map_err(|error| failed(error.to_string()))
}

/// An empty file that nobody else can read; what an earlier attempt left goes.
fn prepare(part: &Path) -> io::Result<()> {
    match fs::remove_file(part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    file::private().write(true).create_new(true).open(part).map(drop)
}

async fn write(path: &Path, part: &Path, version: i64, limits: Limits) -> Result<(), sqlx::Error> {
    let mut store = options(path, Access::Durable, limits).connect().await?;
    let target = part.to_str().ok_or_else(|| super::unexpected("its path is not text"))?;
    sqlx::query("VACUUM INTO ?1").bind(target).execute(&mut store).await?;
    let expected = contents(&mut store).await?;
    store.close().await?;
    let mut copy = options(part, Access::Frozen, limits).connect().await?;
    let structure: String = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut copy).await?;
    let (signs, found) = (schema::signs(&mut copy).await?, contents(&mut copy).await?);
    copy.close().await?;
    if structure != "ok" || !signs.is_ours || signs.version != version || found != expected {
        return Err(super::unexpected(format!("the copy is not like it: {structure}, {found} instead of {expected}")));
    }
    Ok(())
}

/// What must not be lost, counted: the same of a store and of its copy.
async fn contents(connection: &mut SqliteConnection) -> Result<String, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT json_array((SELECT id FROM store), (SELECT count(*) FROM audit), \
                (SELECT hash FROM audit ORDER BY seq DESC LIMIT 1), (SELECT count(*) FROM mark), \
                (SELECT count(*) FROM signature), (SELECT count(*) FROM run), (SELECT count(*) FROM proof), \
                (SELECT count(*) FROM change), (SELECT count(*) FROM observation), (SELECT count(*) FROM job))",
    )
    .fetch_one(connection)
    .await
}

/// On the disk first, then under its name.
fn publish(part: &Path, copy: &Path) -> io::Result<()> {
    file::sync(part)?;
    fs::rename(part, copy)?;
    copy.parent().map_or(Ok(()), file::sync_directory)
}

//! The schema and its versions: made, brought up to date, or refused, in one transaction.

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};

use crate::domain::time::Timestamp;
use crate::store::sqlite::{to_micros, unexpected};

/// Steps from nothing to a schema: step `n` leads to version `n + 1`.
pub(in crate::store) type Steps = &'static [&'static str];

/// The steps from nothing to the present schema. Step `n` brings a store to version `n + 1`
/// and says so itself (`PRAGMA user_version`). Only ever add to it.
pub(in crate::store) const MIGRATIONS: Steps = &[
    include_str!("../../../assets/migrations/sqlite/0001_rounds.sql"),
    include_str!("../../../assets/migrations/sqlite/0002_freeze.sql"),
    include_str!("../../../assets/migrations/sqlite/0003_runs_at_a_glance.sql"),
    include_str!("../../../assets/migrations/sqlite/0004_accepted.sql"),
];

/// The version this program writes.
pub(in crate::store) const KNOWN: i64 = version_of(MIGRATIONS);

/// The version that steps lead to.
pub(in crate::store) const fn version_of(steps: Steps) -> i64 {
    steps.len().cast_signed() as i64
}

/// The oldest SQLite that does not corrupt databases in WAL mode under two writers.
pub(in crate::store) const LIBRARY: &str = "3.51.3";

/// Marks a database as ours: `rnds`, at byte 68 of the file. The first migration sets it.
const APPLICATION_ID: i64 = 0x726e_6473;

/// What an opened database says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Signs {
    pub is_ours: bool,
    /// Nobody put a name on it, nor anything into it.
    pub is_empty: bool,
    pub version: i64,
}

pub(in crate::store) async fn signs(connection: &mut SqliteConnection) -> Result<Signs, sqlx::Error> {
    // The name first, and of our own no more than the first page: another instance may be
    // writing the others at this moment.
    let name: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await?;
    if name == APPLICATION_ID {
        let version = sqlx::query_scalar("PRAGMA user_version").fetch_one(connection).await?;
        return Ok(Signs { is_ours: true, is_empty: false, version });
    }
    // In one statement, which sees one moment.
    let row = sqlx::query(
        "SELECT (SELECT application_id FROM pragma_application_id), \
                (SELECT user_version FROM pragma_user_version), \
                (SELECT count(*) FROM sqlite_schema)",
    )
    .fetch_one(connection)
    .await?;
    let (name, version, objects): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let is_empty = (name, version, objects) == (0, 0, 0);
    Ok(Signs { is_ours: name == APPLICATION_ID, is_empty, version })
}

/// Takes the lock under which nobody else writes, and answers the version found under it. Two
/// instances that start together make one schema, with one id.
///
/// A store that is there can still be read by others, and copied, until the change is done.
pub(in crate::store) async fn begin_change(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let is_new = signs(connection).await?.version == 0;
    sqlx::query(if is_new { "BEGIN EXCLUSIVE" } else { "BEGIN IMMEDIATE" }).execute(&mut *connection).await?;
    Ok(signs(connection).await?.version)
}

/// Takes the steps that are left after `version`, gives a new store its id, and lets go of
/// the lock.
pub(in crate::store) async fn finish_change(
    connection: &mut SqliteConnection,
    steps: Steps,
    version: i64,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    for step in steps.iter().skip(usize::try_from(version).unwrap_or(0)) {
        sqlx::raw_sql(*step).execute(&mut *connection).await?;
    }
    sqlx::query(
        "INSERT INTO store (one, id, made_at) SELECT 1, lower(hex(randomblob(32))), ?1 \
          WHERE NOT EXISTS (SELECT 1 FROM store)",
    )
    .bind(to_micros(now))
    .execute(&mut *connection)
    .await?;
    sqlx::query("COMMIT").execute(&mut *connection).await?;
    Ok(())
}

/// Switches to the write-ahead log, for good: readers and a writer then never wait for each
/// other. Fails at once, whatever the busy timeout, while another connection is at work.
pub(in crate::store) async fn use_wal(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode = WAL").fetch_one(connection).await?;
    if mode == "wal" { Ok(()) } else { Err(unexpected(format!("the journal mode stays {mode}"))) }
}

pub(in crate::store) async fn library_version(connection: &mut SqliteConnection) -> Result<String, sqlx::Error> {
    sqlx::query_scalar("SELECT sqlite_version()").fetch_one(connection).await
}

/// The words of everything that makes the audit log append-only, to be compared with those
/// of a new store ([`pristine_guards`]).
pub(in crate::store) async fn guards(connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT type || ' ' || name || ': ' || coalesce(sql, '') FROM sqlite_schema \
          WHERE tbl_name IN ('audit', 'store') OR name IN ('audit', 'store') \
          ORDER BY type, name",
    )
    .fetch_all(connection)
    .await
}

/// The guards as our own schema makes them.
pub(in crate::store) async fn pristine_guards() -> Result<Vec<String>, sqlx::Error> {
    let mut scratch = SqliteConnection::connect("sqlite::memory:").await?;
    begin_change(&mut scratch).await?;
    finish_change(&mut scratch, MIGRATIONS, 0, Timestamp::UNIX_EPOCH).await?;
    let guards = guards(&mut scratch).await?;
    scratch.close().await?;
    Ok(guards)
}

//! The store in SQLite: every statement of it, and nothing but. Another database would be a
//! directory beside this one with the same functions.

pub(super) mod accepted;
pub(super) mod audit;
pub(super) mod change;
pub(super) mod checklist;
pub(super) mod freeze;
pub(super) mod job;
pub(super) mod link;
pub(super) mod observation;
pub(super) mod proof;
pub(super) mod run;
pub(super) mod schema;

use std::path::Path;
use std::time::Duration;

use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{ConnectOptions, Row, Sqlite};

use crate::domain::audit::chain::micros;
use crate::domain::job::JobResult;
use crate::domain::status::Status;
use crate::domain::time::Timestamp;
use crate::store::error::StoreError;
use crate::store::open::Limits;
use crate::store::place;

/// What one kind of connection may do, and how much it promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Writes, and what it wrote survives a power cut: acts, marks, signatures.
    Durable,
    /// Writes that may lose the last moments in a power cut, for a fiftieth of the cost.
    Relaxed,
    Read,
    /// Reads the file alone, without locks, log or journal: what may be somebody else's, and
    /// what nobody can write.
    Frozen,
}

/// How much of the file each connection holds in memory, in KiB: SQLite's own 2 MiB, three times,
/// would be a quarter of all the dashboard needs, and the system holds the file in memory anyway.
const CACHE: u32 = 256;

/// How a connection to the store at `path` is made.
///
/// With `recursive_triggers` a REPLACE asks the DELETE triggers; with `trusted_schema` off
/// nothing that somebody wrote into the schema runs functions of its own. SQLite's defensive
/// mode would also stop `PRAGMA writable_schema`, and sqlx has no safe way to switch it on;
/// `verify` compares the schema instead.
pub(super) fn options(path: &Path, access: Access, limits: Limits) -> SqliteConnectOptions {
    let mut options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(limits.busy)
        .pragma("recursive_triggers", "ON")
        .pragma("trusted_schema", "OFF")
        .pragma("cache_size", format!("-{CACHE}"))
        .disable_statement_logging();
    if let Some(pages) = limits.max_pages {
        options = options.pragma("max_page_count", pages.to_string());
    }
    match access {
        Access::Durable => options.synchronous(SqliteSynchronous::Full),
        Access::Relaxed => options.synchronous(SqliteSynchronous::Normal),
        Access::Read => options.pragma("query_only", "ON"),
        Access::Frozen => options.read_only(true).immutable(true),
    }
}

/// The index of the write-ahead log cannot grow: to SQLite an input/output error.
const SHM_SIZE: i32 = 4874;

/// What an error of the database means for the store at `path`.
pub(super) fn explain(error: &sqlx::Error, path: &Path, waited: Duration) -> StoreError {
    let why = crate::domain::sanitize::line(&error.to_string());
    let path = path.to_owned();
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    if code == Some(SHM_SIZE) {
        return StoreError::Full { path };
    }
    // The low byte is the kind of error, the rest says where it arose.
    match code.map(|code| code & 0xff) {
        Some(3 | 23) => StoreError::Denied { path },
        Some(5 | 6) => StoreError::Locked { path, waited },
        Some(8) => StoreError::ReadOnly { path },
        Some(11) => StoreError::Damaged { path, why },
        Some(13) => StoreError::Full { path },
        Some(14) => match place::identity(&path) {
            Err(error) => StoreError::from_io(&error, &path),
            Ok(_) if place::on_read_only_file_system(&path) => StoreError::ReadOnly { path },
            Ok(_) => StoreError::Denied { path },
        },
        Some(19) => {
            let why = error.as_database_error().map_or(why, |error| error.message().to_owned());
            StoreError::Refused { path, why }
        }
        Some(26) => StoreError::NotADatabase { path },
        _ => StoreError::Io { path, why },
    }
}

/// Keys of rows, each in JSON, as a query finds them.
async fn keys(
    c: &mut SqliteConnection,
    query: Query<'static, Sqlite, SqliteArguments>,
) -> Result<Vec<String>, sqlx::Error> {
    query.fetch_all(c).await?.iter().map(|row| row.try_get(0)).collect()
}

/// Carries out a statement that removes rows by a list of such keys; answers how many went.
pub(super) async fn remove(
    c: &mut SqliteConnection,
    statement: &'static str,
    keys: String,
) -> Result<u64, sqlx::Error> {
    Ok(sqlx::query(statement).bind(keys).execute(c).await?.rows_affected())
}

/// A row that does not say what our own rows say.
pub(super) fn unexpected(what: impl Into<String>) -> sqlx::Error {
    sqlx::Error::Decode(what.into().into())
}

fn to_micros(at: Timestamp) -> i64 {
    at.timestamp_micros()
}

fn timestamp(stored: i64) -> Result<Timestamp, sqlx::Error> {
    Timestamp::from_timestamp_micros(stored).ok_or_else(|| unexpected(format!("{stored} is no instant")))
}

fn seconds(stored: i64) -> f64 {
    stored as f64 / 1e6
}

fn duration_micros(duration: Duration) -> i64 {
    micros(duration.as_secs_f64())
}

fn status(word: &str) -> Result<Status, sqlx::Error> {
    let found = Status::ALL.into_iter().find(|status| status.word() == word);
    found.ok_or_else(|| unexpected(format!("`{word}` is no status")))
}

fn job_result(word: &str) -> Result<JobResult, sqlx::Error> {
    use JobResult::{Cancelled, Failed, Lost, NotEffective, Succeeded, TimedOut};
    let all = [Succeeded, Failed, NotEffective, Cancelled, TimedOut, Lost];
    all.into_iter().find(|result| result.word() == word).ok_or_else(|| unexpected(format!("`{word}` is no outcome")))
}

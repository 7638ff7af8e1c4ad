//! The answer to a question of the operator's own: one value, through a connection that can only
//! read.

use std::path::Path;

use rusqlite::types::ValueRef;
use tokio_util::sync::CancellationToken;

use super::open::{self, Patience};
use crate::database::DatabaseError;
use crate::domain::sanitize;

/// The first value of the first row; `None` where there is no row, or nothing in it.
pub(super) fn first_value(
    path: &Path,
    query: &str,
    cancel: &CancellationToken,
) -> Result<Option<String>, DatabaseError> {
    let connection = open::read_only(path, Patience::Short)?;
    let explain = |error: rusqlite::Error| match error.sqlite_error() {
        // What is wrong with the question is not wrong with the file.
        Some(failure) if failure.extended_code == rusqlite::ffi::SQLITE_ERROR => {
            DatabaseError::Denied(format!("the query is refused: {}", sanitize::line(&error.to_string())))
        }
        _ => open::explain(path, &error),
    };
    open::cancellable(&connection, cancel).map_err(explain)?;
    let mut statement = connection.prepare(query).map_err(explain)?;
    if !statement.readonly() {
        return Err(DatabaseError::Denied("the query would write; it may only read".to_owned()));
    }
    let mut rows = statement.query([]).map_err(explain)?;
    let Some(row) = rows.next().map_err(explain)? else { return Ok(None) };
    Ok(match row.get_ref(0).map_err(explain)? {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(format!("{number:.3}")),
        ValueRef::Text(text) | ValueRef::Blob(text) => Some(sanitize::bytes(text)),
    })
}

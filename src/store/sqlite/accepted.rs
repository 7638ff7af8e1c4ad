//! What operators found right of what is installed.

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::domain::drift::Acceptance;
use crate::store::sqlite::{timestamp, to_micros, unexpected};

/// Takes what was found right, in the place of what was before.
pub(in crate::store) async fn put(c: &mut SqliteConnection, all: Vec<Acceptance>) -> Result<(), sqlx::Error> {
    for one in all {
        let tasks = serde_json::to_string(&one.set).map_err(|error| unexpected(error.to_string()))?;
        sqlx::query(
            "INSERT INTO accepted (scope, job, at, operator, reason, tasks) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
             ON CONFLICT (scope) DO UPDATE SET job = excluded.job, at = excluded.at, operator = excluded.operator, \
                reason = excluded.reason, tasks = excluded.tasks",
        )
        .bind(one.scope)
        .bind(one.job)
        .bind(to_micros(one.at))
        .bind(one.operator)
        .bind(one.reason)
        .bind(tasks)
        .execute(&mut *c)
        .await?;
    }
    Ok(())
}

/// What was found right: all of it, or that of one scope.
pub(in crate::store) async fn get(
    c: &mut SqliteConnection,
    scope: Option<String>,
) -> Result<Vec<Acceptance>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT scope, job, at, operator, reason, tasks FROM accepted \
          WHERE ?1 IS NULL OR scope = ?1 ORDER BY scope",
    )
    .bind(scope)
    .fetch_all(c)
    .await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &SqliteRow) -> Result<Acceptance, sqlx::Error> {
    let tasks: String = row.try_get(5)?;
    Ok(Acceptance {
        scope: row.try_get(0)?,
        job: row.try_get(1)?,
        at: timestamp(row.try_get(2)?)?,
        operator: row.try_get(3)?,
        reason: row.try_get(4)?,
        set: serde_json::from_str(&tasks).map_err(|error| unexpected(error.to_string()))?,
    })
}

//! Tasks that were frozen: written before they are, closed when they are thawed.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::domain::hold::Freeze;
use crate::domain::time::Timestamp;
use crate::store::sqlite::{timestamp, to_micros};

pub(in crate::store) async fn insert(c: &mut SqliteConnection, freezes: Vec<Freeze>) -> Result<(), sqlx::Error> {
    for one in freezes {
        sqlx::query(
            "INSERT INTO freeze (job, task, at, until, operator, reason, thawed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .bind(one.job)
        .bind(one.task)
        .bind(to_micros(one.at))
        .bind(to_micros(one.until))
        .bind(one.operator)
        .bind(one.reason)
        .bind(one.thawed_at.map(to_micros))
        .execute(&mut *c)
        .await?;
    }
    Ok(())
}

/// Closes what is open of these tasks.
pub(in crate::store) async fn close(
    c: &mut SqliteConnection,
    tasks: Vec<String>,
    at: Timestamp,
) -> Result<u64, sqlx::Error> {
    let mut closed = 0;
    for task in tasks {
        closed += sqlx::query("UPDATE freeze SET thawed_at = ?1 WHERE task = ?2 AND thawed_at IS NULL")
            .bind(to_micros(at))
            .bind(task)
            .execute(&mut *c)
            .await?
            .rows_affected();
    }
    Ok(closed)
}

/// The latest freezes of a task, newest first.
pub(in crate::store) async fn of_task(
    c: &mut SqliteConnection,
    task: String,
    limit: i64,
) -> Result<Vec<Freeze>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT job, task, at, until, operator, reason, thawed_at FROM freeze \
          WHERE task = ?1 ORDER BY at DESC, job DESC LIMIT ?2",
    )
    .bind(task)
    .bind(limit)
    .fetch_all(c)
    .await?;
    rows.iter().map(from_row).collect()
}

/// The latest freezes of every task, newest first.
pub(in crate::store) async fn of_all(
    c: &mut SqliteConnection,
    limit: i64,
) -> Result<BTreeMap<String, Vec<Freeze>>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT job, task, at, until, operator, reason, thawed_at FROM ( \
                SELECT *, row_number() OVER (PARTITION BY task ORDER BY at DESC, job DESC) AS place FROM freeze) \
          WHERE place <= ?1 ORDER BY task, place",
    )
    .bind(limit)
    .fetch_all(c)
    .await?;
    let mut all: BTreeMap<String, Vec<Freeze>> = BTreeMap::new();
    for row in &rows {
        let freeze = from_row(row)?;
        all.entry(freeze.task.clone()).or_default().push(freeze);
    }
    Ok(all)
}

/// Every freeze that nobody has thawed, oldest first.
pub(in crate::store) async fn open(c: &mut SqliteConnection) -> Result<Vec<Freeze>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT job, task, at, until, operator, reason, thawed_at FROM freeze \
          WHERE thawed_at IS NULL ORDER BY at, job, task",
    )
    .fetch_all(c)
    .await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &SqliteRow) -> Result<Freeze, sqlx::Error> {
    Ok(Freeze {
        job: row.try_get(0)?,
        task: row.try_get(1)?,
        at: timestamp(row.try_get(2)?)?,
        until: timestamp(row.try_get(3)?)?,
        operator: row.try_get(4)?,
        reason: row.try_get(5)?,
        thawed_at: row.try_get::<Option<i64>, _>(6)?.map(timestamp).transpose()?,
    })
}

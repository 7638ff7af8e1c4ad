//! Marks and signatures: appended, read by period, never changed.

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::domain::audit::chain::micros;
use crate::domain::checklist::{Mark, MarkKind, Signature};
use crate::store::sqlite::{seconds, timestamp, to_micros, unexpected};

pub(in crate::store) async fn insert_mark(c: &mut SqliteConnection, mark: Mark) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO mark (checklist, period, item, kind, at, operator, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )
    .bind(mark.checklist)
    .bind(mark.period)
    .bind(mark.item)
    .bind(mark.kind.word())
    .bind(to_micros(mark.at))
    .bind(mark.operator)
    .bind(mark.note)
    .execute(c)
    .await?;
    Ok(())
}

pub(in crate::store) async fn insert_signature(
    c: &mut SqliteConnection,
    signature: Signature,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO signature (checklist, period, at, operator, took, snapshot, exceptions, chain_head) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )
    .bind(signature.checklist)
    .bind(signature.period)
    .bind(to_micros(signature.at))
    .bind(signature.operator)
    .bind(micros(signature.took_s))
    .bind(signature.snapshot.to_string())
    .bind(signature.exceptions)
    .bind(signature.chain_head)
    .execute(c)
    .await?;
    Ok(())
}

/// The marks of one period, in the order they were made.
pub(in crate::store) async fn marks(
    c: &mut SqliteConnection,
    checklist: &str,
    period: &str,
) -> Result<Vec<Mark>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT checklist, period, item, kind, at, operator, note \
           FROM mark WHERE checklist = ?1 AND period = ?2 ORDER BY id",
    )
    .bind(checklist)
    .bind(period)
    .fetch_all(c)
    .await?;
    rows.iter().map(mark_from_row).collect()
}

/// The signatures under one period, in the order they were given.
pub(in crate::store) async fn signatures(
    c: &mut SqliteConnection,
    checklist: &str,
    period: &str,
) -> Result<Vec<Signature>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT checklist, period, at, operator, took, snapshot, exceptions, chain_head \
           FROM signature WHERE checklist = ?1 AND period = ?2 ORDER BY id",
    )
    .bind(checklist)
    .bind(period)
    .fetch_all(c)
    .await?;
    rows.iter().map(signature_from_row).collect()
}

/// The signature under one period, if it is signed.
pub(in crate::store) async fn signature(
    c: &mut SqliteConnection,
    checklist: &str,
    period: &str,
) -> Result<Option<Signature>, sqlx::Error> {
    Ok(signatures(c, checklist, period).await?.into_iter().next())
}

/// The latest signatures of one checklist, newest first.
pub(in crate::store) async fn history(
    c: &mut SqliteConnection,
    checklist: &str,
    limit: i64,
) -> Result<Vec<Signature>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT checklist, period, at, operator, took, snapshot, exceptions, chain_head \
           FROM signature WHERE checklist = ?1 ORDER BY id DESC LIMIT ?2",
    )
    .bind(checklist)
    .bind(limit)
    .fetch_all(c)
    .await?;
    rows.iter().map(signature_from_row).collect()
}

fn mark_from_row(row: &SqliteRow) -> Result<Mark, sqlx::Error> {
    Ok(Mark {
        checklist: row.try_get(0)?,
        period: row.try_get(1)?,
        item: row.try_get(2)?,
        kind: kind(row.try_get(3)?)?,
        at: timestamp(row.try_get(4)?)?,
        operator: row.try_get(5)?,
        note: row.try_get(6)?,
    })
}

fn signature_from_row(row: &SqliteRow) -> Result<Signature, sqlx::Error> {
    Ok(Signature {
        checklist: row.try_get(0)?,
        period: row.try_get(1)?,
        at: timestamp(row.try_get(2)?)?,
        operator: row.try_get(3)?,
        took_s: seconds(row.try_get(4)?),
        snapshot: serde_json::from_str(row.try_get(5)?).map_err(|error| unexpected(format!("snapshot: {error}")))?,
        exceptions: row.try_get(6)?,
        chain_head: row.try_get(7)?,
    })
}

fn kind(stored: &str) -> Result<MarkKind, sqlx::Error> {
    let found = MarkKind::ALL.into_iter().find(|kind| kind.word() == stored);
    found.ok_or_else(|| unexpected(format!("`{stored}` is no mark")))
}

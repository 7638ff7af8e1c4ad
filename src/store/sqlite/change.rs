//! Statuses that became other ones.

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::domain::board::Change;
use crate::domain::observation::ProbeId;
use crate::domain::status::Status;
use crate::domain::time::Timestamp;
use crate::store::sqlite::{keys, status, timestamp, to_micros};
use crate::store::thinning::Horizon;

/// Records each change unless the latest of its probe says the same already: two instances
/// that watch the same things tell one story. Answers how many were new.
pub(in crate::store) async fn insert(c: &mut SqliteConnection, changes: Vec<Change>) -> Result<u64, sqlx::Error> {
    let mut new = 0;
    for change in changes {
        new += sqlx::query(
            "INSERT INTO change (probe, at, was, became, text) \
             SELECT ?1, ?2, ?3, ?4, ?5 \
              WHERE (SELECT became FROM change WHERE probe = ?1 ORDER BY id DESC LIMIT 1) IS NOT ?4",
        )
        .bind(change.probe.as_str())
        .bind(to_micros(change.at))
        .bind(change.from.map(Status::word))
        .bind(change.to.word())
        .bind(change.text)
        .execute(&mut *c)
        .await?
        .rows_affected();
    }
    Ok(new)
}

/// The latest status of every probe, and since when it has been so.
pub(in crate::store) async fn statuses(
    c: &mut SqliteConnection,
) -> Result<Vec<(ProbeId, Status, Timestamp)>, sqlx::Error> {
    let rows =
        sqlx::query("SELECT probe, became, at, max(id) FROM change GROUP BY probe ORDER BY probe").fetch_all(c).await?;
    rows.iter().map(status_from_row).collect()
}

/// The latest changes since an instant, newest first.
pub(in crate::store) async fn latest(
    c: &mut SqliteConnection,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<Change>, sqlx::Error> {
    let rows = sqlx::query("SELECT probe, at, was, became, text FROM change WHERE at >= ?1 ORDER BY id DESC LIMIT ?2")
        .bind(to_micros(since))
        .bind(limit)
        .fetch_all(c)
        .await?;
    rows.iter().map(from_row).collect()
}

/// Removes changes by their numbers.
pub(in crate::store) const REMOVE: &str = "DELETE FROM change WHERE id IN (SELECT value FROM json_each(?1))";

/// What is too old, except what is still so.
pub(in crate::store) async fn overdue(c: &mut SqliteConnection, horizon: Horizon) -> Result<Vec<String>, sqlx::Error> {
    let query = sqlx::query(
        "SELECT json_quote(id) FROM change WHERE at < ?1 AND id NOT IN (SELECT max(id) FROM change GROUP BY probe)",
    );
    keys(c, query.bind(to_micros(horizon.drop_before))).await
}

fn from_row(row: &SqliteRow) -> Result<Change, sqlx::Error> {
    Ok(Change {
        probe: ProbeId::from(row.try_get::<&str, _>(0)?),
        at: timestamp(row.try_get(1)?)?,
        from: row.try_get::<Option<&str>, _>(2)?.map(status).transpose()?,
        to: status(row.try_get(3)?)?,
        text: row.try_get(4)?,
    })
}

fn status_from_row(row: &SqliteRow) -> Result<(ProbeId, Status, Timestamp), sqlx::Error> {
    Ok((ProbeId::from(row.try_get::<&str, _>(0)?), status(row.try_get(1)?)?, timestamp(row.try_get(2)?)?))
}

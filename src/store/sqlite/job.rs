//! Who holds a job. That it is open is for the audit log to say: it has an intent and no end.

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::domain::job::JobId;
use crate::store::job::{Holder, OpenJob};
use crate::store::sqlite::audit;
use crate::store::sqlite::{keys, timestamp, to_micros};
use crate::store::thinning::Horizon;

pub(in crate::store) async fn insert(
    c: &mut SqliteConnection,
    id: &str,
    holder: &Holder,
    action: &str,
    target: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO job (id, host, boot_id, pid, pid_start, started_at, action, target) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )
    .bind(id)
    .bind(&holder.host)
    .bind(&holder.boot_id)
    .bind(holder.pid)
    .bind(holder.pid_start)
    .bind(to_micros(holder.started_at))
    .bind(action)
    .bind(target)
    .execute(c)
    .await?;
    Ok(())
}

/// Every act that has an intent and neither an outcome nor a refusal, oldest first.
pub(in crate::store) async fn open(c: &mut SqliteConnection) -> Result<Vec<OpenJob>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT a.seq, json_array(a.at, a.phase, a.correlation, a.operator, a.os_user, a.host, a.origin, a.action, \
                                  a.target, a.risk, a.reason, a.plan, a.outcome, a.detail, a.took, a.prev, a.hash), \
                EXISTS (SELECT 1 FROM audit WHERE correlation = a.correlation AND phase = 'started'), \
                job.host, job.boot_id, job.pid, job.pid_start, job.started_at \
           FROM audit AS a LEFT JOIN job ON job.id = a.correlation \
          WHERE a.phase = 'intent' AND NOT EXISTS ( \
                SELECT 1 FROM audit WHERE correlation = a.correlation AND phase IN ('outcome', 'refused')) \
          ORDER BY a.seq",
    )
    .fetch_all(c)
    .await?;
    rows.iter().map(from_row).collect()
}

/// Whether one act has an intent and no end.
pub(in crate::store) async fn is_open(c: &mut SqliteConnection, id: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM audit WHERE correlation = ?1 AND phase = 'intent') \
            AND NOT EXISTS (SELECT 1 FROM audit WHERE correlation = ?1 AND phase IN ('outcome', 'refused'))",
    )
    .bind(id)
    .fetch_one(c)
    .await
}

/// Forgets who held some jobs, by their ids.
pub(in crate::store) const REMOVE: &str = "DELETE FROM job WHERE id IN (SELECT value FROM json_each(?1))";

/// The jobs that ended long ago.
pub(in crate::store) async fn overdue(c: &mut SqliteConnection, horizon: Horizon) -> Result<Vec<String>, sqlx::Error> {
    let query = sqlx::query(
        "SELECT json_quote(id) FROM job WHERE started_at < ?1 AND EXISTS ( \
                SELECT 1 FROM audit WHERE correlation = job.id AND phase IN ('outcome', 'refused'))",
    );
    keys(c, query.bind(to_micros(horizon.drop_before))).await
}

/// The holder in the five columns from `first` on.
pub(in crate::store) fn holder(row: &SqliteRow, first: usize) -> Result<Holder, sqlx::Error> {
    Ok(Holder {
        host: row.try_get(first)?,
        boot_id: row.try_get(first + 1)?,
        pid: row.try_get(first + 2)?,
        pid_start: row.try_get(first + 3)?,
        started_at: timestamp(row.try_get(first + 4)?)?,
    })
}

fn from_row(row: &SqliteRow) -> Result<OpenJob, sqlx::Error> {
    let intent = audit::from_row(row)?;
    let holder = match row.try_get::<Option<String>, _>(3)? {
        None => None,
        Some(_) => Some(holder(row, 3)?),
    };
    Ok(OpenJob { id: JobId(intent.entry.correlation.clone()), started: row.try_get(2)?, intent, holder })
}

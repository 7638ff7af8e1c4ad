//! What was proven, or disproved.

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::domain::audit::chain::micros;
use crate::domain::vitals::{Proof, ProofKind};
use crate::store::sqlite::{keys, seconds, timestamp, to_micros};
use crate::store::thinning::Horizon;

pub(in crate::store) async fn insert(c: &mut SqliteConnection, proof: Proof) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO proof (kind, subject, at, ok, detail, took) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT (kind, subject, at) DO UPDATE SET ok = excluded.ok, detail = excluded.detail, took = excluded.took",
    )
    .bind(proof.kind.word())
    .bind(proof.subject)
    .bind(to_micros(proof.at))
    .bind(proof.ok)
    .bind(proof.detail)
    .bind(micros(proof.took_s))
    .execute(c)
    .await?;
    Ok(())
}

/// The latest proof of every subject that begins with `prefix`.
pub(in crate::store) async fn latest(
    c: &mut SqliteConnection,
    kind: ProofKind,
    prefix: String,
) -> Result<Vec<Proof>, sqlx::Error> {
    // The comparison finds the first subject in the index, substr() says where they end;
    // with max() SQLite takes the other columns from the row that has the maximum.
    let rows = sqlx::query(
        "SELECT subject, max(at), ok, detail, took FROM proof \
          WHERE kind = ?1 AND subject >= ?2 AND substr(subject, 1, length(?2)) = ?2 \
          GROUP BY subject ORDER BY subject",
    )
    .bind(kind.word())
    .bind(prefix)
    .fetch_all(c)
    .await?;
    rows.iter().map(|row| from_row(kind, row)).collect()
}

/// Removes proofs by their keys.
pub(in crate::store) const REMOVE: &str = "DELETE FROM proof WHERE (kind, subject, at) IN ( \
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1))";

/// What is too old, except the latest of each subject.
pub(in crate::store) async fn overdue(c: &mut SqliteConnection, horizon: Horizon) -> Result<Vec<String>, sqlx::Error> {
    let query = sqlx::query(
        "SELECT json_array(kind, subject, at) FROM proof WHERE at < ?1 AND (kind, subject, at) NOT IN ( \
                SELECT kind, subject, max(at) FROM proof GROUP BY kind, subject)",
    );
    keys(c, query.bind(to_micros(horizon.drop_before))).await
}

fn from_row(kind: ProofKind, row: &SqliteRow) -> Result<Proof, sqlx::Error> {
    Ok(Proof {
        subject: row.try_get(0)?,
        kind,
        at: timestamp(row.try_get(1)?)?,
        ok: row.try_get(2)?,
        detail: row.try_get(3)?,
        took_s: seconds(row.try_get(4)?),
    })
}

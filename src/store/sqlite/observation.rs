//! What probes saw: written thinned, thinned again with age, read as series.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::domain::observation::{Observation, ProbeId};
use crate::domain::sample::{Key, Value};
use crate::domain::time::Timestamp;
use crate::domain::trend::Point;
use crate::store::sqlite::{duration_micros, timestamp, to_micros, unexpected};
use crate::store::thinning::{COARSE, FINE, Horizon, LOADED_STEP};

/// One observation in the form it is stored in.
#[derive(Debug)]
pub(in crate::store) struct Stored {
    probe: ProbeId,
    at: i64,
    took: i64,
    /// A JSON object of the gauges that are numbers.
    gauges: String,
    error: Option<String>,
}

impl From<&Observation> for Stored {
    fn from(observation: &Observation) -> Self {
        let samples = observation.outcome.as_ref().map_or(&[][..], |reading| &reading.samples);
        let gauges: serde_json::Map<String, serde_json::Value> = samples
            .iter()
            .filter_map(|sample| match sample.value {
                // JSON has no NaN: what is not a number is left out.
                Value::Gauge(value, _) => Some((sample.key.to_string(), serde_json::Number::from_f64(value)?.into())),
                _ => None,
            })
            .collect();
        Self {
            probe: observation.probe.clone(),
            at: to_micros(observation.at),
            took: duration_micros(observation.took),
            gauges: serde_json::Value::Object(gauges).to_string(),
            error: observation.outcome.as_ref().err().map(ToString::to_string),
        }
    }
}

/// Keeps each one unless the latest of its probe stands in the same five minutes and had the
/// same sort of outcome; answers how many were kept.
pub(in crate::store) async fn insert(c: &mut SqliteConnection, rows: Vec<Stored>) -> Result<u64, sqlx::Error> {
    let mut kept = 0;
    for row in rows {
        kept += sqlx::query(
            "INSERT OR IGNORE INTO observation (probe, at, took, gauges, error) \
             SELECT ?1, ?2, ?3, ?4, ?5 \
              WHERE NOT EXISTS ( \
                    SELECT 1 FROM (SELECT at, error FROM observation WHERE probe = ?1 ORDER BY at DESC LIMIT 1) AS last \
                     WHERE last.at / ?6 = ?2 / ?6 AND (last.error IS NULL) = (?5 IS NULL))",
        )
        .bind(row.probe.as_str())
        .bind(row.at)
        .bind(row.took)
        .bind(row.gauges)
        .bind(row.error)
        .bind(FINE.num_microseconds())
        .execute(&mut *c)
        .await?
        .rows_affected();
    }
    Ok(kept)
}

/// Thins what is old, drops what is too old; answers how many went.
pub(in crate::store) async fn prune(c: &mut SqliteConnection, horizon: Horizon) -> Result<u64, sqlx::Error> {
    let dropped = sqlx::query("DELETE FROM observation WHERE at < ?1")
        .bind(to_micros(horizon.drop_before))
        .execute(&mut *c)
        .await?
        .rows_affected();
    let thinned = sqlx::query(
        "DELETE FROM observation WHERE at < ?1 AND (probe, at) NOT IN ( \
                SELECT probe, min(at) FROM observation WHERE at < ?1 \
                 GROUP BY probe, at / ?2, error IS NULL)",
    )
    .bind(to_micros(horizon.thin_before))
    .bind(COARSE.num_microseconds())
    .execute(&mut *c)
    .await?
    .rows_affected();
    Ok(dropped + thinned)
}

/// Drops the oldest, a tenth at a time, until what the store holds fits into so many bytes or
/// there are none left; answers how many went. The room is used again, the file stays.
pub(in crate::store) async fn shrink(c: &mut SqliteConnection, bytes: u64) -> Result<u64, sqlx::Error> {
    let mut gone = 0;
    loop {
        let held: i64 = sqlx::query_scalar(
            "SELECT (page_count - freelist_count) * page_size \
               FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
        )
        .fetch_one(&mut *c)
        .await?;
        if held.cast_unsigned() <= bytes {
            return Ok(gone);
        }
        let dropped = sqlx::query(
            "DELETE FROM observation WHERE at <= (SELECT at FROM observation ORDER BY at \
                LIMIT 1 OFFSET (SELECT count(*) / 10 FROM observation))",
        )
        .execute(&mut *c)
        .await?
        .rows_affected();
        if dropped == 0 {
            return Ok(gone);
        }
        gone += dropped;
    }
}

/// The gauges of one probe since an instant, each oldest first.
pub(in crate::store) async fn series(
    c: &mut SqliteConnection,
    probe: String,
    since: Timestamp,
) -> Result<Vec<(Key, Vec<Point>)>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT probe, at, gauges FROM observation \
          WHERE probe = ?1 AND at >= ?2 AND error IS NULL ORDER BY at",
    )
    .bind(probe)
    .bind(to_micros(since))
    .fetch_all(c)
    .await?;
    Ok(gather(&rows)?.into_iter().map(|((_, key), points)| (key, points)).collect())
}

/// The gauges of every probe: everything since `fine`, and one in half an hour since `since`.
pub(in crate::store) async fn all_series(
    c: &mut SqliteConnection,
    since: Timestamp,
    fine: Timestamp,
) -> Result<Vec<(ProbeId, Key, Vec<Point>)>, sqlx::Error> {
    // With min() SQLite takes the other columns from the row that has the minimum.
    let rows = sqlx::query(
        "SELECT probe, min(at), gauges FROM observation \
          WHERE at >= ?1 AND at < ?2 AND error IS NULL GROUP BY probe, at / ?3 \
         UNION ALL \
         SELECT probe, at, gauges FROM observation WHERE at >= ?2 AND error IS NULL \
          ORDER BY 1, 2",
    )
    .bind(to_micros(since))
    .bind(to_micros(fine))
    .bind(LOADED_STEP.num_microseconds())
    .fetch_all(c)
    .await?;
    Ok(gather(&rows)?.into_iter().map(|((probe, key), points)| (probe, key, points)).collect())
}

fn gather(rows: &[SqliteRow]) -> Result<BTreeMap<(ProbeId, Key), Vec<Point>>, sqlx::Error> {
    let mut series: BTreeMap<(ProbeId, Key), Vec<Point>> = BTreeMap::new();
    for row in rows {
        let (probe, at, gauges) = from_row(row)?;
        for (key, value) in gauges {
            series.entry((probe.clone(), key.into())).or_default().push(Point { at, value });
        }
    }
    Ok(series)
}

fn from_row(row: &SqliteRow) -> Result<(ProbeId, Timestamp, BTreeMap<String, f64>), sqlx::Error> {
    let gauges = serde_json::from_str(row.try_get(2)?).map_err(|error| unexpected(format!("gauges: {error}")))?;
    Ok((ProbeId::from(row.try_get::<&str, _>(0)?), timestamp(row.try_get(1)?)?, gauges))
}

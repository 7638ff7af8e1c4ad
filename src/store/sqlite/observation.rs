//! What probes saw: written thinned, thinned again with age, read as series.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::domain::observation::{Observation, ProbeId};
use crate::domain::sample::{Key, Value};
use crate::domain::time::Timestamp;
use crate::domain::trend::Point;
use crate::store::sqlite::{duration_micros, keys, timestamp, to_micros, unexpected};
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

/// Removes observations by probe and instant.
pub(in crate::store) const REMOVE: &str = "DELETE FROM observation WHERE (probe, at) IN ( \
    SELECT value ->> 0, value ->> 1 FROM json_each(?1))";

/// Every probe that was ever seen, found by leaping from one to the next.
pub(in crate::store) async fn probes(c: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "WITH RECURSIVE known (probe) AS ( \
                SELECT min(probe) FROM observation \
                UNION ALL \
                SELECT (SELECT min(probe) FROM observation WHERE probe > known.probe) FROM known \
                 WHERE known.probe IS NOT NULL) \
         SELECT probe FROM known WHERE probe IS NOT NULL",
    )
    .fetch_all(c)
    .await
}

/// What of one probe is too old, and what is old and not the first of its hour and sort.
pub(in crate::store) async fn overdue(
    c: &mut SqliteConnection,
    probe: String,
    horizon: Horizon,
) -> Result<Vec<String>, sqlx::Error> {
    let query = sqlx::query(
        "SELECT json_array(probe, at) FROM observation \
          WHERE probe = ?1 AND at < max(?2, ?3) AND (at < ?3 OR at NOT IN ( \
                SELECT min(at) FROM observation WHERE probe = ?1 AND at >= ?3 AND at < ?2 \
                 GROUP BY at / ?4, error IS NULL))",
    );
    let (thin, drop) = (to_micros(horizon.thin_before), to_micros(horizon.drop_before));
    keys(c, query.bind(probe).bind(thin).bind(drop).bind(COARSE.num_microseconds())).await
}

/// How many bytes the store holds; what it has given up counts no more.
pub(in crate::store) async fn held_bytes(c: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let held: i64 = sqlx::query_scalar(
        "SELECT (page_count - freelist_count) * page_size \
           FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
    )
    .fetch_one(c)
    .await?;
    Ok(held.cast_unsigned())
}

/// The instant up to which a tenth of all observations lie; `None` where there are none.
pub(in crate::store) async fn end_of_oldest_tenth(c: &mut SqliteConnection) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("SELECT at FROM observation ORDER BY at LIMIT 1 OFFSET (SELECT count(*) / 10 FROM observation)")
        .fetch_optional(c)
        .await
}

/// What was seen of one probe up to an instant.
pub(in crate::store) async fn up_to(
    c: &mut SqliteConnection,
    probe: String,
    end: i64,
) -> Result<Vec<String>, sqlx::Error> {
    let query = sqlx::query("SELECT json_array(probe, at) FROM observation WHERE probe = ?1 AND at <= ?2");
    keys(c, query.bind(probe).bind(end)).await
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

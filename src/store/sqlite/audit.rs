//! The audit log's rows: appended one at a time, read in both directions.

use serde::Deserialize;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::domain::audit::chain::{Head, micros, seal};
use crate::domain::audit::{Actor, AuditEntry, AuditRecord, Phase};
use crate::domain::incident;
use crate::domain::job::JobResult;
use crate::domain::time::Timestamp;
use crate::store::sqlite::{job_result, seconds, timestamp, to_micros, unexpected};

/// The id of this store: what the first record follows.
pub(in crate::store) async fn store_id(c: &mut SqliteConnection) -> Result<String, sqlx::Error> {
    sqlx::query_scalar("SELECT id FROM store").fetch_one(c).await
}

pub(in crate::store) async fn head(c: &mut SqliteConnection) -> Result<Head, sqlx::Error> {
    let last = sqlx::query("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetch_optional(&mut *c).await?;
    match last {
        Some(row) => Ok(Head { seq: number(&row)?, hash: row.try_get(1)? }),
        None => Ok(Head { seq: 0, hash: store_id(c).await? }),
    }
}

/// The place of one record; number 0 is the beginning.
pub(in crate::store) async fn place(c: &mut SqliteConnection, seq: u64) -> Result<Option<Head>, sqlx::Error> {
    if seq == 0 {
        return Ok(Some(Head { seq, hash: store_id(c).await? }));
    }
    let hash = sqlx::query_scalar("SELECT hash FROM audit WHERE seq = ?1").bind(stored(seq)).fetch_optional(c).await?;
    Ok(hash.map(|hash| Head { seq, hash }))
}

/// Seals an entry and appends it; to be called under the write lock.
pub(in crate::store) async fn append(c: &mut SqliteConnection, entry: AuditEntry) -> Result<AuditRecord, sqlx::Error> {
    let (id, head) = (store_id(c).await?, head(c).await?);
    // What is sealed is what will be read again: whole microseconds.
    let entry =
        AuditEntry { at: timestamp(to_micros(entry.at))?, took_s: entry.took_s.map(micros).map(seconds), ..entry };
    let record = seal(&id, &head, entry).ok_or_else(|| unexpected("the audit log's last hash is no hash"))?;
    let entry = &record.entry;
    sqlx::query(
        "INSERT INTO audit (seq, at, phase, correlation, operator, os_user, host, origin, action, target, \
                            risk, reason, plan, outcome, detail, took, prev, hash) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
    )
    .bind(stored(record.seq))
    .bind(to_micros(entry.at))
    .bind(entry.phase.word())
    .bind(&entry.correlation)
    .bind(&entry.actor.operator)
    .bind(&entry.actor.os_user)
    .bind(&entry.actor.host)
    .bind(&entry.actor.origin)
    .bind(&entry.action)
    .bind(&entry.target)
    .bind(&entry.risk)
    .bind(&entry.reason)
    .bind(&entry.plan)
    .bind(entry.outcome.map(JobResult::word))
    .bind(&entry.detail)
    .bind(entry.took_s.map(micros))
    .bind(&record.prev)
    .bind(&record.hash)
    .execute(c)
    .await?;
    Ok(record)
}

/// The latest records since an instant, newest first.
pub(in crate::store) async fn latest(
    c: &mut SqliteConnection,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<AuditRecord>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT seq, json_array(at, phase, correlation, operator, os_user, host, origin, action, target, \
                                risk, reason, plan, outcome, detail, took, prev, hash) \
           FROM audit WHERE at >= ?1 ORDER BY seq DESC LIMIT ?2",
    )
    .bind(to_micros(since))
    .bind(limit)
    .fetch_all(c)
    .await?;
    rows.iter().map(from_row).collect()
}

/// What was noted of incidents, oldest first: found by how their links begin, and not by reading
/// years of other records.
pub(in crate::store) async fn incidents(c: &mut SqliteConnection) -> Result<Vec<AuditRecord>, sqlx::Error> {
    let from = incident::LINK.to_owned();
    let mut to = from.clone();
    // After every text that begins so.
    to.push(char::MAX);
    linked(c, from, to).await
}

/// The records whose correlation lies between two texts, the second not among them, oldest first.
pub(in crate::store) async fn linked(
    c: &mut SqliteConnection,
    from: String,
    to: String,
) -> Result<Vec<AuditRecord>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT seq, json_array(at, phase, correlation, operator, os_user, host, origin, action, target, \
                                risk, reason, plan, outcome, detail, took, prev, hash) \
           FROM audit WHERE correlation >= ?1 AND correlation < ?2 ORDER BY seq",
    )
    .bind(from)
    .bind(to)
    .fetch_all(c)
    .await?;
    rows.iter().map(from_row).collect()
}

/// The records that follow number `seq`, oldest first; after 0 also those that others may
/// have put before the first. A record that cannot be read is its number.
pub(in crate::store) async fn following(
    c: &mut SqliteConnection,
    seq: u64,
    limit: i64,
) -> Result<Vec<Result<AuditRecord, u64>>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT seq, json_array(at, phase, correlation, operator, os_user, host, origin, action, target, \
                                risk, reason, plan, outcome, detail, took, prev, hash) \
           FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    )
    .bind(if seq == 0 { i64::MIN } else { stored(seq) })
    .bind(limit)
    .fetch_all(c)
    .await?;
    Ok(rows.iter().map(|row| from_row(row).map_err(|_unreadable| number(row).unwrap_or(seq + 1))).collect())
}

/// A record's fields in the order of the table, which is how every query here asks for them:
/// as one JSON array. `verify` walks through millions of records, and a column that crosses
/// over from SQLite's thread costs as much as the hash of the whole record.
#[derive(Deserialize)]
struct Fields {
    at: i64,
    phase: String,
    correlation: String,
    operator: String,
    os_user: String,
    host: String,
    origin: String,
    action: String,
    target: String,
    risk: String,
    reason: String,
    plan: String,
    outcome: Option<String>,
    detail: String,
    took: Option<i64>,
    prev: String,
    hash: String,
}

/// The number in the first column, [`Fields`] in the second.
pub(super) fn from_row(row: &SqliteRow) -> Result<AuditRecord, sqlx::Error> {
    let fields: Fields =
        serde_json::from_str(row.try_get(1)?).map_err(|error| unexpected(format!("audit record: {error}")))?;
    let entry = AuditEntry {
        at: timestamp(fields.at)?,
        phase: phase(&fields.phase)?,
        correlation: fields.correlation,
        actor: Actor { operator: fields.operator, os_user: fields.os_user, host: fields.host, origin: fields.origin },
        action: fields.action,
        target: fields.target,
        risk: fields.risk,
        reason: fields.reason,
        plan: fields.plan,
        outcome: fields.outcome.as_deref().map(job_result).transpose()?,
        detail: fields.detail,
        took_s: fields.took.map(seconds),
    };
    Ok(AuditRecord { seq: number(row)?, entry, prev: fields.prev, hash: fields.hash })
}

/// The record's number.
fn number(row: &SqliteRow) -> Result<u64, sqlx::Error> {
    let seq: i64 = row.try_get(0)?;
    u64::try_from(seq).map_err(|error| unexpected(format!("record number {seq}: {error}")))
}

/// SQLite counts to 2^63 - 1, and so do we.
fn stored(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

fn phase(word: &str) -> Result<Phase, sqlx::Error> {
    let all = [Phase::Intent, Phase::Refused, Phase::Started, Phase::Outcome, Phase::Note];
    all.into_iter().find(|phase| phase.word() == word).ok_or_else(|| unexpected(format!("`{word}` is no phase")))
}

//! Runs of tasks, imported from the records that `rounds exec` leaves.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use serde::Deserialize;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::domain::audit::chain::micros;
use crate::domain::task::{EndKind, RunEnd, TaskRun};
use crate::store::job::Holder;
use crate::store::sqlite::job;
use crate::store::sqlite::{keys, seconds, timestamp, to_micros};
use crate::store::thinning::Horizon;

/// How many runs of each task stay, however old: a yearly task has a past, too.
const ALWAYS_KEPT: i64 = 32;

/// Takes each run once, and once more when it has ended since; answers how many were news.
/// A run that has ended never changes again.
pub(in crate::store) async fn import(c: &mut SqliteConnection, runs: Vec<TaskRun>) -> Result<u64, sqlx::Error> {
    let mut news = 0;
    for run in runs {
        let end = run.ended.as_ref();
        news += sqlx::query(
            "INSERT INTO run (id, task, started_at, ended_at, took, exit_code, signal, timed_out, alive, tail) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
             ON CONFLICT (id) DO UPDATE \
                SET ended_at = excluded.ended_at, took = excluded.took, exit_code = excluded.exit_code, \
                    signal = excluded.signal, timed_out = excluded.timed_out, alive = excluded.alive, \
                    tail = excluded.tail \
              WHERE run.ended_at IS NULL AND (excluded.ended_at IS NOT NULL OR excluded.alive <> run.alive)",
        )
        .bind(&run.id)
        .bind(&run.task)
        .bind(to_micros(run.started_at))
        .bind(end.map(|end| to_micros(end.at)))
        .bind(end.map(|end| micros(end.took_s)))
        .bind(end.and_then(|end| end.exit_code))
        .bind(end.and_then(|end| end.signal))
        .bind(end.map_or(0, timed_out))
        .bind(run.alive)
        .bind(&run.tail)
        .execute(&mut *c)
        .await?
        .rows_affected();
    }
    Ok(news)
}

/// Every name that runs are recorded under, found by leaping from one to the next.
pub(in crate::store) async fn tasks(c: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "WITH RECURSIVE known (task) AS ( \
                SELECT min(task) FROM run \
                UNION ALL \
                SELECT (SELECT min(task) FROM run WHERE task > known.task) FROM known WHERE known.task IS NOT NULL) \
         SELECT task FROM known WHERE task IS NOT NULL",
    )
    .fetch_all(c)
    .await
}

/// The latest runs of a task, newest first.
pub(in crate::store) async fn latest(
    c: &mut SqliteConnection,
    task: String,
    limit: i64,
) -> Result<Vec<TaskRun>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT id, task, started_at, ended_at, took, exit_code, signal, timed_out, alive, tail \
           FROM run WHERE task = ?1 ORDER BY started_at DESC, id DESC LIMIT ?2",
    )
    .bind(task)
    .bind(limit)
    .fetch_all(c)
    .await?;
    rows.iter().map(from_row).collect()
}

/// One run as [`of_all`] asks for it.
#[derive(Deserialize)]
struct Packed(String, i64, Option<i64>, Option<i64>, Option<i32>, Option<i32>, i64, i64);

/// What a run printed, with its id.
#[derive(Deserialize)]
struct Printed(String, String);

const OF_ALL: &str = "\
    WITH RECURSIVE known (task) AS ( \
           SELECT min(task) FROM run \
           UNION ALL \
           SELECT (SELECT min(task) FROM run WHERE task > known.task) FROM known WHERE known.task IS NOT NULL) \
    SELECT task, \
           (SELECT json_group_array(json_array(id, started_at, ended_at, took, exit_code, signal, timed_out, alive)) \
              FROM (SELECT id, started_at, ended_at, took, exit_code, signal, timed_out, alive \
                      FROM run AS own WHERE own.task = known.task ORDER BY started_at DESC, id DESC LIMIT ?1)), \
           (SELECT json_group_array(json_array(id, tail)) \
              FROM (SELECT id, tail FROM run AS own WHERE own.task = known.task \
                     ORDER BY started_at DESC, id DESC LIMIT ?2)) \
      FROM known WHERE task IS NOT NULL";

/// The latest runs of every task, newest first. A row for each task, because a row for each run costs
/// more on its way here than it takes to find; of all but the latest two what they printed is left
/// where it is, so that the index alone answers.
pub(in crate::store) async fn of_all(
    c: &mut SqliteConnection,
    limit: i64,
) -> Result<BTreeMap<String, Vec<TaskRun>>, sqlx::Error> {
    let mut rows = sqlx::query(OF_ALL).bind(limit).bind(WITH_OUTPUT).fetch(c);
    let mut all = BTreeMap::new();
    // One row is read here while SQLite puts the next together.
    while let Some(row) = rows.try_next().await? {
        let (task, runs, tails): (String, &str, &str) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let decode = |error: serde_json::Error| sqlx::Error::Decode(error.into());
        let runs: Vec<Packed> = serde_json::from_str(runs).map_err(decode)?;
        let mut tails: Vec<Printed> = serde_json::from_str(tails).map_err(decode)?;
        let mut runs = runs.into_iter().map(|run| run.of(&task, &mut tails)).collect::<Result<Vec<_>, _>>()?;
        // Which order an aggregate takes is its own affair.
        runs.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
        all.insert(task, runs);
    }
    Ok(all)
}

/// Of how many runs of each task what they printed is read with all others: the last, and the one
/// it is compared with.
const WITH_OUTPUT: i64 = 2;

impl Packed {
    fn of(self, task: &str, tails: &mut Vec<Printed>) -> Result<TaskRun, sqlx::Error> {
        let Packed(id, started_at, ended_at, took, exit_code, signal, timed_out, alive) = self;
        let end = |at| end(at, took, exit_code, signal, timed_out);
        let ended = ended_at.map(end).transpose()?;
        let (task, started_at) = (task.to_owned(), timestamp(started_at)?);
        let printed = tails.iter().position(|printed| printed.0 == id).map(|place| tails.swap_remove(place).1);
        let tail = printed.unwrap_or_else(|| TaskRun::UNREAD.to_owned());
        Ok(TaskRun { id, task, started_at, ended, alive: alive != 0, tail, untold: false })
    }
}

/// The index is named, because a scan through a million runs is as right and nobody would notice.
const IN_PROGRESS: &str = "\
    SELECT run.id, run.task, run.started_at, run.ended_at, run.took, run.exit_code, run.signal, run.timed_out, \
           run.alive, run.tail, job.host, job.boot_id, job.pid, job.pid_start, job.started_at \
      FROM run INDEXED BY run_without_end JOIN job ON job.id = run.id WHERE run.ended_at IS NULL AND run.alive";

/// The runs without an end that are alive as far as is known, and were begun by a job.
pub(in crate::store) async fn in_progress(c: &mut SqliteConnection) -> Result<Vec<(TaskRun, Holder)>, sqlx::Error> {
    let rows = sqlx::query(IN_PROGRESS).fetch_all(c).await?;
    rows.iter().map(|row| Ok((from_row(row)?, job::holder(row, 10)?))).collect()
}

/// Removes runs by their ids.
pub(in crate::store) const REMOVE: &str = "DELETE FROM run WHERE id IN (SELECT value FROM json_each(?1))";

/// What is too old, except the latest of each task.
pub(in crate::store) async fn overdue(c: &mut SqliteConnection, horizon: Horizon) -> Result<Vec<String>, sqlx::Error> {
    let query = sqlx::query(
        "SELECT json_quote(id) FROM run WHERE started_at < ?1 AND id IN ( \
                SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY task ORDER BY started_at DESC) AS place FROM run) \
                 WHERE place > ?2)",
    );
    keys(c, query.bind(to_micros(horizon.drop_before)).bind(ALWAYS_KEPT)).await
}

/// What stands where others say whether their time was over, for one that did not begin.
const SKIPPED: i64 = 2;

fn timed_out(end: &RunEnd) -> i64 {
    match end.kind {
        EndKind::Skipped => SKIPPED,
        EndKind::Seen | EndKind::Proven => end.timed_out.into(),
    }
}

fn end(
    at: i64,
    took: Option<i64>,
    exit_code: Option<i32>,
    signal: Option<i32>,
    timed_out: i64,
) -> Result<RunEnd, sqlx::Error> {
    Ok(RunEnd {
        at: timestamp(at)?,
        took_s: seconds(took.unwrap_or(0)),
        exit_code,
        signal,
        timed_out: timed_out == 1,
        kind: if timed_out == SKIPPED { EndKind::Skipped } else { EndKind::Seen },
    })
}

fn from_row(row: &SqliteRow) -> Result<TaskRun, sqlx::Error> {
    let ended = match row.try_get::<Option<i64>, _>(3)? {
        None => None,
        Some(at) => Some(end(at, row.try_get(4)?, row.try_get(5)?, row.try_get(6)?, row.try_get(7)?)?),
    };
    Ok(TaskRun {
        id: row.try_get(0)?,
        task: row.try_get(1)?,
        started_at: timestamp(row.try_get(2)?)?,
        ended,
        alive: row.try_get(8)?,
        tail: row.try_get(9)?,
        untold: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::schema::MIGRATIONS;
    use sqlx::Connection;

    #[tokio::test]
    async fn of_a_million_runs_only_those_that_are_told_are_read() {
        let mut c = SqliteConnection::connect("sqlite::memory:").await.expect("a store");
        for step in MIGRATIONS {
            sqlx::raw_sql(*step).execute(&mut c).await.expect("a step");
        }
        let words = [format!("EXPLAIN QUERY PLAN {OF_ALL}"), format!("EXPLAIN QUERY PLAN {IN_PROGRESS}")];
        let mut plans = Vec::new();
        for words in words {
            let rows = sqlx::query(sqlx::AssertSqlSafe(words)).fetch_all(&mut c).await.expect("a plan");
            let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
            plans.push(steps);
        }
        let of_all = plans[0].iter().filter(|step| step.contains(" own ")).collect::<Vec<_>>();
        assert_eq!(of_all.len(), 2, "{plans:#?}");
        assert_eq!(of_all[0], "SEARCH own USING COVERING INDEX run_by_task (task=?)");
        assert!(of_all[1].starts_with("SEARCH own USING INDEX run_by_task"), "{plans:#?}");
        assert!(plans[0].iter().all(|step| !step.contains("TEMP B-TREE")), "the index is in order: {plans:#?}");
        assert_eq!(plans[1][0], "SCAN run USING INDEX run_without_end");
    }
}

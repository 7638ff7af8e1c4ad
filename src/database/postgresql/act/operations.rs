//! Our acts in a table of the database itself, for those who look there: a row when one begins,
//! completed when it ends. Where a policy lets our role add rows and not change them, an UPDATE
//! changes nothing and says nothing; so what it changed is counted.

use super::hand::{Hand, Said};
use crate::database::postgresql::connect::Dialer;
use crate::database::row::Row;
use crate::database::{DatabaseError, Operation};
use crate::domain::session::UnderWay;
use crate::domain::upkeep::TableName;
use crate::domain::{ident, redact};

/// How many rows that nobody completed are told of.
const MOST: usize = 50;

/// Writes the row of an act that begins.
pub(in crate::database::postgresql) async fn begun(
    dialer: &Dialer,
    table: &TableName,
    operation: &Operation,
) -> Result<(), DatabaseError> {
    let mut hand = Hand::recording(dialer).await?;
    let name = table.quoted_in("public");
    let told = hand.tell(&insert(&name, operation, "running", "NULL", "{}")).await;
    told.map_err(|said| said.into_fault().with(&format!("; so {table} has no row of this act")))?;
    hand.close().await;
    Ok(())
}

/// Completes it. The error says what an operator who looks at the table must know.
pub(in crate::database::postgresql) async fn ended(
    dialer: &Dialer,
    table: &TableName,
    operation: &Operation,
    status: &str,
    detail: &str,
) -> Result<(), DatabaseError> {
    let mut hand = Hand::recording(dialer).await?;
    let name = table.quoted_in("public");
    let more = serde_json::json!({ "outcome": status, "detail": detail }).to_string();
    let update = format!(
        "UPDATE {name} SET status = {}, completed_at = clock_timestamp(), details = coalesce(details, '{{}}') || {}::jsonb \
         WHERE status = 'running' AND details ->> 'job' = {}",
        ident::literal(status),
        ident::literal(&more),
        ident::literal(&operation.job)
    );
    let told = hand.tell(&update).await;
    let why = match told {
        Ok(0) => "no right or policy lets our role change it".to_owned(),
        Ok(_) => {
            hand.close().await;
            return Ok(());
        }
        Err(said) => said.text().to_owned(),
    };
    // Nobody may be left to believe that it still runs.
    let second = hand.tell(&insert(&name, operation, status, "clock_timestamp()", &more)).await;
    hand.close().await;
    let then = match second {
        Ok(_) => "a second row says how it ended".to_owned(),
        Err(said) => format!("nor add a second: {}", said.text()),
    };
    Err(DatabaseError::Denied(format!("our row in {table} stays `running`: {why}; {then}")))
}

/// What the table says is under way, the oldest first.
pub(in crate::database::postgresql) async fn under_way(
    dialer: &Dialer,
    table: &TableName,
) -> Result<Vec<UnderWay>, DatabaseError> {
    let mut eye = Hand::watching(dialer, "rounds").await?;
    let question = format!(
        "SELECT operation_type, table_name, extract(epoch FROM clock_timestamp() - started_at)::float8, details ->> 'by' \
         FROM {} WHERE status = 'running' ORDER BY started_at LIMIT {MOST}",
        table.quoted_in("public")
    );
    let rows = eye.ask(&question).await.map_err(Said::into_fault)?;
    eye.close().await;
    let text = |row: &Row, column| row.get(column).map(|text| redact::text(text).into_owned());
    let read = |row: &Row| UnderWay {
        kind: text(row, 0).unwrap_or_default(),
        table: text(row, 1),
        running_s: row.number(2).map(|age| age.max(0.0)),
        by: text(row, 3),
    };
    Ok(rows.iter().map(read).collect())
}

fn insert(name: &str, operation: &Operation, status: &str, completed: &str, more: &str) -> String {
    let details = serde_json::json!({
        "job": operation.job, "by": operation.by, "host": operation.host, "reason": operation.reason, "tool": "rounds",
    });
    let table = operation.table.as_deref().map_or_else(|| "NULL".to_owned(), ident::literal);
    format!(
        "INSERT INTO {name} (operation_type, table_name, started_at, completed_at, status, details) \
         VALUES ({}, {table}, clock_timestamp(), {completed}, {}, {}::jsonb || {}::jsonb)",
        ident::literal(&operation.kind),
        ident::literal(status),
        ident::literal(&details.to_string()),
        ident::literal(more)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_an_act_says_stays_a_text() {
        let operation = Operation {
            kind: "vacuum'; DROP TABLE staff; --".to_owned(),
            table: Some("public.it's".to_owned()),
            reason: "it's \"late\"".to_owned(),
            ..Operation::default()
        };
        let sql = insert("\"public\".\"ops\"", &operation, "running", "NULL", "{}");
        assert!(sql.contains("('vacuum''; DROP TABLE staff; --', 'public.it''s', "), "{sql}");
        assert!(sql.contains(r#""reason":"it''s \"late\"""#), "{sql}");
    }
}

//! An open session: what it is asked, and what of its answers is kept.

use std::time::Duration;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row as _, ValueRef};

use super::planned::{Questions, Way};
use super::refusal::refused;
use crate::database::BoxFuture;
use crate::database::lane::{AskError, Wire};
use crate::database::postgresql::server::{self, Server};
use crate::database::row::Row;
use crate::domain::sanitize;
use crate::domain::upkeep::TableName;

/// A session that could write, or wait for ever, is none of ours.
const POOLER: &str = "a connection pooler answers there, and drops what keeps our session harmless (read-only, time \
                      limits); write the address of the server itself";

/// An open session. Not `Debug`: nothing of a connection is for a log.
pub(in crate::database::postgresql) struct Session {
    connection: PgConnection,
    timeout: Duration,
    operations: Option<TableName>,
    questions: Questions,
    /// What lets our role read whatever it asks for, once the server has said who it is.
    grant: Option<String>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session")
    }
}

impl Session {
    pub(super) fn new(connection: PgConnection, timeout: Duration, operations: Option<TableName>) -> Self {
        Self { connection, timeout, operations, questions: Questions::default(), grant: None }
    }

    /// The simple protocol: every value comes as text, and no pooler is confused. What is asked is
    /// ours, with names in quotes at most.
    async fn put(&mut self, statement: &str) -> Result<Vec<PgRow>, sqlx::Error> {
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).fetch_all(&mut self.connection).await
    }

    /// The connection itself, for what is not a question of ours.
    pub(in crate::database::postgresql) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Wire for Session {
    type Server = Server;

    fn greet(&mut self) -> BoxFuture<'_, Result<Server, AskError>> {
        Box::pin(async move {
            let rows = self.ask(server::QUESTION).await?;
            let mut server =
                Server::read(&rows).ok_or_else(|| AskError::Lost("it does not say what it is".to_owned()))?;
            if server.number < server::OLDEST {
                let version = &server.version;
                return Err(AskError::Lost(format!(
                    "PostgreSQL {version} is older than 12, the oldest that is known here"
                )));
            }
            if !Server::is_guarded(&rows) {
                return Err(AskError::Lost(POOLER.to_owned()));
            }
            self.grant = Some(server.grant_read());
            server.operations.clone_from(&self.operations);
            Ok(server)
        })
    }

    fn ask<'a>(&'a mut self, question: &'a str) -> BoxFuture<'a, Result<Vec<Row>, AskError>> {
        Box::pin(async move {
            let asked = match self.questions.way(question) {
                Way::Plain => self.put(question).await,
                Way::Planned(then) => self.put(&then).await,
                Way::Prepared { first, then } => match self.put(&first).await {
                    Ok(_nothing) => {
                        self.questions.is_planned(question);
                        self.put(&then).await
                    }
                    refused => refused,
                },
            };
            let asked = match asked {
                Err(error) if has_lost_its_plan(&error) => {
                    self.questions.forget();
                    match self.put("DEALLOCATE ALL").await {
                        Ok(_nothing) => self.put(question).await,
                        refused => refused,
                    }
                }
                asked => asked,
            };
            asked.map_err(|error| refused(error, self.timeout, self.grant.as_ref()))?.iter().map(row).collect()
        })
    }
}

/// Whether there is no such plan any more, or it was made before something it reads was changed.
/// The codes are of PostgreSQL's Appendix A.
fn has_lost_its_plan(error: &sqlx::Error) -> bool {
    const INVALID_SQL_STATEMENT_NAME: &str = "26000";
    /// `cached plan must not change result type`
    const FEATURE_NOT_SUPPORTED: &str = "0A000";
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| [INVALID_SQL_STATEMENT_NAME, FEATURE_NOT_SUPPORTED].contains(&&*code))
}

/// A row, whatever its types: a value that is no text is none of ours.
pub(in crate::database::postgresql) fn row(row: &PgRow) -> Result<Row, AskError> {
    let odd = |error: &dyn std::fmt::Display| AskError::Lost(sanitize::line(&error.to_string()));
    let values: Result<Vec<_>, AskError> = (0..row.len())
        .map(|column| {
            let value = row.try_get_raw(column).map_err(|error| odd(&error))?;
            if value.is_null() { Ok(None) } else { value.as_str().map(Some).map_err(|error| odd(&error)) }
        })
        .collect();
    Ok(Row::new(values?))
}

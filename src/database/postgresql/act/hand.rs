//! A connection that acts: its own, called `rounds`, with a limit on every wait, and never one
//! that a probe reads through.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use tokio::time::timeout;

use super::super::connect::{Dialer, row};
use crate::database::DatabaseError;
use crate::database::row::Row;
use crate::domain::sanitize;

/// How long a lock of somebody else is waited for. Building an index beside the old one waits
/// for every older transaction, and stopping it leaves a half-built one: it may take longer.
pub(super) const LOCK: Duration = Duration::from_secs(5);
pub(super) const LOCK_REINDEX: Duration = Duration::from_mins(1);
/// How long a question may take that is asked beside the work; and how long we wait for the
/// answer, for a server that is gone says nothing.
const BESIDE: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(7);
const CONNECT: Duration = Duration::from_secs(10);
/// How long a question of an operator's own may take.
const OPERATORS: Duration = Duration::from_mins(10);

/// Why a statement did not succeed.
#[derive(Debug)]
pub(super) enum Said {
    /// The server refused it: its code and its words, clean.
    No { code: String, text: String },
    /// The connection is gone.
    Lost(String),
}

impl Said {
    pub(super) fn is(&self, wanted: &str) -> bool {
        matches!(self, Said::No { code, .. } if code == wanted)
    }

    pub(super) fn text(&self) -> &str {
        match self {
            Said::No { text, .. } | Said::Lost(text) => text,
        }
    }

    pub(super) fn into_fault(self) -> DatabaseError {
        match self {
            Said::No { code, text } if code == "42501" || code.starts_with("28") => DatabaseError::Denied(text),
            Said::No { text, .. } => DatabaseError::Refused(text),
            Said::Lost(text) => DatabaseError::Unreachable(text),
        }
    }
}

/// An open connection.
pub(super) struct Hand {
    connection: PgConnection,
    /// The pid of its backend.
    pub(super) pid: u64,
    /// How long an answer may take; the work itself takes its time.
    patience: Option<Duration>,
}

impl std::fmt::Debug for Hand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hand({})", self.pid)
    }
}

impl Hand {
    /// One that may write. A server that finds us gone ends what it does for us, where it can.
    pub(super) async fn working(dialer: &Dialer, limit: Duration, lock: Duration) -> Result<Self, DatabaseError> {
        let settings = [
            ("default_transaction_read_only", "off".to_owned()),
            ("statement_timeout", milliseconds(limit)),
            ("lock_timeout", milliseconds(lock)),
            ("search_path", "pg_catalog".to_owned()),
        ];
        let mut hand = Self::open(dialer, "rounds", &settings, None).await?;
        // Since 14, and not on every system: without it the server only notices when it answers.
        let _older_or_elsewhere = hand.ask("SET client_connection_check_interval = '2s'").await;
        Ok(hand)
    }

    /// One that looks on, and can signal.
    pub(super) async fn watching(dialer: &Dialer, name: &str) -> Result<Self, DatabaseError> {
        let settings = [
            ("default_transaction_read_only", "on".to_owned()),
            ("statement_timeout", milliseconds(BESIDE)),
            ("lock_timeout", "100".to_owned()),
            ("search_path", "pg_catalog".to_owned()),
        ];
        Self::open(dialer, name, &settings, Some(ANSWER)).await
    }

    /// One that writes a row into a table of somebody else's, whose triggers must find what they
    /// name: it has the search path of its role.
    pub(super) async fn recording(dialer: &Dialer) -> Result<Self, DatabaseError> {
        let settings = [
            ("default_transaction_read_only", "off".to_owned()),
            ("statement_timeout", milliseconds(BESIDE)),
            ("lock_timeout", "2000".to_owned()),
        ];
        Self::open(dialer, "rounds", &settings, Some(ANSWER)).await
    }

    /// One that asks what an operator wrote, with the search path of its role, and that cannot
    /// change what it asks.
    pub(super) async fn asking(dialer: &Dialer) -> Result<Self, DatabaseError> {
        let settings = [
            ("default_transaction_read_only", "on".to_owned()),
            ("statement_timeout", milliseconds(OPERATORS)),
            ("lock_timeout", milliseconds(LOCK)),
        ];
        Self::open(dialer, "rounds", &settings, Some(OPERATORS + ANSWER)).await
    }

    async fn open(
        dialer: &Dialer,
        name: &str,
        settings: &[(&'static str, String)],
        patience: Option<Duration>,
    ) -> Result<Self, DatabaseError> {
        // What the moments and the texts of a session look like must not depend on its role.
        let same = [("TimeZone", "UTC"), ("DateStyle", "ISO, YMD"), ("standard_conforming_strings", "on")];
        let same = same.map(|(name, value)| (name, value.to_owned()));
        let settings: Vec<(&'static str, String)> = settings.iter().cloned().chain(same).collect();
        let late = |_elapsed| DatabaseError::Unreachable("no connection in time".to_owned());
        let connection = timeout(CONNECT, dialer.connect(name, &settings)).await.map_err(late)??;
        let mut hand = Self { connection, pid: 0, patience: Some(ANSWER) };
        let rows = hand.ask("SELECT pg_backend_pid()").await.map_err(Said::into_fault)?;
        hand.pid = rows.first().and_then(|row| row.whole(0)).unwrap_or_default();
        hand.patience = patience;
        Ok(hand)
    }

    /// Asks or tells it something. Names in it have gone through [`crate::domain::ident`].
    pub(super) async fn ask(&mut self, statement: &str) -> Result<Vec<Row>, Said> {
        // The simple protocol: every value comes as text, and nothing is wrapped in a transaction.
        let patience = self.patience;
        let asked = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).fetch_all(&mut self.connection);
        let rows = patiently(patience, asked).await?;
        rows.iter().map(row).collect::<Result<_, _>>().map_err(|error| Said::Lost(format!("{error:?}")))
    }

    /// Tells it something, and counts the rows that changed.
    pub(super) async fn tell(&mut self, statement: &str) -> Result<u64, Said> {
        let told = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut self.connection);
        Ok(patiently(self.patience, told).await?.rows_affected())
    }

    pub(super) async fn close(self) {
        let _gone_already = tokio::time::timeout(Duration::from_secs(1), self.connection.close()).await;
    }
}

/// Waits for an answer, and no longer.
async fn patiently<T>(
    patience: Option<Duration>,
    asked: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Said> {
    let answer = match patience {
        None => asked.await,
        Some(patience) => match timeout(patience, asked).await {
            Ok(answer) => answer,
            Err(_elapsed) => return Err(Said::Lost("no answer in time".to_owned())),
        },
    };
    answer.map_err(|error| match error {
        sqlx::Error::Database(error) => Said::No {
            code: error.code().map(std::borrow::Cow::into_owned).unwrap_or_default(),
            text: sanitize::line(error.message()),
        },
        other => Said::Lost(format!("the connection broke: {}", sanitize::line(&other.to_string()))),
    })
}

fn milliseconds(time: Duration) -> String {
    // The server counts in 32 bits; what is longer is no limit.
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX).to_string()
}

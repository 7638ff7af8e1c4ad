//! A connection that acts: its own, with a limit on every wait, and never one that a probe reads
//! through.

use std::time::Duration;

use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Connection};
use tokio::time::timeout;

use crate::database::DatabaseError;
use crate::database::mysql::connect::{Dialer, refusal, row};
use crate::database::mysql::server::{Flavour, identify};
use crate::database::row::Row;
use crate::domain::sanitize;

/// How long a lock of somebody else is waited for: whoever comes after us waits behind us.
const LOCK: Duration = Duration::from_secs(5);
/// How long a question may take that is asked beside the work; and how long we wait for the
/// answer, for a server that is gone says nothing.
const BESIDE: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(7);
const CONNECT: Duration = Duration::from_secs(10);
/// How long a step in a schema of our own may take, an operator's question among them; and how long
/// whoever is in it may hold it, once ended.
pub(super) const STEP: Duration = Duration::from_mins(10);
const LEAVES: Duration = Duration::from_secs(20);

/// Why a statement did not succeed.
#[derive(Debug)]
pub(super) enum Said {
    /// The server refused it: its own number for that, and its words, clean.
    No { number: u16, text: String },
    /// The connection is gone.
    Lost(String),
}

/// Somebody holds a lock on it.
pub(super) const LOCKED: u16 = 1205;
/// A right is missing.
const DENIED: [u16; 5] = [1044, 1095, 1142, 1143, 1227];

impl Said {
    pub(super) fn is(&self, wanted: u16) -> bool {
        matches!(self, Said::No { number, .. } if *number == wanted)
    }

    pub(super) fn is_denied(&self) -> bool {
        matches!(self, Said::No { number, .. } if DENIED.contains(number))
    }

    pub(super) fn text(&self) -> &str {
        match self {
            Said::No { text, .. } | Said::Lost(text) => text,
        }
    }

    pub(super) fn into_fault(self) -> DatabaseError {
        let denied = self.is_denied();
        match self {
            Said::No { text, .. } if denied => DatabaseError::Denied(text),
            Said::No { text, .. } => DatabaseError::Refused(text),
            Said::Lost(text) => DatabaseError::Unreachable(text),
        }
    }
}

/// What a connection is for.
#[derive(Clone, Copy, Debug)]
enum For {
    /// It works for so long.
    Work(Duration),
    /// It looks on, and can signal.
    Look,
    /// It holds a lock of the server's for as long as it is wanted.
    Hold,
    /// It keeps a schema of our own.
    Keep,
}

/// An open connection.
pub(super) struct Hand {
    connection: MySqlConnection,
    /// Its number on the server.
    pub(super) id: u64,
    pub(super) flavour: Flavour,
    /// Whether the server's disks are ours to look at.
    pub(super) local: bool,
    /// How long an answer may take; the work itself takes its time.
    patience: Option<Duration>,
}

impl std::fmt::Debug for Hand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hand({})", self.id)
    }
}

impl Hand {
    /// One that may write, for no longer than this.
    pub(super) async fn working(dialer: &Dialer, limit: Duration) -> Result<Self, DatabaseError> {
        Self::open(dialer, For::Work(limit), None).await
    }

    /// One that looks on, and can signal.
    pub(super) async fn watching(dialer: &Dialer) -> Result<Self, DatabaseError> {
        Self::open(dialer, For::Look, Some(ANSWER)).await
    }

    /// One that holds what its session holds, and waits for as long as it is told to.
    pub(super) async fn holding(dialer: &Dialer) -> Result<Self, DatabaseError> {
        Self::open(dialer, For::Hold, None).await
    }

    /// One that keeps a schema of our own, and writes nowhere else.
    pub(super) async fn keeping(dialer: &Dialer) -> Result<Self, DatabaseError> {
        Self::open(dialer, For::Keep, Some(STEP)).await
    }

    async fn open(dialer: &Dialer, what: For, patience: Option<Duration>) -> Result<Self, DatabaseError> {
        let late = |_elapsed| DatabaseError::Unreachable("no connection in time".to_owned());
        let (connection, route) = timeout(CONNECT, dialer.connect()).await.map_err(late)??;
        let (flavour, local) = (Flavour::MariaDb, route.is_local());
        let mut hand = Self { connection, id: 0, flavour, local, patience: Some(ANSWER) };
        if !matches!(what, For::Work(_) | For::Keep) {
            hand.set("SET SESSION TRANSACTION READ ONLY").await?;
        }
        let rows = hand.ask("SELECT VERSION(), CONNECTION_ID()").await.map_err(Said::into_fault)?;
        let (version, id) = (rows.first().map(|row| row.text(0)), rows.first().and_then(|row| row.whole(1)));
        let Some(((flavour, _), id)) = version.and_then(identify).zip(id) else {
            let place = route.place();
            return Err(DatabaseError::Malformed(format!("{place}: this is neither MySQL nor MariaDB")));
        };
        (hand.flavour, hand.id) = (flavour, id);
        hand.set(&manners(flavour, what)).await?;
        hand.set("SET NAMES utf8mb4").await?;
        hand.patience = patience;
        Ok(hand)
    }

    async fn set(&mut self, statement: &str) -> Result<(), DatabaseError> {
        self.ask(statement).await.map(|_rows| ()).map_err(Said::into_fault)
    }

    /// Asks or tells it something. Names in it have gone through [`crate::domain::ident`].
    pub(super) async fn ask(&mut self, statement: &str) -> Result<Vec<Row>, Said> {
        // The simple protocol: every value comes as text. A session has no name, so each
        // statement carries ours.
        let named = AssertSqlSafe(format!("/* rounds */ {statement}"));
        let asked = sqlx::raw_sql(named).fetch_all(&mut self.connection);
        let answer = match self.patience {
            None => asked.await,
            Some(patience) => match timeout(patience, asked).await {
                Ok(answer) => answer,
                Err(_elapsed) => return Err(Said::Lost("no answer in time".to_owned())),
            },
        };
        let rows = answer.map_err(said)?;
        rows.iter().map(row).collect::<Result<_, _>>().map_err(|error| Said::Lost(format!("{error:?}")))
    }

    /// The first value of the first row.
    pub(super) async fn one(&mut self, question: &str) -> Result<Option<String>, Said> {
        Ok(self.ask(question).await?.first().and_then(|row| row.get(0).map(ToOwned::to_owned)))
    }

    pub(super) async fn close(self) {
        let _gone_already = timeout(Duration::from_secs(1), self.connection.close()).await;
    }
}

fn said(error: sqlx::Error) -> Said {
    match error {
        sqlx::Error::Database(error) => {
            let (number, text) = (refusal::number(&*error), sanitize::line(error.message()));
            // Told to end, or shut down: there is no session any more.
            if matches!(number, 1053 | 1080 | 1158..=1161 | 1927 | 4031) {
                return Said::Lost(text);
            }
            Said::No { number, text }
        }
        other => Said::Lost(format!("the connection broke: {}", sanitize::line(&other.to_string()))),
    }
}

/// What a session is set to. A moment must not depend on where the server stands, nor its words on
/// its language; and while a table is locked MariaDB tells what it can of it without waiting.
fn manners(flavour: Flavour, what: For) -> String {
    let (locks, limit) = match what {
        For::Work(limit) => (LOCK, Some(limit)),
        For::Look if flavour == Flavour::MariaDb => (Duration::ZERO, Some(BESIDE)),
        For::Look => (Duration::from_secs(1), Some(BESIDE)),
        For::Hold => (LOCK, None),
        For::Keep => (LEAVES, None),
    };
    let limit = limit.unwrap_or_default();
    let own = match flavour {
        // Nothing is no limit, for both.
        Flavour::MariaDb => format!("max_statement_time = {}", limit.as_secs()),
        Flavour::MySql => {
            format!("max_execution_time = {}, information_schema_stats_expiry = 0", limit.as_millis())
        }
    };
    format!(
        "SET SESSION autocommit = 1, {own}, lock_wait_timeout = {}, innodb_lock_wait_timeout = {}, wait_timeout = 86400, \
         sql_mode = '', time_zone = '+00:00', lc_messages = 'en_US'",
        locks.as_secs(),
        locks.as_secs().max(1)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_waits_a_little_and_a_look_waits_for_nobody() {
        let work = manners(Flavour::MariaDb, For::Work(Duration::from_hours(12)));
        assert!(work.contains("max_statement_time = 43200, lock_wait_timeout = 5,"), "{work}");
        let look = manners(Flavour::MariaDb, For::Look);
        assert!(look.contains("max_statement_time = 5, lock_wait_timeout = 0,"), "{look}");
        let hold = manners(Flavour::MariaDb, For::Hold);
        assert!(hold.contains("max_statement_time = 0,"), "{hold}");
        let mysql = manners(Flavour::MySql, For::Look);
        assert!(mysql.contains("max_execution_time = 5000,") && mysql.contains("lock_wait_timeout = 1,"), "{mysql}");
    }
}

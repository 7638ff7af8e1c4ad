//! A schema of our own on a MySQL or MariaDB server, for a while: what a backup is restored into to
//! see whether it can be.
//!
//! As long as somebody is at it a session holds the server's named lock of the same name, which ends
//! with the session: one without its lock is a leftover.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Connection};
use tokio::time::{sleep, timeout};

use super::connect::{Dialer, refusal, row};
use crate::config::{MysqlAddress, SecretRef};
use crate::database::row::Row;
use crate::database::scratch::{Answer, MARK, Purpose, is_ours};
use crate::database::{DatabaseError, ident};
use crate::domain::sanitize;

/// How long a question may take, an operator's own among them; and making or removing a schema.
const STEP: Duration = Duration::from_mins(10);
const CONNECT: Duration = Duration::from_secs(15);
/// How long whoever is in it may hold it, once ended.
const LEAVES: u32 = 20;
/// How often the session is used, so that nobody on the way takes it for dead.
const ALIVE: Duration = Duration::from_secs(20);
/// What the server calls that a right is missing, a word unknown, a column unknown, and that something
/// would be written.
const NO_RIGHT: [u16; 2] = [1044, 1227];
const NO_WORD: u16 = 1064;
const NO_COLUMN: u16 = 1054;
const WRITES: u16 = 1792;

/// What a scratch is wanted for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The database whose like it is to be. It need not exist.
    pub like: &'a MysqlAddress,
    pub password: Option<&'a SecretRef>,
    /// Whose it is, for its comment.
    pub whose: &'a str,
    /// Schemas that are never touched, whatever they are called.
    pub live: &'a [String],
}

/// The schema, as long as we are at it.
#[derive(Debug)]
pub struct Scratch {
    hand: Hand,
    dialer: Dialer,
    name: String,
    /// Replicas are told nothing of it.
    pub quiet: bool,
    /// Leftovers that were removed before.
    pub removed: usize,
}

/// Why a statement did not succeed: the server's number, 0 where it gave no answer, and words.
#[derive(Debug)]
struct Said(u16, String);

impl From<Said> for DatabaseError {
    fn from(Said(number, text): Said) -> Self {
        match number {
            0 => DatabaseError::Unreachable(text),
            number if NO_RIGHT.contains(&number) => DatabaseError::Denied(text),
            _ => DatabaseError::Refused(text),
        }
    }
}

/// A session that acts. Not formatted: nothing of a connection is for a log.
struct Hand(MySqlConnection);

impl std::fmt::Debug for Hand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hand")
    }
}

impl Hand {
    async fn of(dialer: &Dialer) -> Result<Self, DatabaseError> {
        let late = |_elapsed| DatabaseError::Unreachable("no connection in time".to_owned());
        let (connection, _) = timeout(CONNECT, dialer.connect()).await.map_err(late)??;
        let mut hand = Self(connection);
        hand.ask(&format!(
            "SET SESSION autocommit = 1, lock_wait_timeout = {LEAVES}, wait_timeout = 86400, sql_mode = ''"
        ))
        .await?;
        hand.ask("SET NAMES utf8mb4").await?;
        Ok(hand)
    }

    async fn ask(&mut self, statement: &str) -> Result<Vec<Row>, Said> {
        let asked = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).fetch_all(&mut self.0);
        let rows = match timeout(STEP, asked).await {
            Ok(Ok(rows)) => rows,
            Ok(Err(sqlx::Error::Database(error))) => {
                return Err(Said(refusal::number(&*error), sanitize::line(error.message())));
            }
            Ok(Err(other)) => return Err(Said(0, sanitize::line(&other.to_string()))),
            Err(_elapsed) => return Err(Said(0, "no answer in time".to_owned())),
        };
        rows.iter().map(row).collect::<Result<_, _>>().map_err(|error| Said(0, format!("{error:?}")))
    }

    async fn one(&mut self, question: &str) -> Result<Option<String>, Said> {
        Ok(self.ask(question).await?.first().and_then(|row| row.get(0).map(ToOwned::to_owned)))
    }
}

impl Scratch {
    /// Removes what killed ones left, and makes a new one, with nothing in it.
    pub async fn make(wanted: Wanted<'_>) -> Result<Self, DatabaseError> {
        let dialer = Dialer::new(wanted.like.clone(), wanted.password.cloned(), STEP);
        let mut hand = Hand::of(&dialer).await?;
        // Where our user may say so; elsewhere they see it come and go.
        let quiet = hand.ask("SET SESSION sql_log_bin = 0").await.is_ok();
        let removed = sweep(&mut hand, wanted.live).await;
        let name = Purpose::Drill.name();
        // First the lock: whoever clears up meanwhile must not take it for a leftover.
        hand.ask(&format!("SELECT GET_LOCK({}, 0)", literal(&name))).await?;
        let like = format!(
            "SELECT concat(' CHARACTER SET ', default_character_set_name, ' COLLATE ', default_collation_name) \
             FROM information_schema.schemata WHERE schema_name = {}",
            literal(&wanted.like.database)
        );
        let like = hand.one(&like).await?.unwrap_or_default();
        let make = format!("CREATE DATABASE {}{like}", ident::backticked(&name));
        let comment = literal(&sanitize::line(&format!("{MARK}{}", wanted.whose)));
        let made = match hand.ask(&format!("{make} COMMENT {comment}")).await {
            // Only MariaDB since 10.5 has comments on schemas.
            Err(Said(NO_WORD, _)) => hand.ask(&make).await,
            made => made,
        };
        match made {
            Ok(_) => Ok(Self { hand, dialer, name, quiet, removed }),
            Err(Said(number, text)) if NO_RIGHT.contains(&number) => {
                let user = hand.one("SELECT CURRENT_USER()").await.ok().flatten().unwrap_or_default();
                let user = user.rsplit_once('@').map_or(user.clone(), |(name, host)| format!("'{name}'@'{host}'"));
                Err(DatabaseError::Denied(format!(
                    "the user may not make the schema that a backup is restored into ({text}); \
                     GRANT ALL ON `rounds\\_drill\\_%`.* TO {user} allows it, and nothing else"
                )))
            }
            Err(said) => Err(said.into()),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Keeps the session and its lock; never ends.
    pub async fn stay(&mut self) {
        loop {
            sleep(ALIVE).await;
            if let Err(Said(_, why)) = self.hand.ask("SELECT 1").await {
                tracing::warn!(why, scratch = self.name, "the session that holds a scratch is lost");
            }
        }
    }

    /// Whether its server still answers.
    pub async fn answers(&mut self) -> bool {
        self.hand.ask("SELECT 1").await.is_ok()
    }

    /// The rows of every table in it.
    pub async fn count(&mut self) -> Result<BTreeMap<String, Option<u64>>, DatabaseError> {
        let tables = format!(
            "SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema = {}",
            literal(&self.name)
        );
        let mut counts = BTreeMap::new();
        for table in self.hand.ask(&tables).await? {
            let (schema, name) = (ident::backticked(&self.name), ident::backticked(table.text(0)));
            let rows = self.hand.one(&format!("SELECT count(*) FROM {schema}.{name}")).await?;
            counts.insert(table.text(0).to_owned(), rows.and_then(|rows| rows.parse().ok()));
        }
        Ok(counts)
    }

    /// Asks it, as whoever reads it would; what would change it is refused.
    pub async fn answer(&self, question: &str) -> Result<Answer, DatabaseError> {
        let mut hand = Hand::of(&self.dialer).await?;
        hand.ask(&format!("USE {}", ident::backticked(&self.name))).await?;
        hand.ask("SET SESSION TRANSACTION READ ONLY").await?;
        let answer = match hand.ask(question).await {
            Ok(rows) => match rows.first() {
                None => Answer::Nothing,
                Some(row) => Answer::Value(row.get(0).map(ToOwned::to_owned)),
            },
            Err(Said(WRITES, _)) => Answer::Changes,
            Err(Said(0, why)) => return Err(DatabaseError::Unreachable(why)),
            Err(Said(_, text)) => Answer::Fails(text),
        };
        let _gone_already = timeout(Duration::from_secs(1), hand.0.close()).await;
        Ok(answer)
    }

    /// Ends whoever is in it, and removes it.
    pub async fn remove(mut self) -> Result<(), DatabaseError> {
        if let Err(Said(0, _)) = remove(&mut self.hand, &self.name).await {
            let mut hand = Hand::of(&self.dialer).await?;
            remove(&mut hand, &self.name).await?;
            return Ok(());
        }
        let left = format!("SELECT 1 FROM information_schema.schemata WHERE schema_name = {}", literal(&self.name));
        let left = self.hand.one(&left).await?;
        let _gone_already = timeout(Duration::from_secs(1), self.hand.0.close()).await;
        match left {
            Some(_) => Err(DatabaseError::Refused("it could not be dropped".to_owned())),
            None => Ok(()),
        }
    }
}

/// Removes what killed ones left: ours by name and comment, and nobody's by its lock.
async fn sweep(hand: &mut Hand, live: &[String]) -> usize {
    let question = |comment: &str| {
        format!("SELECT schema_name, {comment} FROM information_schema.schemata WHERE schema_name LIKE 'rounds\\\\_%'")
    };
    let found = match hand.ask(&question("schema_comment")).await {
        Err(Said(NO_COLUMN, _)) => hand.ask(&question("''")).await,
        found => found,
    };
    let mut removed = 0;
    for row in found.unwrap_or_default() {
        let (name, comment) = (row.text(0), row.text(1));
        if !is_ours(name, comment) || live.iter().any(|live| live == name) {
            continue;
        }
        let free = hand.one(&format!("SELECT IS_FREE_LOCK({})", literal(name))).await;
        if !matches!(free, Ok(Some(free)) if free == "1") {
            continue;
        }
        match remove(hand, name).await {
            Ok(()) => removed += 1,
            Err(Said(_, why)) => tracing::warn!(scratch = name, why, "a leftover could not be removed"),
        }
    }
    removed
}

/// Ends whoever is in a schema, and removes it.
async fn remove(hand: &mut Hand, name: &str) -> Result<(), Said> {
    let inside =
        format!("SELECT id FROM information_schema.processlist WHERE db = {} AND id <> CONNECTION_ID()", literal(name));
    for session in hand.ask(&inside).await? {
        if let Some(id) = session.whole(0) {
            let _gone_already = hand.ask(&format!("KILL {id}")).await;
        }
    }
    hand.ask(&format!("DROP DATABASE IF EXISTS {}", ident::backticked(name))).await.map(|_rows| ())
}

/// A text as both write it, whatever `sql_mode` they have.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

//! A schema of our own on a MySQL or MariaDB server, for a while: what a backup is restored into to
//! see whether it can be.
//!
//! As long as somebody is at it a session holds the server's named lock of the same name, which ends
//! with the session: one without its lock is a leftover.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::sleep;

use super::hand::{Hand, STEP, Said};
use crate::config::{MysqlAddress, SecretRef};
use crate::database::mysql::connect::Dialer;
use crate::database::scratch::{Answer, MARK, Purpose, is_ours};
use crate::database::{DatabaseError, ident};
use crate::domain::sanitize;

/// How often the session is used, so that nobody on the way takes it for dead.
const ALIVE: Duration = Duration::from_secs(20);
/// What the server calls that a word is unknown, a column unknown, and that something would be written.
const NO_WORD: u16 = 1064;
const NO_COLUMN: u16 = 1054;
const WRITES: u16 = 1792;

const READ_ONLY: &str = "SET SESSION TRANSACTION READ ONLY";

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

impl Scratch {
    /// Removes what killed ones left, and makes a new one, with nothing in it.
    pub async fn make(wanted: Wanted<'_>) -> Result<Self, DatabaseError> {
        let dialer = Dialer::new(wanted.like.clone(), wanted.password.cloned(), STEP);
        let mut hand = Hand::keeping(&dialer).await?;
        // Where our user may say so; elsewhere they see it come and go.
        let quiet = hand.ask("SET SESSION sql_log_bin = 0").await.is_ok();
        let removed = sweep(&mut hand, wanted.live).await;
        let name = Purpose::Drill.name();
        // First the lock: whoever clears up meanwhile must not take it for a leftover.
        hand.ask(&format!("SELECT GET_LOCK({}, 0)", ident::escaped(&name))).await.map_err(Said::into_fault)?;
        let like = format!(
            "SELECT concat(' CHARACTER SET ', default_character_set_name, ' COLLATE ', default_collation_name) \
             FROM information_schema.schemata WHERE schema_name = {}",
            ident::escaped(&wanted.like.database)
        );
        let like = hand.one(&like).await.map_err(Said::into_fault)?.unwrap_or_default();
        let make = format!("CREATE DATABASE {}{like}", ident::backticked(&name));
        let comment = ident::escaped(&sanitize::line(&format!("{MARK}{}", wanted.whose)));
        let made = match hand.ask(&format!("{make} COMMENT {comment}")).await {
            // Only MariaDB since 10.5 has comments on schemas.
            Err(said) if said.is(NO_WORD) => hand.ask(&make).await,
            made => made,
        };
        match made {
            Ok(_) => Ok(Self { hand, dialer, name, quiet, removed }),
            Err(said) if said.is_denied() => {
                let user = hand.one("SELECT CURRENT_USER()").await.ok().flatten().unwrap_or_default();
                let user = user.rsplit_once('@').map_or(user.clone(), |(name, host)| format!("'{name}'@'{host}'"));
                Err(DatabaseError::Denied(format!(
                    "the user may not make the schema that a backup is restored into ({}); \
                     GRANT ALL ON `rounds\\_drill\\_%`.* TO {user} allows it, and nothing else",
                    said.text()
                )))
            }
            Err(said) => Err(said.into_fault()),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Keeps the session and its lock; never ends.
    pub async fn stay(&mut self) {
        loop {
            sleep(ALIVE).await;
            if let Err(said) = self.hand.ask("SELECT 1").await {
                tracing::warn!(why = said.text(), scratch = self.name, "the session that holds a scratch is lost");
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
            ident::escaped(&self.name)
        );
        let mut counts = BTreeMap::new();
        for table in self.hand.ask(&tables).await.map_err(Said::into_fault)? {
            let (schema, name) = (ident::backticked(&self.name), ident::backticked(table.text(0)));
            let rows =
                self.hand.one(&format!("SELECT count(*) FROM {schema}.{name}")).await.map_err(Said::into_fault)?;
            counts.insert(table.text(0).to_owned(), rows.and_then(|rows| rows.parse().ok()));
        }
        Ok(counts)
    }

    /// Asks it, as whoever reads it would; what would change it is refused.
    pub async fn answer(&self, question: &str) -> Result<Answer, DatabaseError> {
        let mut hand = Hand::keeping(&self.dialer).await?;
        // The clock of the server's own zone, as its applications read it.
        for word in [&*format!("USE {}", ident::backticked(&self.name)), "SET SESSION time_zone = DEFAULT", READ_ONLY] {
            hand.ask(word).await.map_err(Said::into_fault)?;
        }
        let answer = match hand.ask(question).await {
            Ok(rows) => match rows.first() {
                None => Answer::Nothing,
                Some(row) => Answer::Value(row.get(0).map(ToOwned::to_owned)),
            },
            Err(said) if said.is(WRITES) => Answer::Changes,
            Err(lost @ Said::Lost(_)) => return Err(lost.into_fault()),
            Err(Said::No { text, .. }) => Answer::Fails(text),
        };
        hand.close().await;
        Ok(answer)
    }

    /// Ends whoever is in it, and removes it.
    pub async fn remove(mut self) -> Result<(), DatabaseError> {
        if let Err(Said::Lost(_)) = remove(&mut self.hand, &self.name).await {
            let mut hand = Hand::keeping(&self.dialer).await?;
            return remove(&mut hand, &self.name).await.map_err(Said::into_fault);
        }
        let left =
            format!("SELECT 1 FROM information_schema.schemata WHERE schema_name = {}", ident::escaped(&self.name));
        let left = self.hand.one(&left).await.map_err(Said::into_fault)?;
        self.hand.close().await;
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
        Err(said) if said.is(NO_COLUMN) => hand.ask(&question("''")).await,
        found => found,
    };
    let mut removed = 0;
    for row in found.unwrap_or_default() {
        let (name, comment) = (row.text(0), row.text(1));
        if !is_ours(name, comment) || live.iter().any(|live| live == name) {
            continue;
        }
        let free = hand.one(&format!("SELECT IS_FREE_LOCK({})", ident::escaped(name))).await;
        if !matches!(free, Ok(Some(free)) if free == "1") {
            continue;
        }
        match remove(hand, name).await {
            Ok(()) => removed += 1,
            Err(said) => tracing::warn!(scratch = name, why = said.text(), "a leftover could not be removed"),
        }
    }
    removed
}

/// Ends whoever is in a schema, and removes it.
async fn remove(hand: &mut Hand, name: &str) -> Result<(), Said> {
    let inside = format!(
        "SELECT id FROM information_schema.processlist WHERE db = {} AND id <> CONNECTION_ID()",
        ident::escaped(name)
    );
    for session in hand.ask(&inside).await? {
        if let Some(id) = session.whole(0) {
            let _gone_already = hand.ask(&format!("KILL {id}")).await;
        }
    }
    hand.ask(&format!("DROP DATABASE IF EXISTS {}", ident::backticked(name))).await.map(|_rows| ())
}

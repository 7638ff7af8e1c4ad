//! A database of our own beside others on a server, for a while: what a backup is restored into.
//!
//! Its name is one that only we make up, and its comment says whose it is; as long as somebody is at
//! it a session holds an advisory lock whose key is made of the name. A server shows such locks
//! across its databases and ends them with their session: one without its lock is a leftover.

use std::collections::BTreeSet;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep, timeout};

use super::hand::{Hand, LOCK, Said};
use crate::config::{SecretRef, ServerAddress};
use crate::database::postgresql::connect::Dialer;
use crate::database::scratch::{Answer, MARK, Purpose, is_ours};
use crate::database::{DatabaseError, ident};
use crate::domain::sanitize;

/// What the class of all our locks is made of.
const CLASS: &str = "rounds scratch 1: class";
/// A database that every server has.
pub(super) const ELSEWHERE: &str = "postgres";
/// How long making or removing one may take.
const STEP: Duration = Duration::from_mins(5);
/// How long somebody in it may take to leave, once sent away; and whether they have is looked.
const LEAVES: Duration = Duration::from_secs(6);
const AGAIN: Duration = Duration::from_millis(100);
/// How often the session is used, so that nobody on the way takes it for dead.
const ALIVE: Duration = Duration::from_secs(20);

/// What a scratch is wanted for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub purpose: Purpose,
    /// The database whose like it is to be. It need not exist.
    pub like: &'a ServerAddress,
    pub password: Option<&'a SecretRef>,
    /// Whose it is, for its comment: `drill of backup rota, job 0193…, by asha@db1`.
    pub whose: &'a str,
    /// Databases that are never touched, whatever they are called.
    pub live: &'a [String],
}

/// The database, as long as we are at it.
#[derive(Debug)]
pub struct Scratch {
    pub(super) hand: Hand,
    /// Where the session is that keeps the lock: in another database.
    pub(super) dialer: Dialer,
    address: ServerAddress,
    /// `150018` of 15.18.
    pub number: u32,
    /// Whether our role may give things to others.
    pub superuser: bool,
    /// Leftovers that were removed before.
    pub removed: Vec<String>,
}

/// What the server is, and what the database is like.
struct Surroundings {
    number: u32,
    superuser: bool,
    /// The words that follow `CREATE DATABASE` and its name.
    like: String,
}

impl Scratch {
    /// Removes what killed ones left, and makes a new one, with nothing in it.
    pub async fn make(wanted: Wanted<'_>) -> Result<Self, DatabaseError> {
        let (dialer, mut hand) = enter(&wanted).await?;
        let around = surroundings(&mut hand, &wanted).await?;
        let removed = sweep(&mut hand, wanted.live).await;
        let name = wanted.purpose.name();
        let address = ServerAddress { database: name.clone(), ..wanted.like.clone() };
        // First the lock: whoever clears up meanwhile must not take it for a leftover.
        let lock = format!("SELECT pg_try_advisory_lock({}, {})", class(), key(&name));
        soon(hand.ask(&lock)).await.map_err(Said::into_fault)?;
        let quoted = ident::quoted(&name);
        soon(hand.ask(&format!("CREATE DATABASE {quoted} {}", around.like))).await.map_err(Said::into_fault)?;
        let Surroundings { number, superuser, .. } = around;
        let mut scratch = Self { hand, dialer, address, number, superuser, removed };
        let comment = ident::literal(&sanitize::line(&format!("{MARK}{}", wanted.whose)));
        let marked = format!("COMMENT ON DATABASE {quoted} IS {comment}");
        let closed = format!("REVOKE ALL ON DATABASE {quoted} FROM PUBLIC");
        for statement in [marked, closed] {
            if let Err(said) = soon(scratch.hand.ask(&statement)).await {
                let _it_is_empty = scratch.remove().await;
                return Err(said.into_fault());
            }
        }
        Ok(scratch)
    }

    /// Where it is.
    pub fn address(&self) -> &ServerAddress {
        &self.address
    }

    pub fn name(&self) -> &str {
        &self.address.database
    }

    /// Keeps the session and its lock; never ends.
    pub async fn stay(&mut self) {
        loop {
            sleep(ALIVE).await;
            if let Err(said) = soon(self.hand.ask("SELECT 1")).await {
                tracing::warn!(why = said.text(), scratch = self.name(), "the session that holds a scratch is lost");
            }
        }
    }

    /// Whether its server still answers.
    pub async fn answers(&mut self) -> bool {
        soon(self.hand.ask("SELECT 1")).await.is_ok()
    }

    /// The extensions that the server could make.
    pub async fn extensions(&mut self) -> Result<BTreeSet<String>, DatabaseError> {
        let rows = soon(self.hand.ask("SELECT name FROM pg_available_extensions")).await.map_err(Said::into_fault)?;
        Ok(rows.iter().map(|row| row.text(0).to_owned()).collect())
    }

    /// Asks it, as whoever reads it would; what would change it is refused. The first value of the
    /// first row, or why there is none.
    pub async fn answer(&self, password: Option<&SecretRef>, question: &str) -> Result<Answer, DatabaseError> {
        let dialer = Dialer::new(self.address.clone(), password.cloned(), STEP);
        let mut hand = Hand::asking(&dialer).await?;
        let answer = match hand.ask(question).await {
            Ok(rows) => match rows.first() {
                None => Answer::Nothing,
                Some(row) => Answer::Value(row.get(0).map(ToOwned::to_owned)),
            },
            Err(said) if said.is("25006") => Answer::Changes,
            Err(Said::No { text, .. }) => Answer::Fails(text),
            Err(lost) => return Err(lost.into_fault()),
        };
        hand.close().await;
        Ok(answer)
    }

    /// Ends whoever is in it, and removes it.
    pub async fn remove(mut self) -> Result<(), DatabaseError> {
        let mut removed = remove(&mut self.hand, &self.address.database).await;
        if let Err(Said::Lost(_)) = removed {
            self.hand = Hand::working(&self.dialer, STEP, LOCK).await?;
            removed = remove(&mut self.hand, &self.address.database).await;
        }
        if removed.is_ok() {
            self.hand.close().await;
        }
        removed.map_err(Said::into_fault)
    }
}

/// A session on the server: in the database itself for a drill, elsewhere for whoever renames it or
/// finds it gone.
async fn enter(wanted: &Wanted<'_>) -> Result<(Dialer, Hand), DatabaseError> {
    let dialer = |database: &str| {
        let address = ServerAddress { database: database.to_owned(), ..wanted.like.clone() };
        Dialer::new(address, wanted.password.cloned(), STEP)
    };
    let (own, elsewhere) = (dialer(&wanted.like.database), dialer(ELSEWHERE));
    if wanted.purpose == Purpose::Restore {
        let hand = Hand::working(&elsewhere, STEP, LOCK).await?;
        return Ok((elsewhere, hand));
    }
    match Hand::working(&own, STEP, LOCK).await {
        Ok(hand) => Ok((own, hand)),
        // It is gone, or its server is: the other answer is the same then.
        Err(missing @ DatabaseError::Missing(_)) => match Hand::working(&elsewhere, STEP, LOCK).await {
            Ok(hand) => Ok((elsewhere, hand)),
            Err(_) => Err(missing),
        },
        Err(error) => Err(error),
    }
}

async fn surroundings(hand: &mut Hand, wanted: &Wanted<'_>) -> Result<Surroundings, DatabaseError> {
    let live = ident::literal(&wanted.like.database);
    // Columns that only some versions have are asked for by name in what all have.
    let question = format!(
        "SELECT current_setting('server_version_num'), r.rolsuper, r.rolcreatedb OR r.rolsuper, pg_is_in_recovery(), \
         pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, to_jsonb(d) ->> 'datlocprovider', \
         coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'), to_jsonb(d) ->> 'daticurules', \
         (SELECT spcname FROM pg_tablespace t WHERE t.oid = d.dattablespace) FROM pg_roles r LEFT JOIN pg_database d ON d.datname = {live} WHERE r.rolname = current_user"
    );
    let rows = soon(hand.ask(&question)).await.map_err(Said::into_fault)?;
    let Some(row) = rows.first() else {
        return Err(DatabaseError::Unreachable("the server does not say what it is".to_owned()));
    };
    if row.flag(3) {
        let why = "this server is a standby, on which no database can be made; name its primary in `url`";
        return Err(DatabaseError::Refused(why.to_owned()));
    }
    if !row.flag(2) {
        let role = ident::quoted(&sanitize::line(&wanted.like.role));
        return Err(DatabaseError::Denied(format!(
            "the role may not make the database that a backup is restored into; `ALTER ROLE {role} CREATEDB` allows it"
        )));
    }
    let number = row.whole(0).and_then(|number| u32::try_from(number).ok()).unwrap_or_default();
    let mut like = "TEMPLATE template0".to_owned();
    if let (Some(encoding), Some(collate), Some(kind)) = (row.get(4), row.get(5), row.get(6)) {
        let said = |text: &str| ident::literal(text);
        like += &format!(" ENCODING {} LC_COLLATE {} LC_CTYPE {}", said(encoding), said(collate), said(kind));
        let locale = row.get(8).map(said).unwrap_or_default();
        let rules = row.get(9).map(|rules| format!(" ICU_RULES {}", said(rules))).unwrap_or_default();
        like += &match row.get(7) {
            Some("i") => format!(" LOCALE_PROVIDER icu ICU_LOCALE {locale}{rules}"),
            Some("b") => format!(" LOCALE_PROVIDER builtin BUILTIN_LOCALE {locale}"),
            Some(_) => " LOCALE_PROVIDER libc".to_owned(),
            None => String::new(),
        };
    }
    // It is to take the place of that one.
    if let (Purpose::Restore, Some(space)) = (wanted.purpose, row.get(10)) {
        like += &format!(" TABLESPACE {}", ident::quoted(space));
    }
    Ok(Surroundings { number, superuser: row.flag(1), like })
}

/// Removes what killed ones left: ours by name and comment, and nobody's by its lock.
async fn sweep(hand: &mut Hand, live: &[String]) -> Vec<String> {
    let question = format!(
        "SELECT d.datname, coalesce(shobj_description(d.oid, 'pg_database'), ''), l.objid \
         FROM pg_database d LEFT JOIN LATERAL (SELECT array_agg(l.objid::text) AS objid FROM pg_locks l \
         WHERE l.locktype = 'advisory' AND l.classid::bigint = {} AND l.objsubid = 2) l ON true \
         WHERE d.datname LIKE 'rounds\\_%' AND pg_has_role(d.datdba, 'USAGE')",
        class().cast_unsigned()
    );
    let found = soon(hand.ask(&question)).await.unwrap_or_default();
    let mut removed = Vec::new();
    for row in found {
        let (name, comment) = (row.text(0), row.text(1));
        let lock = key(name).cast_unsigned().to_string();
        let held = row.text(2).trim_matches(['{', '}']).split(',').any(|one| one == lock);
        if !is_ours(name, comment) || held || live.iter().any(|live| live == name) {
            continue;
        }
        match remove(hand, name).await {
            Ok(()) => removed.push(name.to_owned()),
            Err(said) => tracing::warn!(scratch = name, why = said.text(), "a leftover could not be removed"),
        }
    }
    removed
}

/// Ends whoever is in a database, and removes it.
async fn remove(hand: &mut Hand, name: &str) -> Result<(), Said> {
    let until = Instant::now() + LEAVES;
    let away = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {} AND pid <> pg_backend_pid()",
        ident::literal(name)
    );
    loop {
        soon(hand.ask(&away)).await?;
        match soon(hand.ask(&format!("DROP DATABASE IF EXISTS {}", ident::quoted(name)))).await {
            Ok(_) => return Ok(()),
            Err(said) if said.is("3D000") => return Ok(()),
            Err(said) if said.is("55006") && Instant::now() < until => sleep(AGAIN).await,
            Err(said) => return Err(said),
        }
    }
}

/// An answer within the time a step may take.
pub(super) async fn soon<T>(asked: impl Future<Output = Result<T, Said>>) -> Result<T, Said> {
    timeout(STEP, asked).await.unwrap_or_else(|_elapsed| Err(Said::Lost("no answer in time".to_owned())))
}

fn class() -> i32 {
    number(CLASS)
}

fn key(name: &str) -> i32 {
    number(name)
}

fn number(text: &str) -> i32 {
    Sha256::digest(text).iter().take(4).fold(0_i32, |key, byte| (key << 8) | i32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_never_change_for_other_versions_must_know_what_is_held() {
        assert_eq!((class(), key("rounds_drill_x")), (244_911_220, 1_535_338_370));
    }
}

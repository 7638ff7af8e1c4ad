//! A lease on a database, for operators on different machines: a named lock of the server, which
//! ends with the session that took it.
//!
//! Its name is `rounds:` and the first sixteen hexadecimal digits of the SHA-256 of the database's
//! name in small letters, because a name may be longer than a lock's. A session has no name that
//! others could read: so a second one waits for a second lock of the first, and the statement it
//! waits in says who that is. It waits for nothing and costs nothing; it ends when the first does.

use sha2::{Digest, Sha256};

use super::hand::{Hand, Said};
use crate::database::mysql::connect::Dialer;
use crate::database::{DatabaseError, Grip, lease};
use crate::domain::humanize;

/// How long a lock is tried, in seconds: one that was just given back may take a moment to be free.
const TRIES: f64 = 1.0;
/// The longest name of a holder.
const LONGEST: usize = 120;
/// So many seconds, longer than any act.
const FOREVER: u32 = 10_000_000;

/// Takes the lease for `holder`, such as `vacuum by asha@db1`; or says who has it.
pub(in crate::database::mysql) async fn lease(dialer: &Dialer, holder: &str) -> Result<Grip, DatabaseError> {
    let mut hand = Hand::watching(dialer).await?;
    let name = name(&dialer.address().database);
    let took = hand.ask(&format!("SELECT GET_LOCK('{name}', {TRIES})")).await.map_err(Said::into_fault)?;
    if took.first().is_none_or(|row| row.text(0) != "1") {
        return Ok(Grip::Taken(who(&mut hand, &name).await));
    }
    // Whoever is turned away is told the connection at least, where this fails.
    if let Ok(sign) = Hand::holding(dialer).await {
        let second = hand.ask(&format!("SELECT GET_LOCK('{name}:sign', 0)")).await;
        if second.is_ok_and(|rows| rows.first().is_some_and(|row| row.text(0) == "1")) {
            tokio::spawn(show(sign, name.clone(), holder.to_owned()));
        }
    }
    Ok(Grip::Held(lease::keep(hand)))
}

impl lease::Holder for Hand {
    async fn alive(&mut self) -> Result<(), String> {
        self.ask("SELECT 1").await.map(|_| ()).map_err(|said| said.text().to_owned())
    }

    async fn close(self) {
        Hand::close(self).await;
    }
}

/// Says who holds the lease, in a statement that lasts as long as it does.
async fn show(mut sign: Hand, name: String, holder: String) {
    let statement = format!("SELECT GET_LOCK('{name}:sign', {FOREVER}) /* {} */", spoken(&holder));
    let _it_ended = sign.ask(&statement).await;
    sign.close().await;
}

/// What can stand in a comment.
fn spoken(holder: &str) -> String {
    let plain =
        |letter: &char| !matches!(letter, '*' | '/' | '!' | '\\' | '\'' | '"' | '`' | ';') && !letter.is_control();
    holder.chars().filter(plain).take(LONGEST).collect()
}

/// The session that has the lock, in words.
async fn who(hand: &mut Hand, name: &str) -> String {
    let question = format!(
        "SELECT l.id, p.user, p.host, s.info, s.time FROM (SELECT IS_USED_LOCK('{name}') AS id) l \
         LEFT JOIN information_schema.processlist p ON p.id = l.id \
         LEFT JOIN information_schema.processlist s ON s.info LIKE '%GET\\_LOCK(''{name}:sign'', {FOREVER})%' LIMIT 1"
    );
    let rows = hand.ask(&question).await.unwrap_or_default();
    let Some(row) = rows.first().filter(|row| row.get(0).is_some()) else {
        return "another session of rounds has its lease".to_owned();
    };
    let said = row.text(3).rsplit_once("/* ").and_then(|(_, said)| said.strip_suffix(" */"));
    let from = match (row.get(1), row.get(2)) {
        (Some(user), Some(host)) => format!("{user}@{host}, "),
        _ => String::new(),
    };
    let age = row.number(4).map(|age| format!(" for {}", humanize::seconds(age.max(0.0)))).unwrap_or_default();
    format!("{} ({from}connection {} on the server){age}", said.unwrap_or("another session of rounds"), row.text(0))
}

fn name(database: &str) -> String {
    // Where names of databases fold their case, two spellings are one database.
    let digest = Sha256::digest(database.to_lowercase());
    let first = digest.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    format!("rounds:{first:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_never_changes_for_other_versions_must_meet_at_it() {
        assert_eq!(name("abc"), "rounds:ba7816bf8f01cfea");
        assert_eq!(name("ABC"), name("abc"));
        assert!(name(&"x".repeat(64)).len() + ":sign".len() <= 64, "MySQL refuses longer ones");
    }

    #[test]
    fn no_holder_ends_the_comment_that_names_it() {
        assert_eq!(spoken("vacuum by asha@db1"), "vacuum by asha@db1");
        assert_eq!(spoken("*/ DROP TABLE staff; /*! x"), " DROP TABLE staff  x");
    }
}

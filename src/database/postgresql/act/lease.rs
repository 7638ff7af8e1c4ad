//! A lease on a database, for operators on different machines: an advisory lock of the server.
//!
//! The key is the first eight bytes of the SHA-256 of [`NAME`], as one signed number, and the
//! server keeps such locks apart by database; so everybody who acts on one database through
//! `rounds` meets at one lock, whatever they call it. The session that holds it says in its name
//! who that is. The lock ends with the session, and so with whoever held it.

use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};

use super::hand::{Hand, Said};
use crate::database::postgresql::connect::Dialer;
use crate::database::{DatabaseError, Grip, lease};
use crate::domain::humanize;

/// What the key is made of.
const NAME: &str = "rounds lease 1: database";
/// How long a lock is tried: one that was just given back may take a moment to be free.
const TRIES: Duration = Duration::from_millis(500);
const AGAIN: Duration = Duration::from_millis(50);
/// The longest name of a session that a server keeps.
const LONGEST: usize = 63;

/// Takes the lease for `holder`, such as `vacuum by asha@db1`; or says who has it.
pub(in crate::database::postgresql) async fn lease(dialer: &Dialer, holder: &str) -> Result<Grip, DatabaseError> {
    let mut hand = Hand::watching(dialer, &session_name(holder)).await?;
    // Since 14: a server that ends sessions that idle must not end this one.
    let _older = hand.ask("SET idle_session_timeout = 0").await;
    let key = key();
    let until = Instant::now() + TRIES;
    loop {
        let took = hand.ask(&format!("SELECT pg_try_advisory_lock({key})")).await.map_err(Said::into_fault)?;
        if took.first().is_some_and(|row| row.flag(0)) {
            break;
        }
        if Instant::now() >= until {
            return Ok(Grip::Taken(who(&mut hand, key).await));
        }
        sleep(AGAIN).await;
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

/// The session that has the lock, in words.
async fn who(hand: &mut Hand, key: i64) -> String {
    let (high, low) = ((key >> 32) as u32, key as u32);
    let question = format!(
        "SELECT a.pid, a.application_name, a.usename, host(a.client_addr), \
         extract(epoch FROM clock_timestamp() - a.backend_start)::float8 \
         FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.classid = {high} AND l.objid = {low} AND l.objsubid = 1 \
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) LIMIT 1"
    );
    let rows = hand.ask(&question).await.unwrap_or_default();
    let Some(row) = rows.first() else { return "another session of rounds has its lease".to_owned() };
    let name = row.text(1).strip_prefix("rounds: ").unwrap_or("another session").to_owned();
    let from = row.get(3).map(|address| format!(" from {address}")).unwrap_or_default();
    let age = row.number(4).map(|age| format!(" for {}", humanize::seconds(age.max(0.0)))).unwrap_or_default();
    format!("{name} (role {}{from}, pid {} on the server){age}", row.text(2), row.text(0))
}

/// What the session is called.
fn session_name(holder: &str) -> String {
    let mut name = format!("rounds: {holder}");
    let mut end = name.len().min(LONGEST);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    name
}

fn key() -> i64 {
    let digest = Sha256::digest(NAME);
    digest.iter().take(8).fold(0_i64, |key, byte| (key << 8) | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_never_changes_for_other_versions_must_meet_at_it() {
        assert_eq!(key(), i64::from_be_bytes([0x9c, 0xa8, 0x70, 0x40, 0xdb, 0x6c, 0x54, 0x27]));
    }

    #[test]
    fn a_long_name_is_cut_between_two_letters() {
        assert_eq!(session_name("vacuum by asha@db1"), "rounds: vacuum by asha@db1");
        let long = session_name(&"ä".repeat(40));
        assert!(long.len() <= LONGEST && long.starts_with("rounds: ää"), "{long}");
    }
}

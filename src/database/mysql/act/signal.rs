//! Cancelling what a session runs, and ending a session: the very one that was looked at, and
//! proven by its being gone.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::hand::{Hand, Said};
use crate::database::mysql::activity::{self, same};
use crate::database::mysql::connect::Dialer;
use crate::database::mysql::server::Flavour;
use crate::database::row::Row;
use crate::database::{DatabaseError, Upkeep};
use crate::domain::humanize;
use crate::domain::session::SessionKey;
use crate::domain::upkeep::Verb;

/// How long a session may take to heed; a rollback goes on after it.
const HEEDS: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(100);

/// Sends the signal, and waits for its effect.
pub(super) async fn send(
    dialer: &Dialer,
    verb: Verb,
    session: &SessionKey,
    sql: &str,
    cancel: &CancellationToken,
) -> Result<Upkeep, DatabaseError> {
    let mut hand = Hand::watching(dialer).await?;
    let (before, started, pid) = (look(&mut hand, session).await?, Instant::now(), session.pid);
    let Some(before) = before else {
        return Err(DatabaseError::Refused(format!("pid {pid} is gone, or another session by now")));
    };
    match hand.ask(sql).await {
        Ok(_) => {}
        Err(Said::No { number: UNKNOWN, .. }) => {
            return Err(DatabaseError::Refused(format!("pid {pid} was gone before it could be told")));
        }
        Err(said) => {
            let denied = said.is_denied();
            let fault = said.into_fault();
            return Err(if denied { fault.with(RIGHT) } else { fault });
        }
    }
    loop {
        let took = humanize::duration(started.elapsed());
        match look(&mut hand, session).await? {
            None => return Ok(Upkeep { ok: true, detail: format!("pid {pid} is gone after {took}") }),
            Some(now) if verb == Verb::Cancel && statement(&now) != statement(&before) => {
                let is = if now.text(4) == "Sleep" { "is idle" } else { "runs another one" };
                let detail = format!("pid {pid} has ended its statement after {took}, and {is}");
                return Ok(Upkeep { ok: true, detail });
            }
            Some(now) if started.elapsed() >= HEEDS => {
                let detail = match now.text(4) {
                    "Killed" => format!("pid {pid} was told, and still rolls back after {took}"),
                    _ => format!("pid {pid} was told, and goes on after {took}"),
                };
                return Ok(Upkeep { ok: false, detail });
            }
            Some(_) => {}
        }
        tokio::select! {
            () = sleep(AGAIN) => {}
            // What was sent cannot be called back: only the waiting ends.
            () = cancel.cancelled() => {
                return Err(DatabaseError::Refused(format!("pid {pid} was told; nobody waited for its end")));
            }
        }
    }
}

/// There is no connection of that number.
const UNKNOWN: u16 = 1094;
const RIGHT: &str = "; GRANT CONNECTION ADMIN (MySQL: CONNECTION_ADMIN) ON *.* lets our user do it";

/// What tells one statement of a session from the next: asleep, or which one it is.
fn statement(row: &Row) -> (bool, &str, &str) {
    (row.text(4) == "Sleep", row.text(5), row.text(6))
}

/// What the session is at: number, user, host, database, command, statement and its number.
/// `None` when it is gone, or another one has its number.
pub(super) async fn look(hand: &mut Hand, session: &SessionKey) -> Result<Option<Row>, DatabaseError> {
    let boot = activity::boot(&hand.ask(activity::started(hand.flavour)).await.map_err(Said::into_fault)?);
    let number = match hand.flavour {
        Flavour::MariaDb => "query_id",
        Flavour::MySql => "NULL",
    };
    let question = format!(
        "SELECT id, user, host, db, command, info, {number} FROM information_schema.processlist \
         WHERE id = {} AND id <> CONNECTION_ID()",
        session.pid
    );
    let rows = hand.ask(&question).await.map_err(Said::into_fault)?;
    Ok(rows.into_iter().find(|row| same(&session.started, &activity::identity(boot, row))))
}

//! Cancelling what a session runs, and ending a session: the very one that was looked at, and
//! proven by its being gone.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::hand::Hand;
use crate::database::postgresql::connect::Dialer;
use crate::database::row::Row;
use crate::database::{DatabaseError, Upkeep};
use crate::domain::session::SessionKey;
use crate::domain::upkeep::Verb;
use crate::domain::{humanize, ident};

/// How long a session may take to heed.
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
    let mut hand = Hand::watching(dialer, "rounds").await?;
    let (before, started) = (look(&mut hand, session).await?, Instant::now());
    let Some(before) = before else {
        return Err(DatabaseError::Refused(format!("pid {} is gone, or another session by now", session.pid)));
    };
    let sent = hand.ask(sql).await.map_err(|said| {
        let denied = said.is("42501");
        let fault = said.into_fault();
        if denied { fault.with("; GRANT pg_signal_backend lets our role do it") } else { fault }
    })?;
    if !sent.first().is_some_and(|row| row.flag(0)) {
        return Err(DatabaseError::Refused(format!("pid {} was gone before it could be told", session.pid)));
    }
    loop {
        let took = humanize::duration(started.elapsed());
        match look(&mut hand, session).await? {
            None => return Ok(Upkeep { ok: true, detail: format!("pid {} is gone after {took}", session.pid) }),
            Some(now) if verb == Verb::Cancel && now != before => {
                let state = now.get(1).unwrap_or("in another state");
                let detail = format!("pid {} has ended its statement after {took}, and is {state}", session.pid);
                return Ok(Upkeep { ok: true, detail });
            }
            Some(_) if started.elapsed() >= HEEDS => {
                let detail = format!("pid {} was told, and goes on after {took}", session.pid);
                return Ok(Upkeep { ok: false, detail });
            }
            Some(_) => {}
        }
        tokio::select! {
            () = sleep(AGAIN) => {}
            // What was sent cannot be called back: only the waiting ends.
            () = cancel.cancelled() => {
                return Err(DatabaseError::Refused(format!("pid {} was told; nobody waited for its end", session.pid)));
            }
        }
    }
}

/// Which statement the session is at; `None` when it is gone.
pub(super) async fn look(hand: &mut Hand, session: &SessionKey) -> Result<Option<Row>, DatabaseError> {
    let question = format!(
        "SELECT query_start::text, state, pid = pg_backend_pid() FROM pg_stat_activity \
         WHERE pid = {} AND backend_start = {}::timestamptz",
        session.pid,
        ident::literal(&session.started)
    );
    let rows = hand.ask(&question).await.map_err(super::hand::Said::into_fault)?;
    Ok(rows.into_iter().next())
}

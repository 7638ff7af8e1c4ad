//! Acts on a PostgreSQL database: over connections of their own, told while they run, stopped on
//! the server when nobody wants them any more, and proven by what is true afterwards.

mod hand;
mod hindrance;
mod lease;
mod operations;
mod progress;
mod proof;
pub mod scratch;
mod signal;
pub mod swap;

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use self::hand::{Hand, LOCK, LOCK_REINDEX, Said};
use self::proof::State;
use super::connect::Dialer;
use crate::database::{Assignment, DatabaseError, Upkeep};
use crate::domain::engine::POSTGRESQL;
use crate::domain::humanize;
use crate::domain::upkeep::{Aim, Maintenance, Scope, Verb};

pub(super) use hindrance::hindrances;
pub(super) use lease::lease;
pub(super) use operations::{begun, ended, under_way};
#[cfg(test)]
pub(super) use progress::question as progress_question;

/// How often it is looked how far the work is.
const LOOK: Duration = Duration::from_millis(500);
/// How long a statement that was cancelled may take to end before its session is ended.
const STOPS: Duration = Duration::from_secs(4);
/// So many looks without its session, and so long without an answer, are the end of it for us.
const GONE: u32 = 6;
const SILENCE: Duration = Duration::from_mins(2);
/// How long statistics may take to tell what was done: before 15 a process of its own wrote them.
const SETTLES: Duration = Duration::from_secs(5);

/// Does one piece of upkeep.
pub(super) async fn maintain(dialer: &Dialer, job: Assignment) -> Result<Upkeep, DatabaseError> {
    let way = POSTGRESQL.way(job.work.verb).filter(|way| way.suits(&job.work.scope));
    let Some(way) = way else {
        return Err(DatabaseError::Refused(format!("postgresql has no {}", job.work)));
    };
    let sql = (way.sql)(&Aim { database: &dialer.address().database, scope: &job.work.scope }).join("; ");
    match &job.work.scope {
        Scope::Session(session) => {
            let (session, cancel) = (session.clone(), job.cancel.clone());
            let verb = job.work.verb;
            drop(job);
            signal::send(dialer, verb, &session, &sql, &cancel).await
        }
        Scope::Whole | Scope::Table(_) => upkeep(dialer, job, &sql, way.limit).await,
    }
}

async fn upkeep(dialer: &Dialer, mut job: Assignment, sql: &str, limit: Duration) -> Result<Upkeep, DatabaseError> {
    let mut eye = Hand::watching(dialer, "rounds").await?;
    let lock = if job.work.verb == Verb::Reindex { LOCK_REINDEX } else { LOCK };
    let hand = Hand::working(dialer, limit, lock).await?;
    let (since, number) = moment(&mut eye).await.map_err(Said::into_fault)?;
    let before = State::read(&mut eye, &job.work.scope, &since).await.map_err(Said::into_fault)?;
    if let (Scope::Table(table), []) = (&job.work.scope, before.tables.as_slice()) {
        return Err(proof::no_table(&mut eye, table).await);
    }
    let started = Instant::now();
    let run = Run { dialer, eye, number };
    let (said, mut eye) = run.follow(hand, sql, &mut job).await;
    let took = humanize::duration(started.elapsed());
    let work = &job.work;
    match said {
        Ok(()) => judge(&mut eye, work, &before, &since, &took).await,
        Err(said) => Err(explain(&mut eye, work, &before, said, &took, job.cancel.is_cancelled()).await),
    }
}

/// The server's own clock, and its version: `150018`.
async fn moment(eye: &mut Hand) -> Result<(String, u64), Said> {
    let rows = eye.ask("SELECT clock_timestamp()::text, current_setting('server_version_num')").await?;
    let row = rows.first();
    let since = row.map(|row| row.text(0).to_owned()).unwrap_or_default();
    Ok((since, row.and_then(|row| row.whole(1)).unwrap_or_default()))
}

/// A statement that runs, and what looks on beside it.
struct Run<'a> {
    dialer: &'a Dialer,
    eye: Hand,
    number: u64,
}

impl Run<'_> {
    /// Runs it to its end, which comes soon when it is not wanted any more. A connection to look
    /// through comes back, too.
    async fn follow(mut self, mut hand: Hand, sql: &str, job: &mut Assignment) -> (Result<(), Said>, Hand) {
        let pid = hand.pid;
        let cancel = job.cancel.clone();
        let question = progress::question(job.work.verb, self.number, pid);
        let mut told = progress::Told::default();
        let (mut heard, mut missed) = (Instant::now(), 0);
        let said = {
            let mut statement = std::pin::pin!(hand.ask(sql));
            loop {
                tokio::select! {
                    biased;
                    said = &mut statement => break said,
                    () = cancel.cancelled() => {
                        self.signal("pg_cancel_backend", pid).await;
                        if let Ok(said) = timeout(STOPS, &mut statement).await {
                            break said;
                        }
                        self.signal("pg_terminate_backend", pid).await;
                        match timeout(STOPS, &mut statement).await {
                            Ok(said) => break said,
                            Err(_elapsed) => break Err(Said::Lost(format!("pid {pid} on the server does not stop"))),
                        }
                    }
                    () = sleep(LOOK) => {
                        if let Ok(Ok(rows)) = timeout(LOOK * 4, self.eye.ask(&question)).await {
                            told.tell(&rows, &mut job.tell);
                            heard = Instant::now();
                            missed = if rows.is_empty() { missed + 1 } else { 0 };
                        } else {
                            self.look_anew().await;
                        }
                        // What became of it then is not known, and nobody would ever tell.
                        if missed >= GONE {
                            break Err(Said::Lost(format!("pid {pid} is gone from the server without an answer")));
                        }
                        if heard.elapsed() >= SILENCE {
                            break Err(Said::Lost("the server is silent; whether it goes on is not known".to_owned()));
                        }
                    }
                }
            }
        };
        hand.close().await;
        (said.map(|_rows| ()), self.eye)
    }

    /// Signals our own backend, over a new connection where the old one is gone.
    async fn signal(&mut self, function: &str, pid: u64) {
        let statement = format!("SELECT {function}({pid})");
        if timeout(LOOK * 4, self.eye.ask(&statement)).await.is_ok_and(|said| said.is_ok()) {
            return;
        }
        self.look_anew().await;
        let _then_its_own_limit_ends_it = timeout(LOOK * 4, self.eye.ask(&statement)).await;
    }

    async fn look_anew(&mut self) {
        if let Ok(Ok(eye)) = timeout(LOOK * 4, Hand::watching(self.dialer, "rounds")).await {
            self.eye = eye;
        }
    }
}

/// Whether it had its effect, told in figures.
async fn judge(
    eye: &mut Hand,
    work: &Maintenance,
    before: &State,
    since: &str,
    took: &str,
) -> Result<Upkeep, DatabaseError> {
    let until = Instant::now() + SETTLES;
    let (after, left) = loop {
        let after = State::read(eye, &work.scope, since).await.map_err(Said::into_fault)?;
        let left = after.untouched(before, work.verb);
        if left.is_empty() || Instant::now() >= until {
            break (after, left);
        }
        sleep(LOOK / 2).await;
    };
    let reindex = work.verb == Verb::Reindex;
    let (all, noun) = if reindex { (before.indexes.len(), "index") } else { (before.tables.len(), "table") };
    let figures = after.compared(before, work.verb);
    if let Some(first) = left.first() {
        let (of, number) = (humanize::count(all, noun), left.len());
        let why = if reindex {
            "not rebuilt: one that is not valid is passed by, `REINDEX INDEX CONCURRENTLY` mends it"
        } else {
            "passed by: locked by somebody, or of an owner that our role is not"
        };
        let detail = format!("{number} of {of} {why}; the first: {first}{figures}; took {took}");
        return Ok(Upkeep { ok: false, detail });
    }
    let vacuums = matches!(work.verb, Verb::Vacuum | Verb::VacuumAnalyze);
    if vacuums && before.dead() > 0.0 && after.dead() >= before.dead() {
        let holder = hindrance::horizon(eye).await.unwrap_or_else(|| "some transaction".to_owned());
        let detail = format!("no dead row could be removed, because {holder} may still see them{figures}; took {took}");
        return Ok(Upkeep { ok: false, detail });
    }
    let what = humanize::count(all, noun);
    let done = if reindex { "built anew, and valid" } else { work.verb.done() };
    Ok(Upkeep { ok: true, detail: format!("{what} {done} in {took}{figures}") })
}

/// Why it did not succeed, with who was in the way, and what it left behind.
async fn explain(
    eye: &mut Hand,
    work: &Maintenance,
    before: &State,
    said: Said,
    took: &str,
    cancelled: bool,
) -> DatabaseError {
    let left = match State::read(eye, &work.scope, "infinity").await {
        Ok(now) => now.half_built(before),
        Err(_unknown) => Vec::new(),
    };
    let left = match left.first() {
        Some(first) => format!("; it left the index {first}, which is not valid: DROP INDEX CONCURRENTLY removes it"),
        None => String::new(),
    };
    if cancelled {
        return match said {
            Said::No { .. } => {
                DatabaseError::Refused(format!("cancelled after {took}, and the server has stopped{left}"))
            }
            Said::Lost(text) => DatabaseError::Unreachable(format!("cancelled after {took}, and {text}{left}")),
        };
    }
    if said.is("55P03") {
        let holder = hindrance::holder(eye, &work.scope).await;
        let holder = holder.unwrap_or_else(|| "somebody".to_owned());
        return DatabaseError::Refused(format!("nothing was done: {holder} holds a lock on it; waited {took}{left}"));
    }
    if said.is("57014") {
        return DatabaseError::Refused(format!("stopped on the server after {took}: {}{left}", said.text()));
    }
    let fault = said.into_fault();
    if left.is_empty() { fault } else { fault.with(&left) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_act_has_ended_before_the_executor_gives_it_up() {
        // The executor waits ten seconds for work that was told to stop.
        assert!(STOPS * 2 + LOOK * 2 < Duration::from_secs(10));
    }
}

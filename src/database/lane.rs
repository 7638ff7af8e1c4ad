//! A lane: the one connection through which some checks of one database go, and the manners of
//! whoever uses it.
//!
//! There is never a second connection beside the first, nor a second question beside one that
//! has not come back. A question that outlives its deadline costs the connection, and the lane
//! then rests for a while that grows with every failure, so that a server in trouble has one
//! worry less. A check that turns out to be costly is asked less often.

mod economy;
mod kept;
mod rest;
mod turns;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

pub use self::economy::Economy;
use self::kept::Kept;
use self::rest::Rest;
use crate::database::check::{Check, Past, Question};
use crate::database::row::Row;
use crate::database::{BoxFuture, DatabaseError};
use crate::domain::humanize;
use crate::domain::vitals::Measured;

/// From this age on a figure that is kept says how old it is.
const OLD: Duration = Duration::from_secs(5);

/// Why a question brought no rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskError {
    /// The server refuses it: a right is missing, a lock is held, it took too long. The
    /// connection is well, and other questions may be asked. The text says why.
    Refused { why: String, grant: Option<String> },
    /// The connection is gone.
    Lost(String),
}

/// An open connection to a server that is known by `Server`.
pub trait Wire: Send + Sized + 'static {
    type Server: Send + Sync + 'static;

    /// Asks who the server is, anew at every reading: it may have been promoted, or upgraded.
    fn greet(&mut self) -> BoxFuture<'_, Result<Self::Server, AskError>>;

    fn ask<'a>(&'a mut self, question: &'a str) -> BoxFuture<'a, Result<Vec<Row>, AskError>>;
}

/// Opens the connection of a lane.
pub trait Dial: Send + Sync {
    type Wire: Wire;

    fn dial(&self) -> BoxFuture<'_, Result<Self::Wire, DatabaseError>>;
}

/// What one reading through a lane brought.
#[derive(Debug)]
pub struct Heard<S> {
    pub server: S,
    pub measured: Measured,
    /// How long its questions took together.
    pub took: Duration,
}

/// What one question out of turn brought.
#[derive(Debug)]
pub struct Answer<S> {
    pub server: S,
    /// The rows, or why there are none: nothing to ask here, a missing right, a lock.
    pub rows: Result<Vec<Row>, Question>,
    pub took: Duration,
}

#[derive(Debug)]
pub struct Lane<W> {
    state: Mutex<State<W>>,
    /// Somebody asks out of turn; a reading that comes meanwhile waits for it.
    by_hand: AtomicBool,
    /// Spreads the rests of several databases on one server; between 0 and 1.
    spread: f64,
    economy: Economy,
}

#[derive(Debug)]
struct State<W> {
    open: Option<W>,
    rest: Option<Rest>,
    kept: BTreeMap<&'static str, Kept>,
    /// When the latest reading began.
    read: Option<Instant>,
}

impl<W: Wire> Lane<W> {
    pub fn new(spread: f64) -> Self {
        Self::with(spread, Economy::default())
    }

    pub fn with(spread: f64, economy: Economy) -> Self {
        let state = State { open: None, rest: None, kept: BTreeMap::new(), read: None };
        let by_hand = AtomicBool::new(false);
        Self { state: Mutex::new(state), by_hand, spread: spread.clamp(0.0, 1.0), economy }
    }

    /// Asks whatever is due, and answers by `deadline`.
    pub async fn read(
        &self,
        dial: &dyn Dial<Wire = W>,
        checks: &[&Check<W::Server>],
        deadline: Duration,
    ) -> Result<Heard<W::Server>, DatabaseError> {
        let until = Instant::now() + deadline;
        let busy = || DatabaseError::Unreachable("an earlier reading has not come back".to_owned());
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(_taken) if self.by_hand.load(Ordering::Relaxed) => {
                timeout_at(until, self.state.lock()).await.map_err(|_elapsed| busy())?
            }
            Err(_taken) => return Err(busy()),
        };
        state.rested()?;
        let patience = self.economy.patience(state.read.replace(Instant::now()));
        let heard = state.round(dial, checks, until, deadline, patience).await;
        state.settle(heard, self.spread)
    }

    /// Asks one question out of turn, for somebody who looks by hand: after the reading that is
    /// under way, and not while the lane rests.
    pub async fn ask(
        &self,
        dial: &dyn Dial<Wire = W>,
        choose: &(dyn Fn(&W::Server) -> Question + Sync),
        deadline: Duration,
    ) -> Result<Answer<W::Server>, DatabaseError> {
        let until = Instant::now() + deadline;
        let busy = |_elapsed| DatabaseError::Unreachable("an earlier reading has not come back".to_owned());
        let _asking = Asking::begin(&self.by_hand);
        let mut state = timeout_at(until, self.state.lock()).await.map_err(busy)?;
        state.rested()?;
        let heard = state.once(dial, choose, until, deadline).await;
        state.settle(heard, self.spread)
    }

    /// What a check has kept of its earlier answers, the latest first; nothing while a reading is
    /// under way.
    pub fn past(&self, check: &str) -> Vec<Past> {
        let Ok(state) = self.state.try_lock() else { return Vec::new() };
        state.kept.get(check).map(|kept| kept.earlier(Instant::now())).unwrap_or_default()
    }
}

/// Holds the flag of a question out of turn for as long as it lasts.
struct Asking<'a>(&'a AtomicBool);

impl<'a> Asking<'a> {
    fn begin(flag: &'a AtomicBool) -> Self {
        flag.store(true, Ordering::Relaxed);
        Self(flag)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl<W: Wire> State<W> {
    async fn round(
        &mut self,
        dial: &dyn Dial<Wire = W>,
        checks: &[&Check<W::Server>],
        until: Instant,
        deadline: Duration,
        patience: u32,
    ) -> Result<Heard<W::Server>, DatabaseError> {
        let Greeted { mut wire, server, since: started } = self.greeted(dial, until, deadline).await?;
        let mut all = Measured::default();
        for check in checks {
            let kept = self.kept.entry(check.name()).or_default();
            let (question, in_turns) = match (check.ask)(&server) {
                Question::Ask(question) => (Cow::Borrowed(question), false),
                Question::InTurns(question) => (Cow::Borrowed(question), true),
                Question::Made(question) => (Cow::Owned(question), false),
                Question::NotHere => {
                    *kept = Kept::default();
                    continue;
                }
                Question::Hidden { why, grant } => {
                    check.gauges.iter().for_each(|gauge| all.hide(gauge, why.clone(), grant.clone()));
                    continue;
                }
            };
            if kept.question != question {
                *kept = Kept { question, ..Kept::default() };
            }
            let asked = Instant::now();
            if kept.is_due(asked, patience) {
                match timeout_at(until, turns::ask(&mut wire, &kept.question, in_turns)).await {
                    Ok(Ok(rows)) => kept.take(check, &server, rows, asked),
                    Ok(Err(AskError::Refused { why, grant })) => {
                        // A refusal may have cost as much as an answer, and waits as long.
                        let (cost, past) = (asked.elapsed(), std::mem::take(&mut kept.past));
                        let question = std::mem::take(&mut kept.question);
                        *kept = Kept { question, asked: Some(asked), cost, past, ..Kept::default() };
                        check.gauges.iter().for_each(|gauge| kept.measured.hide(gauge, why.clone(), grant.clone()));
                    }
                    Ok(Err(lost @ AskError::Lost(_))) => return Err(lost.into_fault()),
                    Err(_elapsed) => return Err(late(&format!("`{}`", check.name()), deadline)),
                }
            }
            let mut measured = kept.measured.clone();
            // What is kept from an earlier reading says how old it is, and why.
            if let Some(ago) = kept.asked.map(|at| asked - at).filter(|ago| *ago >= OLD) {
                measured.seen(check.name(), ago, kept.cost);
            }
            all.join(measured);
        }
        self.open = Some(wire);
        Ok(Heard { server, measured: all, took: started.elapsed() })
    }

    async fn once(
        &mut self,
        dial: &dyn Dial<Wire = W>,
        choose: &(dyn Fn(&W::Server) -> Question + Sync),
        until: Instant,
        deadline: Duration,
    ) -> Result<Answer<W::Server>, DatabaseError> {
        let Greeted { mut wire, server, since } = self.greeted(dial, until, deadline).await?;
        let (question, in_turns) = match choose(&server) {
            Question::Ask(question) => (Cow::Borrowed(question), false),
            Question::InTurns(question) => (Cow::Borrowed(question), true),
            Question::Made(question) => (Cow::Owned(question), false),
            none => {
                self.open = Some(wire);
                return Ok(Answer { server, rows: Err(none), took: since.elapsed() });
            }
        };
        let rows = match timeout_at(until, turns::ask(&mut wire, &question, in_turns)).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(AskError::Refused { why, grant })) => Err(Question::Hidden { why, grant }),
            Ok(Err(lost @ AskError::Lost(_))) => return Err(lost.into_fault()),
            Err(_elapsed) => return Err(late("it", deadline)),
        };
        self.open = Some(wire);
        Ok(Answer { server, rows, took: since.elapsed() })
    }

    /// An open connection whose server has said who it is. Taken out of its place, so that a
    /// reading that is dropped half way drops its connection too.
    async fn greeted(
        &mut self,
        dial: &dyn Dial<Wire = W>,
        until: Instant,
        deadline: Duration,
    ) -> Result<Greeted<W>, DatabaseError> {
        let first = "the first question";
        if let Some(mut wire) = self.open.take() {
            let since = Instant::now();
            match timeout_at(until, wire.greet()).await.map_err(|_elapsed| late(first, deadline))? {
                Ok(server) => return Ok(Greeted { wire, server, since }),
                Err(refused @ AskError::Refused { .. }) => return Err(refused.into_fault()),
                // It died while nobody used it, as after a restart: that says nothing of now.
                Err(AskError::Lost(_)) => {}
            }
        }
        let mut wire = timeout_at(until, dial.dial()).await.map_err(|_elapsed| late("the connection", deadline))??;
        let since = Instant::now();
        let server = timeout_at(until, wire.greet()).await.map_err(|_elapsed| late(first, deadline))?;
        let server = server.map_err(AskError::into_fault)?;
        Ok(Greeted { wire, server, since })
    }

    /// Why nothing is asked now, while the lane rests.
    fn rested(&self) -> Result<(), DatabaseError> {
        self.rest.as_ref().and_then(Rest::why).map_or(Ok(()), Err)
    }

    /// Begins a rest after a failure, and ends them after a success.
    fn settle<T>(&mut self, heard: Result<T, DatabaseError>, spread: f64) -> Result<T, DatabaseError> {
        match &heard {
            Ok(_) => self.rest = None,
            Err(error) => {
                self.open = None;
                self.rest = Some(Rest::after(self.rest.as_ref(), error, spread));
            }
        }
        heard
    }
}

/// A connection whose server has said who it is.
struct Greeted<W: Wire> {
    wire: W,
    server: W::Server,
    since: Instant,
}

fn late(what: &str, deadline: Duration) -> DatabaseError {
    DatabaseError::Unreachable(format!("no answer to {what} within {}", humanize::duration(deadline)))
}

impl AskError {
    pub(super) fn into_fault(self) -> DatabaseError {
        match self {
            AskError::Refused { why, .. } | AskError::Lost(why) => DatabaseError::Unreachable(why),
        }
    }
}

#[cfg(test)]
mod tests;

//! A lane: the one connection through which some checks of one database go, and the manners of
//! whoever uses it.
//!
//! There is never a second connection beside the first, nor a second question beside one that
//! has not come back. A question that outlives its deadline costs the connection, and the lane
//! then rests for a while that grows with every failure, so that a server in trouble has one
//! worry less. A check that turns out to be costly is asked less often.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::database::check::{Check, Look, Past, Question};
use crate::database::row::Row;
use crate::database::{BoxFuture, DatabaseError};
use crate::domain::humanize;
use crate::domain::vitals::Measured;

/// The first rest after a failure, and the longest.
const FIRST_REST: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_mins(1);
/// A check may take one part in so many of a server's time, and is never older than this.
const PATIENCE: u32 = 200;
const OLDEST: Duration = Duration::from_mins(5);
/// How far back a check can look, and how often something is kept for that.
const WINDOW: Duration = Duration::from_hours(1);
const STEP: Duration = Duration::from_secs(15);

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

    fn ask(&mut self, question: &'static str) -> BoxFuture<'_, Result<Vec<Row>, AskError>>;
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

#[derive(Debug)]
pub struct Lane<W> {
    state: Mutex<State<W>>,
    /// Spreads the rests of several databases on one server; between 0 and 1.
    spread: f64,
}

#[derive(Debug)]
struct State<W> {
    open: Option<W>,
    rest: Option<Rest>,
    kept: BTreeMap<&'static str, Kept>,
}

/// The time after a failure in which nothing is asked.
#[derive(Clone, Debug)]
struct Rest {
    until: Instant,
    length: Duration,
    error: DatabaseError,
}

/// What is remembered of one check.
#[derive(Clone, Debug, Default)]
struct Kept {
    /// What was asked. Another question, as after a promotion, begins anew.
    question: &'static str,
    asked: Option<Instant>,
    cost: Duration,
    measured: Measured,
    /// Oldest first.
    past: VecDeque<(Instant, Vec<Row>)>,
}

impl<W: Wire> Lane<W> {
    pub fn new(spread: f64) -> Self {
        let state = State { open: None, rest: None, kept: BTreeMap::new() };
        Self { state: Mutex::new(state), spread: spread.clamp(0.0, 1.0) }
    }

    /// Asks whatever is due, and answers by `deadline`.
    pub async fn read(
        &self,
        dial: &dyn Dial<Wire = W>,
        checks: &[&Check<W::Server>],
        deadline: Duration,
    ) -> Result<Heard<W::Server>, DatabaseError> {
        let Ok(mut state) = self.state.try_lock() else {
            return Err(DatabaseError::Unreachable("an earlier reading has not come back".to_owned()));
        };
        if let Some(rest) = state.rest.as_ref().filter(|rest| rest.until > Instant::now()) {
            let left = rest.until - Instant::now();
            return Err(rest.error.clone().with(&format!("; asked again in {}", humanize::duration(left))));
        }
        let until = Instant::now() + deadline;
        match state.round(dial, checks, until, deadline).await {
            Ok(heard) => {
                state.rest = None;
                Ok(heard)
            }
            Err(error) => {
                state.open = None;
                let last = state.rest.as_ref().map(|rest| rest.length);
                let length = last.map_or(FIRST_REST, |last| (last * 2).min(LONGEST_REST));
                let until = Instant::now() + length.mul_f64(1.0 + self.spread / 5.0);
                state.rest = Some(Rest { until, length, error: error.clone() });
                Err(error)
            }
        }
    }
}

impl<W: Wire> State<W> {
    async fn round(
        &mut self,
        dial: &dyn Dial<Wire = W>,
        checks: &[&Check<W::Server>],
        until: Instant,
        deadline: Duration,
    ) -> Result<Heard<W::Server>, DatabaseError> {
        let late = |what: &str| {
            DatabaseError::Unreachable(format!("no answer to {what} within {}", humanize::duration(deadline)))
        };
        // Taken out, so that a reading that is dropped half way drops its connection too.
        let mut wire = match self.open.take() {
            Some(wire) => wire,
            None => timeout_at(until, dial.dial()).await.map_err(|_elapsed| late("the connection"))??,
        };
        let started = Instant::now();
        let server = timeout_at(until, wire.greet()).await.map_err(|_elapsed| late("the first question"))?;
        let server = server.map_err(AskError::into_fault)?;
        let mut all = Measured::default();
        for check in checks {
            let kept = self.kept.entry(check.name()).or_default();
            let question = match (check.ask)(&server) {
                Question::Ask(question) => question,
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
            if kept.is_due(Instant::now()) {
                let asked = Instant::now();
                match timeout_at(until, wire.ask(question)).await {
                    Ok(Ok(rows)) => kept.take(check, &server, rows, asked),
                    Ok(Err(AskError::Refused { why, grant })) => {
                        // A refusal may have cost as much as an answer, and waits as long.
                        let (cost, past) = (asked.elapsed(), std::mem::take(&mut kept.past));
                        *kept = Kept { question, asked: Some(asked), cost, past, ..Kept::default() };
                        check.gauges.iter().for_each(|gauge| kept.measured.hide(gauge, why.clone(), grant.clone()));
                    }
                    Ok(Err(lost @ AskError::Lost(_))) => return Err(lost.into_fault()),
                    Err(_elapsed) => return Err(late(&format!("`{}`", check.name()))),
                }
            }
            all.join(kept.measured.clone());
        }
        self.open = Some(wire);
        Ok(Heard { server, measured: all, took: started.elapsed() })
    }
}

impl Kept {
    /// A check that took long waits long.
    fn is_due(&self, now: Instant) -> bool {
        self.asked.is_none_or(|asked| now >= asked + (self.cost * PATIENCE).min(OLDEST))
    }

    fn take<S>(&mut self, check: &Check<S>, server: &S, rows: Vec<Row>, asked: Instant) {
        let now = Instant::now();
        self.asked = Some(asked);
        self.cost = now - asked;
        while self.past.front().is_some_and(|(at, _)| now - *at > WINDOW) {
            self.past.pop_front();
        }
        let past: Vec<Past> =
            self.past.iter().rev().map(|(at, rows)| Past { ago: now - *at, rows: rows.clone() }).collect();
        self.measured = (check.read)(&Look { server, rows: &rows, past: &past });
        if check.remembers && self.past.back().is_none_or(|(at, _)| now - *at >= STEP) {
            self.past.push_back((now, rows));
        }
    }
}

impl AskError {
    fn into_fault(self) -> DatabaseError {
        match self {
            AskError::Refused { why, .. } | AskError::Lost(why) => DatabaseError::Unreachable(why),
        }
    }
}

#[cfg(test)]
mod tests;

//! A check: one question to a server, and what its answer means. An engine lists its own in a
//! table; the questions differ, the shape and the discipline are the same.

use std::time::Duration;

use crate::database::row::Row;
use crate::domain::vitals::Measured;

/// A check of an engine whose servers are known by `S`.
#[derive(Debug)]
pub struct Check<S: 'static> {
    /// The gauges it measures; the first is its name. They are unknown when it cannot be read.
    pub gauges: &'static [&'static str],
    pub lane: LaneKind,
    /// Whether what it reads are differences to earlier answers, which are kept for it.
    pub remembers: bool,
    /// What to ask this server.
    pub ask: fn(&S) -> Question,
    /// What the answer means. Pure: it sees rows and nothing else.
    pub read: fn(&Look<'_, S>) -> Measured,
}

/// Which connection a check goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneKind {
    /// What never waits for anybody's lock.
    Fast,
    /// What may: a size wants to see the files of tables that somebody holds.
    Slow,
}

/// What stands in a question that is asked in turns for how far the last turn came.
pub const AFTER: &str = "$AFTER";

/// What a check asks of one server. The text of a question is always ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    Ask(&'static str),
    /// One of as many turns as it takes: [`AFTER`] in it is nought at first, and then the number
    /// in the first column of the last row. Its answer is the rows of all turns.
    InTurns(&'static str),
    /// One that names what only the server knows, such as where an extension lies: put together
    /// from parts of ours and quoted names.
    Made(String),
    /// There is nothing to ask here, and nothing is missing for it.
    NotHere,
    /// Our role may not see enough for an honest answer.
    Hidden {
        why: String,
        grant: Option<String>,
    },
}

/// What a check sees.
#[derive(Debug)]
pub struct Look<'a, S> {
    pub server: &'a S,
    pub rows: &'a [Row],
    /// Earlier answers to the same question, the latest first.
    pub past: &'a [Past],
}

/// An earlier answer.
#[derive(Clone, Debug)]
pub struct Past {
    /// How long ago it was given.
    pub ago: Duration,
    pub rows: Vec<Row>,
}

impl<S> Check<S> {
    /// The gauge it is named after.
    pub fn name(&self) -> &'static str {
        self.gauges.first().copied().unwrap_or_default()
    }
}

impl<S> Look<'_, S> {
    pub fn first(&self) -> Option<&Row> {
        self.rows.first()
    }
}

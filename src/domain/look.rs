//! A look by hand into a database: what was asked, and what came of it.

use crate::domain::insight::{Statements, Tables};
use crate::domain::session::Activity;
use crate::domain::time::Timestamp;

/// One of the things to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// Who is connected, what they do, and who waits for whom.
    Sessions,
    /// The largest tables and how they grow.
    Tables,
    /// The statements that take the most time.
    Statements,
}

impl Aspect {
    pub const ALL: [Aspect; 3] = [Aspect::Sessions, Aspect::Tables, Aspect::Statements];
}

/// What was seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Sight {
    Sessions(Activity),
    Tables(Tables),
    Statements(Statements),
}

/// The answer to one look.
#[derive(Clone, Debug, PartialEq)]
pub struct Looked {
    pub database: String,
    pub aspect: Aspect,
    pub at: Timestamp,
    pub took_s: f64,
    /// The error is one sentence.
    pub outcome: Result<Sight, String>,
}

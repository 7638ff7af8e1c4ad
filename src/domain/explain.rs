//! How a server would run a statement: which statement is meant, and the plan for it. Nothing of
//! it is run to find out.

use crate::domain::time::Timestamp;

/// Which statement is meant. Its text stays with its server: what is shown of it is cut and
/// without secrets, and would be another statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// What a session runs, or ran last.
    Session {
        pid: u64,
        /// When it began, as its server writes it, because a pid is given again.
        started: String,
    },
    /// One that its server counts, by the name the server gave it.
    Statement(String),
}

/// The plan of a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// The statement: one clean line without secrets.
    pub statement: String,
    /// The plan as its server draws it, its steps indented.
    pub lines: Vec<String>,
    /// What has to be known to read it right.
    pub notes: Vec<String>,
}

/// The answer to one question for a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    pub database: String,
    pub subject: Subject,
    pub at: Timestamp,
    pub took_s: f64,
    /// The error is one sentence.
    pub outcome: Result<Explanation, String>,
}

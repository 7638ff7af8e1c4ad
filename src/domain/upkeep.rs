//! Upkeep: what an operator may ask of a database, and how each engine does it. An engine brings
//! a table of [`Way`]s with its card; the plan, the menus, the command line and the engine itself
//! all read the same rows, so that what is shown is what is run.

mod table;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::table::TableName;
use crate::domain::action_name::ActionName;
use crate::domain::plan::Risk;
use crate::domain::session::SessionKey;

/// What an operator may ask for: the words of the command line, the menus and the audit log.
/// What it is called in an engine's own SQL is that engine's [`Way`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Gives unused space back.
    Vacuum,
    VacuumAnalyze,
    /// Rewrites the whole, and locks everybody out meanwhile.
    VacuumFull,
    /// Counts anew what the planner estimates by.
    Analyze,
    /// Builds indexes anew.
    Reindex,
    /// Brings the write-ahead log into the file.
    Checkpoint,
    /// Checks the structure, read-only.
    Integrity,
    /// Ends what a session is doing, and leaves it the session.
    Cancel,
    /// Ends a session.
    Terminate,
}

impl Verb {
    /// In the order of a menu.
    pub const ALL: [Verb; 9] = [
        Verb::Vacuum,
        Verb::VacuumAnalyze,
        Verb::VacuumFull,
        Verb::Analyze,
        Verb::Reindex,
        Verb::Checkpoint,
        Verb::Integrity,
        Verb::Cancel,
        Verb::Terminate,
    ];

    /// The act it is.
    pub const fn action(self) -> ActionName {
        match self {
            Verb::Vacuum => ActionName::VACUUM,
            Verb::VacuumAnalyze => ActionName::VACUUM_ANALYZE,
            Verb::VacuumFull => ActionName::VACUUM_FULL,
            Verb::Analyze => ActionName::ANALYZE,
            Verb::Reindex => ActionName::REINDEX,
            Verb::Checkpoint => ActionName::CHECKPOINT,
            Verb::Integrity => ActionName::INTEGRITY,
            Verb::Cancel => ActionName::CANCEL,
            Verb::Terminate => ActionName::TERMINATE,
        }
    }

    pub fn of(action: &ActionName) -> Option<Verb> {
        Self::ALL.into_iter().find(|verb| verb.action() == *action)
    }

    /// In the middle of a sentence: `sqlite has no vacuum`.
    pub const fn word(self) -> &'static str {
        match self {
            Verb::Vacuum => "vacuum",
            Verb::VacuumAnalyze => "vacuum with analyze",
            Verb::VacuumFull => "vacuum full",
            Verb::Analyze => "analyze",
            Verb::Reindex => "reindex",
            Verb::Checkpoint => "checkpoint",
            Verb::Integrity => "integrity",
            Verb::Cancel => "cancel",
            Verb::Terminate => "terminate",
        }
    }

    /// The beginning of a title, which the name of what it is done to ends.
    pub const fn title(self) -> &'static str {
        match self {
            Verb::Vacuum => "Vacuum",
            Verb::VacuumAnalyze => "Vacuum and analyze",
            Verb::VacuumFull => "Rewrite (vacuum full)",
            Verb::Analyze => "Analyze",
            Verb::Reindex => "Reindex",
            Verb::Checkpoint => "Checkpoint",
            Verb::Integrity => "Check the structure of",
            Verb::Cancel => "Cancel the statement of",
            Verb::Terminate => "Terminate",
        }
    }

    /// After what it was done to: `3 tables vacuumed`.
    pub const fn done(self) -> &'static str {
        match self {
            Verb::Vacuum => "vacuumed",
            Verb::VacuumAnalyze => "vacuumed and analyzed",
            Verb::VacuumFull => "rewritten",
            Verb::Analyze => "analyzed",
            Verb::Reindex => "reindexed",
            Verb::Checkpoint => "brought up to date",
            Verb::Integrity => "checked",
            Verb::Cancel => "told to stop",
            Verb::Terminate => "ended",
        }
    }

    /// Whether it changes nothing.
    pub const fn only_reads(self) -> bool {
        matches!(self, Verb::Integrity)
    }

    /// Whether it is done to one session, and not to what is stored.
    pub const fn is_of_a_session(self) -> bool {
        matches!(self, Verb::Cancel | Verb::Terminate)
    }
}

/// What a verb is done to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The whole database.
    Whole,
    Table(TableName),
    Session(SessionKey),
}

/// One piece of upkeep: all an engine is ever told. No text of it is SQL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    pub verb: Verb,
    pub scope: Scope,
}

impl Maintenance {
    /// A verb on the whole database.
    pub const fn whole(verb: Verb) -> Self {
        Self { verb, scope: Scope::Whole }
    }
}

impl fmt::Display for Maintenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb.word())?;
        match &self.scope {
            Scope::Whole => Ok(()),
            Scope::Table(table) => write!(f, " of {table}"),
            Scope::Session(session) => write!(f, " of pid {}", session.pid),
        }
    }
}

/// On what an engine can do a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The whole database only.
    Whole,
    /// The whole database, or one table.
    WholeOrTable,
    /// One table only.
    Table,
    /// One session.
    Session,
}

/// How one engine does a verb.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub verb: Verb,
    /// What it does, for menus.
    pub summary: &'static str,
    pub risk: Risk,
    pub on: On,
    /// The statements, as they are shown and as they are run. Names only through
    /// [`crate::domain::ident`].
    pub sql: fn(&Aim<'_>) -> Vec<String>,
    /// What the operator should know before saying yes.
    pub notes: &'static [&'static str],
    pub undo: Option<&'static str>,
    /// How long it may take.
    pub limit: Duration,
    /// Whether it needs room for a second copy of the file, where the engine's database is one.
    pub copies: bool,
}

impl Way {
    /// A way without notes, which changes no row.
    pub const fn new(verb: Verb, summary: &'static str, risk: Risk, on: On, sql: fn(&Aim<'_>) -> Vec<String>) -> Self {
        let undo = Some("nothing to undo: no row changes");
        let limit = Duration::from_hours(1);
        Self { verb, summary, risk, on, sql, notes: &[], undo, limit, copies: false }
    }

    #[must_use]
    pub const fn notes(mut self, notes: &'static [&'static str]) -> Self {
        self.notes = notes;
        self
    }

    #[must_use]
    pub const fn undo(mut self, undo: Option<&'static str>) -> Self {
        self.undo = undo;
        self
    }

    #[must_use]
    pub const fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// One that makes a second copy before the first goes.
    #[must_use]
    pub const fn copies(mut self) -> Self {
        self.copies = true;
        self
    }

    /// Whether it can be done to this.
    pub fn suits(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Whole => matches!(self.on, On::Whole | On::WholeOrTable),
            Scope::Table(_) => matches!(self.on, On::Table | On::WholeOrTable),
            Scope::Session(_) => self.on == On::Session,
        }
    }
}

/// What the statements of a way are made for.
#[derive(Clone, Copy, Debug)]
pub struct Aim<'a> {
    /// The name of the database inside its server; empty for one that is a file.
    pub database: &'a str,
    pub scope: &'a Scope,
}

impl<'a> Aim<'a> {
    pub fn table(&self) -> Option<&'a TableName> {
        match self.scope {
            Scope::Table(table) => Some(table),
            _ => None,
        }
    }

    pub fn session(&self) -> Option<&'a SessionKey> {
        match self.scope {
            Scope::Session(session) => Some(session),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::engine::ENGINES;

    #[test]
    fn a_verb_and_its_act_have_one_name_on_the_wire() {
        for verb in Verb::ALL {
            assert_eq!(Verb::of(&verb.action()), Some(verb));
            let written = serde_json::to_value(verb).expect("a word");
            assert_eq!(written, verb.action().as_str(), "{verb:?}");
        }
    }

    #[test]
    fn every_way_suits_something_of_its_verb_and_says_its_sql() {
        let table = Scope::Table(TableName::parse("public.staff").expect("a name"));
        let session = Scope::Session(SessionKey { pid: 7, ..SessionKey::default() });
        for engine in ENGINES {
            for (place, way) in engine.can.iter().enumerate() {
                let name = engine.name;
                assert!(engine.can[place + 1..].iter().all(|other| other.verb != way.verb), "{name} {:?}", way.verb);
                assert_eq!(way.verb.is_of_a_session(), way.on == On::Session, "{name} {:?}", way.verb);
                let suited = [&Scope::Whole, &table, &session].into_iter().filter(|scope| way.suits(scope));
                for scope in suited {
                    let sql = (way.sql)(&Aim { database: "rota", scope });
                    assert!(!sql.is_empty() && sql.iter().all(|one| !one.is_empty()), "{name} {:?}", way.verb);
                }
            }
        }
    }
}

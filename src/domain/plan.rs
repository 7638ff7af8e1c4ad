//! A plan: the exact steps of an act, as data. The dialog and `--dry-run` show it, the
//! executor runs it, and only once it is [`Confirmed`].

mod guard;
mod step;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::guard::Guard;
pub use self::step::{Found, Invocation, Step};
use crate::domain::action_name::ActionName;
use crate::domain::humanize;
use crate::domain::inventory::Target;
use crate::domain::observation::ProbeId;

/// How much an act can hurt, and therefore how it is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Nothing is lost and nobody waits: one key.
    Routine,
    /// Somebody may notice: a dialog.
    Disruptive,
    /// Something may be gone: the target's name is typed.
    Destructive,
}

impl Risk {
    pub const fn word(self) -> &'static str {
        match self {
            Risk::Routine => "routine",
            Risk::Disruptive => "disruptive",
            Risk::Destructive => "destructive",
        }
    }

    /// One level up, as in production.
    #[must_use]
    pub const fn raised(self) -> Self {
        match self {
            Risk::Routine => Risk::Disruptive,
            Risk::Disruptive | Risk::Destructive => Risk::Destructive,
        }
    }
}

/// What must hold after an act for it to have succeeded; exit 0 is not enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Postcondition {
    /// The probe that must be ok.
    pub check: ProbeId,
    /// How long it may take to become so.
    pub within: Duration,
}

/// The exact steps of an act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub action: ActionName,
    /// What it does, in words: `Back up rota-db`.
    pub title: String,
    pub target: Target,
    pub risk: Risk,
    pub environment: String,
    pub host: String,
    pub guards: Vec<Guard>,
    pub steps: Vec<Step>,
    pub verify: Option<Postcondition>,
    /// Probes that are read again when it is done.
    pub affects: Vec<ProbeId>,
    pub timeout: Duration,
    /// What the operator should know before saying yes.
    pub notes: Vec<String>,
    pub undo: Option<String>,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("there is no {kind} called `{id}`{}", nearest.as_ref().map_or(String::new(), |name| format!("; did you mean `{name}`?")))]
    NoTarget { kind: &'static str, id: String, nearest: Option<String> },
    /// The act makes no sense on this target; the text says why, and what would.
    #[error("{0}")]
    Impossible(String),
    /// There is nothing to do: the target is not what this act is for, such as a thaw of what is not
    /// frozen.
    #[error("{0}")]
    Moot(String),
    #[error("parameter `{name}`: {why}")]
    Parameter { name: String, why: String },
}

/// How the operator answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// Yes: a key in the dialog, or `--yes`.
    Yes,
    /// The target's name, typed: in the dialog, or by `--confirm`.
    Typed(&'a str),
}

/// Why a plan was not confirmed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("this is destructive: it wants the name `{0}` typed (on the command line: --confirm {0})")]
    WantsName(String),
    #[error("`{typed}` is not the name `{wanted}`")]
    WrongName { typed: String, wanted: String },
}

/// A plan the operator agreed to. The only thing the executor takes, and only
/// [`Plan::confirm`] makes one: an unconfirmed act does not type-check.
#[derive(Clone, Debug)]
pub struct Confirmed(Plan);

impl Confirmed {
    pub fn plan(&self) -> &Plan {
        &self.0
    }
}

impl Plan {
    /// A plan without steps yet; the rest is set by the action that makes it.
    pub fn new(action: ActionName, title: impl Into<String>, target: Target) -> Self {
        Self {
            action,
            title: title.into(),
            target,
            risk: Risk::Routine,
            environment: String::new(),
            host: String::new(),
            guards: Vec::new(),
            steps: Vec::new(),
            verify: None,
            affects: Vec::new(),
            timeout: Duration::from_hours(1),
            notes: Vec::new(),
            undo: None,
        }
    }

    /// Whether it is refused without a reason.
    pub fn wants_reason(&self) -> bool {
        self.guards.contains(&Guard::Reason)
    }

    /// The guards as they are told: where a reason is wanted anyway, whatever a reason overrides is no
    /// condition of its own.
    pub fn conditions(&self) -> impl Iterator<Item = &Guard> {
        let reason = self.wants_reason();
        self.guards.iter().filter(move |guard| !(reason && matches!(guard, Guard::NotRunToday { .. })))
    }

    /// The name a destructive plan wants typed: the target's, or the action's own.
    pub fn name_to_type(&self) -> &str {
        &self.target.id
    }

    pub fn confirm(self, answer: Answer<'_>) -> Result<Confirmed, Refusal> {
        match answer {
            Answer::Typed(typed) if typed == self.name_to_type() => Ok(Confirmed(self)),
            Answer::Typed(typed) => {
                Err(Refusal::WrongName { typed: typed.to_owned(), wanted: self.name_to_type().to_owned() })
            }
            Answer::Yes if self.risk == Risk::Destructive => Err(Refusal::WantsName(self.name_to_type().to_owned())),
            Answer::Yes => Ok(Confirmed(self)),
        }
    }
}

impl fmt::Display for Plan {
    /// What `--dry-run` prints and the dialog shows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        writeln!(f, "  target       {}", self.target)?;
        if !self.host.is_empty() {
            writeln!(f, "  host         {}", self.host)?;
        }
        if !self.environment.is_empty() {
            writeln!(f, "  environment  {}", self.environment)?;
        }
        writeln!(f, "  risk         {}", self.risk.word())?;
        for (index, guard) in self.conditions().enumerate() {
            writeln!(f, "  {}  {guard}", if index == 0 { "only if    " } else { "           " })?;
        }
        for (index, step) in self.steps.iter().enumerate() {
            writeln!(f, "  step {}       {step}", index + 1)?;
        }
        if let Some(verify) = &self.verify {
            writeln!(f, "  succeeds if  {} is ok within {}", verify.check, humanize::duration(verify.within))?;
        }
        writeln!(f, "  time limit   {}", humanize::duration(self.timeout))?;
        for note in &self.notes {
            writeln!(f, "  note         {note}")?;
        }
        if let Some(undo) = &self.undo {
            writeln!(f, "  undo         {undo}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(risk: Risk) -> Plan {
        Plan { risk, ..Plan::new(ActionName::VACUUM, "Vacuum rota", Target::database("rota")) }
    }

    #[test]
    fn destructive_wants_the_name_and_nothing_else() {
        assert_eq!(
            plan(Risk::Destructive).confirm(Answer::Yes).expect_err("yes is too weak"),
            Refusal::WantsName("rota".into())
        );
        assert!(matches!(plan(Risk::Destructive).confirm(Answer::Typed("rot")), Err(Refusal::WrongName { .. })));
        assert!(plan(Risk::Destructive).confirm(Answer::Typed("rota")).is_ok());
        assert!(plan(Risk::Disruptive).confirm(Answer::Yes).is_ok());
    }

    #[test]
    fn production_raises_every_level() {
        assert_eq!(Risk::Routine.raised(), Risk::Disruptive);
        assert_eq!(Risk::Disruptive.raised(), Risk::Destructive);
    }
}

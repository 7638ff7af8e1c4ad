//! Drift: what is installed of scheduled tasks, held against what an operator once found right.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::finding::Finding;
use crate::domain::status::Status;
use crate::domain::time::Timestamp;

/// What is installed of one task, as far as it says what runs, when and as whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// When it is due, in its scheduler's words.
    pub when: String,
    /// Empty where its scheduler does not tell.
    pub user: String,
    pub command: String,
    /// Its scheduler has it, and does not run it.
    pub disabled: bool,
    /// Where it stands, for people: a line that moved is the same.
    pub place: String,
}

/// Tasks by their names; one that is known to be gone is there without anything.
pub type Set = BTreeMap<String, Option<Installed>>;

/// The name under which a set has what the configuration says of its task: when that changes, what was
/// found right of the two together is another matter.
pub const CONFIGURATION: &str = "the configuration";

/// That an operator found right what was installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// What it is about: the name of a task, or of all crontabs or timers together.
    pub scope: String,
    /// The job by which it was written.
    pub job: String,
    pub at: Timestamp,
    pub operator: String,
    pub reason: String,
    pub set: Set,
}

/// What is installed under one name, and what was found right of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    pub scope: String,
    pub now: Set,
    pub accepted: Option<Acceptance>,
    /// The name under which all are told of, of which this is one.
    pub within: Option<&'static str>,
    /// What is told of it, and waits for somebody to find it right.
    pub told: Vec<String>,
}

/// What became another between two sets, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    pub gone: Vec<String>,
    pub edited: Vec<String>,
    pub new: Vec<String>,
}

impl Installed {
    /// What differs from what it was; nothing where only its place does.
    fn differs(&self, was: &Self) -> Option<String> {
        let pairs =
            [("due", &self.when, &was.when), ("user", &self.user, &was.user), ("command", &self.command, &was.command)];
        let differences = pairs.iter().filter(|(_, now, was)| now != was);
        let mut told: Vec<String> =
            differences.map(|(what, now, was)| format!("{what} `{now}`, was `{was}`")).collect();
        match (self.disabled, was.disabled) {
            (true, false) => told.push("disabled".to_owned()),
            (false, true) => told.push("enabled".to_owned()),
            _ => {}
        }
        (!told.is_empty()).then(|| told.join("; "))
    }

    fn placed(&self, name: &str) -> String {
        if self.place.is_empty() { name.to_owned() } else { format!("{name} ({})", self.place) }
    }
}

impl Differences {
    pub fn between(was: &Set, now: &Set) -> Self {
        let of = |set: &Set, name: &str| set.get(name).cloned().flatten();
        let mut differences = Self::default();
        for (name, installed) in now {
            match (installed, of(was, name)) {
                (Some(now), Some(was)) => {
                    differences.edited.extend(now.differs(&was).map(|how| format!("{}: {how}", now.placed(name))));
                }
                (Some(now), None) => differences.new.push(now.placed(name)),
                (None, _) => {}
            }
        }
        let gone = was.iter().filter_map(|(name, was)| Some((name, was.as_ref()?)));
        differences.gone =
            gone.filter(|(name, _)| of(now, name).is_none()).map(|(name, was)| was.placed(name)).collect();
        differences
    }

    pub fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.edited.is_empty() && self.new.is_empty()
    }

    /// One finding for each sort; `place` is where they are, and `since` when they were otherwise.
    pub fn findings(&self, place: &str, since: &str) -> Vec<Finding> {
        let sorts = [(&self.gone, "gone from"), (&self.edited, "edited in"), (&self.new, "new in")];
        let told = sorts.iter().filter(|(names, _)| !names.is_empty());
        let text = |names: &[String], what: &str| format!("{what} {place} since {since}: {}", names.join("; "));
        told.map(|(names, what)| Finding::new(Status::Warning, "changes", text(names, what))).collect()
    }
}

impl Acceptance {
    /// `ann accepted it at Fri 16:00`, with an instant as its readers know it.
    pub fn when(&self, clock: impl Fn(Timestamp) -> String) -> String {
        format!("{} accepted it at {}", self.operator, clock(self.at))
    }

    /// What it says of one of its tasks.
    #[must_use]
    pub fn of(&self, name: &str) -> Self {
        let installed = self.set.get(name).cloned().flatten();
        Self { scope: name.to_owned(), set: Set::from([(name.to_owned(), installed)]), ..self.clone() }
    }
}

impl Drift {
    pub fn new(scope: impl Into<String>, now: Set, accepted: Option<Acceptance>) -> Self {
        Self { scope: scope.into(), now, accepted, ..Self::default() }
    }

    /// What is different from what was found right; `None` where nobody ever did.
    pub fn differences(&self) -> Option<Differences> {
        Some(Differences::between(&self.accepted.as_ref()?.set, &self.now))
    }

    /// Whether what is installed is what was found right.
    pub fn is_settled(&self) -> bool {
        self.differences().is_some_and(|differences| differences.is_empty())
    }

    /// Findings that an operator may find right: quiet once somebody did, until something else is
    /// installed.
    pub fn settle(&mut self, findings: Vec<Finding>, clock: impl Fn(Timestamp) -> String) -> Vec<Finding> {
        if let Some(accepted) = self.accepted.as_ref().filter(|_| self.is_settled()) {
            let says = format!("{}: {}", accepted.when(clock), accepted.reason);
            let quiet = |finding: Finding| Finding {
                status: Status::Ok,
                text: format!("{}; {says}", finding.text),
                advice: None,
                mend: None,
                ..finding
            };
            return findings.into_iter().map(quiet).collect();
        }
        self.told = findings.iter().map(|finding| finding.text.clone()).collect();
        let accept = format!("`rounds task accept {} --reason …` where it is meant to be so", self.scope);
        let loud = |finding: Finding| match &finding.advice {
            Some(advice) => {
                let advice = format!("{advice}; or {accept}");
                finding.advice(advice)
            }
            None => finding.advice(accept.clone()),
        };
        findings.into_iter().map(loud).collect()
    }

    /// What is installed of one of them, as a matter of its own.
    #[must_use]
    pub fn of(&self, name: &str) -> Self {
        let installed = self.now.get(name).cloned().flatten();
        Self::new(name, Set::from([(name.to_owned(), installed)]), self.accepted.as_ref().map(|all| all.of(name)))
    }

    /// How many are installed.
    pub fn tasks(&self) -> usize {
        self.now.iter().filter(|(name, installed)| *name != CONFIGURATION && installed.is_some()).count()
    }

    /// Whether one of this name is installed.
    pub fn has(&self, name: &str) -> bool {
        self.now.get(name).is_some_and(Option::is_some)
    }

    /// What is installed, in a few letters: another is another.
    pub fn fingerprint(&self) -> String {
        let placeless = |installed: &Installed| Installed { place: String::new(), ..installed.clone() };
        let there = self.now.iter().filter_map(|(name, installed)| Some((name, placeless(installed.as_ref()?))));
        let there: Vec<_> = there.collect();
        let text = serde_json::to_string(&there).unwrap_or_default();
        let digest = Sha256::digest(text.as_bytes());
        let half = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        format!("{half:016x}")
    }
}

/// The set that is expected of all: what was found right of it, with what was since then of each alone.
pub fn expected(of_all: &Acceptance, others: &[Acceptance]) -> Set {
    let mut set = of_all.set.clone();
    let mut later: Vec<&Acceptance> =
        others.iter().filter(|one| one.at > of_all.at && one.scope != of_all.scope).collect();
    later.sort_by_key(|one| one.at);
    for one in later {
        let tasks = one.set.iter().filter(|(name, _)| *name != CONFIGURATION);
        set.extend(tasks.map(|(name, installed)| (name.clone(), installed.clone())));
    }
    set
}

#[cfg(test)]
mod tests;

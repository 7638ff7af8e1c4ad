//! What the sessions of a database do at one moment: who runs what, who waits, and for whom.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::humanize;

/// Which session is meant: its pid, and when it began, because a pid is given again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionKey {
    pub pid: u64,
    /// When it began, as its server writes it: compared, never read.
    pub started: String,
    /// Who it is, in words, for whoever is asked to say yes.
    pub who: String,
    /// What it does, or did last.
    pub statement: String,
}

/// One session.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Session {
    pub pid: u64,
    /// When it began, as its server writes it.
    pub started: String,
    pub role: String,
    pub application: String,
    /// Where it comes from: an address, or nothing for a socket.
    pub client: String,
    pub database: String,
    pub state: SessionState,
    /// How long it has been in that state.
    pub state_s: Option<f64>,
    /// How long its session, its transaction and its statement have lasted.
    pub session_s: Option<f64>,
    pub transaction_s: Option<f64>,
    pub statement_s: Option<f64>,
    /// What it waits for: `Lock: relation`.
    pub waits_for: Option<String>,
    /// Who is in its way; `0` is a prepared transaction.
    pub blocked_by: Vec<u64>,
    /// What it does, or did last: one clean line without secrets. `None` when it is hidden.
    pub statement: Option<String>,
    /// It is one of this program's own.
    pub ours: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionState {
    Running,
    /// It runs, and waits for a lock.
    Waiting,
    IdleInTransaction,
    Idle,
    /// Our role may not see it.
    #[default]
    Hidden,
}

impl SessionState {
    pub const fn word(self) -> &'static str {
        match self {
            SessionState::Running => "running",
            SessionState::Waiting => "waiting",
            SessionState::IdleInTransaction => "idle in transaction",
            SessionState::Idle => "idle",
            SessionState::Hidden => "hidden",
        }
    }
}

/// The names of the parameters that tell an act which session is meant.
pub const PARAMS: [&str; 4] = ["pid", "started", "who", "statement"];

impl Session {
    /// Which one it is.
    pub fn key(&self) -> SessionKey {
        SessionKey {
            pid: self.pid,
            started: self.started.clone(),
            who: self.who(),
            statement: self.statement.clone().unwrap_or_default(),
        }
    }

    /// The parameters of an act upon it, for [`crate::domain::upkeep::Verb::Cancel`] and its like.
    pub fn params(&self) -> BTreeMap<String, String> {
        self.key().params()
    }

    /// `web (role rota, from 10.0.0.5), idle in transaction for 14 m, in its session for 3 h`.
    pub fn who(&self) -> String {
        let application = if self.application.is_empty() { "somebody" } else { &self.application };
        let from = if self.client.is_empty() { String::new() } else { format!(", from {}", self.client) };
        let lasts = |seconds: Option<f64>| {
            seconds.map_or_else(String::new, |seconds| format!(" for {}", humanize::seconds(seconds.max(0.0))))
        };
        let state = match self.state {
            SessionState::Hidden => "whose state is hidden".to_owned(),
            state => format!("{}{}", state.word(), lasts(self.state_s)),
        };
        let mut text = format!("{application} (role {}{from}), {state}", self.role);
        if self.session_s.is_some() {
            text.push_str(&format!(", connected{}", lasts(self.session_s)));
        }
        text
    }
}

impl SessionKey {
    pub fn params(&self) -> BTreeMap<String, String> {
        let values = [self.pid.to_string(), self.started.clone(), self.who.clone(), self.statement.clone()];
        PARAMS.into_iter().map(str::to_owned).zip(values).collect()
    }

    /// Reads what [`SessionKey::params`] wrote. The error names the parameter and says why.
    pub fn of_params(params: &BTreeMap<String, String>) -> Result<Self, (&'static str, String)> {
        let given = |name: &str| params.get(name).cloned().unwrap_or_default();
        let pid = given("pid");
        let pid = pid.parse().map_err(|_not_a_number| ("pid", format!("`{pid}` is not the pid of a session")))?;
        Ok(Self { pid, started: given("started"), who: given("who"), statement: given("statement") })
    }
}

/// Everything that goes on in a database at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Activity {
    /// Whoever runs, waits or holds a transaction comes before whoever is idle.
    pub sessions: Vec<Session>,
    /// Why some of it cannot be seen, and what would uncover it.
    pub hidden: Option<String>,
    /// What the database's own table of operations says is under way, ours and others'.
    pub operations: Vec<UnderWay>,
}

/// An operation that its table calls running: it may run, or never have been completed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct UnderWay {
    pub kind: String,
    pub table: Option<String>,
    pub running_s: Option<f64>,
    /// Who, where the row says so.
    pub by: Option<String>,
}

impl Activity {
    /// The session with this pid.
    pub fn find(&self, pid: u64) -> Option<&Session> {
        self.sessions.iter().find(|session| session.pid == pid)
    }

    /// Every session with its depth in the tree of those who wait: a waiter stands below the
    /// first that is in its way. A circle, and what waits for the unseen, begin at the top.
    pub fn tree(&self) -> Vec<(usize, &Session)> {
        let mut behind: BTreeMap<u64, Vec<&Session>> = BTreeMap::new();
        let mut roots = Vec::new();
        for session in &self.sessions {
            match session.blocked_by.iter().find(|pid| **pid != session.pid && self.find(**pid).is_some()) {
                Some(holder) => behind.entry(*holder).or_default().push(session),
                None => roots.push(session),
            }
        }
        let mut tree = Vec::with_capacity(self.sessions.len());
        let mut seen = BTreeSet::new();
        // Whoever has somebody behind it is what an operator looks for.
        roots.sort_by_key(|root| !behind.contains_key(&root.pid));
        for root in roots.into_iter().chain(&self.sessions) {
            let mut open = vec![(0, root)];
            while let Some((depth, session)) = open.pop() {
                if !seen.insert(session.pid) {
                    continue;
                }
                tree.push((depth, session));
                let waiting = behind.get(&session.pid).into_iter().flatten().rev();
                open.extend(waiting.map(|waiter| (depth + 1, *waiter)));
            }
        }
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(pid: u64, blocked_by: &[u64]) -> Session {
        Session { pid, blocked_by: blocked_by.to_vec(), ..Session::default() }
    }

    fn drawn(sessions: Vec<Session>) -> String {
        let activity = Activity { sessions, ..Activity::default() };
        let lines: Vec<String> = activity.tree().iter().map(|(depth, one)| format!("{depth}:{}", one.pid)).collect();
        lines.join(" ")
    }

    #[test]
    fn waiters_stand_below_whoever_is_in_their_way() {
        let sessions = vec![session(9, &[]), session(3, &[2]), session(1, &[]), session(2, &[1]), session(4, &[1])];
        assert_eq!(drawn(sessions), "0:1 1:2 2:3 1:4 0:9");
    }

    #[test]
    fn circles_and_the_unseen_are_shown_too() {
        assert_eq!(
            drawn(vec![session(1, &[2]), session(2, &[1]), session(3, &[0]), session(4, &[77])]),
            "0:3 0:4 0:1 1:2"
        );
    }

    #[test]
    fn a_session_is_told_by_parameters_and_read_back() {
        let web = Session {
            pid: 4711,
            started: "2026-03-02 08:00:00.123456+00".into(),
            role: "rota".into(),
            application: "web".into(),
            client: "10.0.0.5".into(),
            state: SessionState::IdleInTransaction,
            state_s: Some(840.0),
            session_s: Some(10_800.0),
            statement: Some("UPDATE shift SET note = $1".into()),
            ..Session::default()
        };
        assert_eq!(web.who(), "web (role rota, from 10.0.0.5), idle in transaction for 14 m, connected for 3 h");
        assert_eq!(SessionKey::of_params(&web.params()), Ok(web.key()));
        assert!(SessionKey::of_params(&BTreeMap::from([("pid".to_owned(), "-1".to_owned())])).is_err());
    }
}

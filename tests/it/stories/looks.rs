//! What a look into a database brings in a story.

use rounds::domain::explain::{Explained, Explanation, Subject};
use rounds::domain::insight::{Insight, Statement, Table};
use rounds::domain::limit::parse_quantity;
use rounds::domain::look::{Aspect, Looked, Sight};
use rounds::domain::session::{Activity, Session, SessionState};
use rounds::domain::time::Timestamp;
use serde::Deserialize;

/// The answer to the look that was asked for last.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Seen {
    sessions: Vec<Who>,
    tables: Vec<Large>,
    statements: Vec<Slow>,
    /// Why there is none.
    failed: Option<String>,
}

/// The plan of a statement.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Planned {
    says: String,
    lines: Vec<String>,
    notes: Vec<String>,
    /// Why there is none.
    failed: Option<String>,
}

impl Planned {
    pub(super) fn of(self, database: &str, subject: Subject, at: Timestamp) -> Explained {
        let plan = Explanation { statement: self.says, lines: self.lines, notes: self.notes };
        let outcome = self.failed.map_or(Ok(plan), Err);
        Explained { database: database.to_owned(), subject, at, took_s: 0.003, outcome }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Who {
    pid: u64,
    state: String,
    lasts: String,
    #[serde(default)]
    behind: Vec<u64>,
    #[serde(default)]
    program: String,
    says: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Large {
    name: String,
    size: String,
    rows: u64,
    dead: u64,
    vacuumed: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Slow {
    #[serde(default)]
    id: String,
    says: String,
    calls: f64,
    mean: String,
    share: f64,
}

impl Seen {
    pub(super) fn of(self, database: &str, aspect: Aspect, at: Timestamp) -> Looked {
        let outcome = match self.failed {
            Some(why) => Err(why),
            None => Ok(match aspect {
                Aspect::Sessions => Sight::Sessions(Activity {
                    sessions: self.sessions.into_iter().map(session).collect(),
                    ..Activity::default()
                }),
                Aspect::Tables => {
                    Sight::Tables(Insight { rows: self.tables.into_iter().map(table).collect(), ..Insight::default() })
                }
                Aspect::Statements => Sight::Statements(Insight {
                    rows: self.statements.into_iter().map(statement).collect(),
                    ..Insight::default()
                }),
            }),
        };
        Looked { database: database.to_owned(), aspect, at, took_s: 0.003, outcome }
    }
}

fn seconds(text: &str) -> f64 {
    humantime::parse_duration(text).expect("a duration").as_secs_f64()
}

fn session(who: Who) -> Session {
    let state = match who.state.as_str() {
        "running" => SessionState::Running,
        "waiting" => SessionState::Waiting,
        "idle in transaction" => SessionState::IdleInTransaction,
        "idle" => SessionState::Idle,
        other => panic!("a session is never `{other}`"),
    };
    let lasts = Some(seconds(&who.lasts));
    Session {
        pid: who.pid,
        started: "2026-03-02 08:00:00.123456+00".to_owned(),
        role: "rota".to_owned(),
        application: who.program,
        client: "10.0.0.5".to_owned(),
        database: "rota".to_owned(),
        state,
        state_s: lasts,
        session_s: Some(3600.0),
        transaction_s: lasts.filter(|_| state != SessionState::Idle),
        statement_s: lasts.filter(|_| state == SessionState::Running),
        waits_for: (!who.behind.is_empty()).then(|| "Lock: transactionid".to_owned()),
        blocked_by: who.behind,
        statement: who.says,
        ours: false,
    }
}

fn table(large: Large) -> Table {
    Table {
        schema: "public".to_owned(),
        name: large.name,
        size_bytes: Some(parse_quantity(&large.size).expect("a size").0 as u64),
        rows: Some(large.rows),
        dead_rows: Some(large.dead),
        vacuumed_s: large.vacuumed.as_deref().map(seconds),
        grown_bytes: Some(2_100_000),
        grown_in_s: Some(86_400.0),
        ..Table::default()
    }
}

fn statement(slow: Slow) -> Statement {
    let mean_s = seconds(&slow.mean);
    Statement {
        id: slow.id,
        text: slow.says,
        calls: slow.calls,
        mean_s,
        total_s: mean_s * slow.calls,
        share: Some(slow.share),
        within_s: Some(3600.0),
        ..Statement::default()
    }
}

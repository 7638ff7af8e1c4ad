//! What the sessions of a database do: one question, over a connection of its own that can only
//! read, and what its answer means.

use tokio::sync::Mutex;

use super::connect::{Dialer, Session as Wired};
use super::server::Server;
use crate::database::DatabaseError;
use crate::database::lane::{AskError, Dial, Wire};
use crate::database::row::Row;
use crate::domain::redact;
use crate::domain::session::{Activity, Session, SessionState};

/// Whoever runs or waits first, then whoever holds a transaction, then the idle. Who waits for
/// whom is asked only of those who wait: that question takes every lock table for a moment.
pub(super) const QUESTION: &str = r"
    SELECT a.pid, a.backend_start::text, a.usename, a.application_name, host(a.client_addr), a.datname, a.state,
           a.wait_event_type, a.wait_event,
           extract(epoch FROM clock_timestamp() - a.state_change)::float8,
           extract(epoch FROM clock_timestamp() - a.backend_start)::float8,
           extract(epoch FROM clock_timestamp() - a.xact_start)::float8,
           extract(epoch FROM clock_timestamp() - a.query_start)::float8,
           CASE WHEN w.waits THEN array_to_string(pg_blocking_pids(a.pid), ',') END,
           left(regexp_replace(left(a.query, 8000), '\s+', ' ', 'g'), 2000), a.backend_type
      FROM pg_stat_activity a, LATERAL (SELECT EXISTS (SELECT 1 FROM pg_locks l WHERE l.pid = a.pid AND NOT l.granted)) w (waits)
     WHERE a.datname = current_database() AND a.backend_type IS DISTINCT FROM 'parallel worker' AND a.pid <> pg_backend_pid()
     ORDER BY (a.state IS DISTINCT FROM 'idle') DESC, a.xact_start NULLS LAST, a.pid";

/// Looks at them, through a connection that is kept for the next look. One that is dropped half
/// way, because it took too long, takes the connection with it.
pub(super) async fn ask(dialer: &Dialer, kept: &Mutex<Option<Wired>>) -> Result<Activity, DatabaseError> {
    let mut kept = kept.lock().await;
    let mut wire = match kept.take() {
        Some(wire) => wire,
        None => dialer.dial().await?,
    };
    let server = wire.greet().await.map_err(AskError::into_fault)?;
    let rows = wire.ask(QUESTION).await.map_err(AskError::into_fault)?;
    *kept = Some(wire);
    Ok(read(&server, &rows))
}

/// What the rows mean. Where our role may not see what others do, that is said.
fn read(server: &Server, rows: &[Row]) -> Activity {
    let sessions: Vec<Session> = rows.iter().filter_map(session).collect();
    let hidden = sessions.iter().any(|session| session.state == SessionState::Hidden);
    let why = || format!("{}; {}", server.blind(), server.grant_monitor());
    Activity { sessions, hidden: hidden.then(why), operations: Vec::new() }
}

fn session(row: &Row) -> Option<Session> {
    let age = |column| row.number(column).map(|age: f64| age.max(0.0));
    let blocked_by: Vec<u64> = row.text(13).split(',').filter_map(|pid| pid.parse().ok()).collect();
    let background = Some(row.text(15)).filter(|kind| !kind.is_empty() && *kind != "client backend");
    let application = match row.text(3) {
        "" => background.unwrap_or_default(),
        name => name,
    };
    let waits = row.get(13).is_some();
    let state = match row.get(6) {
        _ if waits => SessionState::Waiting,
        Some("active" | "fastpath function call") => SessionState::Running,
        Some(state) if state.starts_with("idle in transaction") => SessionState::IdleInTransaction,
        Some("idle") => SessionState::Idle,
        // A worker of the server itself has no state when it has nothing to do.
        _ if row.get(1).is_some() && background.is_some() => SessionState::Running,
        _ => SessionState::Hidden,
    };
    let waits_for = match (row.get(7), row.get(8)) {
        (Some(kind), Some(event)) if !matches!(state, SessionState::Idle) => Some(format!("{kind}: {event}")),
        _ => None,
    };
    let statement = row.get(14).filter(|_| row.get(1).is_some() && row.get(6).is_some() || background.is_some());
    Some(Session {
        pid: row.whole(0)?,
        started: row.text(1).to_owned(),
        role: row.text(2).to_owned(),
        application: application.to_owned(),
        client: row.text(4).to_owned(),
        database: row.text(5).to_owned(),
        state,
        state_s: age(9),
        session_s: age(10),
        transaction_s: age(11),
        statement_s: age(12),
        waits_for,
        blocked_by,
        statement: statement.map(shown).filter(|text| !text.is_empty()),
        ours: application == "rounds" || application.starts_with("rounds: "),
    })
}

/// A statement without secrets. SQL gives a password without any sign between, `PASSWORD 'x'`, and
/// in more than one kind of quotes: so nothing that follows is shown.
pub(super) fn shown(statement: &str) -> String {
    const WORD: &str = "password";
    let text = redact::text(statement.trim()).into_owned();
    // Only ASCII changes, so that places stay where they are.
    let found = text.to_ascii_lowercase().find(WORD).map(|at| at + WORD.len());
    match found.filter(|end| text[*end..].contains(['\'', '$'])) {
        Some(end) => format!("{} {}", &text[..end], redact::MASK),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;

    fn row(values: [Option<&str>; 16]) -> Row {
        Row::new(values)
    }

    #[test]
    fn states_are_told_in_an_operators_words() {
        let base = |state, waits: Option<&'static str>, statement| {
            row([
                Some("7"),
                Some("2026-03-02 08:00:00+00"),
                Some("rota"),
                Some("web"),
                Some("10.0.0.5"),
                Some("rota"),
                state,
                Some("Lock"),
                Some("transactionid"),
                Some("-0.5"),
                Some("60"),
                Some("30"),
                Some("20"),
                waits,
                statement,
                Some("client backend"),
            ])
        };
        let read_one = |row: Row| read(&server(), &[row]).sessions.remove(0);
        let waiting = read_one(base(Some("active"), Some("9,0"), Some("ALTER ROLE x PASSWORD 'hunter2'")));
        assert_eq!((waiting.state, waiting.blocked_by.as_slice()), (SessionState::Waiting, &[9, 0][..]));
        assert_eq!(waiting.waits_for.as_deref(), Some("Lock: transactionid"));
        assert_eq!(waiting.state_s, Some(0.0), "a clock that is behind makes no negative age");
        assert!(!waiting.statement.expect("a statement").contains("hunter2"));
        assert_eq!(shown("SELECT name, password FROM staff"), "SELECT name, password FROM staff");
        assert_eq!(shown("CREATE USER x Password $$hunter2$$"), "CREATE USER x Password ***");
        let idle = read_one(base(Some("idle"), None, Some("COMMIT")));
        assert_eq!((idle.state, idle.waits_for), (SessionState::Idle, None));
        let aborted = read_one(base(Some("idle in transaction (aborted)"), None, None));
        assert_eq!(aborted.state, SessionState::IdleInTransaction);
    }

    #[test]
    fn what_a_role_may_not_see_is_hidden_and_the_grant_is_named() {
        let mut values = [None; 16];
        values[0] = Some("7");
        values[14] = Some("<insufficient privilege>");
        let activity = read(&server(), &[row(values)]);
        let hidden = &activity.sessions[0];
        assert_eq!((hidden.state, hidden.statement.as_deref()), (SessionState::Hidden, None));
        assert!(activity.hidden.is_some_and(|why| why.contains(r#"GRANT pg_monitor TO "mon""#)));
    }
}

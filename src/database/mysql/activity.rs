//! What the sessions of a server do: over a connection that can only read, and what its answers
//! mean. A session belongs to the whole server, whatever database it is in.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::Mutex;

use super::check::waits;
use super::connect::{Dialer, Session as Wired};
use super::server::{Flavour, Server};
use crate::database::DatabaseError;
use crate::database::lane::{AskError, Dial, Wire};
use crate::database::row::Row;
use crate::domain::redact;
use crate::domain::session::{Activity, Session, SessionState};

/// Whoever works first, then whoever holds a transaction, then the idle.
const QUESTION: &str = "
    SELECT p.id, p.user, p.host, p.db, p.command, p.time, p.state, LEFT(p.info, 2000),
           TIMESTAMPDIFF(SECOND, t.trx_started, NOW())
      FROM information_schema.processlist p
      LEFT JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id
     WHERE p.id <> CONNECTION_ID() AND p.command <> 'Daemon'
     ORDER BY (p.command = 'Sleep'), t.trx_started IS NULL, t.trx_started, p.id";

/// The same of a user that sees only its own sessions, and no transactions.
const OWN: &str = "
    SELECT p.id, p.user, p.host, p.db, p.command, p.time, p.state, LEFT(p.info, 2000), NULL
      FROM information_schema.processlist p WHERE p.id <> CONNECTION_ID() ORDER BY (p.command = 'Sleep'), p.id";

/// When the server was started: its sessions count from one again then.
pub(super) const fn started(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::MariaDb => {
            "SELECT UNIX_TIMESTAMP() - variable_value FROM information_schema.global_status WHERE variable_name = 'UPTIME'"
        }
        Flavour::MySql => {
            "SELECT UNIX_TIMESTAMP() - variable_value FROM performance_schema.global_status WHERE variable_name = 'Uptime'"
        }
    }
}

/// Two readings of the moment at which a server was started differ by their rounding.
const ROUNDING: u64 = 2;

/// Looks at them, through a connection that is kept for the next look. One that is dropped half
/// way, because it took too long, takes the connection with it.
pub(super) async fn ask(dialer: &Dialer, kept: &Mutex<Option<Wired>>) -> Result<Activity, DatabaseError> {
    let mut kept = kept.lock().await;
    let (mut wire, server) = if let Some(known) = greeted(kept.take()).await {
        known
    } else {
        let mut wire = dialer.dial().await?;
        let server = wire.greet().await.map_err(AskError::into_fault)?;
        (wire, server)
    };
    let boot = boot(&wire.ask(started(server.flavour)).await.map_err(AskError::into_fault)?);
    let sees = server.grants.global("PROCESS");
    let rows = wire.ask(if sees { QUESTION } else { OWN }).await.map_err(AskError::into_fault)?;
    let questions = if sees { waits(&server) } else { &[] };
    let mut behind = Vec::new();
    // Who waits for whom may want one right more; without it the rest is still worth telling.
    for question in questions {
        match wire.ask(question).await {
            Ok(rows) => behind.extend(rows),
            Err(AskError::Refused { .. }) => {}
            Err(lost @ AskError::Lost(_)) => return Err(lost.into_fault()),
        }
    }
    *kept = Some(wire);
    Ok(read(&server, boot, &rows, &behind))
}

/// The connection of the last look, where it is still there.
async fn greeted(kept: Option<Wired>) -> Option<(Wired, Server)> {
    let mut wire = kept?;
    let server = wire.greet().await.ok()?;
    Some((wire, server))
}

/// What [`started`] brought; nothing is never the same as anything.
pub(super) fn boot(rows: &[Row]) -> Option<u64> {
    rows.first()?.number(0).map(|moment| moment as u64)
}

/// What tells a session from any other one: when its server was started, and from where it comes.
pub(super) fn identity(boot: Option<u64>, row: &Row) -> String {
    boot.map_or_else(String::new, |boot| format!("{boot} {}@{}", row.text(1), row.text(2)))
}

/// Whether two identities are of one session.
pub(super) fn same(one: &str, other: &str) -> bool {
    let parts = |text: &str| {
        let (boot, who) = text.split_once(' ')?;
        Some((boot.parse::<u64>().ok()?, who.to_owned()))
    };
    match (parts(one), parts(other)) {
        (Some((one, who)), Some((other, whose))) => who == whose && one.abs_diff(other) <= ROUNDING,
        _ => false,
    }
}

fn read(server: &Server, boot: Option<u64>, rows: &[Row], waits: &[Row]) -> Activity {
    let mut blocked: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    for row in waits {
        if let Some(waiter) = row.whole(0) {
            blocked.entry(waiter).or_default().extend(row.whole(2));
        }
    }
    let sessions = rows.iter().filter_map(|row| session(boot, row, &blocked)).collect();
    let hidden = (!server.grants.global("PROCESS")).then(|| {
        format!("the user {} sees only its own sessions; GRANT PROCESS ON *.* TO {}", server.user, server.user)
    });
    Activity { sessions, hidden, operations: Vec::new() }
}

fn session(boot: Option<u64>, row: &Row, blocked: &BTreeMap<u64, BTreeSet<u64>>) -> Option<Session> {
    let pid = row.whole(0)?;
    let age = row.number(5).map(|age| age.max(0.0));
    let (command, doing) = (row.text(4), row.text(6));
    let transaction_s = row.number(8).map(|age| age.max(0.0));
    let state = match command {
        _ if blocked.contains_key(&pid) || doing.starts_with("Waiting for") && doing.ends_with("lock") => {
            SessionState::Waiting
        }
        "Sleep" if transaction_s.is_some() => SessionState::IdleInTransaction,
        "Sleep" => SessionState::Idle,
        _ => SessionState::Running,
    };
    let application = match (row.text(1), command) {
        ("system user", _) => "the server itself",
        (_, command) if command.starts_with("Binlog Dump") => "a replica",
        _ => "",
    };
    let (statement, client) = (row.get(7).unwrap_or_default(), row.text(2));
    Some(Session {
        pid,
        started: identity(boot, row),
        role: row.text(1).to_owned(),
        application: application.to_owned(),
        client: if client == "localhost" { String::new() } else { client.to_owned() },
        database: row.text(3).to_owned(),
        state,
        state_s: age,
        session_s: None,
        transaction_s,
        statement_s: age.filter(|_| command != "Sleep"),
        waits_for: Some(doing.to_owned()).filter(|_| state == SessionState::Waiting && !doing.is_empty()),
        blocked_by: blocked.get(&pid).into_iter().flatten().copied().filter(|other| *other != pid).collect(),
        statement: Some(shown(statement)),
        ours: statement.starts_with("/* rounds */"),
    })
}

/// A statement without secrets. SQL gives a password without any sign between, `IDENTIFIED BY 'x'`,
/// and in more than one kind of quotes: so nothing that follows is shown.
pub(super) fn shown(statement: &str) -> String {
    let text = redact::text(statement.trim()).into_owned();
    // Only ASCII changes, so that places stay where they are.
    let lower = text.to_ascii_lowercase();
    let ends =
        ["password", "identified by", "identified with"].iter().filter_map(|word| Some(lower.find(word)? + word.len()));
    match ends.min().filter(|end| text[*end..].contains(['\'', '"'])) {
        Some(end) => format!("{} {}", &text[..end], redact::MASK),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::mysql::server::tests::{blind, server};

    #[test]
    fn sessions_are_told_by_what_they_do_and_who_is_in_their_way() {
        let rows = [
            Row::new(["7", "web", "10.0.0.3:512", "rota", "Query", "9", "Updating", "UPDATE shift", "10"].map(Some)),
            Row::new([
                Some("8"),
                Some("web"),
                Some("localhost"),
                Some("rota"),
                Some("Sleep"),
                Some("840"),
                Some(""),
                None,
                Some("850"),
            ]),
            Row::new([Some("9"), Some("web"), Some("localhost"), None, Some("Sleep"), Some("3"), Some(""), None, None]),
        ];
        let waits = [Row::new([Some("7"), Some("9"), Some("8")])];
        let activity = read(&server(), Some(1_700_000_000), &rows, &waits);
        let states: Vec<SessionState> = activity.sessions.iter().map(|session| session.state).collect();
        assert_eq!(states, [SessionState::Waiting, SessionState::IdleInTransaction, SessionState::Idle]);
        assert_eq!(activity.sessions[0].blocked_by, [8]);
        assert_eq!(activity.sessions[0].started, "1700000000 web@10.0.0.3:512");
        assert_eq!((activity.sessions[1].transaction_s, activity.hidden), (Some(850.0), None));
        let hidden = read(&blind(), None, &rows, &[]);
        assert!(hidden.hidden.is_some_and(|why| why.contains("GRANT PROCESS ON *.* TO `mon`@`%`")));
        assert_eq!(hidden.sessions[0].started, "", "what cannot be told is nobody");
    }

    #[test]
    fn a_session_is_the_same_only_on_the_same_server_run_and_from_the_same_place() {
        assert!(same("1700000000 web@10.0.0.3:512", "1700000001 web@10.0.0.3:512"));
        assert!(!same("1700000000 web@10.0.0.3:512", "1700000000 web@10.0.0.3:513"));
        assert!(!same("1700000000 web@localhost", "1700000900 web@localhost"), "the server was restarted");
        assert!(!same("", "") && !same("x y", "x y"));
    }

    #[test]
    fn no_statement_shows_a_password() {
        assert_eq!(shown("CREATE USER x IDENTIFIED BY 'hunter2'"), "CREATE USER x IDENTIFIED BY ***");
        assert_eq!(shown("SET PASSWORD = PASSWORD(\"hunter2\")"), "SET PASSWORD ***");
        assert_eq!(shown("SELECT name, password FROM staff"), "SELECT name, password FROM staff");
    }
}

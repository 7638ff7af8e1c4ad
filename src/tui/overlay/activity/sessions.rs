//! The sessions of a server: first whoever holds others up, with the queue behind it as a tree,
//! then what runs, what sits in a transaction and what is idle, the longest first.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{Row, lasted};
use crate::domain::explain::Subject;
use crate::domain::humanize;
use crate::domain::session::{Activity, Session, SessionState};
use crate::tui::pane::Snapshot;
use crate::tui::theme::Theme;
use crate::tui::widget::grid::Column;
use crate::tui::widget::mark::Marks;
use crate::tui::widget::text;

pub(super) const COLUMNS: [Column; 8] = [
    Column::left("PID"),
    Column::left("STATE"),
    Column::right("FOR"),
    Column::left("WAITS FOR").at_most(26).rank(2),
    Column::left("ROLE").at_most(16).rank(4),
    Column::left("PROGRAM").at_most(20).rank(3),
    Column::left("FROM").at_most(22).rank(5),
    Column::left("STATEMENT").grows(24).rank(1),
];

/// A session is told by its state; that it holds others up is worth a word of its own.
fn style(session: &Session, holds: bool, theme: &Theme) -> Style {
    match session.state {
        SessionState::Waiting => theme.critical,
        _ if holds => theme.warning,
        SessionState::IdleInTransaction => theme.warning,
        SessionState::Running => theme.accent,
        SessionState::Hidden => theme.unknown,
        SessionState::Idle => theme.dim,
    }
}

/// Everybody once: whoever holds others up with the queue behind, then the others by what they
/// do and for how long, and our own last.
fn ordered(activity: &Activity) -> Vec<(usize, &Session)> {
    let tree = activity.tree();
    let holds = |place: usize| tree.get(place + 1).is_some_and(|(depth, _)| *depth > 0);
    let (mut queues, mut rest) = (Vec::new(), Vec::new());
    for (place, (depth, session)) in tree.iter().enumerate() {
        if *depth > 0 || holds(place) {
            queues.push((*depth, *session));
        } else {
            rest.push((0, *session));
        }
    }
    rest.sort_by(|(_, a), (_, b)| {
        let long = |session: &Session| session.state_s.or(session.transaction_s).unwrap_or(0.0);
        (a.ours, a.state).cmp(&(b.ours, b.state)).then(long(b).total_cmp(&long(a)))
    });
    queues.extend(rest);
    queues
}

pub(super) fn rows<'a>(activity: &'a Activity, see: &Snapshot<'a>) -> Vec<Row<'a>> {
    ordered(activity).into_iter().map(|(depth, session)| row(depth, session, activity, see)).collect()
}

fn row<'a>(depth: usize, session: &'a Session, activity: &Activity, see: &Snapshot<'a>) -> Row<'a> {
    let theme = see.theme;
    let behind = behind(session, activity);
    let pid = session.pid.to_string();
    let branch = match depth {
        0 => String::new(),
        depth => format!("{}{} ", "  ".repeat(depth.min(8) - 1), Marks::of(theme).branch),
    };
    let quiet = if session.ours { theme.dim } else { theme.text };
    let wait = match (session.blocked_by.as_slice(), behind.len()) {
        ([], 0) => session.waits_for.clone().unwrap_or_default(),
        ([], holds) => format!("holds up {holds}"),
        (blocked, _) => format!("behind {}", pids(blocked)),
    };
    let wait_look = if session.blocked_by.is_empty() && behind.is_empty() { theme.dim } else { theme.text };
    let program = if session.ours { "rounds (this look)" } else { session.application.as_str() };
    let statement = session.statement.as_deref().unwrap_or_default();
    let state = session.state.word();
    Row {
        key: pid.clone(),
        title: format!("pid {pid}"),
        cells: vec![
            Line::from(vec![Span::styled(branch, theme.dim), Span::styled(pid.clone(), quiet)]),
            text::styled(state, style(session, !behind.is_empty(), theme)),
            text::styled(lasted(session.state_s), quiet),
            text::styled(wait.clone(), wait_look),
            text::styled(session.role.as_str(), quiet),
            text::styled(program, theme.dim),
            text::styled(session.client.as_str(), theme.dim),
            text::styled(statement, quiet),
        ],
        says: [&pid, state, &session.role, program, &session.client, &wait, statement].join(" "),
        copies: if statement.is_empty() { pid } else { statement.to_owned() },
        detail: detail(session, &behind),
        session: Some(session),
        subject: session
            .statement
            .as_ref()
            .filter(|statement| !statement.is_empty())
            .map(|_| Subject::Session { pid: session.pid, started: session.started.clone() }),
    }
}

/// Who waits directly behind a session.
fn behind(session: &Session, activity: &Activity) -> Vec<u64> {
    activity.sessions.iter().filter(|one| one.blocked_by.contains(&session.pid)).map(|one| one.pid).collect()
}

fn detail(session: &Session, behind: &[u64]) -> Vec<(&'static str, String)> {
    let ago = |seconds: Option<f64>| seconds.map(humanize::seconds);
    let mut facts = vec![("who", session.who())];
    facts.extend(ago(session.transaction_s).map(|time| ("holds", format!("a transaction, open for {time}"))));
    facts.extend(session.waits_for.clone().map(|wait| ("waits for", wait)));
    if !session.blocked_by.is_empty() {
        facts.push(("behind", pids(&session.blocked_by)));
    }
    if !behind.is_empty() {
        facts.push(("holds up", pids(behind)));
    }
    let says = session.statement.clone().filter(|statement| !statement.is_empty());
    facts.extend(says.map(|statement| ("says", statement)));
    facts
}

fn pids(pids: &[u64]) -> String {
    let name = |pid: &u64| if *pid == 0 { "a prepared transaction".to_owned() } else { pid.to_string() };
    match pids {
        [first, second, third, _, ..] => {
            format!("{}, {}, {} and {} more", name(first), name(second), name(third), pids.len() - 3)
        }
        few => few.iter().map(name).collect::<Vec<_>>().join(", "),
    }
}

/// `41 connections: 2 waiting, 3 running, 1 idle in transaction, 35 idle`.
pub(super) fn tally(activity: &Activity, see: &Snapshot<'_>) -> Line<'static> {
    let theme = see.theme;
    let others: Vec<&Session> = activity.sessions.iter().filter(|one| !one.ours).collect();
    let mut spans = vec![Span::styled(humanize::count(others.len(), "connection"), theme.text)];
    for state in [
        SessionState::Waiting,
        SessionState::Running,
        SessionState::IdleInTransaction,
        SessionState::Idle,
        SessionState::Hidden,
    ] {
        let mut of = others.iter().filter(|one| one.state == state);
        let Some(first) = of.next() else { continue };
        let gap = if spans.len() == 1 { ": " } else { ", " };
        spans.push(Span::styled(gap, theme.dim));
        spans.push(Span::styled(format!("{} {}", of.count() + 1, state.word()), style(first, false, theme)));
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(pid: u64, state: SessionState, state_s: f64, blocked_by: &[u64]) -> Session {
        Session { pid, state, state_s: Some(state_s), blocked_by: blocked_by.to_vec(), ..Session::default() }
    }

    #[test]
    fn whoever_holds_others_up_comes_first_and_then_the_longest_of_what_runs() {
        let sessions = vec![
            session(1, SessionState::Idle, 900.0, &[]),
            session(2, SessionState::Running, 3.0, &[]),
            session(3, SessionState::Running, 60.0, &[]),
            session(4, SessionState::Waiting, 9.0, &[5]),
            session(5, SessionState::IdleInTransaction, 840.0, &[]),
            Session { ours: true, ..session(6, SessionState::Running, 0.0, &[]) },
        ];
        let activity = Activity { sessions, ..Activity::default() };
        let order: Vec<(usize, u64)> = ordered(&activity).iter().map(|(depth, one)| (*depth, one.pid)).collect();
        assert_eq!(order, [(0, 5), (1, 4), (0, 3), (0, 2), (0, 1), (0, 6)]);
    }
}

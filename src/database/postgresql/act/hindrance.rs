//! What stands against an act before it begins, and who is in its way once it has: looked at
//! freshly, and told by pid.

use std::path::PathBuf;
use std::time::Duration;

use super::hand::{Hand, Said};
use super::proof::State;
use super::signal;
use crate::database::postgresql::connect::Dialer;
use crate::database::row::Row;
use crate::database::{DatabaseError, Hindrance, room};
use crate::domain::upkeep::{Maintenance, Scope, Verb};
use crate::domain::{humanize, ident};

/// A transaction that is older than this keeps dead rows from being removed for as long.
const OLD: f64 = 60.0;
/// How long a look at our own disk may take.
const DISK: Duration = Duration::from_secs(5);

/// Everything that stands against it.
pub(in crate::database::postgresql) async fn hindrances(
    dialer: &Dialer,
    work: &Maintenance,
) -> Result<Vec<Hindrance>, DatabaseError> {
    let mut eye = Hand::watching(dialer, "rounds").await?;
    if let Scope::Session(session) = &work.scope {
        let row = signal::look(&mut eye, session).await?;
        return Ok(of_session(work.verb, session.pid, row.as_ref()).into_iter().collect());
    }
    let standby = eye.ask("SELECT pg_is_in_recovery()").await.map_err(Said::into_fault)?;
    if standby.first().is_some_and(|row| row.flag(0)) {
        let text = "it is a standby, which only replays what its primary does; act on the primary";
        return Ok(vec![Hindrance::hard(text)]);
    }
    let mut found = Vec::new();
    let sessions = eye.ask(SESSIONS).await.map_err(Said::into_fault)?;
    found.extend(in_the_way(work.verb, &sessions));
    let at = eye.ask(&vacuuming(&work.scope)).await.map_err(Said::into_fault)?;
    found.extend(at.iter().map(already_at_it));
    if matches!(work.verb, Verb::VacuumFull | Verb::Reindex) && dialer.address().is_local() {
        found.extend(no_room(&mut eye, work).await);
    }
    eye.close().await;
    Ok(found)
}

/// Transactions, the oldest first: pid, application, role, state, age, and whether it is a dump.
const SESSIONS: &str = "
    SELECT pid, application_name, usename, state, extract(epoch FROM clock_timestamp() - xact_start)::float8,
           application_name LIKE 'pg\\_dump%', coalesce(backend_xmin, backend_xid) IS NOT NULL
      FROM pg_stat_activity
     WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
       AND xact_start IS NOT NULL
     ORDER BY xact_start";

/// What transactions there are that matter to it.
fn in_the_way(verb: Verb, sessions: &[Row]) -> Vec<Hindrance> {
    let mut found = Vec::new();
    let dump = sessions.iter().find(|row| row.flag(5));
    if let (Some(dump), true) = (dump, matches!(verb, Verb::VacuumFull | Verb::Reindex)) {
        found.push(Hindrance::soft(format!("a backup runs: {}", session(dump))));
    }
    let old = sessions.iter().find(|row| row.flag(6) && row.number(4).is_some_and(|age| age > OLD));
    if let (Some(old), true) = (old, verb != Verb::Analyze) {
        let effect = match verb {
            Verb::Reindex => "it would be waited for",
            _ => "rows that died since it began cannot be removed",
        };
        found.push(Hindrance::soft(format!("{}: {effect}", session(old))));
    }
    found
}

/// Vacuums that run already, of everything or of one table.
fn vacuuming(scope: &Scope) -> String {
    let only = match scope {
        Scope::Table(table) => format!(
            " AND n.nspname = {} AND c.relname = {}",
            ident::literal(table.schema.as_deref().unwrap_or("public")),
            ident::literal(&table.name)
        ),
        Scope::Whole | Scope::Session(_) => String::new(),
    };
    format!(
        "SELECT p.pid, a.backend_type, n.nspname, c.relname, p.phase FROM pg_stat_progress_vacuum p \
         JOIN pg_stat_activity a ON a.pid = p.pid JOIN pg_class c ON c.oid = p.relid \
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.datname = current_database(){only}"
    )
}

fn already_at_it(row: &Row) -> Hindrance {
    let who = if row.text(1) == "autovacuum worker" { "autovacuum" } else { "another vacuum" };
    let (pid, schema, table, phase) = (row.text(0), row.text(2), row.text(3), row.text(4));
    Hindrance::soft(format!("{who} (pid {pid}) is at {schema}.{table} already: {phase}"))
}

/// A rewrite needs room for a second copy. Where the files are not ours to look at, nobody knows.
async fn no_room(eye: &mut Hand, work: &Maintenance) -> Option<Hindrance> {
    let place = eye.ask("SELECT current_setting('data_directory')").await.ok()?;
    let place = PathBuf::from(place.first()?.get(0)?);
    let need = State::read(eye, &work.scope, "infinity").await.ok()?.bytes()?;
    let look = tokio::task::spawn_blocking(move || room::free_bytes(&place).ok().map(|free| (place, free)));
    let (place, free) = tokio::time::timeout(DISK, look).await.ok()?.ok()??;
    room::require("a second copy", &place, need, free).err().map(Hindrance::hard)
}

/// What stands against a signal.
fn of_session(verb: Verb, pid: u64, row: Option<&Row>) -> Option<Hindrance> {
    let Some(row) = row else {
        return Some(Hindrance::hard(format!("pid {pid} is gone, or another session by now; look again")));
    };
    let state = row.text(1);
    (verb == Verb::Cancel && state.starts_with("idle")).then(|| {
        Hindrance::hard(format!("pid {pid} is {state}: it runs nothing that could be cancelled; terminate ends it"))
    })
}

/// `pid 4711 (web, role rota), idle in transaction for 14 m`, of the first five columns.
fn session(row: &Row) -> String {
    let application = row.get(1).filter(|name| !name.is_empty()).map(|name| format!("{name}, ")).unwrap_or_default();
    let state = match row.text(3) {
        "idle in transaction" | "idle in transaction (aborted)" => "idle in transaction",
        _ => "in one transaction",
    };
    let age = row.number(4).map_or_else(String::new, |age| format!(" for {}", humanize::seconds(age.max(0.0))));
    format!("pid {} ({application}role {}), {state}{age}", row.text(0), row.text(2))
}

/// Who keeps dead rows from being removed.
pub(super) async fn horizon(eye: &mut Hand) -> Option<String> {
    let question = "SELECT pid, application_name, usename, state, extract(epoch FROM clock_timestamp() - xact_start)::float8 \
         FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND coalesce(backend_xid, backend_xmin) IS NOT NULL \
         ORDER BY greatest(age(backend_xid), age(backend_xmin)) DESC LIMIT 1";
    eye.ask(question).await.ok()?.first().map(session)
}

/// Who holds a lock on a table.
pub(super) async fn holder(eye: &mut Hand, scope: &Scope) -> Option<String> {
    let Scope::Table(table) = scope else { return None };
    let question = format!(
        "SELECT a.pid, a.application_name, a.usename, a.state, \
         extract(epoch FROM clock_timestamp() - a.xact_start)::float8 \
         FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid JOIN pg_class c ON c.oid = l.relation \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE l.granted AND a.pid <> pg_backend_pid() AND n.nspname = {} AND c.relname = {} \
         ORDER BY l.mode LIKE '%Exclusive%' DESC, a.xact_start LIMIT 1",
        ident::literal(table.schema.as_deref().unwrap_or("public")),
        ident::literal(&table.name)
    );
    eye.ask(&question).await.ok()?.first().map(session)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transaction(application: &'static str, age: &'static str, dump: &'static str) -> Row {
        let values = ["4711", application, "rota", "idle in transaction", age, dump, "t"];
        Row::new(values.map(Some))
    }

    #[test]
    fn what_is_in_the_way_depends_on_what_is_to_be_done() {
        let texts = |verb, sessions: &[Row]| -> Vec<String> {
            in_the_way(verb, sessions).into_iter().map(|one| one.text).collect()
        };
        let (dump, old, young) =
            (transaction("pg_dump", "5", "t"), transaction("web", "840", "f"), transaction("web", "59", "f"));
        assert_eq!(
            texts(Verb::Vacuum, &[old.clone(), dump.clone()]),
            [
                "pid 4711 (web, role rota), idle in transaction for 14 m: rows that died since it began cannot be removed"
            ]
        );
        assert_eq!(texts(Verb::Vacuum, &[dump.clone(), young]), [] as [String; 0]);
        let full = texts(Verb::VacuumFull, &[old.clone(), dump]);
        assert!(full[0].starts_with("a backup runs: pid 4711 (pg_dump, role rota)") && full.len() == 2, "{full:?}");
        assert_eq!(texts(Verb::Analyze, &[old]), [] as [String; 0]);
    }

    #[test]
    fn nobody_is_signalled_who_was_not_meant_or_runs_nothing() {
        let row = |state| Row::new([Some("2026-03-02 08:00:00+00"), Some(state), Some("f")]);
        assert!(
            of_session(Verb::Terminate, 7, None).is_some_and(|one| !one.soft && one.text.contains("another session"))
        );
        assert!(of_session(Verb::Terminate, 7, Some(&row("idle"))).is_none());
        assert!(of_session(Verb::Cancel, 7, Some(&row("active"))).is_none());
        let idle = of_session(Verb::Cancel, 7, Some(&row("idle in transaction"))).expect("a hindrance");
        assert!(idle.text.contains("terminate ends it") && !idle.soft, "{}", idle.text);
    }
}

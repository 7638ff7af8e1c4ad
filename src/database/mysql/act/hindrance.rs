//! What stands against an act before it begins, and who is in its way once it has: looked at
//! freshly, and told by connection.

use std::path::PathBuf;
use std::time::Duration;

use super::hand::{Hand, Said};
use super::proof::{self, Table};
use super::signal;
use crate::database::mysql::connect::Dialer;
use crate::database::mysql::server::Flavour;
use crate::database::row::Row;
use crate::database::{DatabaseError, Hindrance, room};
use crate::domain::upkeep::{Maintenance, Scope, Verb};
use crate::domain::{humanize, ident};

/// A transaction that is older than this is waited for, and everybody else behind it.
const OLD: f64 = 60.0;
/// How long a look at our own disk may take.
const DISK: Duration = Duration::from_secs(5);

/// Everything that stands against it.
pub(in crate::database::mysql) async fn hindrances(
    dialer: &Dialer,
    work: &Maintenance,
) -> Result<Vec<Hindrance>, DatabaseError> {
    let mut eye = Hand::watching(dialer).await?;
    if let Scope::Session(session) = &work.scope {
        let row = signal::look(&mut eye, session).await?;
        return Ok(of_session(work.verb, session.pid, row.as_ref()).into_iter().collect());
    }
    let own = eye.ask("SELECT @@read_only, @@datadir").await.map_err(Said::into_fault)?;
    let own = own.into_iter().next().unwrap_or_default();
    if !matches!(own.text(0), "0" | "OFF") {
        return Ok(vec![Hindrance::hard("it is read-only, as a replica is; act on its source")]);
    }
    let sessions = sessions(&mut eye).await.map_err(Said::into_fault)?;
    let mut found = in_the_way(work.verb, &sessions);
    if matches!(work.verb, Verb::Vacuum | Verb::Reindex) && eye.local {
        found.extend(no_room(&mut eye, dialer, work, own.text(1)).await);
    }
    eye.close().await;
    Ok(found)
}

/// Whoever is in a transaction or a statement, the oldest first: number, user, host, command,
/// age, whether it is a dump, and whether it is upkeep of a table.
const SESSIONS: &str = "
    SELECT p.id, p.user, p.host, p.command, COALESCE(TIMESTAMPDIFF(SECOND, t.trx_started, NOW()), p.time),
           p.info LIKE 'SELECT /*!40001 SQL_NO_CACHE */%',
           p.info REGEXP '^(/[*][^*]*[*]/ *)?(OPTIMIZE|ALTER|ANALYZE|REPAIR|CHECK) ', LEFT(p.info, 80)
      FROM information_schema.processlist p
      LEFT JOIN {transactions} t ON t.id = p.id
     WHERE p.id <> CONNECTION_ID() AND p.user NOT IN ('system user', 'event_scheduler')
       AND (t.id IS NOT NULL OR p.command <> 'Sleep') AND p.command NOT IN ('Daemon', 'Binlog Dump')
       AND COALESCE(p.info, '') NOT LIKE '%GET\\_LOCK(%'
     ORDER BY 5 DESC";

const TRANSACTIONS: &str = "(SELECT trx_mysql_thread_id AS id, trx_started FROM information_schema.innodb_trx)";
const NONE: &str = "(SELECT NULL AS id, NULL AS trx_started FROM DUAL WHERE FALSE)";

/// Without the right to see others these are our own, and the wait for a lock tells the rest.
async fn sessions(eye: &mut Hand) -> Result<Vec<Row>, Said> {
    match eye.ask(&SESSIONS.replace("{transactions}", TRANSACTIONS)).await {
        Err(said) if said.is_denied() => eye.ask(&SESSIONS.replace("{transactions}", NONE)).await,
        rows => rows,
    }
}

/// Who is there that matters to it.
fn in_the_way(verb: Verb, sessions: &[Row]) -> Vec<Hindrance> {
    let mut found = Vec::new();
    if let (Some(dump), true) = (sessions.iter().find(|row| row.flag(5)), verb != Verb::Analyze) {
        found.push(Hindrance::soft(format!("a backup runs: {}", session(dump))));
    }
    if let Some(upkeep) = sessions.iter().find(|row| row.flag(6)) {
        let at = upkeep.text(7);
        found.push(Hindrance::soft(format!("{} is at upkeep already: {at}", session(upkeep))));
    }
    let old = sessions.iter().find(|row| !row.flag(5) && !row.flag(6) && row.number(4).is_some_and(|age| age > OLD));
    if let (Some(old), true) = (old, matches!(verb, Verb::Vacuum | Verb::Reindex)) {
        let effect = "a table that it has used is passed by, and whoever comes meanwhile waits";
        found.push(Hindrance::soft(format!("{}: {effect}", session(old))));
    }
    found
}

/// A rewrite needs room for a second copy, of one table after another. Where the files are not
/// ours to look at, nobody knows.
async fn no_room(eye: &mut Hand, dialer: &Dialer, work: &Maintenance, datadir: &str) -> Option<Hindrance> {
    let place = PathBuf::from(datadir);
    let own = &dialer.address().database;
    let need = match &work.scope {
        Scope::Table(table) => Table::read(eye, table.schema.as_deref().unwrap_or(own), &table.name).await.ok()??.bytes,
        Scope::Whole | Scope::Session(_) => {
            let question = format!(
                "SELECT MAX(COALESCE(data_length, 0) + COALESCE(index_length, 0)) FROM information_schema.tables \
                 WHERE table_schema = {}",
                ident::escaped(own)
            );
            eye.ask(&question).await.ok()?.first()?.whole(0)?
        }
    };
    let look = tokio::task::spawn_blocking(move || room::free_bytes(&place).ok().map(|free| (place, free)));
    let (place, free) = tokio::time::timeout(DISK, look).await.ok()?.ok()??;
    room::require("a second copy of the table", &place, need, free).err().map(Hindrance::hard)
}

/// What stands against a signal.
fn of_session(verb: Verb, pid: u64, row: Option<&Row>) -> Option<Hindrance> {
    let Some(row) = row else {
        return Some(Hindrance::hard(format!("pid {pid} is gone, or another session by now; look again")));
    };
    let (user, command) = (row.text(1), row.text(4));
    if matches!(user, "system user" | "event_scheduler") || command == "Daemon" {
        return Some(Hindrance::hard(format!(
            "pid {pid} is the server's own ({user}); STOP REPLICA and its like end it"
        )));
    }
    if command.starts_with("Binlog Dump") {
        return Some(Hindrance::soft(format!("pid {pid} feeds a replica, which would only come again")));
    }
    if row.text(5).starts_with("SELECT /*!40001 SQL_NO_CACHE */") {
        return Some(Hindrance::soft(format!("pid {pid} makes a backup, which would fail")));
    }
    (verb == Verb::Cancel && command == "Sleep").then(|| {
        Hindrance::hard(format!("pid {pid} is idle: it runs nothing that could be cancelled; terminate ends it"))
    })
}

/// `pid 4711 (web@10.0.0.3), asleep in a transaction for 14 m`, of the first five columns.
fn session(row: &Row) -> String {
    let host = row.text(2);
    let host = host.rsplit_once(':').map_or(host, |(host, _port)| host);
    let state = match row.text(3) {
        "Sleep" => "asleep in a transaction",
        _ => "in one statement or transaction",
    };
    let age = row.number(4).map_or_else(String::new, |age| format!(" for {}", humanize::seconds(age.max(0.0))));
    format!("pid {} ({}@{host}), {state}{age}", row.text(0), row.text(1))
}

/// Who holds a lock on a table, as a sentence that a semicolon can follow: known where the server
/// shows such locks, and guessed where it does not.
pub(super) async fn holder(eye: &mut Hand, schema: &str, name: &str, ours: u64) -> String {
    const WHO: &str = "p.id, p.user, p.host, p.command, p.time";
    let shown = match eye.flavour {
        Flavour::MariaDb => format!(
            "SELECT {WHO} FROM information_schema.metadata_lock_info m \
             JOIN information_schema.processlist p ON p.id = m.thread_id \
             WHERE {} AND p.id <> {ours} ORDER BY m.lock_mode LIKE '%EXCLUSIVE%' DESC, p.time DESC LIMIT 1",
            proof::named(schema, name)
        ),
        Flavour::MySql => format!(
            "SELECT {WHO} FROM performance_schema.metadata_locks m \
             JOIN performance_schema.threads t ON t.thread_id = m.owner_thread_id \
             JOIN information_schema.processlist p ON p.id = t.processlist_id \
             WHERE m.lock_status = 'GRANTED' AND m.object_schema = {} AND m.object_name = {} AND p.id <> {ours} \
             ORDER BY m.lock_type LIKE '%EXCLUSIVE%' DESC, p.time DESC LIMIT 1",
            ident::escaped(schema),
            ident::escaped(name)
        ),
    };
    if let Some(row) = eye.ask(&shown).await.unwrap_or_default().first() {
        return format!("{} holds a lock on it", session(row));
    }
    let perhaps = sessions(eye).await.unwrap_or_default();
    let perhaps = perhaps.iter().find(|row| row.whole(0) != Some(ours) && !row.flag(6));
    let perhaps = perhaps.map_or_else(String::new, |row| format!(", perhaps {}", session(row)));
    let more = match eye.flavour {
        Flavour::MariaDb => " (INSTALL SONAME 'metadata_lock_info' shows who)",
        Flavour::MySql => "",
    };
    format!("somebody holds a lock on it{perhaps}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(command: &str, age: &str, dump: &str, upkeep: &str) -> Row {
        Row::new(["47", "web", "10.0.0.3:512", command, age, dump, upkeep, "OPTIMIZE TABLE x"].map(Some))
    }

    #[test]
    fn what_is_in_the_way_depends_on_what_is_to_be_done() {
        let texts = |verb, sessions: &[Row]| -> Vec<String> {
            in_the_way(verb, sessions).into_iter().map(|one| one.text).collect()
        };
        let old = at("Sleep", "840", "0", "0");
        let said = "pid 47 (web@10.0.0.3), asleep in a transaction for 14 m: a table that it has used is passed by, and \
                    whoever comes meanwhile waits";
        assert_eq!(texts(Verb::Vacuum, &[old.clone(), at("Query", "59", "0", "0")]), [said]);
        assert_eq!(texts(Verb::Analyze, &[old]), [] as [String; 0]);
        let dump = texts(Verb::Reindex, &[at("Query", "5", "1", "0")]);
        assert_eq!(dump, ["a backup runs: pid 47 (web@10.0.0.3), in one statement or transaction for 5.0 s"]);
        let other = texts(Verb::Analyze, &[at("Query", "5", "0", "1")]);
        assert!(other[0].ends_with("is at upkeep already: OPTIMIZE TABLE x"), "{other:?}");
    }

    #[test]
    fn nobody_is_signalled_who_was_not_meant_or_runs_nothing() {
        let row = |user: &str, command: &str, info: &str| {
            Row::new(["7", user, "localhost", "rota", command, info, "1"].map(Some))
        };
        let of = |verb, row: &Row| of_session(verb, 7, Some(row));
        assert!(of_session(Verb::Terminate, 7, None).is_some_and(|one| !one.soft));
        assert!(of(Verb::Terminate, &row("web", "Sleep", "")).is_none());
        assert!(of(Verb::Cancel, &row("web", "Query", "SELECT 1")).is_none());
        assert!(of(Verb::Cancel, &row("web", "Sleep", "")).is_some_and(|one| !one.soft));
        assert!(of(Verb::Terminate, &row("system user", "Slave_SQL", "")).is_some_and(|one| !one.soft));
        assert!(of(Verb::Terminate, &row("repl", "Binlog Dump GTID", "")).is_some_and(|one| one.soft));
        let dump = row("root", "Query", "SELECT /*!40001 SQL_NO_CACHE */ * FROM `staff`");
        assert!(of(Verb::Cancel, &dump).is_some_and(|one| one.soft && one.text.contains("backup")));
    }
}

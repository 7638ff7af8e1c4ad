//! Two databases of one server change names in one transaction: there is always one of the live
//! name, the old or the new, whoever is killed and whenever.
//!
//! The first rename locks the name: whoever connects meanwhile waits for it, and then finds the
//! new one or is told to try again. Whoever is connected is sent away, as the plan has said.

use std::time::Duration;

use tokio::time::sleep;

use super::hand::{Hand, LOCK, Said};
use super::scratch::{ELSEWHERE, soon};
use crate::config::{SecretRef, ServerAddress};
use crate::database::postgresql::connect::Dialer;
use crate::database::{DatabaseError, ident};
use crate::domain::sanitize;

/// How often sessions are sent away while the name is being locked.
const AGAIN: Duration = Duration::from_millis(100);
/// How long making the connections and asking may take.
const STEP: Duration = Duration::from_mins(1);
/// How often it is tried again to rename what somebody was in once more.
const TRIES: usize = 3;
/// How the comment on what was put aside begins.
const MARK: &str = "rounds: ";

/// Settings whose values are lists of names, and are written as they are kept.
const LISTS: &str = "'local_preload_libraries', 'search_path', 'session_preload_libraries', \
                     'shared_preload_libraries', 'temp_tablespaces', 'unix_socket_directories'";

/// Which databases change names.
#[derive(Clone, Copy, Debug)]
pub struct Swap<'a> {
    /// The live one, and how its server is reached.
    pub live: &'a ServerAddress,
    pub password: Option<&'a SecretRef>,
    /// The one that gets its name.
    pub new: &'a str,
    /// The name it gets; there may be no live one.
    pub aside: &'a str,
    /// Why, for the comment on what is put aside.
    pub why: &'a str,
    /// The new one is given the owner, the rights, the settings and the limit of the live one.
    pub inherits: bool,
}

/// What stands against a swap that may only come after hours of work.
pub async fn hindrance(live: &ServerAddress, password: Option<&SecretRef>) -> Result<Option<String>, DatabaseError> {
    if matches!(&*live.database, ELSEWHERE | "template0" | "template1") {
        return Ok(Some(format!("{} is the server's own database, which is not renamed", live.database)));
    }
    let mut hand = Hand::working(&elsewhere(live, password), STEP, LOCK).await?;
    let name = ident::literal(&live.database);
    let question = format!(
        "SELECT pg_has_role(d.datdba, 'MEMBER'), pg_get_userbyid(d.datdba), \
         (SELECT count(*) FROM pg_prepared_xacts WHERE database = d.datname), \
         (SELECT count(*) FROM pg_replication_slots WHERE database = d.datname), \
         (SELECT count(*) FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid WHERE a.datname = d.datname AND NOT \
          (me.rolsuper OR NOT r.rolsuper AND (pg_has_role(r.oid, 'MEMBER') OR pg_has_role('pg_signal_backend', 'MEMBER')))) \
         FROM pg_database d, pg_roles me WHERE d.datname = {name} AND me.rolname = current_user"
    );
    let rows = soon(hand.ask(&question)).await.map_err(Said::into_fault)?;
    hand.close().await;
    let Some(row) = rows.first() else { return Ok(None) };
    let count = |column: usize| row.whole(column).unwrap_or_default();
    let database = sanitize::line(&live.database);
    Ok(if !row.flag(0) {
        Some(format!("{database} belongs to the role {}, and only its owner may rename it", row.text(1)))
    } else if count(2) > 0 {
        Some(format!(
            "{database} has {} prepared transactions, with which it cannot be renamed; COMMIT PREPARED or ROLLBACK PREPARED \
             ends them",
            count(2)
        ))
    } else if count(3) > 0 {
        Some(format!(
            "{} logical replication slots read {database}, and would read what was put aside; drop them first",
            count(3)
        ))
    } else if count(4) > 0 {
        Some(format!(
            "{} sessions in {database} are of roles that ours may not end; GRANT pg_signal_backend allows it, but for \
             superusers",
            count(4)
        ))
    } else {
        None
    })
}

/// Swaps the names, or changes nothing. `Ok(false)`: there was no live one to be put aside.
pub async fn swap(swap: &Swap<'_>) -> Result<bool, DatabaseError> {
    let dialer = elsewhere(swap.live, swap.password);
    let mut hand = Hand::working(&dialer, STEP, LOCK).await?;
    let mut eye = Hand::watching(&dialer, "rounds").await?;
    let mut tries = 0;
    let swapped = loop {
        tries += 1;
        match renamed(&mut hand, &mut eye, swap).await {
            Err(said) => {
                let _gone_with_its_session = soon(hand.ask("ROLLBACK")).await;
                if !said.is("55006") || tries >= TRIES {
                    break Err(said);
                }
            }
            done => break done,
        }
    };
    hand.close().await;
    eye.close().await;
    match swapped {
        Ok(had) => Ok(had),
        // Whether the server took the last word before it was gone is what is there.
        Err(Said::Lost(why)) => match is_still_called(&dialer, swap.new).await {
            Ok(false) => exists(swap.live, swap.password, swap.aside).await,
            Ok(true) => Err(DatabaseError::Unreachable(why)),
            Err(_) => Err(DatabaseError::Malformed(format!(
                "{why}; whether the names were swapped is not known: they were when there is no database {}",
                swap.new
            ))),
        },
        Err(said) => Err(said.into_fault()),
    }
}

/// Whether a database that was to be renamed was not. Waits for whoever renames it.
async fn is_still_called(dialer: &Dialer, name: &str) -> Result<bool, DatabaseError> {
    let mut hand = Hand::working(dialer, STEP, LOCK).await?;
    let comment = ident::literal("rounds scratch: a change of names that did not come about");
    let said = soon(hand.ask(&format!("COMMENT ON DATABASE {} IS {comment}", ident::quoted(name)))).await;
    hand.close().await;
    match said {
        Ok(_) => Ok(true),
        Err(said) if said.is("3D000") => Ok(false),
        Err(said) => Err(said.into_fault()),
    }
}

/// Gives the live database a name of its own, where none takes its place.
pub async fn put_aside(live: &ServerAddress, password: Option<&SecretRef>, aside: &str) -> Result<(), DatabaseError> {
    let dialer = elsewhere(live, password);
    let mut hand = Hand::working(&dialer, STEP, LOCK).await?;
    let mut eye = Hand::watching(&dialer, "rounds").await?;
    let renamed = rename(&mut hand, &mut eye, &live.database, aside).await;
    hand.close().await;
    eye.close().await;
    renamed.map_err(Said::into_fault)
}

/// Whether there is a database of this name.
pub async fn exists(live: &ServerAddress, password: Option<&SecretRef>, name: &str) -> Result<bool, DatabaseError> {
    let mut hand = Hand::working(&elsewhere(live, password), STEP, LOCK).await?;
    let there = there(&mut hand, name).await.map_err(Said::into_fault);
    hand.close().await;
    there
}

async fn there(hand: &mut Hand, name: &str) -> Result<bool, Said> {
    let question = format!("SELECT 1 FROM pg_database WHERE datname = {}", ident::literal(name));
    Ok(!soon(hand.ask(&question)).await?.is_empty())
}

async fn renamed(hand: &mut Hand, eye: &mut Hand, swap: &Swap<'_>) -> Result<bool, Said> {
    let (live, new, aside) = (&*swap.live.database, swap.new, swap.aside);
    let had = there(hand, live).await?;
    let mut after = Vec::new();
    if had {
        let comment = soon(hand.ask(&format!(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = {}",
            ident::literal(live)
        )))
        .await?;
        let comment = comment.first().and_then(|row| row.get(0)).map_or("NULL".to_owned(), ident::literal);
        after.push(format!("COMMENT ON DATABASE {} IS {comment}", ident::quoted(live)));
        let why = ident::literal(&format!("{MARK}{}", sanitize::line(swap.why)));
        after.push(format!("COMMENT ON DATABASE {} IS {why}", ident::quoted(aside)));
        if swap.inherits {
            let statements = soon(hand.ask(&inheritance(live))).await?;
            after.extend(statements.iter().map(|row| row.text(1).to_owned()));
        }
    }
    if !had && swap.inherits {
        let quoted = ident::quoted(live);
        after.push(format!("COMMENT ON DATABASE {quoted} IS NULL"));
        after.push(format!("GRANT CONNECT, TEMPORARY ON DATABASE {quoted} TO PUBLIC"));
    }
    soon(hand.ask("BEGIN")).await?;
    if had {
        rename(hand, eye, live, aside).await?;
    }
    rename(hand, eye, new, live).await?;
    for statement in &after {
        soon(hand.ask(statement)).await?;
    }
    if had && swap.inherits {
        let alike = format!("SELECT ({}) = ({})", sign(aside), sign(live));
        if !soon(hand.ask(&alike)).await?.first().is_some_and(|row| row.flag(0)) {
            return Err(Said::No {
                code: String::new(),
                text: format!("the owner, rights or settings of {live} cannot all be given to what was restored"),
            });
        }
    }
    soon(hand.ask("COMMIT")).await?;
    Ok(had)
}

/// Renames a database, and sends away whoever is in it until that is done.
async fn rename(hand: &mut Hand, eye: &mut Hand, from: &str, to: &str) -> Result<(), Said> {
    let statement = format!("ALTER DATABASE {} RENAME TO {}", ident::quoted(from), ident::quoted(to));
    let away = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {} AND backend_type = 'client backend'",
        ident::literal(from)
    );
    let mut kept = None;
    let said = {
        let mut renaming = std::pin::pin!(soon(hand.ask(&statement)));
        loop {
            tokio::select! {
                biased;
                said = &mut renaming => break said,
                () = async { kept = eye.ask(&away).await.err(); sleep(AGAIN).await; } => {}
            }
        }
    };
    match (said, kept) {
        (Err(Said::No { code, text }), Some(why)) => {
            Err(Said::No { code, text: format!("{text}; its sessions cannot be ended: {}", why.text()) })
        }
        (said, _) => said.map(|_rows| ()),
    }
}

/// The statements that give whatever is called `live` then what `live` has now, in their order.
fn inheritance(live: &str) -> String {
    let name = ident::literal(live);
    format!(
        "WITH d AS (SELECT * FROM pg_database WHERE datname = {name}), \
         s AS (SELECT r.setrole, split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS value \
               FROM pg_db_role_setting r JOIN d ON r.setdatabase = d.oid, unnest(r.setconfig) c) \
         SELECT 1, format('ALTER DATABASE %I OWNER TO %I', datname, pg_get_userbyid(datdba)) FROM d UNION ALL \
         SELECT 2, format('ALTER DATABASE %I CONNECTION LIMIT %s', datname, datconnlimit) FROM d UNION ALL \
         SELECT 3, format('GRANT %s ON DATABASE %I TO %s%s', a.privilege_type, datname, \
                CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, \
                CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) \
           FROM d, aclexplode(coalesce(datacl, acldefault('d', datdba))) a WHERE a.grantee <> datdba UNION ALL \
         SELECT 4, format('ALTER %s SET %I TO %s', CASE s.setrole WHEN 0 THEN format('DATABASE %I', datname) \
                ELSE format('ROLE %I IN DATABASE %I', pg_get_userbyid(s.setrole), datname) END, s.name, \
                CASE WHEN s.name IN ({LISTS}) AND s.value <> '' THEN s.value ELSE quote_literal(s.value) END) FROM d, s \
         ORDER BY 1"
    )
}

/// Everything that is inherited, as one text.
fn sign(name: &str) -> String {
    let name = ident::literal(name);
    format!(
        "SELECT concat_ws(' ', d.datdba, d.datconnlimit, (SELECT string_agg(concat_ws(' ', a.grantee, a.privilege_type, \
         a.is_grantable), ',' ORDER BY a.grantee, a.privilege_type) FROM aclexplode(coalesce(d.datacl, \
         acldefault('d', d.datdba))) a), (SELECT string_agg(concat_ws(' ', s.setrole, c), ',' ORDER BY s.setrole, c) FROM \
         pg_db_role_setting s, unnest(s.setconfig) c WHERE s.setdatabase = d.oid)) FROM pg_database d WHERE d.datname = {name}"
    )
}

/// A session in one database keeps it from being renamed: ours are in another.
fn elsewhere(live: &ServerAddress, password: Option<&SecretRef>) -> Dialer {
    let address = ServerAddress { database: ELSEWHERE.to_owned(), ..live.clone() };
    Dialer::new(address, password.cloned(), STEP)
}

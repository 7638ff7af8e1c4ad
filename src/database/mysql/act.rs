//! Acts on a MySQL or MariaDB database: over connections of their own, told while they run,
//! stopped on the server when nobody wants them any more, and proven by what is true afterwards.

mod extent;
mod hand;
mod hindrance;
mod lease;
mod outcome;
mod proof;
mod run;
pub mod scratch;
mod signal;

use tokio::time::Instant;

use self::hand::{Hand, LOCKED, Said};
use self::outcome::Tally;
use self::proof::{Came, Table};
use self::run::Run;
use super::connect::Dialer;
use crate::database::{Assignment, DatabaseError, News, Upkeep};
use crate::domain::engine::MYSQL;
use crate::domain::humanize;
use crate::domain::sanitize;
use crate::domain::upkeep::{Aim, Scope, TableName, Way};

pub use extent::{Extent, extent};
pub(super) use hindrance::hindrances;
pub(super) use lease::lease;

/// Does one piece of upkeep.
pub(super) async fn maintain(dialer: &Dialer, job: Assignment) -> Result<Upkeep, DatabaseError> {
    let way = MYSQL.way(job.work.verb).filter(|way| way.suits(&job.work.scope));
    let Some(way) = way else {
        return Err(DatabaseError::Refused(format!("mysql has no {}", job.work)));
    };
    match &job.work.scope {
        Scope::Session(session) => {
            let sql = (way.sql)(&Aim { database: &dialer.address().database, scope: &job.work.scope }).join("; ");
            let (session, cancel, verb) = (session.clone(), job.cancel.clone(), job.work.verb);
            drop(job);
            signal::send(dialer, verb, &session, &sql, &cancel).await
        }
        Scope::Whole | Scope::Table(_) => upkeep(dialer, job, way).await,
    }
}

/// Goes through the tables that are meant, one after another.
async fn upkeep(dialer: &Dialer, mut job: Assignment, way: &Way) -> Result<Upkeep, DatabaseError> {
    let own = dialer.address().database.clone();
    let mut eye = Hand::watching(dialer).await?;
    let (only, schema, names) = match &job.work.scope {
        Scope::Table(table) => (Some(table.clone()), table.schema.clone().unwrap_or(own), vec![table.name.clone()]),
        _ => (None, own.clone(), proof::tables(&mut eye, &own).await.map_err(Said::into_fault)?),
    };
    let hand = Hand::working(dialer, way.limit).await?;
    let (started, mut tally) = (Instant::now(), Tally::new(way.verb, names.len()));
    let mut run = Run::new(dialer, eye, hand);
    for (place, name) in names.iter().enumerate() {
        if only.is_none() {
            (job.tell)(News::Line(format!("{} ({} of {})", sanitize::line(name), place + 1, names.len())));
            (job.tell)(News::Progress { done: place as u64, of: names.len() as u64 });
        }
        let turn = turn(&mut run, way, &schema, name, &mut job).await;
        let took = humanize::duration(started.elapsed());
        match (turn, &only) {
            (Ok(Turn::Gone), Some(table)) => return Err(proof::no_table(run.eye(), &schema, table).await),
            (Ok(Turn::Gone), None) => tally.gone(),
            (Ok(Turn::Came(came, before, after)), _) => tally.came(name, came, &before, &after),
            (Ok(Turn::Stopped), _) => {
                let text = format!("cancelled after {took}, and the server has stopped{}", tally.so_far());
                return Err(DatabaseError::Refused(text));
            }
            (Err(Said::Lost(text)), _) if job.cancel.is_cancelled() => {
                let text = format!("cancelled after {took}, and {text}{}", tally.so_far());
                return Err(DatabaseError::Unreachable(text));
            }
            (Err(lost @ Said::Lost(_)), _) => return Err(lost.into_fault().with(&tally.so_far())),
            // On one table there is nothing else to tell.
            (Ok(Turn::Locked(held)), Some(_)) => {
                return Err(DatabaseError::Refused(format!("nothing was done: {held}; waited {took}")));
            }
            (Err(said), Some(_)) => return Err(said.into_fault()),
            (Ok(Turn::Locked(held)), None) => tally.left(name, &held),
            (Err(said), None) => tally.left(name, said.text()),
        }
    }
    run.close().await;
    tally.judge(&humanize::duration(started.elapsed()))
}

/// What came of one table's turn.
enum Turn {
    Came(Came, Table, Table),
    /// There is no such table, or not any more.
    Gone,
    /// Somebody holds it; the text says who.
    Locked(String),
    /// Nobody wanted it any more.
    Stopped,
}

async fn turn(run: &mut Run<'_>, way: &Way, schema: &str, name: &str, job: &mut Assignment) -> Result<Turn, Said> {
    if job.cancel.is_cancelled() {
        return Ok(Turn::Stopped);
    }
    let Some(before) = Table::before(run.eye(), way.verb, schema, name).await? else { return Ok(Turn::Gone) };
    let only = matches!(job.work.scope, Scope::Table(_));
    let scope = Scope::Table(TableName { schema: Some(schema.to_owned()), name: name.to_owned() });
    let sql = (way.sql)(&Aim { database: schema, scope: &scope }).join("; ");
    let came = match run.follow(&sql, job, only).await {
        Ok(rows) => proof::word(&rows),
        Err(Said::No { .. }) if job.cancel.is_cancelled() => return Ok(Turn::Stopped),
        Err(said) if said.is(LOCKED) => Came::Locked,
        Err(said) => return Err(said),
    };
    if matches!(came, Came::Not(_) | Came::Locked) && job.cancel.is_cancelled() {
        return Ok(Turn::Stopped);
    }
    if came == Came::Locked {
        let ours = run.id;
        return Ok(Turn::Locked(hindrance::holder(run.eye(), schema, name, ours).await));
    }
    let after = Table::read(run.eye(), schema, name).await?.unwrap_or_default();
    Ok(Turn::Came(came, before, after))
}

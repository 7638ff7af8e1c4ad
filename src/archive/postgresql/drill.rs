//! Drills with dumps: one is restored into a database of its own on the same server, compared with
//! its manifest, asked, and that database is removed whatever comes of it.

use tokio::runtime::Handle;

use super::fill::Filling;
use crate::archive::ArchiveError;
use crate::archive::drill::{Rehearsal, told};
use crate::archive::verify::Verdict;
use crate::config::{Address, ServerAddress};
use crate::database::postgresql::scratch::{Scratch, Wanted};
use crate::database::scratch::Purpose;

/// What is of the application and not of its data: it must not begin to work in a scratch.
const APART: [&str; 3] = ["--no-tablespaces", "--no-subscriptions", "--no-publications"];
/// What only a superuser may give to others.
const OWNERS: [&str; 2] = ["--no-owner", "--no-privileges"];

pub(super) fn drill(rehearsal: &Rehearsal<'_>) -> Result<String, Verdict> {
    let Some(Address::Server(address)) = &rehearsal.request.source else {
        return Err(ArchiveError::Unsupported("a PostgreSQL dump is restored on a server".to_owned()).into());
    };
    Handle::current().block_on(hold(rehearsal, address))
}

async fn hold(rehearsal: &Rehearsal<'_>, address: &ServerAddress) -> Result<String, Verdict> {
    let Rehearsal { request, content, manifest, cancel } = *rehearsal;
    let (password, log) = (request.password.as_ref(), request.log.as_deref());
    let mut filling = Filling { content, manifest, password, words: &[], log, cancel };
    filling.read_once()?;
    let whose = format!("drill of backup {}, job {}, by {}", request.backup, request.id, request.by);
    let wanted = Wanted {
        purpose: Purpose::Drill,
        like: address,
        password: request.password.as_ref(),
        whose: &whose,
        live: &request.live,
    };
    let mut scratch = Scratch::make(wanted).await.map_err(ArchiveError::from)?;
    let with_owners = scratch.superuser;
    let words: Vec<&str> = APART.iter().chain(OWNERS.iter().filter(|_| !with_owners)).copied().collect();
    filling.words = &words;
    let found = tokio::select! {
        found = proven(&filling, &mut scratch, &request.queries) => found,
        () = cancel.cancelled() => Err(ArchiveError::Cancelled.into()),
    };
    let (name, cleared) = (scratch.name().to_owned(), scratch.removed.len());
    let mut more = String::new();
    if !with_owners {
        more.push_str("; without owners and rights, which our role may not give");
    }
    if cleared > 0 {
        more.push_str(&format!("; {cleared} left by killed drills removed"));
    }
    if let Err(why) = scratch.remove().await {
        more.push_str(&format!("; the scratch {name} is still there, and the next drill removes it: {why}"));
    }
    match found {
        Ok(found) => Ok(found + &more),
        Err(Verdict::Damaged(why)) => Err(Verdict::Damaged(why + &more)),
        none @ Err(Verdict::None(_)) => none,
    }
}

async fn proven(filling: &Filling<'_>, scratch: &mut Scratch, queries: &[String]) -> Result<String, Verdict> {
    filling.fill(scratch).await?;
    let found = filling.counted(scratch).await?;
    for query in queries {
        filling.answered(scratch, query).await?;
    }
    Ok(told(&found, filling.manifest, queries.len()))
}

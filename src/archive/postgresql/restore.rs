//! Restoring a PostgreSQL database: the dump is restored into a database beside it and proven there,
//! and then the two change names in one transaction. What was there stays, under a name of its own,
//! until somebody drops it; putting it back is the same change of names.

use std::path::PathBuf;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fill::Filling;
use crate::archive::content::Content;
use crate::archive::drill::told;
use crate::archive::manifest::Manifest;
use crate::archive::restore::chosen;
use crate::archive::verify::Verdict;
use crate::archive::{ArchiveError, aside};
use crate::config::{SecretRef, ServerAddress};
use crate::database::DatabaseError;
use crate::database::postgresql::scratch::{Scratch, Wanted};
use crate::database::postgresql::swap::{self, Swap};
use crate::database::scratch::Purpose;
use crate::domain::time::Timestamp;
use crate::domain::{humanize, sanitize};

/// The longest name that a server keeps.
const LONGEST: usize = 63;

/// What is to be restored, and in whose place.
#[derive(Clone, Debug)]
pub struct RestoreRequest {
    /// The backup's id in the configuration.
    pub backup: String,
    pub file: PathBuf,
    /// The hash it was chosen by; another file of its name is refused.
    pub sha256: Option<String>,
    pub database: ServerAddress,
    pub password: Option<SecretRef>,
    /// What is asked of what was restored before it takes the place.
    pub queries: Vec<String>,
    /// What configured databases are called.
    pub live: Vec<String>,
    /// Unique among all restores.
    pub id: String,
    pub by: String,
    pub at: Timestamp,
}

/// A database that is what its backup was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    pub took: Duration,
    /// What was there before is called that now; `None` when there was nothing.
    pub kept: Option<String>,
    /// What was achieved, for people.
    pub sentence: String,
}

/// Restores a database. Whatever goes wrong before the names are changed, nothing has changed; and
/// they are changed both or neither.
pub async fn restore(request: RestoreRequest, cancel: CancellationToken) -> Result<Restored, ArchiveError> {
    aside(cancel, move |cancel| match Handle::current().block_on(restore_now(&request, cancel)) {
        Ok(restored) => Ok(restored),
        Err(Verdict::Damaged(why)) => {
            Err(ArchiveError::Unsound(format!("the backup would not restore, nothing was changed: {why}")))
        }
        Err(Verdict::None(error)) => Err(error),
    })
    .await
}

async fn restore_now(request: &RestoreRequest, cancel: &CancellationToken) -> Result<Restored, Verdict> {
    let started = Instant::now();
    let RestoreRequest { file, database, .. } = request;
    let password = request.password.as_ref();
    let manifest = chosen(file, request.sha256.as_deref())?;
    if let Some(why) = swap::hindrance(database, password).await.map_err(ArchiveError::from)? {
        return Err(ArchiveError::Busy(format!("nothing was changed: {why}")).into());
    }
    let content = Content::new(file, manifest.as_ref().and_then(Manifest::data), cancel);
    // With owners and rights: without them its applications could not use it.
    let filling = Filling { content: &content, manifest: manifest.as_ref(), password, words: &[], log: None, cancel };
    filling.read_once()?;
    let whose = format!("restore of backup {}, job {}, by {}", request.backup, request.id, request.by);
    let wanted = Wanted { purpose: Purpose::Restore, like: database, password, whose: &whose, live: &request.live };
    let mut scratch = Scratch::make(wanted).await.map_err(ArchiveError::from)?;
    let proven = tokio::select! {
        proven = proven(&filling, &mut scratch, &request.queries) => proven,
        () = cancel.cancelled() => Err(ArchiveError::Cancelled.into()),
    };
    // The last moment at which somebody may have changed their mind.
    let proven = if cancel.is_cancelled() { Err(ArchiveError::Cancelled.into()) } else { proven };
    let proven = match proven {
        Ok(proven) => proven,
        Err(verdict) => {
            discard(scratch).await;
            return Err(verdict);
        }
    };
    let name = sanitize::line(&database.database);
    let kept = name_beside(&database.database, "before", request.at);
    let why = format!(
        "what was {name} before the restore of {}, job {}, by {}; drop it when nobody wants it back",
        request.at.format("%Y-%m-%d %H:%M:%S UTC"),
        request.id,
        request.by
    );
    let new = scratch.name().to_owned();
    let names = Swap { live: database, password, new: &new, aside: &kept, why: &why, inherits: true };
    let had = match swap::swap(&names).await {
        Ok(had) => had,
        Err(DatabaseError::Malformed(why)) => return Err(ArchiveError::Halfway(why).into()),
        Err(error) => {
            discard(scratch).await;
            let text = format!("nothing was changed, the names could not be: {error}");
            return Err(ArchiveError::Busy(text).into());
        }
    };
    let took = started.elapsed();
    let rest = if had {
        format!("what was there is the database {kept} until you drop it")
    } else {
        "there was none before: its owner is our role, and its rights and settings are those of a new one".to_owned()
    };
    Ok(Restored {
        took,
        kept: had.then(|| kept.clone()),
        sentence: format!(
            "restored from {} beside {name}, proven, and given its name in {}: {proven}; {rest}",
            sanitize::line(&file.display().to_string()),
            humanize::duration(took)
        ),
    })
}

async fn proven(filling: &Filling<'_>, scratch: &mut Scratch, queries: &[String]) -> Result<String, Verdict> {
    filling.fill(scratch).await?;
    let found = filling.counted(scratch).await?;
    for query in queries {
        filling.answered(scratch, query).await?;
    }
    Ok(told(&found, filling.manifest, queries.len()))
}

async fn discard(scratch: Scratch) {
    let name = scratch.name().to_owned();
    if let Err(why) = scratch.remove().await {
        tracing::warn!(%why, name, "a scratch is still there; the next drill or restore removes it");
    }
}

/// Puts back what was there before: what was restored gets a name of its own. Where nothing was put
/// aside, nothing had been changed.
pub async fn take_back(
    database: ServerAddress,
    password: Option<SecretRef>,
    kept: String,
    at: Timestamp,
    id: String,
) -> Result<String, ArchiveError> {
    if !swap::exists(&database, password.as_ref(), &kept).await? {
        return Ok("nothing had been changed".to_owned());
    }
    let failed = name_beside(&database.database, "failed", at);
    let why = format!("what job {id} restored, and what did not prove to be of use; drop it when nobody wants to look");
    let password = password.as_ref();
    let names = Swap { live: &database, password, new: &kept, aside: &failed, why: &why, inherits: false };
    swap::swap(&names).await?;
    Ok(format!("what was there before is back; what was restored is the database {failed} until you drop it"))
}

/// Puts aside what was restored where nothing had been before.
pub async fn put_aside(
    database: ServerAddress,
    password: Option<SecretRef>,
    at: Timestamp,
) -> Result<String, ArchiveError> {
    let failed = name_beside(&database.database, "failed", at);
    swap::put_aside(&database, password.as_ref(), &failed).await?;
    Ok(format!("there is no such database again; what was restored is the database {failed} until you drop it"))
}

/// What a database is called when it is put aside: `rota_before_20260302_090000`.
pub fn name_beside(live: &str, word: &str, at: Timestamp) -> String {
    let end = format!("_{word}_{}", at.format("%Y%m%d_%H%M%S"));
    let mut length = live.len().min(LONGEST - end.len());
    while !live.is_char_boundary(length) {
        length -= 1;
    }
    format!("{}{end}", &live[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_aside_has_a_name_that_a_server_keeps_whole() {
        let at: Timestamp = "2026-03-02T09:04:12Z".parse().expect("test time");
        assert_eq!(name_beside("rota", "before", at), "rota_before_20260302_090412");
        let long = name_beside(&"ä".repeat(40), "failed", at);
        assert!(long.len() <= LONGEST && long.ends_with("ä_failed_20260302_090412"), "{long}");
    }
}

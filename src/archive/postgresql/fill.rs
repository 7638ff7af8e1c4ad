//! Filling a scratch database from a dump, and proving that what is in it then is what the dump's
//! manifest counts.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::{Passwords, contents, feed};
use crate::archive::ArchiveError;
use crate::archive::content::Content;
use crate::archive::drill::judged;
use crate::archive::manifest::{Counts, Manifest};
use crate::archive::stream::limits;
use crate::archive::verify::{Verdict, damaged};
use crate::config::{SecretRef, ServerAddress};
use crate::database::postgresql::scratch::Scratch;
use crate::database::postgresql::{Programs, Snapshot};
use crate::database::secret;
use crate::domain::sanitize;
use crate::exec;

/// How many tables of a directory are restored at once.
const JOBS: &str = "--jobs=4";

/// A dump, and what is needed to restore it.
pub(super) struct Filling<'a> {
    pub(super) content: &'a Content<'a>,
    pub(super) manifest: Option<&'a Manifest>,
    pub(super) password: Option<&'a SecretRef>,
    /// What `pg_restore` is told beside what it always is.
    pub(super) words: &'a [&'a str],
    /// Where what it says is kept.
    pub(super) log: Option<&'a Path>,
    pub(super) cancel: &'a CancellationToken,
}

impl Filling<'_> {
    /// What can be known of it before a server is touched: that every byte is what it was.
    pub(super) fn read_once(&self) -> Result<(), Verdict> {
        self.content.read(|_| Ok(())).map(|_| ())
    }

    /// Restores it. Whatever a server says against it is a verdict on the backup.
    pub(super) async fn fill(&self, scratch: &mut Scratch) -> Result<(), Verdict> {
        let programs = Programs::fit_for(scratch.number).await.map_err(ArchiveError::Missing)?;
        self.has_extensions(&programs, scratch).await?;
        let password = match self.password {
            Some(reference) => {
                let fetched = secret::fetch(reference).await;
                Some(fetched.map_err(|why| ArchiveError::Missing(sanitize::line(&why)))?)
            }
            None => None,
        };
        let passwords = Passwords::of(password.as_ref())?;
        let at = scratch.address().clone();
        let restored = self.restore(&programs, &at, passwords.path());
        let restored = tokio::select! {
            restored = restored => restored,
            () = scratch.stay() => Ok(()),
        };
        match restored {
            // What ends together with its server says nothing of the backup.
            Err(Verdict::Damaged(why)) if !scratch.answers().await => {
                Err(ArchiveError::Program(format!("the server went away meanwhile: {why}")).into())
            }
            other => other,
        }
    }

    /// A server that lacks one would tell in the middle of it, and less plainly.
    async fn has_extensions(&self, programs: &Programs, scratch: &mut Scratch) -> Result<(), Verdict> {
        let listed = contents(programs, self.content.file(), self.content.packing(), self.cancel).await;
        let listed = match listed {
            Ok(listed) => listed,
            Err(ArchiveError::Program(why)) => return damaged(format!("it cannot be read: {why}")),
            Err(error) => return Err(error.into()),
        };
        let there = scratch.extensions().await.map_err(ArchiveError::from)?;
        match extensions(&listed).find(|name| !there.contains(*name)) {
            Some(missing) => {
                let missing = sanitize::line(missing);
                damaged(format!(
                    "it needs the extension `{missing}`, which this server does not have; install it there"
                ))
            }
            None => Ok(()),
        }
    }

    async fn restore(&self, programs: &Programs, at: &ServerAddress, passwords: Option<&Path>) -> Result<(), Verdict> {
        let always = ["pg_restore", "--exit-on-error", "--no-password"];
        let jobs = self.content.is_directory().then_some(JOBS);
        let command: Vec<&str> = always.iter().chain(self.words).copied().chain(jobs).collect();
        let mut invocation = programs.connected(&command, at, passwords);
        // What feeds it ends with it: it reads no further than it has to.
        let (input, _feeding) = feed(self.content.file(), self.content.packing(), &mut invocation, self.cancel)?;
        let piped = exec::pipe(&invocation, input, &limits(self.log), self.cancel, |_| Ok(())).await;
        match piped {
            _ if self.cancel.is_cancelled() => Err(ArchiveError::Cancelled.into()),
            Err(error) => Err(ArchiveError::Missing(error.to_string()).into()),
            Ok(piped) if piped.succeeded() => Ok(()),
            Ok(piped) => {
                let why = piped.fault.clone().unwrap_or_else(|| piped.why());
                damaged(format!("it does not restore: {}", sanitize::line(why.trim())))
            }
        }
    }

    /// Whether what is in a scratch is what the manifest says, table by table.
    pub(super) async fn counted(&self, scratch: &Scratch) -> Result<Counts, Verdict> {
        let expected = self.manifest.map(|manifest| &manifest.counts).filter(|counts| !counts.tables.is_empty());
        // However large: what was counted then is counted now.
        let named: Vec<String> = expected.map_or_else(Vec::new, |counts| {
            counts.tables.iter().filter(|(_, rows)| rows.is_some()).map(|(name, _)| name.clone()).collect()
        });
        let mut moment = Snapshot::take(scratch.address(), self.password).await.map_err(ArchiveError::from)?;
        let found = Counts { tables: moment.count(&named).await.map_err(ArchiveError::from)? };
        match expected.and_then(|expected| expected.difference(&found)) {
            Some(difference) => damaged(format!("restored, it is not what its manifest says: {difference}")),
            None => Ok(found),
        }
    }

    /// Whether a question is answered as it should be.
    pub(super) async fn answered(&self, scratch: &Scratch, query: &str) -> Result<(), Verdict> {
        judged(&scratch.answer(self.password, query).await.map_err(ArchiveError::from)?, query)
    }
}

/// The extensions that a table of contents names: `3; 3079 16385 EXTENSION - hstore `
fn extensions(listed: &str) -> impl Iterator<Item = &str> {
    listed.lines().filter_map(|line| Some(line.split_once(" EXTENSION - ")?.1.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_contents_names_its_extensions() {
        let listed = ";\n; Archive created at 2026-03-02\n2; 3079 16384 EXTENSION - hstore \n\
                      3350; 0 0 COMMENT - EXTENSION hstore \n215; 1259 16389 TABLE public staff postgres\n";
        assert_eq!(extensions(listed).collect::<Vec<_>>(), ["hstore"]);
    }
}

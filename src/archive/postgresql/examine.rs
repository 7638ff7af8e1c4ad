//! What is in a dump, told without a server: it is decoded to its end, and the rows of each table are
//! counted on the way.

use std::io;
use std::path::Path;

use tokio::runtime::Handle;

use super::{FORM, rows};
use crate::archive::content::Content;
use crate::archive::method::{Found, Wanted};
use crate::archive::stream::{ended, limits};
use crate::archive::verify::{Verdict, damaged};
use crate::archive::{ArchiveError, failed};
use crate::database::postgresql::Programs;
use crate::domain::{humanize, sanitize};
use crate::exec;

/// Decodes the whole dump and counts the rows of each table in it, without a server.
pub(super) fn examine(content: &Content<'_>, wanted: &Wanted<'_>) -> Result<Found, Verdict> {
    if !content.head()?.starts_with(FORM.magic) {
        return damaged("it does not begin as a dump of pg_dump does");
    }
    let handle = Handle::current();
    let programs = match handle.block_on(Programs::newest()) {
        Ok(programs) => programs,
        Err(why) if wanted.counts.is_some() => {
            return Ok(Found { sentence: format!("its structure was not checked: {why}"), counts: None });
        }
        Err(why) => return Err(Verdict::None(ArchiveError::Missing(why))),
    };
    let (reader, mut writer) = io::pipe().map_err(failed("make a pipe for", content.file()))?;
    let mut invocation = programs.alone(&["pg_restore", "--data-only", "--file=-"]);
    if content.is_directory() {
        invocation.argv.push(content.file().display().to_string());
    }
    let mut counter = rows::Counter::default();
    let (fed, decoded) = std::thread::scope(|scope| {
        let feeding = scope.spawn(move || content_into(content, &mut writer));
        let take = |bytes: &[u8]| {
            counter.take(bytes);
            Ok(())
        };
        let limits = limits(None);
        let decoded = handle.block_on(exec::pipe(&invocation, Some(reader.into()), &limits, content.cancel, take));
        (feeding.join(), decoded)
    });
    let decoded = ended("pg_restore", decoded, content.cancel);
    match decoded {
        // Too new to be told from damage: what the manifest says of its bytes is all that is known.
        Err(ArchiveError::Program(why)) if why.contains("unsupported version") => {
            let newer =
                format!("a newer pg_dump made it than PostgreSQL's programs here ({}) can read", programs.version);
            return Err(Verdict::None(ArchiveError::Missing(format!("{newer}; install newer ones"))));
        }
        Err(ArchiveError::Program(why)) => {
            return damaged(format!("it cannot be decoded to its end: {}", sanitize::line(&why)));
        }
        Err(error) => return Err(error.into()),
        Ok(_) => {}
    }
    match fed {
        Ok(Err(verdict @ Verdict::Damaged(_))) => return Err(verdict),
        Err(_) => {
            return Err(Verdict::None(ArchiveError::Panicked("a thread of the verification panicked".to_owned())));
        }
        // A program that reads no further than the end of its data has read enough.
        Ok(_) => {}
    }
    let found = counter.counts();
    if let Some(difference) = wanted.counts.and_then(|expected| expected.lacking(&found)) {
        return damaged(format!("it is not what its manifest says: {difference}"));
    }
    let sentence = format!(
        "decoded to its end, {} with {} rows{}",
        humanize::count(found.tables.len(), "table"),
        humanize::number(found.rows() as f64),
        if wanted.counts.is_some() { " as in the manifest" } else { "" }
    );
    Ok(Found { sentence, counts: Some(found) })
}

fn content_into(content: &Content<'_>, writer: &mut io::PipeWriter) -> Result<u64, Verdict> {
    content.read(|bytes| io::Write::write_all(writer, bytes).map_err(failed("pass on", Path::new("pg_restore"))))
}

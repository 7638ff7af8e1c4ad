//! Drills with dumps of MySQL and MariaDB: one is restored into a schema of its own on the same
//! server, compared with its manifest, asked, and that schema is removed whatever comes of it.

use std::io::{self, Write as _};
use std::path::Path;
use std::thread::JoinHandle;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::Options;
use super::tame::Tame;
use super::tool::Tool;
use crate::archive::counts::Counts;
use crate::archive::drill::{Rehearsal, told};
use crate::archive::manifest::Manifest;
use crate::archive::pack::{self, Unpacking};
use crate::archive::sql::Text;
use crate::archive::stream::limits;
use crate::archive::verify::{Verdict, damaged};
use crate::archive::{ArchiveError, failed};
use crate::config::{Address, MysqlAddress};
use crate::database::mysql::scratch::{Scratch, Wanted};
use crate::domain::backup::Compression;
use crate::domain::{humanize, sanitize};
use crate::exec;

pub(super) fn drill(rehearsal: &Rehearsal<'_>) -> Result<String, Verdict> {
    let Some(Address::Mysql(address)) = &rehearsal.request.source else {
        return Err(ArchiveError::Unsupported("a dump of MySQL is restored on a server".to_owned()).into());
    };
    Handle::current().block_on(hold(rehearsal, address))
}

async fn hold(rehearsal: &Rehearsal<'_>, address: &MysqlAddress) -> Result<String, Verdict> {
    let Rehearsal { request, manifest, cancel, .. } = *rehearsal;
    let events = read_once(rehearsal)?;
    let Tool { program, .. } = Tool::installed(&["mariadb", "mysql"]).await?;
    let options = Options::of(address, request.password.as_ref()).await?;
    let wanted = Wanted {
        like: address,
        password: request.password.as_ref(),
        whose: &format!("drill of backup {}, job {}, by {}", request.backup, request.id, request.by),
        live: &request.live,
    };
    let mut scratch = Scratch::make(wanted).await.map_err(ArchiveError::from)?;
    let found = tokio::select! {
        found = proven(rehearsal, &mut scratch, program, &options) => found,
        () = cancel.cancelled() => Err(ArchiveError::Cancelled.into()),
    };
    let mut more = "; definers apart".to_owned();
    if events > 0 {
        more.push_str(&format!(", and {}, which would begin to work", humanize::count(events as usize, "event")));
    }
    if scratch.removed > 0 {
        more.push_str(&format!("; {} left by killed drills removed", scratch.removed));
    }
    let name = scratch.name().to_owned();
    if let Err(why) = scratch.remove().await {
        more.push_str(&format!("; the scratch {name} is still there, and the next drill removes it: {why}"));
    }
    match found {
        Ok(found) => Ok(told(&found, manifest, request.queries.len()) + &more),
        Err(verdict) => Err(verdict),
    }
}

/// What can be known before a server is touched: that every byte is what it was, that it came to its
/// end, and that nothing in it reaches beyond one schema. Answers how many events are in it.
fn read_once(rehearsal: &Rehearsal<'_>) -> Result<u64, Verdict> {
    let (mut text, mut tame, mut refused) = (Text::default(), Tame::new(""), None);
    let mut nowhere = Vec::new();
    rehearsal.content.read(|bytes| {
        text.take(bytes);
        if refused.is_none() {
            refused = tame.take(bytes, &mut nowhere).err();
        }
        nowhere.clear();
        Ok(())
    })?;
    let file = rehearsal.request.file.display();
    match text.end() {
        Err(why) => return damaged(why),
        Ok(Some(read)) if read.is_of_mysql => {}
        Ok(_) => {
            let why = format!("{file}: nothing in it says that mariadb-dump or mysqldump wrote it");
            return Err(ArchiveError::Unsupported(why).into());
        }
    }
    match refused.or_else(|| tame.finish(&mut nowhere).err()) {
        Some(why) => Err(ArchiveError::Unsupported(format!("{file} is not restored into a scratch: {why}")).into()),
        None => Ok(tame.events),
    }
}

async fn proven(
    rehearsal: &Rehearsal<'_>,
    scratch: &mut Scratch,
    program: &str,
    options: &Options,
) -> Result<Counts, Verdict> {
    let Rehearsal { request, content, manifest, cancel } = *rehearsal;
    let quiet = "--init-command=SET SESSION sql_log_bin = 0";
    let always = ["--batch", "--binary-mode"];
    let words: Vec<&str> = always.into_iter().chain(scratch.quiet.then_some(quiet)).collect();
    let name = scratch.name().to_owned();
    let invocation = options.command(program, &words, &[&name]);
    let (input, feeding) = feed(content.file(), content.packing(), &name, cancel)?;
    let limits = limits(request.log.as_deref());
    let restored = tokio::select! {
        piped = exec::pipe(&invocation, Some(input), &limits, cancel, |_| Ok(())) => piped,
        () = scratch.stay() => return Err(ArchiveError::Cancelled.into()),
    };
    match restored {
        _ if cancel.is_cancelled() => return Err(ArchiveError::Cancelled.into()),
        Err(error) => return Err(ArchiveError::Missing(error.to_string()).into()),
        Ok(piped) if piped.succeeded() => {}
        Ok(piped) => {
            let why = sanitize::line(piped.fault.clone().unwrap_or_else(|| piped.why()).trim());
            if !scratch.answers().await {
                return Err(ArchiveError::Program(format!("the server went away meanwhile: {why}")).into());
            }
            return damaged(format!("it does not restore: {why}"));
        }
    }
    // A client that was fed less than all of it ends as well as any.
    match feeding.join() {
        Ok(Ok(())) => {}
        Ok(Err(Unpacking::Damaged(why))) => return damaged(why),
        Ok(Err(Unpacking::Taker(error) | Unpacking::Unread(error))) => return Err(error.into()),
        Err(_) => return Err(ArchiveError::Panicked("a thread of the drill panicked".to_owned()).into()),
    }
    let found = Counts { tables: scratch.count().await.map_err(ArchiveError::from)? };
    if let Some(difference) =
        manifest.map(|manifest: &Manifest| &manifest.counts).and_then(|all| all.difference(&found))
    {
        return damaged(format!("restored, it is not what its manifest says: {difference}"));
    }
    for query in &request.queries {
        answered(scratch, query).await?;
    }
    Ok(found)
}

/// A pipe from which what may go into a scratch can be read.
fn feed(
    dump: &Path,
    packing: Compression,
    into: &str,
    cancel: &CancellationToken,
) -> Result<(std::process::Stdio, JoinHandle<Result<(), Unpacking>>), ArchiveError> {
    let (reader, mut writer) = io::pipe().map_err(failed("make a pipe for", dump))?;
    let (dump, cancel, mut tame) = (dump.to_owned(), cancel.clone(), Tame::new(into));
    let feeding = std::thread::spawn(move || {
        let mut ready = Vec::new();
        let mut pass = |ready: &mut Vec<u8>| {
            let passed = writer.write_all(ready).map_err(failed("pass on", Path::new("the client")));
            ready.clear();
            passed
        };
        let taken = |bytes: &[u8]| {
            tame.take(bytes, &mut ready).map_err(ArchiveError::Changed)?;
            pass(&mut ready)
        };
        pack::unpack(&dump, packing, taken, &cancel)?;
        tame.finish(&mut ready).map_err(|why| Unpacking::Taker(ArchiveError::Changed(why)))?;
        pass(&mut ready).map_err(Unpacking::Taker)
    });
    Ok((reader.into(), feeding))
}

async fn answered(scratch: &Scratch, query: &str) -> Result<(), Verdict> {
    let answer = scratch.answer(query).await.map_err(ArchiveError::from)?;
    crate::archive::drill::judged(&answer, query)
}

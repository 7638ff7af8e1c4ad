//! Dumps of a PostgreSQL database by its own `pg_dump`, hashed while they come, with the rows of
//! every table counted at the very moment that is dumped; and what the whole server has beside it.

mod drill;
mod fill;
pub mod restore;
mod rows;

pub(super) use rows::Counter;

use std::io;
use std::path::Path;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::content::Content;
use super::manifest::{Counts, Source};
use super::method::{Beside, Form, Found, Making, Method, Wanted, Written};
use super::pack::{self, Packer, Unpacking};
use super::stream::{NO_LIMIT, ended};
use super::verify::{Verdict, damaged};
use super::{ArchiveError, failed};
use crate::config::{Address, Secret, SecretRef, ServerAddress};
use crate::database::postgresql::{Programs, Snapshot};
use crate::database::{DatabaseError, room, secret};
use crate::domain::backup::Compression;
use crate::domain::engine::POSTGRESQL;
use crate::domain::{humanize, sanitize};
use crate::exec::{self, Limits};
use crate::platform::unnamed::Unnamed;

pub(super) const METHOD: Method = Method { engine: POSTGRESQL.name, form: &FORM, write, count, drill: drill::drill };

pub(super) const FORM: Form = Form { name: "PostgreSQL dump", endings: &["dump", "pgdump"], magic: b"PGDMP", examine };

/// What the globals are called after the dump's name.
const GLOBALS: &str = ".globals.sql";

fn write(making: &mut Making<'_>) -> Result<Written, ArchiveError> {
    let Address::Server(address) = making.request.source.clone() else {
        return Err(ArchiveError::Unsupported("a PostgreSQL database is on a server".to_owned()));
    };
    let cancel = making.cancel.clone();
    Handle::current().block_on(async {
        tokio::select! {
            written = dump(making, &address) => written,
            () = cancel.cancelled() => Err(ArchiveError::Cancelled),
        }
    })
}

async fn dump(making: &mut Making<'_>, address: &ServerAddress) -> Result<Written, ArchiveError> {
    let Making { request, partial, cancel, .. } = *making;
    let mut snapshot = Snapshot::take(address, request.password.as_ref()).await?;
    let programs = Programs::fit_for(snapshot.number).await.map_err(ArchiveError::Missing)?;
    let shelf = request.destination.parent().unwrap_or(Path::new("/"));
    let free = room::free_bytes(shelf).map_err(failed("ask for free space in", shelf))?;
    // A dump has no indexes and is packed; what it will really be nobody knows.
    room::require("the dump", shelf, snapshot.bytes / 4, free).map_err(ArchiveError::NoRoom)?;
    let password = match &request.password {
        Some(reference) => {
            Some(secret::fetch(reference).await.map_err(|why| DatabaseError::Denied(sanitize::line(&why)))?)
        }
        None => None,
    };
    let passwords = Passwords::of(password.as_ref())?;

    let packing = request.compress;
    let held = format!("--snapshot={}", snapshot.id);
    let mut command = POSTGRESQL.dump[0].to_vec();
    command.push(&held);
    if packing != Compression::None {
        // Packed once, by us.
        command.push("--compress=0");
    }
    let data = partial.data();
    let mut packer = Packer::new(&data, partial.open_data()?, packing, cancel).map_err(failed("write", &data))?;
    let take = |bytes: &[u8]| {
        packer.write(bytes)?;
        (making.progress)(packer.taken(), 0);
        Ok(())
    };
    let invocation = programs.connected(&command, address, passwords.path());
    let limits = Limits::new(NO_LIMIT).whole();
    let dumping = exec::pipe(&invocation, None, &limits, cancel, take);
    let (dumped, counted) = tokio::join!(dumping, snapshot.count(&request.rows));
    ended("pg_dump", dumped, cancel)?;
    let (counts, mut warnings) = match counted {
        Ok(tables) => (Counts { tables }, Vec::new()),
        Err(error) => (Counts::default(), vec![format!("its rows were not counted: {error}")]),
    };
    let (source, version) = (Source::server(address, snapshot.bytes), snapshot.version.clone());
    drop(snapshot);
    let written = packer.finish(&data)?;
    let contents = list(&programs, &partial.data(), packing, cancel).await?;
    if let Some(missing) = rows::unlisted(&contents, &counts) {
        return Err(ArchiveError::Unsound(format!("the dump has no table `{missing}`, and was not kept")));
    }
    warnings.extend(counts.not_there(&request.rows));
    let beside = match globals(making, address, &programs, passwords.path()).await {
        Ok((beside, warning)) => {
            warnings.extend(warning);
            vec![beside]
        }
        Err(ArchiveError::Cancelled) => return Err(ArchiveError::Cancelled),
        Err(error) => {
            warnings.push(format!("without roles and tablespaces: {error}"));
            Vec::new()
        }
    };
    Ok(Written {
        engine_version: version,
        source,
        data: written,
        packing,
        beside,
        checks: &["exit", "tables", "reread"],
        found: found(&counts),
        counts,
        warnings,
    })
}

fn count(
    address: &Address,
    password: Option<&SecretRef>,
    rows: &[String],
    _: &CancellationToken,
) -> Result<Counts, ArchiveError> {
    let Address::Server(address) = address else { return Ok(Counts::default()) };
    let tables = Handle::current().block_on(async { Snapshot::take(address, password).await?.count(rows).await })?;
    Ok(Counts { tables })
}

fn found(counts: &Counts) -> String {
    let uncounted = counts.tables.values().filter(|rows| rows.is_none()).count();
    let more = if uncounted == 0 { String::new() } else { format!(" ({uncounted} of them not counted)") };
    format!(
        "{}{more} and {} rows at the moment of the dump, all listed in it",
        humanize::count(counts.tables.len(), "table"),
        humanize::number(counts.rows() as f64)
    )
}

/// A dump's own table of contents.
async fn list(
    programs: &Programs,
    dump: &Path,
    packing: Compression,
    cancel: &CancellationToken,
) -> Result<String, ArchiveError> {
    contents(programs, dump, packing, cancel).await.map_err(|error| match error {
        ArchiveError::Program(why) => {
            ArchiveError::Unsound(format!("the dump cannot be read, and was not kept: {why}"))
        }
        other => other,
    })
}

async fn contents(
    programs: &Programs,
    dump: &Path,
    packing: Compression,
    cancel: &CancellationToken,
) -> Result<String, ArchiveError> {
    let mut text = Vec::new();
    let take = |bytes: &[u8]| {
        text.extend_from_slice(bytes);
        Ok(())
    };
    let (input, feeding) = feed(dump, packing, cancel)?;
    let invocation = programs.alone(&["pg_restore", "--list"]);
    let listed = exec::pipe(&invocation, Some(input), &Limits::new(NO_LIMIT).whole(), cancel, take).await;
    let listed = ended("pg_restore --list", listed, cancel);
    // It reads no further than it has to, and what feeds it ends with it.
    drop(feeding);
    listed?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// A pipe from which what is in a file can be read.
fn feed(
    dump: &Path,
    packing: Compression,
    cancel: &CancellationToken,
) -> Result<(std::process::Stdio, std::thread::JoinHandle<Result<(), Unpacking>>), ArchiveError> {
    let (reader, mut writer) = io::pipe().map_err(failed("make a pipe for", dump))?;
    let (dump, cancel) = (dump.to_owned(), cancel.clone());
    let feeding = std::thread::spawn(move || {
        let write =
            |bytes: &[u8]| io::Write::write_all(&mut writer, bytes).map_err(failed("pass on", Path::new("pg_restore")));
        pack::unpack(&dump, packing, write, &cancel).map(|_| ())
    });
    Ok((reader.into(), feeding))
}

/// Roles and tablespaces, which no database holds. Without the right to read passwords they are
/// dumped without them.
async fn globals(
    making: &Making<'_>,
    address: &ServerAddress,
    programs: &Programs,
    passwords: Option<&Path>,
) -> Result<(Beside, Option<String>), ArchiveError> {
    let whole = POSTGRESQL.dump[1];
    let without: Vec<&str> = whole.iter().copied().chain(["--no-role-passwords"]).collect();
    let first = globals_as(making, "globals", programs.connected(whole, address, passwords)).await;
    match first {
        Err(ArchiveError::Program(_)) => {}
        other => return other.map(|beside| (beside, None)),
    }
    let beside = globals_as(making, "globals-without", programs.connected(&without, address, passwords)).await?;
    Ok((beside, Some("the roles are without their passwords, which this role may not read".to_owned())))
}

async fn globals_as(
    making: &Making<'_>,
    name: &'static str,
    invocation: crate::domain::plan::Invocation,
) -> Result<Beside, ArchiveError> {
    let (path, file) = making.partial.make_file(name)?;
    let mut packer = Packer::new(&path, file, Compression::None, making.cancel).map_err(failed("write", &path))?;
    let limits = Limits::new(NO_LIMIT).whole();
    let piped = exec::pipe(&invocation, None, &limits, making.cancel, |bytes| packer.write(bytes)).await;
    ended("pg_dumpall", piped, making.cancel)?;
    let seal = packer.finish(&path)?;
    Ok(Beside { name, suffix: GLOBALS, seal })
}

/// A file of passwords without a name on any disk, where the system has such.
struct Passwords(Option<Unnamed>);

impl Passwords {
    fn of(password: Option<&Secret>) -> Result<Self, ArchiveError> {
        let Some(password) = password else { return Ok(Self(None)) };
        let escaped = password.expose().replace('\\', "\\\\").replace(':', "\\:");
        let file = Unnamed::with(format!("*:*:*:*:{escaped}\n").as_bytes());
        file.map(|file| Self(Some(file))).map_err(failed("hand the password over by", &std::env::temp_dir()))
    }

    fn path(&self) -> Option<&Path> {
        self.0.as_ref().map(Unnamed::path)
    }
}

/// Decodes the whole dump and counts the rows of each table in it, without a server.
fn examine(content: &Content<'_>, wanted: &Wanted<'_>) -> Result<Found, Verdict> {
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
    let invocation = programs.alone(&["pg_restore", "--data-only", "--file=-"]);
    let mut counter = rows::Counter::default();
    let (fed, decoded) = std::thread::scope(|scope| {
        let feeding = scope.spawn(move || content_into(content, &mut writer));
        let take = |bytes: &[u8]| {
            counter.take(bytes);
            Ok(())
        };
        let limits = Limits::new(NO_LIMIT).whole();
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

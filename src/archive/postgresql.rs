//! Dumps of a PostgreSQL database by its own `pg_dump`, hashed while they come, with the rows of
//! every table counted at the very moment that is dumped; and what the whole server has beside it.

mod directory;
mod drill;
mod examine;
mod fill;
pub mod restore;
mod rows;

pub(super) use rows::Counter;

use std::io;
use std::path::Path;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::manifest::{Counts, Source};
use super::method::{Beside, Form, Making, Method, Written};
use super::pack::{self, Packer, Unpacking};
use super::stream::{dumped, ended, limits};
use super::{ArchiveError, failed, tree};
use crate::config::{Address, Secret, SecretRef, ServerAddress};
use crate::database::postgresql::{Programs, Snapshot};
use crate::database::{DatabaseError, room, secret};
use crate::domain::backup::Compression;
use crate::domain::engine::POSTGRESQL;
use crate::domain::plan::Invocation;
use crate::domain::{humanize, sanitize};
use crate::exec;
use crate::platform::unnamed::Unnamed;

pub(super) const METHOD: Method = Method { engine: POSTGRESQL.name, form: &FORM, write, count, drill: drill::drill };

pub(super) const FORM: Form =
    Form { name: "PostgreSQL dump", endings: &["dump", "pgdump", "dir"], magic: b"PGDMP", examine: examine::examine };

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

    let server = Server { address, programs: &programs, passwords: passwords.path() };
    let held = format!("--snapshot={}", snapshot.id);
    let directory = request.destination.extension().is_some_and(|ending| ending == "dir");
    let dumping = async {
        if directory {
            directory::dump(making, &server, &held).await.map(|()| None)
        } else {
            single(making, &server, &held).await.map(Some)
        }
    };
    let (dumped, counted) = tokio::join!(dumping, snapshot.count(&request.rows));
    let packer = dumped?;
    let (counts, mut warnings) = match counted {
        Ok(tables) => (Counts { tables }, Vec::new()),
        Err(error) => (Counts::default(), vec![format!("its rows were not counted: {error}")]),
    };
    let (source, version) = (Source::server(address, snapshot.bytes), snapshot.version.clone());
    drop(snapshot);
    let (packing, written, inside) = if let Some(packer) = packer {
        (request.compress, packer.finish(&partial.data())?, Vec::new())
    } else {
        // Packed inside, where it is.
        tree::settle(&partial.data())?;
        let (inside, written) = tree::seal(&partial.data(), cancel)?;
        (Compression::None, written, inside)
    };
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
        inside,
        beside,
        checks: &["exit", "tables", "reread"],
        found: found(&counts),
        counts,
        warnings,
    })
}

/// How the server is reached, and by which programs.
struct Server<'a> {
    address: &'a ServerAddress,
    programs: &'a Programs,
    passwords: Option<&'a Path>,
}

/// Dumps it into one file, packed and hashed on its way.
async fn single(making: &mut Making<'_>, server: &Server<'_>, held: &str) -> Result<Packer, ArchiveError> {
    let Making { request, partial, cancel, .. } = *making;
    let mut command = POSTGRESQL.dump[0].to_vec();
    command.push(held);
    if request.compress != Compression::None {
        // Packed once, by us.
        command.push("--compress=0");
    }
    let data = partial.data();
    let mut packer =
        Packer::new(&data, partial.open_data()?, request.compress, cancel).map_err(failed("write", &data))?;
    let take = |bytes: &[u8]| {
        packer.write(bytes)?;
        (making.progress)(packer.taken(), 0);
        Ok(())
    };
    let invocation = server.programs.connected(&command, server.address, server.passwords);
    let piped = exec::pipe(&invocation, None, &limits(request.log.as_deref()), cancel, take).await;
    dumped("pg_dump", piped, &data, cancel)?;
    Ok(packer)
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
    let mut invocation = programs.alone(&["pg_restore", "--list"]);
    // What feeds it ends with it: it reads no further than it has to.
    let (input, _feeding) = feed(dump, packing, &mut invocation, cancel)?;
    let listed = exec::pipe(&invocation, input, &limits(None), cancel, take).await;
    ended("pg_restore --list", listed, cancel)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// What a thread feeds to a program, as long as it takes it.
type Feeding = std::thread::JoinHandle<Result<(), Unpacking>>;

/// Hands a dump to a program: a pipe from which what is in a file can be read, or the path of a
/// directory among its arguments.
fn feed(
    dump: &Path,
    packing: Compression,
    invocation: &mut Invocation,
    cancel: &CancellationToken,
) -> Result<(Option<std::process::Stdio>, Option<Feeding>), ArchiveError> {
    if dump.is_dir() {
        invocation.argv.push(dump.display().to_string());
        return Ok((None, None));
    }
    let (reader, mut writer) = io::pipe().map_err(failed("make a pipe for", dump))?;
    let (dump, cancel) = (dump.to_owned(), cancel.clone());
    let feeding = std::thread::spawn(move || {
        let write =
            |bytes: &[u8]| io::Write::write_all(&mut writer, bytes).map_err(failed("pass on", Path::new("pg_restore")));
        pack::unpack(&dump, packing, write, &cancel).map(|_| ())
    });
    Ok((Some(reader.into()), Some(feeding)))
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

async fn globals_as(making: &Making<'_>, name: &'static str, invocation: Invocation) -> Result<Beside, ArchiveError> {
    let (path, file) = making.partial.make_file(name)?;
    let mut packer = Packer::new(&path, file, Compression::None, making.cancel).map_err(failed("write", &path))?;
    let piped = exec::pipe(&invocation, None, &limits(None), making.cancel, |bytes| packer.write(bytes)).await;
    dumped("pg_dumpall", piped, &path, making.cancel)?;
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

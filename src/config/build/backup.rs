//! `[[backup]]`: what is copied or watched, and where the files lie.

use std::path::{Path, is_separator};

use toml::Spanned;

use super::bounds::{Bad, Measure};
use super::names::Names;
use super::{Scope, command, id, keep, schedule};
use crate::config::error::Fault;
use crate::config::source::{Source, resolve};
use crate::config::spec::{BackupSpec, CopySpec, DatabaseSpec, DrillSpec, ManifestSpec};
use crate::config::values::Argv;
use crate::config::{defaults, raw};
use crate::domain::backup::{Compression, StampPattern};
use crate::domain::engine::POSTGRESQL;
use crate::domain::inventory::{RestoreCard, SecondPlace};
use crate::domain::plan::Invocation;
use crate::domain::schedule::Schedule;
use crate::domain::time::Zone;

/// Either way: a backup that shrank by half may be half a backup.
const SIZE_CHANGE: Measure = Measure { bad: Bad::Either, ..Measure::share("size_change", Bad::High) };

/// The ending of a name that is not known yet; nobody would write it.
const UNNAMED: &str = "\u{0}unnamed";

pub(super) fn backup(raw: &raw::Backup, source: &Source, scope: &Scope<'_>) -> Result<BackupSpec, Fault> {
    let rows = raw.verify.rows.as_ref();
    match (&raw.database, &raw.command, rows) {
        (Some(_), Some(command), _) => {
            return Err(source.fault_at(
                command,
                "a backup is made of its `database` or by its `command`, not both; leave one of them out",
            ));
        }
        (None, _, Some(rows)) if !rows.get_ref().is_empty() => {
            return Err(source
                .fault_at(rows, "rows are compared with a database; name it with `database`, or leave `rows` out"));
        }
        _ => {}
    }
    let manifest = raw.manifest.as_ref().map(|pattern| manifest(pattern, raw, source)).transpose()?;
    let tool = super::tool::tool(raw, source)?;
    let files = files(raw, source, scope)?;
    Ok(BackupSpec {
        id: id(&raw.id),
        database: raw.database.as_ref().map(|name| scope.names.database(name, source)).transpose()?,
        command: raw.command.as_ref().map(|argv| command(argv.get_ref())),
        compress: compress(raw, &files, source)?,
        rto: raw.rto.map(|rto| rto.0),
        copy: copy(raw, &files, source)?,
        drill: drill(&raw.drill, source)?,
        restore: restore(&raw.restore, source, scope.names)?,
        files,
        manifest,
        tool,
        pair: raw.pair.as_ref().map(|text| stamped(text, scope.zone, source)).transpose()?,
        schedule: raw.schedule.as_ref().map(|text| expected(text, scope.zone, source)).transpose()?,
        grace: raw.grace.map_or(defaults::BACKUP_GRACE, |grace| grace.0),
        rpo: raw.rpo.map(|rpo| rpo.0),
        min_size: raw.min_size.map(|size| size.0),
        size_change: SIZE_CHANGE.optional(raw.size_change.as_ref(), source)?,
        verify_every: raw.verify.every.map(|every| every.0),
        rows: rows.map(|rows| rows.get_ref().clone()).unwrap_or_default(),
        keep: raw.keep.as_ref().map(|written| keep::keep(written, source)).transpose()?,
    })
}

/// How it is packed: as `compress` says, else as the ending of its name does.
fn compress(raw: &raw::Backup, files: &StampPattern, source: &Source) -> Result<Compression, Fault> {
    let named = Compression::of_name(Path::new(&files.text));
    let Some(written) = &raw.compress else { return Ok(named) };
    if raw.database.is_none() {
        return Err(source.fault_at(
            written,
            "rounds packs only what it makes of a `database`; leave `compress` out, packed files are known by their names",
        ));
    }
    let wanted = *written.get_ref();
    if named != Compression::None && named != wanted {
        let message = format!("`files` end as {} does, and `compress` says {}; mend one", named.word(), wanted.word());
        return Err(source.fault_at(written, message));
    }
    Ok(wanted)
}

/// Manifests of another tool, which tell of what this machine may never see.
fn manifest(pattern: &Spanned<String>, raw: &raw::Backup, source: &Source) -> Result<ManifestSpec, Fault> {
    if raw.database.is_some() {
        return Err(source.fault_at(
            pattern,
            "what rounds makes of a `database` has manifests of its own; leave `manifest` out, or `database`",
        ));
    }
    if raw.pair.is_some() {
        return Err(
            source.fault_at(pattern, "a `pair` belongs to `files`, and here manifests tell; leave one of them out")
        );
    }
    let path = resolve(&source.directory, pattern.get_ref()).map_err(|why| source.fault_at(pattern, why))?;
    let text = path
        .to_str()
        .ok_or_else(|| source.fault_at(pattern, "this pattern is not UTF-8 in full; write it from the root"))?;
    glob::Pattern::new(text)
        .map_err(|why| source.fault_at(pattern, format!("this is not a file pattern: {}", why.msg)))?;
    Ok(ManifestSpec { pattern: text.to_owned(), has_files: raw.files.is_some() })
}

fn files(raw: &raw::Backup, source: &Source, scope: &Scope<'_>) -> Result<StampPattern, Fault> {
    let name = &raw.id.get_ref().0;
    match (&raw.files, &raw.database, &raw.command) {
        (Some(text), ..) => stamped(text, scope.zone, source),
        (None, None, _) if raw.manifest.is_some() || raw.tool.is_some() => {
            let folder = scope.state_dir.join("backups").join(name);
            let text = literal(&folder, &raw.id, source)? + "/%Y%m%dT%H%M%SZ";
            StampPattern::parse(&text, Zone::utc()).map_err(|why| source.fault_at(&raw.id, why.to_string()))
        }
        // Our own copies: their names are UTC, so that no hour of autumn has two of them.
        (None, Some(database), _) => {
            let folder = scope.state_dir.join("backups").join(name);
            let text = literal(&folder, database, source)? + "/%Y%m%dT%H%M%SZ." + UNNAMED;
            StampPattern::parse(&text, Zone::utc()).map_err(|why| source.fault_at(&raw.id, why.to_string()))
        }
        (None, None, Some(command)) => Err(source.fault_at(
            command,
            "say with `files` where this command leaves its backups, such as \"/srv/backup_%Y%m%d.tar\"",
        )),
        (None, None, None) => Err(source.fault_at(
            &raw.id,
            "this backup names neither `database` nor `command`, `files`, `manifest` or `tool`: there is nothing to make or to \
             watch",
        )),
    }
}

/// Where the second copies go: to another directory than the first, or wherever a command takes them.
fn copy(raw: &raw::Backup, files: &StampPattern, source: &Source) -> Result<Option<CopySpec>, Fault> {
    let Some(written) = &raw.copy else { return Ok(None) };
    let copy = written.get_ref();
    let place = match (&copy.to, &copy.command, &copy.hash) {
        (Some(to), None, None) => {
            let place = source.resolve(to)?;
            if place == files.dir() {
                let message = "the backups themselves lie there; a second copy wants another place";
                return Err(source.fault_at(to, message));
            }
            SecondPlace::Directory(place)
        }
        (None, Some(argv), hash) => SecondPlace::Command {
            command: carrier(argv, source)?,
            hash: hash.as_ref().map(|argv| carrier(argv, source)).transpose()?,
        },
        (Some(_), _, Some(hash)) => {
            return Err(source.fault_at(hash, "what lies in a directory is read back there; leave `hash` out"));
        }
        _ => {
            let message = "a second copy goes `to` a directory or is taken by a `command`: name one of the two";
            return Err(source.fault_at(written, message));
        }
    };
    if let (SecondPlace::Command { .. }, Some(argv), true) = (&place, &copy.command, files.is_directory()) {
        return Err(source.fault_at(
            argv,
            "a command carries files, and `files` that end in .dir are directories; copy them `to` a directory, or end \
             `files` in .dump",
        ));
    }
    Ok(Some(CopySpec { place, max_age: copy.max_age.map(|age| age.0) }))
}

/// A command that is run for each file of a backup, and therefore has to say which.
fn carrier(argv: &Spanned<Argv>, source: &Source) -> Result<Invocation, Fault> {
    let names = |argument: &String| argument.contains("{file}") || argument.contains("{name}");
    match argv.get_ref().0.split_first() {
        Some((program, arguments)) if !names(program) && arguments.iter().any(names) => Ok(command(argv.get_ref())),
        _ => Err(source.fault_at(
            argv,
            "it is run for each file of a backup: write {file}, its path, or {name}, its name, in an argument",
        )),
    }
}

fn restore(raw: &raw::Restore, source: &Source, names: &Names) -> Result<RestoreCard, Fault> {
    if let (Some(stop), None) = (&raw.stop, &raw.start) {
        return Err(
            source.fault_at(stop, "what is stopped for a restore must be started again; name an action with `start`")
        );
    }
    let action = |name: &Option<Spanned<String>>| name.as_ref().map(|name| names.action(name, source)).transpose();
    Ok(RestoreCard {
        stop: action(&raw.stop)?,
        start: action(&raw.start)?,
        verify: raw.verify.iter().map(|name| names.probe(name, source)).collect::<Result<_, _>>()?,
    })
}

fn drill(raw: &raw::Drill, source: &Source) -> Result<DrillSpec, Fault> {
    if let Some(empty) = raw.queries.iter().find(|query| query.get_ref().trim().is_empty()) {
        return Err(source.fault_at(
            empty,
            "a question to the restored database is a SELECT, such as \"SELECT count(*) > 0 FROM staff\"",
        ));
    }
    let queries = raw.queries.iter().map(|query| query.get_ref().clone()).collect();
    Ok(DrillSpec { every: raw.every.map(|every| every.0), queries })
}

/// When a backup is expected, which must be at some time.
fn expected(text: &Spanned<String>, zone: &Zone, source: &Source) -> Result<Schedule, Fault> {
    if text.get_ref().trim() == "@reboot" {
        return Err(source.fault_at(text, "a backup that is made at a reboot has no time at which it is late"));
    }
    schedule(text, zone, source)
}

/// A path with a time in its name; relative ones lie beside the configuration.
fn stamped(text: &Spanned<String>, zone: &Zone, source: &Source) -> Result<StampPattern, Fault> {
    let written = text.get_ref();
    resolve(&source.directory, written).map_err(|why| source.fault_at(text, why))?;
    let full = if Path::new(written).is_absolute() {
        written.clone()
    } else {
        format!("{}/{written}", literal(&source.directory, text, source)?)
    };
    StampPattern::parse(&full, zone.clone()).map_err(|why| source.fault_at(text, why.to_string()))
}

/// A directory as part of a pattern.
fn literal<T>(directory: &Path, blame: &Spanned<T>, source: &Source) -> Result<String, Fault> {
    let odd = "the directory of the files has a name that is not UTF-8; write a full path in `files`";
    let text = directory.to_str().ok_or_else(|| source.fault_at(blame, odd))?;
    Ok(text.trim_end_matches(is_separator).to_owned())
}

/// Names for the backups nobody named, now that it is known what each will be.
pub(super) fn name_the_unnamed(backups: &mut [BackupSpec], databases: &[DatabaseSpec]) {
    for backup in backups.iter_mut() {
        let source = databases.iter().find(|database| Some(&database.id) == backup.database.as_ref());
        let ending = source.map(|database| database.address.engine().ending);
        let unnamed = ending.and_then(|ending| Some(format!("{}{ending}", backup.files.text.strip_suffix(UNNAMED)?)));
        if let Some(Ok(pattern)) = unnamed.map(|text| StampPattern::parse(&text, backup.files.zone.clone())) {
            backup.files = pattern;
        }
    }
}

/// Directories that something else than `pg_dump` would have to make.
pub(super) fn directories(backups: &[BackupSpec], databases: &[DatabaseSpec], names: &Names) -> Vec<Fault> {
    let made = backups.iter().filter(|backup| backup.files.is_directory());
    let odd = made.filter_map(|backup| {
        let source = databases.iter().find(|database| Some(&database.id) == backup.database.as_ref())?;
        let engine = source.address.engine();
        (engine.name != POSTGRESQL.name).then_some((backup, engine.name))
    });
    let fault = |(backup, engine): (&BackupSpec, &str)| {
        let message =
            format!("only PostgreSQL is dumped into a directory, and `.dir` names one; a backup of {engine} is a file");
        Fault::of(names.place("backup", &backup.id), message)
    };
    odd.map(fault).collect()
}

/// Two backups whose files cannot be told apart, packed or not: each would take the other's for
/// its own.
pub(super) fn shared_files(backups: &[BackupSpec], names: &Names) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, one) in backups.iter().enumerate() {
        let name = |spec: &BackupSpec| Compression::split(&spec.files.text).0.to_owned();
        for other in backups[..index].iter().filter(|other| name(other) == name(one)) {
            faults.push(Fault::of(
                names.place("backup", &one.id),
                format!("the `files` of `{}` are those of `{}`; give each backup its own pattern", one.id, other.id),
            ));
        }
    }
    faults
}

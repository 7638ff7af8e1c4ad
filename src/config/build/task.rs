//! `[[task]]`: what should run when, and how it is started by hand.

mod proof;

use std::path::PathBuf;

use super::{Scope, command, id, schedule, zone_named};
use crate::config::error::Fault;
use crate::config::nearest::suggestion;
use crate::config::source::Source;
use crate::config::spec::{TaskSource, TaskSpec};
use crate::config::{defaults, raw};
use crate::domain::plan::Invocation;

pub(super) fn task(raw: &raw::Task, source: &Source, scope: &Scope<'_>) -> Result<TaskSpec, Fault> {
    let kind = kind(raw, source)?;
    proof::only_where_it_belongs(raw, kind, source)?;
    let zone = raw.timezone.as_ref().map(|name| zone_named(name, source)).transpose()?;
    if let (Some(name), None) = (&raw.timezone, &raw.schedule) {
        return Err(source.fault_at(name, "a time zone without a `schedule` says nothing; write the schedule too"));
    }
    let zone = zone.unwrap_or_else(|| scope.zone.clone());
    let (min, max) = (raw.min_duration.as_ref(), raw.max_duration.map(|max| max.0));
    if let (Some(min), Some(max)) = (min, max)
        && min.get_ref().0 > max
    {
        return Err(source.fault_at(min, "`min_duration` is longer than `max_duration`: no run could ever be right"));
    }
    Ok(TaskSpec {
        id: id(&raw.id),
        source: kind,
        matches: raw.matches.as_ref().map(|text| text.get_ref().clone()),
        export: export(raw, kind, source)?,
        schedule: raw.schedule.as_ref().map(|text| schedule(text, &zone, source)).transpose()?,
        grace: raw.grace.map_or(defaults::TASK_GRACE, |grace| grace.0),
        min_duration: min.map(|min| min.get_ref().0),
        max_duration: max,
        run: raw.run.as_ref().map(|run| invocation(run, source)).transpose()?,
        repeat: raw.run.as_ref().and_then(|run| run.repeat).unwrap_or_default(),
        proof: proof::proof(raw, kind, &zone, source, scope)?,
    })
}

/// Where its runs are known from, and whether `match` fits that.
fn kind(raw: &raw::Task, source: &Source) -> Result<TaskSource, Fault> {
    const KINDS: [&str; 7] = ["cron", "systemd", "schtasks", "exec", "file", "log", "sql"];
    let kind = match raw.source.get_ref().as_str() {
        "cron" => TaskSource::Cron,
        "systemd" => TaskSource::Systemd,
        "schtasks" => TaskSource::Schtasks,
        "exec" => TaskSource::Exec,
        "file" => TaskSource::File,
        "log" => TaskSource::Log,
        "sql" => TaskSource::Sql,
        other => {
            let message = format!("unknown source `{other}`{}", suggestion(other, KINDS));
            return Err(source.fault_at(&raw.source, message));
        }
    };
    match (kind, &raw.matches) {
        (TaskSource::Cron, None) => {
            Err(source.fault_at(&raw.source, "say with `match` what the line in the crontab contains"))
        }
        (TaskSource::Systemd, None) => {
            Err(source.fault_at(&raw.source, "say with `match` which timer it is, such as `rota-backup.timer`"))
        }
        (TaskSource::Schtasks, None) => {
            Err(source.fault_at(&raw.source, "say with `match` which task it is, such as `\\\\Zoom Auto Launch`"))
        }
        (TaskSource::File, None) => {
            Err(source.fault_at(&raw.source, "say with `match` which files it writes, such as \"exports/*.csv\""))
        }
        (TaskSource::Log, None) => {
            Err(source.fault_at(&raw.source, "say with `match` what the line reads that it writes when it went well"))
        }
        (TaskSource::Sql, None) => Err(source.fault_at(
            &raw.source,
            "say with `match` which query tells its last time, such as \"SELECT max(at) FROM run\"",
        )),
        (kind, Some(text)) if kind != TaskSource::Exec && text.get_ref().trim().is_empty() => {
            Err(source.fault_at(text, "an empty text would match everything"))
        }
        (TaskSource::Exec, Some(text)) => Err(source
            .fault_at(text, "an `exec` task is known by its id, as in `rounds exec --task ID`; leave `match` out")),
        _ => Ok(kind),
    }
}

/// The file that is read instead of asking this machine.
fn export(raw: &raw::Task, kind: TaskSource, source: &Source) -> Result<Option<PathBuf>, Fault> {
    match (&raw.export, kind) {
        (None, _) => Ok(None),
        (Some(path), TaskSource::Exec) => Err(source.fault_at(path, "`rounds exec` exports nothing; leave it out")),
        (Some(path), kind) if kind.is_proven() => {
            Err(source.fault_at(path, format!("what proves a `{}` task is not exported; leave it out", kind.word())))
        }
        (Some(path), _) => source.resolve(path).map(Some),
    }
}

fn invocation(run: &raw::Run, source: &Source) -> Result<Invocation, Fault> {
    let directory = run.directory.as_ref().map(|path| source.resolve(path)).transpose()?;
    Ok(Invocation { directory, ..command(&run.command) })
}

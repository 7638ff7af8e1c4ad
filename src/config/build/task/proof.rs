//! What proves the runs of a task that neither its scheduler nor `rounds exec` tells of: a file, a
//! line of a log, a row.

use std::path::Path;

use regex::bytes::{Regex, RegexBuilder};
use toml::Spanned;

use crate::config::build::Scope;
use crate::config::error::Fault;
use crate::config::raw;
use crate::config::source::Source;
use crate::config::spec::{ProofSpec, TaskSource};
use crate::domain::backup::StampPattern;
use crate::domain::time::Zone;

/// A pattern that takes more room than this when it is made ready is a mistake.
const LARGEST: usize = 1 << 20;

/// Keys that say something of other kinds of tasks, and what a proof cannot tell.
pub(super) fn only_where_it_belongs(raw: &raw::Task, kind: TaskSource, source: &Source) -> Result<(), Fault> {
    if let Some(path) = raw.path.as_ref().filter(|_| kind != TaskSource::Log) {
        return Err(source.fault_at(path, "`path` is the log of a task with `source = \"log\"`; leave it out"));
    }
    if let Some(database) = raw.database.as_ref().filter(|_| kind != TaskSource::Sql) {
        return Err(source.fault_at(database, "`database` is for a task with `source = \"sql\"`; leave it out"));
    }
    if !kind.is_proven() {
        return Ok(());
    }
    let thing = if kind == TaskSource::Sql { "row" } else { kind.word() };
    if raw.schedule.is_none() {
        let message = format!("a {thing} proves that something ran; say with `schedule` when it should have");
        return Err(source.fault_at(&raw.source, message));
    }
    if raw.min_duration.is_some() || raw.max_duration.is_some() {
        let message =
            format!("a {thing} does not say how long a run took; leave `min_duration` and `max_duration` out");
        return Err(source.fault_at(&raw.source, message));
    }
    Ok(())
}

pub(super) fn proof(
    raw: &raw::Task,
    kind: TaskSource,
    zone: &Zone,
    source: &Source,
    scope: &Scope<'_>,
) -> Result<Option<ProofSpec>, Fault> {
    let Some(text) = raw.matches.as_ref().filter(|_| kind.is_proven()) else { return Ok(None) };
    Ok(Some(match (kind, &raw.path, &raw.database) {
        (TaskSource::File, ..) => files(text, zone, source)?,
        (TaskSource::Log, Some(path), _) => {
            ProofSpec::Log { path: source.resolve(path)?, pattern: pattern(text, source)? }
        }
        (TaskSource::Log, None, _) => {
            return Err(source.fault_at(&raw.source, "say with `path` which log it writes its line into"));
        }
        (_, _, Some(database)) => {
            ProofSpec::Row { database: scope.names.database(database, source)?, query: text.get_ref().clone() }
        }
        (_, _, None) => {
            return Err(source.fault_at(&raw.source, "say with `database` which [[database]] is asked"));
        }
    }))
}

/// `exports/*.csv`, or with the time in the name, `exports/report_%Y%m%d_%H%M.csv`.
fn files(text: &Spanned<String>, zone: &Zone, source: &Source) -> Result<ProofSpec, Fault> {
    if !text.get_ref().contains('%') {
        return source.glob(text).map(ProofSpec::Files);
    }
    let path = source.resolve(text)?;
    let full = if Path::new(text.get_ref()).is_absolute() { Some(text.get_ref().as_str()) } else { path.to_str() };
    let odd = "the directory of this file has a name that is not UTF-8; write the full path";
    let full = full.ok_or_else(|| source.fault_at(text, odd))?;
    let pattern = StampPattern::parse(full, zone.clone()).map_err(|why| source.fault_at(text, why.to_string()))?;
    Ok(ProofSpec::Stamped(pattern))
}

fn pattern(text: &Spanned<String>, source: &Source) -> Result<Regex, Fault> {
    let made = RegexBuilder::new(text.get_ref()).size_limit(LARGEST).build();
    let made = made.map_err(|why| {
        // Its own words draw a picture; the last line says what is wrong.
        let why = why.to_string();
        let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
        source.fault_at(text, format!("this is not a pattern: {why}"))
    })?;
    if made.is_match(b"") {
        return Err(
            source.fault_at(text, "this pattern matches every line; write what only a run that went well writes")
        );
    }
    Ok(made)
}

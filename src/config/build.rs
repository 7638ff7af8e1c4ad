//! From sections to a valid configuration: names resolve, limits fit what they limit, and what
//! contradicts itself is refused. Every section that is wrong is told, not only the first.

mod action;
mod backup;
mod bounds;
mod check;
mod checklist;
mod database;
mod host;
mod keep;
mod names;
mod system;
mod task;
mod tool;

use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;

use self::names::Names;
use super::document::Document;
use super::environment::Environment;
use super::error::{ConfigError, Fault};
use super::raw;
use super::source::Source;
use super::spec::Config;
use super::values::{Argv, Id, Interval};
use crate::domain::humanize;
use crate::domain::plan::Invocation;
use crate::domain::schedule::Schedule;
use crate::domain::time::Zone;

/// What every section is read against.
struct Scope<'a> {
    zone: &'a Zone,
    state_dir: PathBuf,
    names: &'a Names,
}

/// A configuration of these documents, which were read from `files`.
pub(super) fn config(files: Vec<PathBuf>, documents: &[Document], env: &Environment) -> Result<Config, ConfigError> {
    let mut faults = Vec::new();
    let system = single(documents, "system", |file| file.system.as_ref(), &mut faults);
    let store = single(documents, "store", |file| file.store.as_ref(), &mut faults);
    let acts = single(documents, "actions", |file| file.actions.as_ref(), &mut faults);
    let host = single(documents, "host", |file| file.host.as_ref(), &mut faults);

    let zone = keep(system::zone(system, env), &mut faults).unwrap_or_else(|| env.zone.clone());
    let card = keep(system::card(system, env), &mut faults).unwrap_or_default();
    // Without a place for the store most other paths mean nothing.
    let store = match system::store(store, env) {
        Ok(store) => store,
        Err(fault) => {
            faults.push(fault);
            return Err(ConfigError::of(faults));
        }
    };
    let acts = keep(system::acts(acts, &store), &mut faults);
    let host = keep(host::host(host), &mut faults);

    let names = Names::of(documents, &mut faults);
    let scope = Scope { zone: &zone, state_dir: store.state_dir(), names: &names };
    let databases = each(documents, |file| &file.database, database::database, &scope, &mut faults);
    let mut backups = each(documents, |file| &file.backup, backup::backup, &scope, &mut faults);
    let tasks = each(documents, |file| &file.task, task::task, &scope, &mut faults);
    let checks = each(documents, |file| &file.check, check::check, &scope, &mut faults);
    let actions = each(documents, |file| &file.action, action::action, &scope, &mut faults);
    let checklists = each(documents, |file| &file.checklist, checklist::checklist, &scope, &mut faults);
    faults.extend(check::circle(&checks, &names));
    faults.extend(backup::shared_files(&backups, &names));
    faults.extend(backup::directories(&backups, &databases, &names));
    backup::name_the_unnamed(&mut backups, &databases);

    match (acts, host) {
        (Some(acts), Some(host)) if faults.is_empty() => Ok(Config {
            files,
            host_name: env.host_name.clone(),
            system: card,
            zone,
            store,
            acts,
            host,
            databases,
            backups,
            unnamed: names.unnamed_tasks(),
            tasks,
            checks,
            actions,
            checklists,
        }),
        _ => Err(ConfigError::of(faults)),
    }
}

/// A section with the file it stands in.
type Placed<'a, T> = Option<(&'a Source, &'a Spanned<T>)>;

/// The one section of this name; a second one is a fault that names both places.
fn single<'a, T>(
    documents: &'a [Document],
    name: &str,
    section: impl Fn(&'a raw::File) -> Option<&'a Spanned<T>>,
    faults: &mut Vec<Fault>,
) -> Placed<'a, T> {
    let mut all = documents.iter().filter_map(|document| Some((&document.source, section(&document.sections)?)));
    let first = all.next()?;
    for (source, second) in all {
        let place = first.0.place(&first.1.span());
        faults.push(source.fault_at(second, format!("a second [{name}]; there is one at {place}")));
    }
    Some(first)
}

/// Builds every section of one kind, in the order of the files.
fn each<'a, R: 'a, T>(
    documents: &'a [Document],
    section: impl Fn(&'a raw::File) -> &'a Vec<R>,
    build: impl Fn(&R, &Source, &Scope<'_>) -> Result<T, Fault>,
    scope: &Scope<'_>,
    faults: &mut Vec<Fault>,
) -> Vec<T> {
    let mut built = Vec::new();
    for document in documents {
        for raw in section(&document.sections) {
            built.extend(keep(build(raw, &document.source, scope), faults));
        }
    }
    built
}

fn keep<T>(built: Result<T, Fault>, faults: &mut Vec<Fault>) -> Option<T> {
    built.map_err(|fault| faults.push(fault)).ok()
}

fn id(id: &Spanned<Id>) -> String {
    id.get_ref().0.clone()
}

fn command(argv: &Argv) -> Invocation {
    Invocation::new(argv.0.iter().cloned())
}

fn zone_named(name: &Spanned<String>, source: &Source) -> Result<Zone, Fault> {
    Zone::named(name.get_ref()).ok_or_else(|| {
        let name_text = name.get_ref();
        source.fault_at(
            name,
            format!("there is no time zone `{name_text}`; write its IANA name, such as `Europe/London`"),
        )
    })
}

fn schedule(text: &Spanned<String>, zone: &Zone, source: &Source) -> Result<Schedule, Fault> {
    Schedule::parse(text.get_ref(), zone.clone()).map_err(|why| source.fault_at(text, why.to_string()))
}

/// The deadline of one reading, which must not outlast the interval: the next one would be due.
fn deadline(
    given: Option<&Spanned<Interval>>,
    default: Duration,
    every: Duration,
    source: &Source,
) -> Result<Duration, Fault> {
    match given {
        None => Ok(default.min(every)),
        Some(given) if given.get_ref().0 > every => Err(source.fault_at(
            given,
            format!(
                "this timeout is longer than `every` ({}): the next reading would be due before this one gave up",
                humanize::duration(every)
            ),
        )),
        Some(given) => Ok(given.get_ref().0),
    }
}

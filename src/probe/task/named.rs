//! The tasks whose scheduler tells of them itself: which there are, what each is called here, and how
//! it is started.

use std::collections::BTreeMap;

use super::sight::Scene;
use crate::config::Config;
use crate::config::spec::{TaskSpec, Unnamed};
use crate::domain::inventory::{Repeat, TaskCard};
use crate::domain::task::SORTS;
use crate::scheduler::crontab::wrapped_task;
use crate::scheduler::source::{self, Listed, SourceKind};
use crate::scheduler::systemd;

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Named<'a> {
    pub(super) id: String,
    pub(super) kind: &'static SourceKind,
    /// What its scheduler calls it.
    pub(super) name: String,
    /// `None` for one that no configuration names.
    pub(super) spec: Option<&'a TaskSpec>,
}

/// Those of the configuration, and those of this machine besides.
pub(super) fn all<'a>(config: &'a Config, scene: &Scene, free: impl Fn(&str) -> bool) -> Vec<Named<'a>> {
    let configured = config.tasks.iter().filter_map(|spec| {
        let kind = source::named(spec.source.word())?;
        Some(Named { id: spec.id.clone(), kind, name: spec.matches.clone()?, spec: Some(spec) })
    });
    let mut all: Vec<Named<'_>> = configured.collect();
    if config.unnamed == Unnamed::Ignored {
        return all;
    }
    for kind in source::SOURCES.iter().filter(|kind| scene.has(kind)) {
        // Whatever keeps it from telling is told when it is asked the next time.
        let listed = scene.names(kind).unwrap_or_default();
        for one in listed.into_iter().filter(|one| !(kind.is_of_system)(&one.name) && !is_claimed(config, kind, one)) {
            let plain = plain(&one.name);
            let is_known = |id: &str| all.iter().any(|named| named.id == id);
            let taken = SORTS.contains(&plain) || is_known(plain) || !free(plain);
            let id = match one.name.starts_with(systemd::OF_USER) {
                _ if !taken => plain.to_owned(),
                true => format!("user-{plain}"),
                false if kind.name == "anacron" => format!("anacron-{plain}"),
                false => one.name.clone(),
            };
            all.push(Named { id, kind, name: one.name, spec: None });
        }
    }
    all
}

/// Whether a task of the configuration is this one: by its name there, or because `rounds exec` in it
/// records it under that name.
pub(super) fn is_claimed(config: &Config, kind: &SourceKind, one: &Listed) -> bool {
    let wrapped = [&one.command, &one.runs].into_iter().find_map(|command| wrapped_task(command));
    config.tasks.iter().filter(|spec| spec.export.is_none()).any(|spec| {
        let named = spec.matches.as_deref().filter(|_| spec.source.word() == kind.name);
        named.is_some_and(|name| one.is_called(name)) || wrapped.as_ref() == Some(&spec.id)
    })
}

/// The names that one of them may have as a task.
pub(super) fn ids(name: &str) -> [String; 3] {
    let plain = plain(name);
    [plain.to_owned(), format!("user-{plain}"), name.to_owned()]
}

/// What is left of a name without what every name of its kind has.
fn plain(name: &str) -> &str {
    name.trim_start_matches(systemd::OF_USER).trim_start_matches('\\').trim_end_matches(".timer")
}

/// How those are started that may be started from here.
pub(super) fn cards(config: &Config, scene: &Scene, free: impl Fn(&str) -> bool) -> Vec<TaskCard> {
    // Each scheduler is asked once.
    let mut listed: BTreeMap<&str, Result<Vec<Listed>, String>> = BTreeMap::new();
    let ours = all(config, scene, free).into_iter().filter(|one| one.spec.is_none_or(TaskSpec::is_ours_to_start));
    let card = |one| {
        let Named { kind, .. } = one;
        let listed = listed.entry(kind.name).or_insert_with(|| scene.names(kind));
        card(one, listed)
    };
    ours.map(card).collect()
}

/// How a task is started; `listed` are all that its scheduler has, where it told.
fn card(one: Named<'_>, listed: &Result<Vec<Listed>, String>) -> TaskCard {
    let Named { id, kind, name, spec } = one;
    let is_pattern = name.contains(['*', '?']);
    let found = listed.iter().flatten().find(|one| one.is_called(&name));
    let run = match found {
        Some(one) => Ok((kind.acts)(&one.name, &one.command).run),
        None if is_pattern => Err(format!("{} has none called `{name}`", kind.name)),
        None => Ok((kind.acts)(&name, "").run),
    };
    TaskCard { id, run, repeat: spec.map_or(Repeat::default(), |spec| spec.repeat) }
}

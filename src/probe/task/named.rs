//! The tasks whose scheduler tells of them itself: which there are, what each is called here, and how
//! it is started. Which they are has to be known before the first reading, so each scheduler is asked
//! once at the start, and not for long.

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
pub(super) struct Named {
    pub(super) id: String,
    pub(super) kind: &'static SourceKind,
    /// What its scheduler calls it.
    pub(super) name: String,
    /// `None` for one that no configuration names.
    pub(super) spec: Option<TaskSpec>,
    /// How it is started; `None` where the configuration says so itself, or it is not ours to start.
    pub(super) card: Option<TaskCard>,
}

/// What each scheduler of this machine told, or why it did not, by its name.
#[derive(Debug, Default)]
pub(super) struct Answers(BTreeMap<&'static str, Result<Vec<Listed>, String>>);

impl Answers {
    /// Asks those that are wanted: because their tasks are named, or all of them are.
    pub(super) fn of(config: &Config, scene: &Scene) -> Self {
        let wanted = |kind: &SourceKind| {
            config.unnamed != Unnamed::Ignored || config.tasks.iter().any(|spec| is_here(spec, kind))
        };
        let kinds = source::SOURCES.iter().filter(|kind| scene.has(kind) && wanted(kind));
        Self(kinds.map(|kind| (kind.name, scene.names(kind))).collect())
    }

    /// Why a scheduler did not tell which tasks it has.
    pub(super) fn silence(&self, kind: &SourceKind) -> Option<String> {
        self.0.get(kind.name)?.as_ref().err().cloned()
    }

    fn told(&self, kind: &SourceKind) -> impl Iterator<Item = &Listed> {
        self.0.get(kind.name).into_iter().flatten().flatten()
    }
}

/// Whether a task of the configuration is one of this scheduler, on this machine.
pub(super) fn is_here(spec: &TaskSpec, kind: &SourceKind) -> bool {
    spec.source.word() == kind.name && spec.export.is_none()
}

/// Those of the configuration, and those of this machine besides; `free` are the ids that are left.
pub(super) fn all(config: &Config, answers: &Answers, free: impl Fn(&str) -> bool) -> Vec<Named> {
    let mut all: Vec<Named> = config.tasks.iter().filter_map(|spec| configured(spec, answers)).collect();
    for kind in source::SOURCES.iter().filter(|_| config.unnamed != Unnamed::Ignored) {
        for one in answers.told(kind).filter(|one| !(kind.is_of_system)(&one.name) && !is_claimed(config, kind, one)) {
            let plain = plain(&one.name);
            let is_known = |id: &str| all.iter().any(|named| named.id == id);
            let taken = SORTS.contains(&plain) || is_known(plain) || !free(plain);
            let id = match one.name.starts_with(systemd::OF_USER) {
                _ if !taken => plain.to_owned(),
                true => format!("user-{plain}"),
                false if kind.name == "anacron" => format!("anacron-{plain}"),
                false => one.name.clone(),
            };
            let run = Ok((kind.acts)(&one.name, &one.command).run);
            let card = Some(TaskCard { id: id.clone(), run, repeat: Repeat::default() });
            all.push(Named { id, kind, name: one.name.clone(), spec: None, card });
        }
    }
    all
}

fn configured(spec: &TaskSpec, answers: &Answers) -> Option<Named> {
    let kind = source::named(spec.source.word())?;
    let name = spec.matches.clone()?;
    let run = match answers.told(kind).find(|one| one.is_called(&name)) {
        Some(one) => Ok((kind.acts)(&one.name, &one.command).run),
        None if name.contains(['*', '?']) => Err(format!("{} has none called `{name}`", kind.name)),
        None => Ok((kind.acts)(&name, "").run),
    };
    let card = TaskCard { id: spec.id.clone(), run, repeat: spec.repeat };
    let card = Some(card).filter(|_| spec.is_ours_to_start());
    Some(Named { id: spec.id.clone(), kind, name, spec: Some(spec.clone()), card })
}

/// Whether a task of the configuration is this one: by its name there, or because `rounds exec` in it
/// records it under that name.
pub(super) fn is_claimed(config: &Config, kind: &SourceKind, one: &Listed) -> bool {
    let wrapped = [&one.command, &one.runs].into_iter().find_map(|command| wrapped_task(command));
    config.tasks.iter().any(|spec| {
        let named = spec.matches.as_deref().filter(|_| is_here(spec, kind));
        let records_itself = spec.export.is_none() && wrapped.as_ref() == Some(&spec.id);
        records_itself || named.is_some_and(|name| one.is_called(name))
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

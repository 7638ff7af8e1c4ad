//! `[[check]]`: a plugin to run or a file to look for, and the cause it is folded under.

use super::bounds::{Bad, Measure};
use super::names::Names;
use super::{Scope, command, deadline, id};
use crate::config::error::Fault;
use crate::config::source::Source;
use crate::config::spec::{Bounds, CheckForm, CheckSpec};
use crate::config::{defaults, raw};
use crate::domain::sample::Unit;

const AGE: Measure = Measure { name: "age", unit: Unit::Seconds, bad: Bad::High, example: "> 26h" };

pub(super) fn check(raw: &raw::Check, source: &Source, scope: &Scope<'_>) -> Result<CheckSpec, Fault> {
    let every = raw.every.map_or(defaults::CHECK_EVERY, |every| every.0);
    let depends_on = match raw.depends_on.as_slice() {
        [] => None,
        [cause] => Some(scope.names.probe(cause, source)?),
        [_, second, ..] => {
            return Err(
                source.fault_at(second, "more than one cause in `depends_on` is not yet supported by this version")
            );
        }
    };
    Ok(CheckSpec {
        id: id(&raw.id),
        form: form(raw, source)?,
        every,
        timeout: deadline(raw.timeout.as_ref(), defaults::CHECK_TIMEOUT, every, source)?,
        depends_on,
    })
}

fn form(raw: &raw::Check, source: &Source) -> Result<CheckForm, Fault> {
    match (&raw.command, &raw.file, &raw.age) {
        (Some(_), Some(_), _) => {
            Err(source.fault_at(&raw.id, "a check is a `command` or a `file`, not both; make two checks of it"))
        }
        (Some(_), None, Some(age)) => {
            Err(source.fault_at(age, "`age` limits a `file`; a command judges by its exit code"))
        }
        (Some(argv), None, None) => Ok(CheckForm::Command(command(argv))),
        (None, Some(file), age) => Ok(CheckForm::File {
            newest: source.glob(&file.newest)?,
            age: AGE.optional(age.as_ref().map(toml::Spanned::get_ref), source)?,
            size: Bounds::default(),
        }),
        (None, None, _) => {
            Err(source.fault_at(&raw.id, "this check says neither `command` nor `file`: there is nothing to look at"))
        }
    }
}

/// Checks that are folded under each other in a circle, so that none of them would be shown.
pub(super) fn circle(checks: &[CheckSpec], names: &Names) -> Option<Fault> {
    let cause = |check: &CheckSpec| checks.iter().find(|other| Some(other.probe()) == check.depends_on);
    checks.iter().find_map(|start| {
        let mut path = vec![start.id.as_str()];
        let mut here = cause(start);
        while let Some(check) = here {
            path.push(&check.id);
            if check.id == start.id {
                let message = format!("`depends_on` goes round in a circle: {}", path.join(" → "));
                return Some(Fault::of(names.place("check", &start.id), message));
            }
            if path.len() > checks.len() {
                return None;
            }
            here = cause(check);
        }
        None
    })
}

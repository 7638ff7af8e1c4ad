//! The system and the program's own places: `[system]`, `[store]`, `[actions]`.

use std::path::{Path, PathBuf};

use super::{Placed, zone_named};
use crate::config::address;
use crate::config::environment::Environment;
use crate::config::error::Fault;
use crate::config::source::Source;
use crate::config::spec::{ActsSpec, StoreSpec};
use crate::config::{defaults, raw};
use crate::domain::inventory::SystemCard;
use crate::domain::time::Zone;

/// The zone of times of day: the one that is named, or the machine's.
pub(super) fn zone(system: Placed<'_, raw::System>, env: &Environment) -> Result<Zone, Fault> {
    let named = system.and_then(|(source, section)| Some((source, section.get_ref().timezone.as_ref()?)));
    match named {
        Some((source, name)) => zone_named(name, source),
        None => Ok(env.zone.clone()),
    }
}

/// Who everything here belongs to; without a name, the machine.
pub(super) fn card(system: Placed<'_, raw::System>, env: &Environment) -> Result<SystemCard, Fault> {
    let machine = SystemCard { name: env.host_name.clone(), title: env.host_name.clone(), ..SystemCard::default() };
    let Some((source, section)) = system else { return Ok(machine) };
    let section = section.get_ref();
    let name = section.name.as_ref().map_or(machine.name, |name| name.0.clone());
    Ok(SystemCard {
        title: section.title.as_ref().map_or_else(|| name.clone(), |title| title.0.clone()),
        name,
        environment: environment(section, source)?,
        owner: section.owner.as_ref().map(|owner| owner.0.clone()),
    })
}

/// Any word, but not one that was meant to be `production`: that word raises every
/// confirmation, and a slip of the finger must not take the raise away.
fn environment(section: &raw::System, source: &Source) -> Result<String, Fault> {
    const PRODUCTION: &str = "production";
    let Some(written) = &section.environment else { return Ok(String::new()) };
    let text = written.get_ref().0.as_str();
    let word = text.trim().to_lowercase();
    if word == PRODUCTION {
        return Ok(PRODUCTION.to_owned());
    }
    let meant = word.starts_with("prod") || word == "live" || strsim::osa_distance(&word, PRODUCTION) <= 2;
    if meant {
        return Err(source.fault_at(
            written,
            format!(
                "`{text}` would not raise the confirmations; write `production`, or another word for something else"
            ),
        ));
    }
    Ok(text.to_owned())
}

/// Where the store lies: as the command line says, else the section, else the state directory.
pub(super) fn store(store: Placed<'_, raw::Store>, env: &Environment) -> Result<StoreSpec, Fault> {
    let section = store.map(|(_, section)| section.get_ref());
    let written = store.and_then(|(source, section)| Some((source, section.get_ref().url.as_ref()?)));
    let path = match (&env.store, written) {
        (Some(given), _) => {
            let said = |why| Fault::of("--store or ROUNDS_STORE", why);
            let path = address::file(given, Path::new("")).map_err(said)?;
            std::path::absolute(path).map_err(|why| said(why.to_string()))?
        }
        (None, Some((source, url))) => {
            address::file(url.get_ref(), &source.directory).map_err(|why| source.fault_at(url, why))?
        }
        (None, None) => default_store(env)?,
    };
    Ok(StoreSpec {
        path,
        keep_observations: section
            .and_then(|section| section.keep_observations)
            .map_or(defaults::KEEP_OBSERVATIONS, |keep| keep.0),
        keep_audit: section.and_then(|section| section.keep_audit).map_or(defaults::KEEP_AUDIT, |keep| keep.0),
    })
}

fn default_store(env: &Environment) -> Result<PathBuf, Fault> {
    env.state_dir().map(|directory| directory.join("rounds.db")).ok_or_else(|| {
        Fault::of("store", "no place for it: neither XDG_STATE_HOME nor HOME is set; name one with --store sqlite:PATH")
    })
}

pub(super) fn acts(acts: Placed<'_, raw::Actions>, store: &StoreSpec) -> Result<ActsSpec, Fault> {
    let jobs = store.state_dir().join("jobs");
    let Some((source, section)) = acts else { return Ok(ActsSpec { read_only: false, log_directory: jobs }) };
    let section = section.get_ref();
    let log_directory = section.log_directory.as_ref().map_or(Ok(jobs), |path| source.resolve(path))?;
    Ok(ActsSpec { read_only: section.read_only, log_directory })
}

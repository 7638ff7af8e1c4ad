//! The built-in round of this machine, for when there is no configuration: an ordinary
//! configuration text, through the ordinary door.

use std::path::Path;

use super::address::Address;
use super::environment::Environment;
use super::error::ConfigError;
use super::spec::Config;
use crate::platform::lacks;
use crate::platform::program::ROOT;

const TEXT: &str = include_str!("../../assets/this-machine.toml");
const NAME: &str = "(built-in round)";
/// The database in it that stands for the store, wherever that lies.
const STORE: &str = "rounds";
/// Marks the line of the checklist that is about crontabs.
const TASKS: &str = "check = \"task\"";

pub(super) fn round(env: &Environment) -> Result<Config, ConfigError> {
    let has_crontabs = lacks::CRONTABS.is_none();
    let mut config = super::parse(NAME, Path::new(ROOT), &text(has_crontabs), env)?;
    config.discover_tasks &= has_crontabs;
    for database in config.databases.iter_mut().filter(|database| database.id == STORE) {
        database.address = Address::File(config.store.path.clone());
    }
    Ok(config)
}

/// The text for this system: what it does not have is not on its list.
fn text(has_crontabs: bool) -> String {
    let fits = |line: &&str| has_crontabs || !line.contains(TASKS);
    TEXT.lines().filter(fits).flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_without_crontabs_is_not_asked_for_them() {
        assert_eq!(text(true), TEXT);
        let without = text(false);
        assert_eq!(without.lines().count() + 1, TEXT.lines().count());
        let env = Environment { home: Some("/home/o".into()), ..Environment::default() };
        let config = super::super::parse(NAME, Path::new("/"), &without, &env).expect("still a configuration");
        assert_eq!(config.checklists[0].items.len(), 6);
    }
}

//! The built-in round of this machine, for when there is no configuration: an ordinary
//! configuration text, through the ordinary door.

use std::path::Path;

use super::address::Address;
use super::environment::Environment;
use super::error::ConfigError;
use super::spec::Config;
use crate::platform::program::ROOT;

const TEXT: &str = include_str!("../../assets/this-machine.toml");
const NAME: &str = "(built-in round)";
/// The database in it that stands for the store, wherever that lies.
const STORE: &str = "rounds";

pub(super) fn round(env: &Environment) -> Result<Config, ConfigError> {
    let mut config = super::parse(NAME, Path::new(ROOT), TEXT, env)?;
    for database in config.databases.iter_mut().filter(|database| database.id == STORE) {
        database.address = Address::File(config.store.path.clone());
    }
    Ok(config)
}

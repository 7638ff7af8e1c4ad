//! The configuration: one door, and what comes out of it is valid.
//!
//! Files are found ([`search_paths`]), trusted, parsed, held against the table of keys that
//! exist, and built into a [`Config`], in which every name resolves and every text with a unit
//! is a value. Where there is no file, the same door opens the built-in round of this machine.

mod address;
mod build;
mod builtin;
mod defaults;
mod discover;
mod document;
mod environment;
mod error;
mod inventory;
mod nearest;
mod raw;
mod schema;
mod secret;
mod show;
mod source;
pub mod spec;
mod trust;
mod values;

use std::path::{Path, PathBuf};

pub use address::{Address, Host, ServerAddress, TlsMode};
pub use discover::{SearchPath, search_paths};
pub use environment::Environment;
pub use error::{ConfigError, Fault};
pub use secret::{Secret, SecretRef};
pub use show::show;
pub use spec::Config;

use document::Document;
use source::Source;

/// Reads the configuration.
///
/// `paths` are what `--config` named, files or directories of `*.toml`; when empty, the first of
/// the usual places that has one is used, and when none has, the built-in round.
pub fn load(paths: &[PathBuf], env: &Environment) -> Result<Config, ConfigError> {
    let files = discover::files(paths, env)?;
    if files.is_empty() {
        return builtin::round(env);
    }
    let (files, documents) = document::read_all(files, env)?;
    build::config(files, &documents, env)
}

/// Reads a configuration from a text that is no file. `name` stands for it in errors, and
/// relative paths start at `directory`. Nothing is included.
pub fn parse(name: &str, directory: &Path, text: &str, env: &Environment) -> Result<Config, ConfigError> {
    let source = Source { name: name.to_owned(), directory: directory.to_owned(), text: text.to_owned() };
    let document = Document::parse(source).map_err(ConfigError::of)?;
    build::config(Vec::new(), &[document], env)
}

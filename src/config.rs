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
mod program;
mod raw;
mod schema;
mod secret;
mod show;
mod source;
pub mod spec;
mod trust;
mod values;

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

pub use address::{Address, Host, MysqlAddress, ServerAddress, TlsMode, is_local, tls_word};
pub use discover::{SearchPath, search_paths};
pub use environment::Environment;
pub use error::{ConfigError, Fault};
pub use secret::{Secret, SecretRef};
pub use show::show;
pub use spec::Config;

use crate::domain::humanize;
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
    let config = build::config(files, &documents, env)?;
    // What could be somebody else's words is only looked at once they make sense.
    ConfigError::unless_empty(program::faults(&documents, env))?;
    learn_secrets(&config);
    Ok(config)
}

/// Takes note of the secrets that lie at hand, so that no program prints one before it is needed.
/// A file that does not answer at once is read behind our back.
fn learn_secrets(config: &Config) {
    let at_hand: Vec<SecretRef> = config.databases.iter().filter_map(|database| database.password.clone()).collect();
    if at_hand.is_empty() {
        return;
    }
    let (tell, read) = mpsc::channel();
    let work = move || {
        for secret in at_hand {
            // Where there is none, whoever needs it says so.
            let _noted = secret.look_up();
        }
        let _ = tell.send(());
    };
    if std::thread::Builder::new().name("rounds-config".to_owned()).spawn(work).is_ok() {
        let _in_time = read.recv_timeout(FOR_SECRETS);
    }
}

/// How long secrets that lie at hand are waited for.
const FOR_SECRETS: Duration = Duration::from_millis(500);

/// [`load`] for whoever cannot wait for a file system that hangs. What does not come within
/// `patience` is an error; the thread that reads it stays behind.
pub fn load_within(patience: Duration, paths: &[PathBuf], env: &Environment) -> Result<Config, ConfigError> {
    let (tell, read) = mpsc::channel();
    let (owned, env) = (paths.to_vec(), env.clone());
    let work = move || {
        // Whoever gave up does not listen any more.
        let _ = tell.send(load(&owned, &env));
    };
    let place = || match paths {
        [] => "the configuration".to_owned(),
        paths => paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "),
    };
    let fault = |message: String| ConfigError::from(Fault::of(place(), message));
    let started = std::thread::Builder::new().name("rounds-config".to_owned()).spawn(work);
    started.map_err(|why| fault(format!("cannot be read: {why}")))?;
    read.recv_timeout(patience).unwrap_or_else(|why| {
        Err(fault(match why {
            mpsc::RecvTimeoutError::Timeout => {
                let patience = humanize::duration(patience);
                format!("did not come within {patience}: the file system it lies on does not answer")
            }
            mpsc::RecvTimeoutError::Disconnected => "could not be read: the program failed".to_owned(),
        }))
    })
}

/// Reads a configuration from a text that is no file. `name` stands for it in errors, and
/// relative paths start at `directory`. Nothing is included.
pub fn parse(name: &str, directory: &Path, text: &str, env: &Environment) -> Result<Config, ConfigError> {
    let source = Source { name: name.to_owned(), directory: directory.to_owned(), text: text.to_owned() };
    let document = Document::parse(source).map_err(ConfigError::of)?;
    build::config(Vec::new(), &[document], env)
}

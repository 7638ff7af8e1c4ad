//! The world of a demo: its configuration written out, read through the same door as any other,
//! and its past staged as that configuration wants it.

use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::Datelike;
use color_eyre::eyre::{OptionExt, Result, WrapErr};

use super::past;
use crate::config::{self, Environment};
use crate::domain::time::Timestamp;
use crate::platform;

const TEXT: &str = include_str!("../../../assets/demo.toml");

/// Makes everything in `directory`, and answers which file configures it.
pub(super) async fn make(directory: &Path, environment: &Environment, now: Timestamp) -> Result<PathBuf> {
    let program = std::env::current_exe().wrap_err("cannot tell where this program lies")?;
    let text = text(directory, &program, now.year())?;
    let path = directory.join("config.toml");
    let mut file = platform::file::private().write(true).create_new(true).open(&path)?;
    file.write_all(text.as_bytes()).wrap_err_with(|| format!("cannot write {}", path.display()))?;
    let config = config::load(std::slice::from_ref(&path), environment)?;
    past::stage(directory, &config, now).await?;
    Ok(path)
}

/// The configuration, with its places filled in as TOML writes them.
fn text(directory: &Path, program: &Path, year: i32) -> Result<String> {
    let quoted = |path: &Path| {
        let text =
            path.to_str().ok_or_eyre("the directory of the demo or of this program has a name that is not UTF-8")?;
        Ok::<_, color_eyre::Report>(toml::Value::from(text).to_string())
    };
    Ok(TEXT
        .replace("@YEAR@", &year.to_string())
        .replace("@ROUNDS@", &quoted(program)?)
        .replace("@DIR@", &quoted(directory)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_places_are_filled_in_as_they_are() {
        let (odd, program) = (Path::new("/tmp/a\"b\\c\n'é"), Path::new("/opt/my tools/rounds"));
        let text = text(odd, program, 2026).expect("text");
        let scratch = tempfile::tempdir().expect("scratch");
        let environment = Environment::default();
        let config = config::parse("demo", scratch.path(), &text, &environment).expect("a valid configuration");
        let run = config.tasks[0].run.as_ref().expect("it can be run");
        assert_eq!(run.argv, ["/opt/my tools/rounds", "demo-work", "reminders", "/tmp/a\"b\\c\n'é"]);
        let database = config.databases[0].address.file().expect("a file");
        assert!(config.store.path.starts_with(scratch.path()) && database.starts_with(scratch.path()));
        assert!(!text.contains('@'));
    }
}

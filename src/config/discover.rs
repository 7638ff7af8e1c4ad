//! Which files make up the configuration: those that were named, or the first of the usual
//! places that has one.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::error::Fault;

/// A place where a configuration may lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchPath {
    pub path: PathBuf,
    pub exists: bool,
    /// Whether it is read when no path is named on the command line.
    pub used: bool,
}

/// The usual places in the order they are tried. `conf.d` belongs to the `config.toml` beside
/// it and is not read without it.
pub fn search_paths(env: &Environment) -> Vec<SearchPath> {
    let mut found = false;
    let mut paths = Vec::new();
    for root in roots(env) {
        let (main, parts) = (root.join(MAIN), root.join(PARTS));
        let used = !found && is_there(&main);
        found |= used;
        for path in [main, parts] {
            let exists = is_there(&path);
            paths.push(SearchPath { path, exists, used: used && exists });
        }
    }
    paths
}

/// The files to read, in order; none means the built-in round.
pub(super) fn files(named: &[PathBuf], env: &Environment) -> Result<Vec<PathBuf>, Fault> {
    let mut files = Vec::new();
    for path in named {
        if path.is_dir() {
            let parts = parts(path)?;
            if parts.is_empty() {
                return Err(Fault::of(path.display().to_string(), "this directory holds no *.toml file"));
            }
            files.extend(parts);
        } else {
            files.push(path.clone());
        }
    }
    if named.is_empty()
        && let Some(root) = roots(env).into_iter().find(|root| is_there(&root.join(MAIN)))
    {
        files.push(root.join(MAIN));
        let beside = root.join(PARTS);
        if is_there(&beside) {
            files.extend(parts(&beside)?);
        }
    }
    Ok(files)
}

const MAIN: &str = "config.toml";
const PARTS: &str = "conf.d";

fn roots(env: &Environment) -> Vec<PathBuf> {
    env.user_config().into_iter().chain([env.system_config.clone()]).collect()
}

/// Whether something lies there. What cannot be looked at counts as there, so that reading it
/// says why instead of going on with another configuration.
fn is_there(path: &Path) -> bool {
    match path.symlink_metadata() {
        Ok(_) => true,
        Err(why) => !matches!(why.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    }
}

/// The `*.toml` files of a directory, by name. Hidden ones are an editor's, not the operator's.
fn parts(directory: &Path) -> Result<Vec<PathBuf>, Fault> {
    let failed = |why: std::io::Error| Fault::of(directory.display().to_string(), why.to_string());
    let mut parts = Vec::new();
    for entry in directory.read_dir().map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") {
            parts.push(path);
        }
    }
    parts.sort();
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_first_place_that_has_one_is_used_and_the_rest_is_not() {
        let scratch = tempfile::tempdir().expect("scratch");
        let (home, etc) = (scratch.path().join("home"), scratch.path().join("etc"));
        let env =
            Environment { xdg_config_home: Some(home.clone()), system_config: etc.clone(), ..Environment::default() };
        assert_eq!(files(&[], &env), Ok(vec![]), "nothing anywhere is the built-in round");

        fs::create_dir_all(etc.join("conf.d")).expect("etc");
        for name in ["config.toml", "conf.d/b.toml", "conf.d/a.toml", "conf.d/.#a.toml", "conf.d/c.txt"] {
            fs::write(etc.join(name), "").expect("file");
        }
        let parts = ["config.toml", "conf.d/a.toml", "conf.d/b.toml"].map(|name| etc.join(name));
        assert_eq!(files(&[], &env), Ok(parts.to_vec()));

        let mine = home.join("rounds/config.toml");
        fs::create_dir_all(home.join("rounds")).expect("home");
        fs::write(&mine, "").expect("file");
        assert_eq!(files(&[], &env), Ok(vec![mine]));
        let used: Vec<(bool, bool)> = search_paths(&env).iter().map(|place| (place.exists, place.used)).collect();
        assert_eq!(used, [(true, true), (false, false), (true, false), (true, false)]);
    }

    #[test]
    fn a_named_directory_must_hold_something() {
        let scratch = tempfile::tempdir().expect("scratch");
        let named = [scratch.path().to_owned()];
        assert!(files(&named, &Environment::default()).is_err());
        fs::write(scratch.path().join("a.toml"), "").expect("file");
        assert_eq!(files(&named, &Environment::default()), Ok(vec![scratch.path().join("a.toml")]));
    }

    #[test]
    fn a_link_that_leads_nowhere_is_not_skipped() {
        let scratch = tempfile::tempdir().expect("scratch");
        let env = Environment { system_config: scratch.path().to_owned(), ..Environment::default() };
        #[cfg(unix)]
        std::os::unix::fs::symlink("nowhere", scratch.path().join("config.toml")).expect("link");
        #[cfg(not(unix))]
        fs::write(scratch.path().join("config.toml"), "").expect("file");
        assert_eq!(files(&[], &env), Ok(vec![scratch.path().join("config.toml")]));
    }
}

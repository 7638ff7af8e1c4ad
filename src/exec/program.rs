//! Which file a command means, and what it starts with: a known environment and nothing else.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::ExecError;
use crate::domain::plan::Invocation;
use crate::platform::program::{INHERITED, ROOT, file_in};
use crate::platform::tree::Tree;
use crate::platform::{self, file};

/// Starts the program of an invocation. Must be called within the runtime; may block.
/// What it reads is `input`; nothing without.
pub(super) fn spawn(invocation: &Invocation, input: Option<Stdio>) -> Result<Tree, ExecError> {
    let (name, arguments) = invocation.argv.split_first().ok_or(ExecError::Empty)?;
    let program = name.clone();
    let directory = invocation.directory.as_deref().unwrap_or(Path::new(ROOT));
    let directory_error = |why: String| ExecError::Directory {
        program: program.clone(),
        directory: directory.display().to_string(),
        why,
    };
    let metadata = std::fs::metadata(directory).map_err(|error| directory_error(error.to_string()))?;
    if !metadata.is_dir() {
        return Err(directory_error("it is not a directory".to_owned()));
    }
    let environment = environment(invocation);
    let path = environment.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_os_str());
    let file = resolve(name, directory, path.unwrap_or_default())?;

    #[expect(clippy::disallowed_methods, reason = "this is the one place that starts processes")]
    let mut command = Command::new(file);
    command
        .args(arguments)
        .env_clear()
        .envs(environment)
        .current_dir(directory)
        .stdin(input.unwrap_or_else(Stdio::null))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    Tree::spawn(command).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => ExecError::NotExecutable { program, why: error.to_string() },
        // The file is there: it is its `#!` line that names something that is not.
        ErrorKind::NotFound => {
            ExecError::NotExecutable { program, why: "the interpreter it names was not found".to_owned() }
        }
        _ => ExecError::Start { program, why: error.to_string() },
    })
}

fn environment(invocation: &Invocation) -> Vec<(OsString, OsString)> {
    let inherited = INHERITED.iter().filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)));
    let mut all: Vec<(OsString, OsString)> = inherited.collect();
    all.push(("PATH".into(), platform::program::path()));
    all.push(("LANG".into(), "C.UTF-8".into()));
    all.retain(|(name, _)| name.to_str().is_none_or(|name| !invocation.environment.contains_key(name)));
    all.extend(invocation.environment.iter().map(|(name, value)| (name.into(), value.into())));
    all
}

/// The file that is meant by `name`: looked for in `path`, or taken from `directory` when it
/// says where it is.
fn resolve(name: &str, directory: &Path, path: &OsStr) -> Result<PathBuf, ExecError> {
    let not_found = |place: String| ExecError::NotFound { program: name.to_owned(), place };
    if name.is_empty() {
        return Err(ExecError::Empty);
    }
    if name.contains(std::path::is_separator) {
        let file = directory.join(name);
        return match why_not(&file) {
            None => Ok(file),
            Some((ErrorKind::NotFound, _)) if Path::new(name).is_absolute() => {
                Err(not_found("on this machine".to_owned()))
            }
            Some((ErrorKind::NotFound, _)) => Err(not_found(format!("in {}", directory.display()))),
            Some((_, why)) => Err(ExecError::NotExecutable { program: name.to_owned(), why }),
        };
    }
    let mut refused = None;
    for folder in std::env::split_paths(path).filter(|folder| folder.is_absolute()) {
        let file = file_in(&folder, name);
        match why_not(&file) {
            None => return Ok(file),
            Some((ErrorKind::NotFound, _)) => {}
            Some((_, why)) => {
                refused.get_or_insert((file, why));
            }
        }
    }
    match refused {
        Some((file, why)) => Err(ExecError::NotExecutable { program: file.display().to_string(), why }),
        None => Err(not_found(format!("in {}; give its full path, or a PATH", path.to_string_lossy()))),
    }
}

/// Why a file cannot be executed; `None` when it can.
fn why_not(path: &Path) -> Option<(ErrorKind, String)> {
    let refused = |why: &str| Some((ErrorKind::PermissionDenied, why.to_owned()));
    match std::fs::metadata(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Some((ErrorKind::NotFound, error.to_string()))
        }
        Err(error) => refused(&error.to_string()),
        Ok(metadata) if !metadata.is_file() => refused("it is not a file"),
        Ok(_) if !file::may_execute(path) => refused("it may not be executed; `chmod +x` allows it"),
        Ok(_) => None,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_name_is_looked_for_in_the_safe_path_only() {
        let found = resolve("sh", Path::new("/"), &platform::program::path()).expect("every system has one");
        assert!(found.is_absolute() && found.ends_with("sh"), "{}", found.display());
        let missing = resolve("sh", Path::new("/bin"), OsStr::new("bin:.:/nowhere")).expect_err("no relative folders");
        assert_eq!(missing.to_string(), "`sh` was not found in bin:.:/nowhere; give its full path, or a PATH");
    }

    #[test]
    fn what_cannot_be_executed_says_why() {
        let folder = tempfile::tempdir().expect("scratch");
        std::fs::write(folder.path().join("script"), "#!/bin/sh\n").expect("scratch");
        let place = folder.path().display();
        let none = format!("`./none` was not found in {place}");
        let below = format!("`./script/x` was not found in {place}");
        let table = [
            ("./script", "`./script` cannot be executed: it may not be executed; `chmod +x` allows it"),
            ("./none", none.as_str()),
            ("./script/x", below.as_str()),
            ("/no/such/program", "`/no/such/program` was not found on this machine"),
            ("/usr", "`/usr` cannot be executed: it is not a file"),
        ];
        for (name, why) in table {
            let error = resolve(name, folder.path(), &platform::program::path()).expect_err(name);
            assert_eq!(error.to_string(), why);
        }
    }

    #[test]
    fn declared_variables_win_over_ours() {
        let mut invocation = Invocation::new(["env"]);
        invocation.environment = BTreeMap::from([("PATH".into(), "/opt".into()), ("X".into(), "1".into())]);
        let environment = environment(&invocation);
        let paths: Vec<_> = environment.iter().filter(|(name, _)| name == "PATH").collect();
        assert_eq!(paths, [&(OsString::from("PATH"), OsString::from("/opt"))]);
        assert!(environment.contains(&("X".into(), "1".into())));
    }
}

//! Secrets: a configuration says where one is, never what it is.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::source::resolve;
use crate::domain::plan::Invocation;
use crate::domain::redact;
use crate::platform::file::{mode, open_at_once};

/// Where a secret is to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// A variable of our own environment.
    Env(String),
    /// The first line of a file that nobody else can read.
    File(PathBuf),
    /// The first line a program prints.
    Command(Invocation),
}

/// A secret. It has no form that could be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The first line of what somebody gave.
    pub fn of(text: &str) -> Result<Self, String> {
        match text.lines().next() {
            Some(line) if !line.is_empty() => {
                // Whoever prints it from now on prints a mask.
                redact::known::learn(line);
                Ok(Self(line.to_owned()))
            }
            _ => Err("is empty".to_owned()),
        }
    }

    /// The secret itself, for whoever has to present it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(a secret)")
    }
}

impl SecretRef {
    /// Reads a reference; the text of what is none is not repeated, for it may be the secret.
    pub fn parse(text: &str, directory: &Path) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() && !name.contains(['=', '\0']) => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => resolve(directory, path).map(Self::File),
            Some(("command", list)) => {
                let argv: Vec<String> = serde_json::from_str(list)
                    .ok()
                    .filter(|argv: &Vec<String>| argv.first().is_some_and(|program| !program.is_empty()))
                    .ok_or("a command is a list in the text: 'command:[\"pass\", \"show\", \"rota\"]'")?;
                Ok(Self::Command(Invocation::new(argv)))
            }
            _ => Err("this is not where a secret is; write \"env:NAME\", \"file:PATH\" or \
                      'command:[\"PROGRAM\", \"ARGUMENT\"]', never the secret itself"
                .to_owned()),
        }
    }

    /// Takes a secret that lies in the environment or in a file; `None` for one that a program
    /// has to be asked for. May block.
    pub fn look_up(&self) -> Option<Result<Secret, String>> {
        match self {
            SecretRef::Env(name) => {
                #[expect(clippy::disallowed_methods, reason = "the one place that takes secrets from the environment")]
                let value = std::env::var(name);
                Some(value.map_err(|why| format!("{self}: {why}")).and_then(|text| self.first_line(&text)))
            }
            SecretRef::File(_) => Some(self.read_file()?.and_then(|text| self.first_line(&text))),
            SecretRef::Command(_) => None,
        }
    }

    /// The whole content of a file of secrets; `None` for what is no file. May block.
    pub fn read_file(&self) -> Option<Result<String, String>> {
        match self {
            SecretRef::File(path) => Some(private(path).map_err(|why| format!("{self}: {why}"))),
            SecretRef::Env(_) | SecretRef::Command(_) => None,
        }
    }

    /// The first line of `text` as the secret of this reference.
    fn first_line(&self, text: &str) -> Result<Secret, String> {
        Secret::of(text).map_err(|why| format!("{self} {why}"))
    }
}

impl fmt::Display for SecretRef {
    /// As it could be written again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::Env(name) => write!(f, "env:{name}"),
            SecretRef::File(path) => write!(f, "file:{}", path.display()),
            SecretRef::Command(command) => {
                let list: Vec<serde_json::Value> =
                    command.argv.iter().map(|argument| argument.as_str().into()).collect();
                write!(f, "command:{}", serde_json::Value::Array(list))
            }
        }
    }
}

/// Longer than any secret somebody gave a line of its own.
const LONGEST: u64 = 64 * 1024;

/// The content of a file that nobody but its owner can read; judged by the descriptor that is
/// read.
fn private(path: &Path) -> Result<String, String> {
    let file = open_at_once(path).map_err(|why| why.to_string())?;
    let found = file.metadata().map_err(|why| why.to_string())?;
    if !found.is_file() {
        return Err("this is not a regular file".to_owned());
    }
    if let Some(mode) = mode(&found).filter(|mode| mode & 0o077 != 0) {
        return Err(format!("others can read it (mode {mode:04o}); chmod 600 {}", path.display()));
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(|why| why.to_string())?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_and_shown_as_it_was_written() {
        for text in ["env:ROTA_PASSWORD", "file:/etc/rounds/rota", r#"command:["pass","show","rota db"]"#] {
            assert_eq!(SecretRef::parse(text, Path::new("/srv")).expect(text).to_string(), text);
        }
        let file = SecretRef::parse("file:rota", Path::new("/srv")).expect("relative");
        assert_eq!(file, SecretRef::File("/srv/rota".into()));
    }

    #[test]
    fn what_is_no_reference_is_not_repeated() {
        for text in ["hunter2", "env:", "file:", "command:hunter2", "command:[]", "https://hunter2"] {
            let said = SecretRef::parse(text, Path::new("/srv")).expect_err(text);
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn a_secret_has_no_form_that_could_be_shown() {
        let secret = Secret::of("hunter2\nmore\n").expect("a line");
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(format!("{secret:?}"), "(a secret)");
        assert!(Secret::of("\nhunter2").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let scratch = tempfile::tempdir().expect("scratch");
        let path = scratch.path().join("secret");
        std::fs::write(&path, "hunter2\n").expect("write");
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode");
        let look = || SecretRef::File(path.clone()).look_up().expect("a file needs no program");
        mode(0o600);
        assert_eq!(look().map(|secret| secret.expose().to_owned()), Ok("hunter2".to_owned()));
        for open in [0o640, 0o604, 0o620] {
            mode(open);
            let said = look().expect_err("open to others");
            assert!(said.contains("chmod 600") && !said.contains("hunter2"), "{said}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pipe_that_nobody_writes_into_is_refused_at_once() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let scratch = tempfile::tempdir().expect("scratch");
        let path = scratch.path().join("secret");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
        let (says, said) = std::sync::mpsc::channel();
        std::thread::spawn(move || says.send(SecretRef::File(path).look_up()));
        let said = said.recv_timeout(std::time::Duration::from_mins(1)).expect("it waits for a writer");
        assert!(said.expect("a file").expect_err("a pipe").ends_with("this is not a regular file"));
    }
}

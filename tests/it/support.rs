//! A small world for the real binary: a scratch directory with a configuration, databases and
//! a state directory of its own.

#![expect(clippy::disallowed_methods, reason = "the binary is started as a stranger would")]
#![expect(clippy::panic, reason = "an answer that is no JSON is shown as it is instead")]

pub(crate) mod act;
#[cfg(target_os = "linux")]
pub(crate) mod disk;
pub(crate) mod dump;
#[cfg(target_os = "linux")]
pub(crate) mod hung;
pub(crate) mod kill;
#[cfg(target_os = "linux")]
pub(crate) mod proc;
pub(crate) mod pty;
pub(crate) mod watching;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A scratch directory with everything below it.
pub(crate) struct World {
    root: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new().prefix("rounds-it-").tempdir().expect("a scratch directory");
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o700)).expect("its mode");
        Self { root }
    }

    /// The same in a folder of that name, which must not be there yet.
    pub(crate) fn called(name: &str) -> Self {
        let root = tempfile::Builder::new().prefix(name).rand_bytes(0).tempdir_in("/tmp").expect("a scratch directory");
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o700)).expect("its mode");
        Self { root }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Writes the configuration; `{root}` in it is the scratch directory.
    pub(crate) fn config(self, text: &str) -> Self {
        let text = text.replace("{root}", &self.root.path().display().to_string());
        fs::write(self.path("config.toml"), text).expect("the configuration");
        fs::set_permissions(self.path("config.toml"), fs::Permissions::from_mode(0o600)).expect("its mode");
        self
    }

    /// A database with one table of `rows` rows.
    pub(crate) fn database(self, name: &str, rows: usize) -> Self {
        let connection = rusqlite::Connection::open(self.path(name)).expect("a database");
        connection
            .execute_batch(
                "PRAGMA journal_mode = wal; CREATE TABLE staff (id INTEGER PRIMARY KEY, name TEXT NOT NULL);",
            )
            .expect("a table");
        for row in 0..rows {
            connection.execute("INSERT INTO staff (name) VALUES (?1)", [format!("person {row}")]).expect("a row");
        }
        self
    }

    /// The binary with this world's configuration and state, and a known environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rounds"));
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.root.path())
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_CONFIG_HOME", self.path("xdg"))
            .env("TZ", "UTC")
            .args(arguments)
            .stdin(Stdio::null());
        if self.path("config.toml").exists() {
            command.arg("--config").arg(self.path("config.toml"));
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Answer {
        Answer(self.command(arguments).output().expect("the binary runs"))
    }

    /// Files below a folder of the world, sorted; empty when there is no such folder.
    pub(crate) fn files(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(folder))
            .map(|entries| entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
            .unwrap_or_default();
        names.sort();
        names
    }
}

/// What the binary said.
pub(crate) struct Answer(pub(crate) Output);

impl Answer {
    pub(crate) fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    pub(crate) fn out(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).expect("answers are UTF-8")
    }

    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out()).unwrap_or_else(|error| panic!("{error}: {}{}", self.out(), self.err()))
    }

    /// Fails with everything that was said when the code is another one.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "stdout:\n{}\nstderr:\n{}", self.out(), self.err());
        self
    }
}

/// The mode bits of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("the file").permissions().mode() & 0o777
}

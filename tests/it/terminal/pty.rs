//! A program in a terminal whose every byte and mode is held against what may be.

use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};
use std::path::Path;

use portable_pty::CommandBuilder;

use super::bytes;
use crate::support::pty::{LOOKS, Pty};

/// A configuration that watches little and needs nothing.
pub(crate) const CONFIG: &str = r#"
version = 1
[system]
name = "pty"
title = "Pseudo Terminal"
timezone = "UTC"
"#;

/// A program in a terminal of ours.
pub(crate) struct Terminal {
    pty: Pty,
    _folder: Option<tempfile::TempDir>,
}

/// A scratch folder with that configuration in it; `{root}` is the folder.
pub(crate) fn folder(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let config = config.replace("{root}", &folder.path().display().to_string());
    std::fs::write(folder.path().join("config.toml"), config).expect("the configuration");
    folder
}

/// The dashboard on the configuration of a folder.
pub(crate) fn dashboard(folder: &Path) -> CommandBuilder {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_rounds"));
    command.args(arguments(folder));
    known_environment(&mut command, folder);
    command
}

/// The arguments that make a run independent of whoever runs it.
pub(crate) fn arguments(folder: &Path) -> [String; 6] {
    let store = format!("sqlite:{}", folder.join("rounds.db").display());
    let config = folder.join("config.toml").display().to_string();
    ["--config".to_owned(), config, "--store".to_owned(), store, "--operator".to_owned(), "asha".to_owned()]
}

/// An environment in which nothing of the machine shows.
pub(crate) fn known_environment(command: &mut CommandBuilder, folder: &Path) {
    command.env_clear();
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.env("TERM", "xterm-256color");
    command.env("HOME", folder);
    command.env("LANG", "C.UTF-8");
}

impl Terminal {
    /// The dashboard with little to watch, in 120 by 40.
    pub(crate) fn start() -> Self {
        let folder = folder(CONFIG);
        let command = dashboard(folder.path());
        Self::run(command, Some(folder))
    }

    /// A command in a terminal of ours; `folder` is kept as long.
    pub(crate) fn run(mut command: CommandBuilder, folder: Option<tempfile::TempDir>) -> Self {
        command.env("TERM", "xterm-256color");
        Self::sized(command, folder, 40, 120)
    }

    pub(crate) fn sized(command: CommandBuilder, folder: Option<tempfile::TempDir>, rows: u16, cols: u16) -> Self {
        Self { pty: Pty::start(command, rows, cols), _folder: folder }
    }

    /// Leaves by `q`, and holds everything that was ever written against what may be.
    pub(crate) fn quit(&mut self) {
        self.type_keys("q");
        assert!(self.end().success());
        self.wait_given_back();
        self.wrote_only_its_own();
    }

    /// Nothing but text and the few sequences our renderer uses went to the terminal.
    pub(crate) fn wrote_only_its_own(&self) {
        let offences = bytes::offences(&self.written);
        assert!(offences.is_empty(), "{} offences, first {:?}", offences.len(), &offences[..offences.len().min(8)]);
    }

    /// Waits until the terminal is as the shell left it.
    pub(crate) fn wait_given_back(&mut self) {
        for _ in 0..LOOKS {
            if self.taken().is_none() {
                return;
            }
            self.look();
        }
        panic!("{}", self.taken().unwrap_or_default());
    }

    /// What has not been given back yet: a mode of the screen, or of the line discipline.
    fn taken(&self) -> Option<String> {
        let modes: BTreeSet<u16> = bytes::modes(&self.written);
        let usual = BTreeSet::from([bytes::CURSOR]);
        if modes != usual {
            return Some(format!("modes {modes:?} instead of {usual:?}"));
        }
        self.discipline_changed()
    }
}

impl Deref for Terminal {
    type Target = Pty;

    fn deref(&self) -> &Pty {
        &self.pty
    }
}

impl DerefMut for Terminal {
    fn deref_mut(&mut self) -> &mut Pty {
        &mut self.pty
    }
}

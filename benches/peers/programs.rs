//! The programs that are measured: how each is started as an operator would, when its screen
//! is useful, and which key opens its help.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use portable_pty::CommandBuilder;

/// One of them.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    argv: Vec<OsString>,
    /// Its own home, with nothing in it but what makes it refresh every second.
    home: tempfile::TempDir,
    /// Whether this text on the screen is what it is started for.
    pub(crate) useful: fn(&str) -> bool,
    /// The key for its help, and what that says.
    pub(crate) help: (&'static str, &'static str),
    /// The key that leaves the help again.
    pub(crate) back: &'static str,
}

impl Program {
    /// The dashboard with the built-in round of this machine, or with `config` and as `prefix`
    /// lets it see things.
    pub(crate) fn rounds(name: &'static str, program: &Path, prefix: &[String], config: Option<&Path>) -> Self {
        let mut argv: Vec<OsString> = prefix.iter().map(Into::into).collect();
        argv.push(program.into());
        if let Some(config) = config {
            argv.extend(["--config".into(), config.into()]);
        }
        let useful: fn(&str) -> bool = match config {
            None => |text| verdict(text).contains("READY"),
            // Where nothing answers, that it waits is all there is to say.
            Some(_) => |text| ["READY", "WAITING"].iter().any(|word| verdict(text).contains(word)),
        };
        Self { name, argv, home: home(), useful, help: ("?", "help for where you are"), back: "\u{1b}" }
    }

    /// Those of the peers that are installed, and the names of those that are not.
    pub(crate) fn peers() -> (Vec<Self>, Vec<&'static str>) {
        let htop = Peer {
            name: "htop",
            binary: "htop",
            arguments: &["-d", "10"],
            useful: |text| text.contains("Load average: ") && text.contains("PID"),
            help: ("h", "htop dev team"),
            back: " ",
        };
        let btop = Peer {
            name: "btop",
            binary: "btop",
            arguments: &["--utf-force"],
            useful: |text| text.contains("Total:") && text.contains("LAV:"),
            help: ("h", "Toggles main menu"),
            back: "\u{1b}",
        };
        let bottom = Peer {
            name: "bottom",
            binary: "btm",
            arguments: &["--rate", "1000"],
            useful: |text| text.contains("CPU") && text.contains("PID"),
            help: ("?", "Esc to close"),
            back: "\u{1b}",
        };
        let (mut found, mut absent) = (Vec::new(), Vec::new());
        for peer in [htop, btop, bottom] {
            match in_path(peer.binary) {
                Some(path) => found.push(peer.at(path)),
                None => absent.push(peer.name),
            }
        }
        (found, absent)
    }

    pub(crate) fn command(&self) -> CommandBuilder {
        let mut command = CommandBuilder::from_argv(self.argv.clone());
        command.env_clear();
        let home = self.home.path();
        for (name, value) in [("HOME", home.to_owned()), ("XDG_CONFIG_HOME", home.join("config"))] {
            command.env(name, value);
        }
        command.env("XDG_STATE_HOME", home.join("state"));
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.env("TZ", "UTC");
        command.cwd("/");
        command
    }
}

/// What differs from one peer to the next.
struct Peer {
    name: &'static str,
    binary: &'static str,
    arguments: &'static [&'static str],
    useful: fn(&str) -> bool,
    help: (&'static str, &'static str),
    back: &'static str,
}

impl Peer {
    fn at(self, path: PathBuf) -> Program {
        let argv = std::iter::once(path.into()).chain(self.arguments.iter().map(Into::into)).collect();
        Program { name: self.name, argv, home: home(), useful: self.useful, help: self.help, back: self.back }
    }
}

/// The second line of our screen.
fn verdict(text: &str) -> &str {
    text.lines().nth(1).unwrap_or_default()
}

fn home() -> tempfile::TempDir {
    let home = tempfile::Builder::new().prefix("rounds-bench-").tempdir().expect("a scratch directory");
    let btop = home.path().join("config/btop");
    std::fs::create_dir_all(&btop).expect("a directory for settings");
    std::fs::write(btop.join("btop.conf"), "update_ms = 1000\n").expect("the settings");
    home
}

fn in_path(binary: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(binary)).find(|candidate| candidate.is_file())
}

//! A crontab line started by hand, the way cron would start it.
//!
//! The command of a crontab line is by definition a program for the shell, written by the
//! line's owner. It is handed over as one argument, unchanged, and shown exactly; nothing of
//! ours is ever put into it.

use std::path::{Path, PathBuf};

use super::Entry;
use crate::domain::plan::Invocation;
use crate::domain::sanitize;
use crate::platform::user;

/// The user this program runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    pub home: PathBuf,
}

impl Account {
    /// The effective user, as `etc/passwd` below `root` names it; one that is not in there is
    /// called by its number.
    pub fn effective(root: &Path) -> Self {
        let uid = user::number().to_string();
        let passwd = std::fs::read(root.join("etc/passwd")).unwrap_or_default();
        let passwd = String::from_utf8_lossy(&passwd);
        let mut accounts = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let found = accounts.find_map(|fields| match fields[..] {
            [name, _, number, _, _, home, ..] if number == uid => {
                Some(Self { name: sanitize::line(name), home: PathBuf::from(home) })
            }
            _ => None,
        });
        found.unwrap_or_else(|| Self { name: uid, home: PathBuf::from("/") })
    }
}

impl Entry {
    /// What runs this line now; `Err` says why nothing here can.
    pub fn by_hand(&self, account: &Account) -> Result<Invocation, String> {
        if let Err(error) = &self.schedule {
            return Err(format!("{} is no valid line ({error})", self.place()));
        }
        if self.user != account.name {
            return Err(format!("it belongs to user {}; start it as that user", self.user));
        }
        if self.input.is_some() {
            return Err(format!("{} feeds its command by `%`; start it from a shell", self.place()));
        }
        if self.shown() != self.command {
            return Err(format!("{} holds characters that cannot be shown; start it from a shell", self.place()));
        }
        let setting = |name: &str| self.environment.get(name).filter(|value| !value.is_empty());
        let shell = setting("SHELL").map_or("/bin/sh", String::as_str);
        let home = setting("HOME").map_or_else(|| account.home.clone(), PathBuf::from);
        // A script is a program with a path, whatever is in that.
        let mut invocation = match self.part_of {
            Some(_) => Invocation::new([&self.command]),
            None => Invocation::new([shell, "-c", &self.command]),
        };
        let usual = [
            ("PATH", "/usr/bin:/bin".to_owned()),
            ("SHELL", shell.to_owned()),
            ("HOME", home.to_string_lossy().into_owned()),
            ("LOGNAME", account.name.clone()),
            ("USER", account.name.clone()),
        ];
        invocation.environment = usual.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        invocation.environment.extend(self.environment.clone());
        invocation.directory = Some(home);
        Ok(invocation)
    }
}

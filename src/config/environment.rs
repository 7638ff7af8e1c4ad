//! What the configuration needs to know of the process and the machine. Whoever calls fills it
//! in, so that nothing here reads the environment.

use std::path::PathBuf;

use crate::domain::time::Zone;

/// The surroundings a configuration is read in.
#[derive(Clone, Debug)]
pub struct Environment {
    pub home: Option<PathBuf>,
    pub xdg_config_home: Option<PathBuf>,
    pub xdg_state_home: Option<PathBuf>,
    /// Where the configuration of the whole machine lies: `/etc/rounds`.
    pub system_config: PathBuf,
    /// The effective user id; configurations must belong to it or to root.
    pub user: u32,
    pub host_name: String,
    /// The machine's time zone.
    pub zone: Zone,
    /// The file of this very program.
    pub program: Option<PathBuf>,
    /// `--store` or `ROUNDS_STORE`: a URL that goes before `[store] url`.
    pub store: Option<String>,
}

impl Default for Environment {
    /// Knows nothing, and trusts nobody but root.
    fn default() -> Self {
        Self {
            home: None,
            xdg_config_home: None,
            xdg_state_home: None,
            system_config: PathBuf::from("/etc/rounds"),
            user: 0,
            host_name: "localhost".to_owned(),
            zone: Zone::utc(),
            program: None,
            store: None,
        }
    }
}

impl Environment {
    /// `$XDG_CONFIG_HOME/rounds`.
    pub(super) fn user_config(&self) -> Option<PathBuf> {
        self.place(self.xdg_config_home.as_ref(), ".config")
    }

    /// `$XDG_STATE_HOME/rounds`.
    pub fn state_dir(&self) -> Option<PathBuf> {
        self.place(self.xdg_state_home.as_ref(), ".local/state")
    }

    /// A base directory, which counts only when it is absolute, as its specification says; else
    /// its default below the home directory.
    fn place(&self, given: Option<&PathBuf>, below_home: &str) -> Option<PathBuf> {
        let given = given.filter(|path| path.is_absolute()).cloned();
        let home = self.home.as_ref().filter(|home| home.is_absolute());
        Some(given.or_else(|| Some(home?.join(below_home)))?.join("rounds"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_directories_count_only_when_they_are_absolute() {
        let path = |text: &str| Some(PathBuf::from(text));
        let mut env = Environment { home: path("/home/o"), ..Environment::default() };
        assert_eq!(env.state_dir(), path("/home/o/.local/state/rounds"));
        env.xdg_state_home = path("relative");
        assert_eq!(env.state_dir(), path("/home/o/.local/state/rounds"));
        env.xdg_state_home = path("/var/state");
        assert_eq!(env.state_dir(), path("/var/state/rounds"));
        env.home = None;
        assert_eq!(env.user_config(), None);
    }
}

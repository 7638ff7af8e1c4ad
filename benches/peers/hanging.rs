//! A world in which every target hangs: a database that somebody has locked, a command that
//! never ends and, for root, a file system that never answers.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rusqlite::Connection;

use crate::hung::Hung;

const CONFIG: &str = r#"
version = 1
[system]
name = "hung"
timezone = "UTC"
[store]
url = "sqlite:{root}/rounds.db"
[[database]]
id = "locked"
url = "sqlite:{root}/locked.sqlite3"
every = "5s"
timeout = "2s"
[[check]]
id = "endless"
command = ["sleep", "86400"]
every = "5s"
timeout = "2s"
"#;

const MOUNT: &str = r#"
[[check]]
id = "export"
file = { newest = "{root}/mount/*" }
age = { crit = "> 1d" }
every = "5s"
timeout = "2s"
"#;

/// Such a world, as long as it lives.
pub(crate) struct Hanging {
    root: tempfile::TempDir,
    mount: Option<Hung>,
    _lock: Connection,
}

impl Hanging {
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new().prefix("rounds-bench-").tempdir().expect("a scratch directory");
        let lock = Connection::open(root.path().join("locked.sqlite3")).expect("a database");
        lock.execute_batch("CREATE TABLE t (x); BEGIN EXCLUSIVE; INSERT INTO t VALUES (1)").expect("a lock");
        let is_root = rustix::process::geteuid().is_root();
        let mount = is_root.then(|| Hung::at(&root.path().join("mount")));
        let text = if is_root { format!("{CONFIG}{MOUNT}") } else { CONFIG.to_owned() };
        let config = root.path().join("config.toml");
        fs::write(&config, text.replace("{root}", &root.path().display().to_string())).expect("the configuration");
        fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).expect("its mode");
        Self { root, mount, _lock: lock }
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.root.path().join("config.toml")
    }

    /// What must stand before a command for it to see all of it.
    pub(crate) fn prefix(&self) -> Vec<String> {
        self.mount.as_ref().map_or_else(Vec::new, |mount| mount.prefix().to_vec())
    }

    /// What hangs in it.
    pub(crate) fn says(&self) -> &'static str {
        match self.mount {
            Some(_) => "a locked database, an endless command and a dead mount",
            None => "a locked database and an endless command; a dead mount needs root and is left out",
        }
    }
}

//! A MariaDB server of one's own: in a scratch directory, on a socket, gone with the test.

#![expect(clippy::disallowed_methods, reason = "the server is started as its own package would")]

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rounds::config::spec::DatabaseSpec;
use rounds::config::{Environment, parse};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};

use crate::support::watching::Watching;

/// Long enough for any loaded machine.
pub(super) const PATIENT: &str = "every = '1h'\ntimeout = '60s'\nlatency = {}\n";

/// A running server. Its database is `rota`, its administrator `root`, both without a password.
#[derive(Debug)]
pub(super) struct Server {
    scratch: tempfile::TempDir,
    process: Child,
}

impl Server {
    /// A fresh server, well in every respect; `options` are further ones of its command line.
    pub(super) fn start(options: &[&str]) -> Self {
        let scratch = tempfile::Builder::new().prefix("rounds-my-").tempdir().expect("a scratch directory");
        let user = rustix::process::geteuid().is_root().then_some((65_534, 65_534));
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(scratch.path(), Some(uid), Some(gid)).expect("its owner");
        }
        let made = command("mariadb-install-db", scratch.path(), user)
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .args(SMALL)
            .arg(format!("--datadir={}", scratch.path().join("data").display()))
            .output()
            .expect("mariadb-install-db starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&[made.stdout, made.stderr].concat()));
        let process = launch(scratch.path(), user, options);
        let server = Self { scratch, process };
        server.wait();
        server
    }

    pub(super) fn path(&self) -> &Path {
        self.scratch.path()
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.path().join("my.sock")
    }

    pub(super) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.process)
    }

    pub(super) fn stop(&mut self) {
        let _gone_already = rustix::process::kill_process(self.pid(), rustix::process::Signal::TERM);
        let _ended = self.process.wait();
    }

    /// A connection that nobody expects anything of.
    pub(super) async fn try_connect(&self, user: &str) -> Result<MySqlConnection, sqlx::Error> {
        MySqlConnectOptions::new().socket(self.socket()).username(user).disable_statement_logging().connect().await
    }

    pub(super) async fn connect(&self, user: &str) -> MySqlConnection {
        self.try_connect(user).await.expect("a connection")
    }

    /// An administrator's connection to `rota`, which is made when it is not there.
    pub(super) async fn rota(&self) -> MySqlConnection {
        let mut root = self.connect("root").await;
        run(&mut root, "CREATE DATABASE IF NOT EXISTS rota; USE rota").await;
        root
    }

    /// What a configuration says to look at it as `user`.
    pub(super) fn spec(&self, user: &str, more: &str) -> DatabaseSpec {
        spec(&format!("{user}@/rota?socket={}", self.socket().display()), more)
    }

    /// Looks at it as `user` over and over.
    pub(super) fn watching(&self, user: &str, limits: &str) -> Watching {
        Watching::of(self.spec(user, &format!("{PATIENT}{limits}")))
    }

    fn wait(&self) {
        let deadline = Duration::from_mins(1);
        for _ in 0..deadline.as_millis() / 20 {
            if std::os::unix::net::UnixStream::connect(self.socket()).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let log = fs::read_to_string(self.path().join("log")).unwrap_or_default();
        unreachable!("the server did not start:\n{log}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone_already = rustix::process::kill_process(self.pid(), rustix::process::Signal::KILL);
        let _ended = self.process.wait();
    }
}

/// A server that nobody keeps anything in.
const SMALL: [&str; 4] = [
    "--innodb-log-file-size=4M",
    "--innodb-buffer-pool-size=16M",
    "--innodb-flush-method=nosync",
    "--innodb-flush-log-at-trx-commit=0",
];

fn launch(scratch: &Path, user: Option<(u32, u32)>, options: &[&str]) -> Child {
    let log = fs::File::create(scratch.join("log")).expect("its log");
    let inside = |option: &str, name: &str| format!("--{option}={}", scratch.join(name).display());
    command("mariadbd", scratch, user)
        .args([
            "--no-defaults",
            "--skip-networking",
            "--max-connections=20",
            "--server-id=1",
            "--character-set-server=utf8mb4",
        ])
        .args(SMALL)
        .args([inside("datadir", "data"), inside("socket", "my.sock"), inside("pid-file", "pid"), inside("tmpdir", "")])
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the server starts")
}

fn command(name: &str, scratch: &Path, user: Option<(u32, u32)>) -> Command {
    let places = ["/usr/sbin", "/usr/bin", "/usr/local/bin", "/usr/libexec"];
    let program = places.iter().map(|place| Path::new(place).join(name)).find(|program| program.exists());
    let mut command = Command::new(program.expect("MariaDB is installed: the test is left out by name without it"));
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LANG", "C.UTF-8").env("TZ", "UTC");
    // A server that starts clears its temporary directory, and with it the tables of whoever shares it.
    command.env("TMPDIR", scratch).current_dir(scratch);
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// Runs statements that must succeed.
pub(super) async fn run(connection: &mut MySqlConnection, statements: &str) {
    let done = sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(connection).await;
    done.unwrap_or_else(|error| unreachable!("{statements}: {error}"));
}

/// One value, as text.
pub(super) async fn one(connection: &mut MySqlConnection, question: &str) -> String {
    let row = sqlx::raw_sql(AssertSqlSafe(question.to_owned())).fetch_one(connection).await.expect(question);
    row.get_unchecked(row.len() - 1)
}

/// Waits until a question has this answer. InnoDB tells of its locks anew only to who has not asked
/// for a tenth of a second: whoever asks more often hears the same for ever.
pub(super) async fn until_one(connection: &mut MySqlConnection, question: &str, answer: &str) {
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    while one(connection, question).await != answer {
        assert!(tokio::time::Instant::now() < deadline, "{question} is never {answer}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// A configured database.
pub(super) fn spec(address: &str, more: &str) -> DatabaseSpec {
    let text = format!("version = 1\n[[database]]\nid = \"rota\"\nurl = \"mysql://{address}\"\n{more}\n");
    let environment = Environment { xdg_state_home: Some("/nowhere".into()), ..Environment::default() };
    let config =
        parse("test.toml", Path::new("/"), &text, &environment).unwrap_or_else(|error| unreachable!("{error}"));
    config.databases.into_iter().next().expect("one database")
}

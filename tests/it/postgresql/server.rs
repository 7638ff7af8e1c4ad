//! A PostgreSQL server of one's own: in a scratch directory, on a socket, gone with the test.

#![expect(clippy::disallowed_methods, reason = "the server is started as its own package would")]

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rounds::config::spec::DatabaseSpec;
use rounds::config::{Environment, parse};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};

/// The folder of the newest server programs on this machine, or of those that
/// `ROUNDS_TEST_POSTGRESQL` names.
pub(super) fn programs() -> Option<PathBuf> {
    let chosen = std::env::var_os("ROUNDS_TEST_POSTGRESQL").map(PathBuf::from);
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut installed: Vec<PathBuf> = installed.map(|entry| entry.path().join("bin")).collect();
    installed.sort();
    let usual = ["/usr/local/pgsql/bin", "/usr/local/bin", "/usr/bin"].map(PathBuf::from);
    let needed = ["initdb", "postgres", "pg_isready", "pg_basebackup"];
    let whole = |folder: &PathBuf| needed.iter().all(|program| folder.join(program).exists());
    chosen.or_else(|| installed.into_iter().rev().chain(usual).find(whole))
}

/// A running server. Its database is `rota`, its superuser `postgres`.
#[derive(Debug)]
pub(crate) struct Server {
    scratch: tempfile::TempDir,
    process: Child,
    programs: PathBuf,
    user: Option<(u32, u32)>,
    settings: String,
}

impl Server {
    /// A fresh server, well in every respect; `settings` are lines of its configuration.
    pub(crate) fn start(settings: &str) -> Self {
        Self::made_with(&[], settings, |_| ())
    }

    /// The same with more said to `initdb`, and something put beside its data before it starts.
    pub(crate) fn made_with(flags: &[&str], settings: &str, prepare: impl FnOnce(&Path)) -> Self {
        let programs = programs().expect("PostgreSQL is installed: the test is left out by name without it");
        let scratch = tempfile::Builder::new().prefix("rounds-pg-").tempdir().expect("a scratch directory");
        let user = rustix::process::geteuid().is_root().then_some((65_534, 65_534));
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(scratch.path(), Some(uid), Some(gid)).expect("its owner");
        }
        let data = scratch.path().join("data");
        let made = command(&programs, "initdb", user)
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"])
            .arg(&data)
            .args(flags)
            .current_dir(scratch.path())
            .output()
            .expect("initdb starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        prepare(scratch.path());
        if let Some((uid, gid)) = user {
            for beside in fs::read_dir(scratch.path()).into_iter().flatten().flatten() {
                std::os::unix::fs::chown(beside.path(), Some(uid), Some(gid)).expect("its owner");
            }
        }
        let process = launch(&programs, scratch.path(), user, settings);
        let server = Self { scratch, process, programs, user, settings: settings.to_owned() };
        server.wait();
        server
    }

    /// Its connections, each on its own.
    pub(crate) async fn connect(&self, role: &str, database: &str) -> PgConnection {
        self.options(role, database).connect().await.expect("a connection")
    }

    fn options(&self, role: &str, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(self.scratch.path())
            .port(self.port())
            .username(role)
            .database(database)
            .application_name("the test")
            .disable_statement_logging()
    }

    /// The port of its socket, too.
    fn port(&self) -> u16 {
        let written = self.settings.lines().find_map(|line| line.strip_prefix("port = "));
        written.map_or(5432, |port| port.parse().expect("a port"))
    }

    /// A superuser's connection to `rota`, which is made when it is not there.
    pub(crate) async fn rota(&self) -> PgConnection {
        let mut postgres = self.connect("postgres", "postgres").await;
        let there =
            sqlx::raw_sql("SELECT 1 FROM pg_database WHERE datname = 'rota'").fetch_optional(&mut postgres).await;
        if there.expect("an answer").is_none() {
            run(&mut postgres, "CREATE DATABASE rota").await;
        }
        self.connect("postgres", "rota").await
    }

    /// What a configuration says to look at it as `role`.
    pub(crate) fn spec(&self, role: &str, more: &str) -> DatabaseSpec {
        spec(&format!("{role}@/rota?host={}", self.scratch.path().display()), more)
    }

    /// One of the server's own client programs, as its superuser.
    pub(crate) fn client(&self, program: &str) -> Command {
        let mut command = command(&self.programs, program, None);
        command.arg("-h").arg(self.scratch.path()).args(["-U", "postgres"]).current_dir(self.scratch.path());
        command
    }

    pub(crate) fn path(&self) -> &Path {
        self.scratch.path()
    }

    pub(crate) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.process)
    }

    pub(crate) fn stop(&mut self) {
        let _gone_already = rustix::process::kill_process(self.pid(), rustix::process::Signal::INT);
        let _ended = self.process.wait();
    }

    /// Starts it after it was stopped.
    pub(crate) fn start_again(&mut self) {
        self.process = launch(&self.programs, self.scratch.path(), self.user, &self.settings);
        self.wait();
    }

    /// A second server that replays this one.
    pub(crate) fn standby(&self) -> Server {
        let scratch = tempfile::Builder::new().prefix("rounds-pg-").tempdir().expect("a scratch directory");
        if let Some((uid, gid)) = self.user {
            std::os::unix::fs::chown(scratch.path(), Some(uid), Some(gid)).expect("its owner");
        }
        let made = command(&self.programs, "pg_basebackup", self.user)
            .args(["-U", "postgres", "-X", "stream", "-c", "fast", "--no-sync", "-h"])
            .arg(self.scratch.path())
            .arg("-D")
            .arg(scratch.path().join("data"))
            .current_dir(scratch.path())
            .output()
            .expect("pg_basebackup starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        fs::write(scratch.path().join("data/standby.signal"), "").expect("its sign");
        let primary = format!("host={} port={} user=postgres", self.scratch.path().display(), self.port());
        let settings = format!("{}\nprimary_conninfo = '{primary}'", self.settings);
        let process = launch(&self.programs, scratch.path(), self.user, &settings);
        let standby = Server { scratch, process, programs: self.programs.clone(), user: self.user, settings };
        standby.wait();
        standby
    }

    fn wait(&self) {
        let deadline = std::time::Duration::from_mins(1);
        for _ in 0..deadline.as_millis() / 20 {
            let ready = command(&self.programs, "pg_isready", self.user)
                .args(["-q", "-p", &self.port().to_string(), "-h"])
                .arg(self.scratch.path())
                .current_dir(self.scratch.path())
                .status();
            if ready.is_ok_and(|status| status.success()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let log = fs::read_to_string(self.scratch.path().join("log")).unwrap_or_default();
        unreachable!("the server did not start:\n{log}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone_already = rustix::process::kill_process(self.pid(), rustix::process::Signal::CONT);
        let _gone_already = rustix::process::kill_process(self.pid(), rustix::process::Signal::QUIT);
        let _ended = self.process.wait();
    }
}

fn launch(programs: &Path, scratch: &Path, user: Option<(u32, u32)>, settings: &str) -> Child {
    let configuration = format!(
        "listen_addresses = ''\nunix_socket_directories = '{}'\nfsync = on\nsynchronous_commit = off\n\
         shared_buffers = 16MB\nmax_connections = 30\nmax_prepared_transactions = 5\nmax_wal_senders = 5\n\
         wal_level = replica\nautovacuum_naptime = 1h\npassword_encryption = 'scram-sha-256'\n{settings}\n",
        scratch.display()
    );
    fs::write(scratch.join("data/postgresql.conf"), configuration).expect("its configuration");
    let log = fs::File::create(scratch.join("log")).expect("its log");
    command(programs, "postgres", user)
        .arg("-D")
        .arg(scratch.join("data"))
        .current_dir(scratch)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the server starts")
}

fn command(programs: &Path, name: &str, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(programs.join(name));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8").env("TZ", "UTC");
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// What a server says it is, such as 150018.
pub(crate) fn number(connection: &PgConnection) -> u32 {
    connection.server_version_num().expect("every server says so")
}

/// What a grant is called that lets a role read everything.
pub(crate) fn reads_everything(connection: &PgConnection, role: &str) -> String {
    if number(connection) >= 140_000 {
        return format!("GRANT pg_read_all_data TO \"{role}\"");
    }
    format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO \"{role}\" -- and likewise in other schemas")
}

/// The same statements as this server understands them.
fn of_version(statements: &str, version: u32) -> String {
    let of_version = |statement: &str| {
        if version < 150_000 && statement.contains("pg_stat_force_next_flush") {
            // It counts by itself after half a second, and answers with figures that are as old.
            return "SELECT pg_sleep(1.2)".to_owned();
        }
        if let Some((before, database)) = statement.split_once("DROP DATABASE ").filter(|_| version < 130_000)
            && let Some((name, _)) = database.split_once(" WITH (FORCE)")
        {
            return format!("{before}DROP DATABASE {name}");
        }
        match statement.split_once("pg_read_all_data TO ").filter(|_| version < 140_000) {
            Some((before, role)) => {
                let others = before.trim_end().strip_suffix(',').map(|rights| format!("{rights} TO {role};"));
                let all = format!(
                    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {role};
                     ALTER DEFAULT PRIVILEGES GRANT SELECT ON SEQUENCES TO {role};
                     DO $all$ DECLARE one text; BEGIN
                       FOR one IN SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname !~ '^(pg_|information_)' LOOP
                         EXECUTE 'GRANT USAGE ON SCHEMA ' || one || ' TO {role}';
                         EXECUTE 'GRANT SELECT ON ALL TABLES IN SCHEMA ' || one || ' TO {role}';
                         EXECUTE 'GRANT SELECT ON ALL SEQUENCES IN SCHEMA ' || one || ' TO {role}';
                       END LOOP; END $all$"
                );
                others.unwrap_or_default() + &all
            }
            None => statement.to_owned(),
        }
    };
    statements.split(';').map(of_version).collect::<Vec<_>>().join(";")
}

/// Runs statements that must succeed.
pub(crate) async fn run(connection: &mut PgConnection, statements: &str) {
    let statements = of_version(statements, number(connection));
    let done = sqlx::raw_sql(AssertSqlSafe(statements.clone())).execute(connection).await;
    done.unwrap_or_else(|error| unreachable!("{statements}: {error}"));
}

/// One value, as text.
pub(crate) async fn one(connection: &mut PgConnection, question: &str) -> String {
    let row = sqlx::raw_sql(AssertSqlSafe(question.to_owned())).fetch_one(connection).await.expect(question);
    row.try_get_raw(0).expect("a column").as_str().expect("a value").to_owned()
}

/// Waits until a question has this answer.
pub(crate) async fn until_one(connection: &mut PgConnection, question: &str, answer: &str) {
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    while one(connection, question).await != answer {
        assert!(tokio::time::Instant::now() < deadline, "{question} is never {answer}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A configured database.
pub(crate) fn spec(address: &str, more: &str) -> DatabaseSpec {
    let text = format!("version = 1\n[[database]]\nid = \"rota\"\nurl = \"postgres://{address}\"\n{more}\n");
    let environment = Environment { xdg_state_home: Some("/nowhere".into()), ..Environment::default() };
    let config =
        parse("test.toml", Path::new("/"), &text, &environment).unwrap_or_else(|error| unreachable!("{error}"));
    config.databases.into_iter().next().expect("one database")
}

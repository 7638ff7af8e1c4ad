//! A session on a PostgreSQL server that cannot write, waits for nobody, and says whose it is.

mod planned;
mod refusal;
mod session;

use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};

pub(super) use self::session::{Session, row};
use super::pgpass;
use crate::config::{Host, Secret, SecretRef, ServerAddress, TlsMode};
use crate::database::lane::Dial;
use crate::database::lookup::Lookup;
use crate::database::{BoxFuture, DatabaseError, secret};
use crate::domain::finding::Finding;
use crate::domain::status::Status;
use crate::domain::upkeep::TableName;
use crate::domain::{humanize, sanitize};

/// How long the server may take to let a session in that is for long work.
const PATIENCE: Duration = Duration::from_secs(15);

/// Opens sessions on one database. Holds no password: it is fetched for each of them.
#[derive(Debug)]
pub(super) struct Dialer {
    address: ServerAddress,
    password: Option<SecretRef>,
    /// After this the server gives a question up by itself, shortly before we do.
    statement_timeout: Duration,
    lookup: Lookup,
    /// Where acts upon the database are shown, too.
    operations: Option<TableName>,
}

impl Dialer {
    pub(super) fn new(address: ServerAddress, password: Option<SecretRef>, deadline: Duration) -> Self {
        let statement_timeout = deadline.saturating_sub(Duration::from_millis(500)).max(deadline / 2);
        Self { address, password, statement_timeout, lookup: Lookup::default(), operations: None }
    }

    /// The same for a database that has a table of the acts upon it.
    #[must_use]
    pub(super) fn with_operations(self, operations: Option<TableName>) -> Self {
        Self { operations, ..self }
    }

    pub(super) fn address(&self) -> &ServerAddress {
        &self.address
    }

    pub(super) fn tls_in_words(&self) -> String {
        let mode = self.address.tls.word();
        match self.address.tls {
            _ if matches!(self.address.host, Host::Socket(_)) => "not needed on a socket".to_owned(),
            TlsMode::VerifyFull => format!("{mode}: encrypted, and the server shows who it is"),
            TlsMode::VerifyCa => format!("{mode}: encrypted, by a known authority, for any host"),
            TlsMode::Require => format!("{mode}: encrypted, whoever answers"),
            TlsMode::Prefer => format!("{mode}: encrypted if the server wants it"),
            TlsMode::Disable => format!("{mode}: not encrypted"),
        }
    }

    /// Amber for what leaves the machine with less than full protection, however somebody wanted
    /// it so.
    pub(super) fn exposed(&self) -> Option<Finding> {
        let danger = match self.address.tls {
            _ if self.address.is_local() => return None,
            TlsMode::VerifyFull => return None,
            TlsMode::VerifyCa | TlsMode::Require => "somebody else could answer for",
            TlsMode::Prefer | TlsMode::Disable => "somebody could read and change what goes to",
        };
        let text = format!("{danger} {}: {}", self.place(), self.tls_in_words());
        let advice = "write sslmode=verify-full after `?` in `url`, with `sslrootcert` where its authority is your own";
        Some(Finding::new(Status::Warning, "tls", text).advice(advice))
    }

    /// A resolver that never answers costs no more than one thread, however often it is asked.
    async fn look_up(&self) -> Result<(), DatabaseError> {
        match &self.address.host {
            Host::Name(name) if name.parse::<std::net::IpAddr>().is_err() => {
                self.lookup.answered(name, self.address.port).await
            }
            Host::Name(_) | Host::Socket(_) => Ok(()),
        }
    }

    async fn password(&self) -> Result<Option<Secret>, String> {
        if let Some(reference) = &self.password {
            return secret::fetch(reference).await.map(Some);
        }
        let address = self.address.clone();
        tokio::task::spawn_blocking(move || pgpass::look_up(&address)).await.unwrap_or(Ok(None))
    }

    /// What every session has. Never to be formatted: its `Debug` shows the password.
    fn options(&self, password: Option<&Secret>, name: &str) -> PgConnectOptions {
        let address = &self.address;
        let mut options = PgConnectOptions::new_without_pgpass()
            .port(address.port)
            .username(&address.role)
            .database(&address.database)
            .application_name(name)
            .statement_cache_capacity(0)
            .ssl_mode(match address.tls {
                TlsMode::Disable => PgSslMode::Disable,
                TlsMode::Prefer => PgSslMode::Prefer,
                TlsMode::Require => PgSslMode::Require,
                TlsMode::VerifyCa => PgSslMode::VerifyCa,
                TlsMode::VerifyFull => PgSslMode::VerifyFull,
            })
            .disable_statement_logging();
        options = match &address.host {
            Host::Name(name) => options.host(name.trim_start_matches('[').trim_end_matches(']')),
            Host::Socket(directory) => options.socket(directory),
        };
        if let Some(certificate) = &address.root_certificate {
            options = options.ssl_root_cert(certificate);
        }
        match password {
            Some(password) => options.password(password.expose()),
            // Not that of PGPASSWORD, which nobody named here.
            None => options.password(""),
        }
    }

    /// A session that may take its time, for a moment that is held while it is dumped. It sees
    /// every row or fails.
    pub(super) async fn session_for_long_work(&self) -> Result<PgConnection, DatabaseError> {
        let password = self.password().await.map_err(|why| DatabaseError::Denied(sanitize::line(&why)))?;
        let options = self.options(password.as_ref(), "rounds").options(self.reading()).options([
            ("statement_timeout", "0"),
            ("lock_timeout", "30000"),
            ("idle_in_transaction_session_timeout", "0"),
            ("row_security", "off"),
        ]);
        let connect = async {
            self.look_up().await?;
            options.connect().await.map_err(|error| self.explain(error))
        };
        match tokio::time::timeout(PATIENCE, connect).await {
            Ok(connected) => connected,
            Err(_elapsed) => {
                let waited = humanize::duration(PATIENCE);
                Err(DatabaseError::Unreachable(format!("{}: no session within {waited}", self.place())))
            }
        }
    }

    /// The settings of a session that can neither write nor wait.
    fn reading(&self) -> [(&'static str, String); 7] {
        [
            ("default_transaction_read_only", "on".to_owned()),
            ("statement_timeout", self.statement_timeout.as_millis().to_string()),
            ("lock_timeout", "100".to_owned()),
            ("idle_in_transaction_session_timeout", "10000".to_owned()),
            ("search_path", "pg_catalog".to_owned()),
            // One processor at most, and none for compiling what is asked once a minute.
            ("jit", "off".to_owned()),
            ("max_parallel_workers_per_gather", "0".to_owned()),
        ]
    }

    /// Opens a session called `name` with these settings.
    pub(super) async fn connect(
        &self,
        name: &str,
        settings: &[(&'static str, String)],
    ) -> Result<PgConnection, DatabaseError> {
        self.look_up().await?;
        let password = self.password().await.map_err(|why| DatabaseError::Denied(sanitize::line(&why)))?;
        let options = self.options(password.as_ref(), name).options(settings.iter().cloned());
        options.connect().await.map_err(|error| self.explain(error))
    }

    fn place(&self) -> String {
        let address = &self.address;
        let place = match &address.host {
            Host::Name(name) => format!("{name}:{}", address.port),
            Host::Socket(directory) => format!("{}/.s.PGSQL.{}", directory.display(), address.port),
        };
        sanitize::line(&place)
    }
}

impl Dial for Dialer {
    type Wire = Session;

    fn dial(&self) -> BoxFuture<'_, Result<Session, DatabaseError>> {
        Box::pin(async move {
            let connection = self.connect("rounds", &self.reading()).await?;
            let operations = self.operations.clone();
            Ok(Session::new(connection, self.statement_timeout, operations))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_machine_unprotected_is_amber_and_every_mode_is_told() {
        let dialer = |host: &str, tls| {
            let host = if host.starts_with('/') { Host::Socket(host.into()) } else { Host::Name(host.into()) };
            let (role, database) = ("mon".to_owned(), "rota".to_owned());
            let address = ServerAddress { host, port: 5432, role, database, tls, root_certificate: None };
            Dialer::new(address, None, Duration::from_secs(4))
        };
        let said = dialer("db1", TlsMode::Disable).exposed().expect("amber");
        assert_eq!(said.status, Status::Warning);
        assert_eq!(said.text, "somebody could read and change what goes to db1:5432: disable: not encrypted");
        for (mode, danger) in [
            (TlsMode::Prefer, "read and change what goes to db1:5432"),
            (TlsMode::Require, "somebody else could answer for db1:5432"),
            (TlsMode::VerifyCa, "somebody else could answer for db1:5432"),
        ] {
            let said = dialer("db1", mode).exposed().expect("amber");
            assert!(said.text.contains(danger), "{}", said.text);
        }
        assert!(dialer("db1", TlsMode::VerifyFull).exposed().is_none());
        assert_eq!(dialer("db1", TlsMode::Require).tls_in_words(), "require: encrypted, whoever answers");
        assert!(dialer("127.0.0.1", TlsMode::Disable).exposed().is_none());
        assert!(dialer("/run/postgresql", TlsMode::Disable).exposed().is_none());
    }

    #[test]
    fn a_session_can_neither_write_nor_wait_nor_be_taken_for_another() {
        let address = ServerAddress {
            host: Host::Name("[::1]".into()),
            port: 5433,
            role: "mon".into(),
            database: "rota".into(),
            tls: TlsMode::VerifyCa,
            root_certificate: None,
        };
        let dialer = Dialer::new(address, None, Duration::from_secs(4));
        let options = dialer.options(None, "rounds").options(dialer.reading());
        let said = options.get_options().expect("options");
        let expected = [
            "default_transaction_read_only=on",
            "statement_timeout=3500",
            "lock_timeout=100",
            "idle_in_transaction_session_timeout=10000",
            "search_path=pg_catalog",
            "jit=off",
            "max_parallel_workers_per_gather=0",
        ];
        for option in expected {
            assert!(said.contains(option), "{option}: {said}");
        }
        assert_eq!(options.get_application_name(), Some("rounds"));
        assert_eq!((options.get_host(), options.get_port(), options.get_username()), ("::1", 5433, "mon"));
        assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyCa));
        // Whatever PGPASSWORD says here: only a source that is named gives a password.
        assert!(format!("{options:?}").contains("password: Some(\"\")"));
    }

    #[test]
    fn the_server_gives_up_before_we_do() {
        for seconds in [1, 4, 30] {
            let deadline = Duration::from_secs(seconds);
            let address = ServerAddress {
                host: Host::Name("db1".into()),
                port: 5432,
                role: String::new(),
                database: String::new(),
                tls: TlsMode::Prefer,
                root_certificate: None,
            };
            let timeout = Dialer::new(address, None, deadline).statement_timeout;
            assert!(timeout < deadline && timeout >= deadline / 2, "{seconds}");
        }
    }
}

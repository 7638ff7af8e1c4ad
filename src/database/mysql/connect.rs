//! A session on a MySQL or MariaDB server that cannot write and waits for nobody.

pub(super) mod refusal;
mod route;

use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Row as _};

pub(super) use self::route::Route;
use super::my_cnf::{self, Client};
use super::server::{self, Flavour, Server, identify};
use crate::config::{Host, MysqlAddress, Secret, SecretRef, TlsMode};
use crate::database::lane::{AskError, Dial, Wire};
use crate::database::row::Row;
use crate::database::{BoxFuture, DatabaseError, ident, secret};
use crate::domain::sanitize;

/// Opens sessions on one database. Holds no password: it is fetched for each of them.
#[derive(Debug)]
pub(super) struct Dialer {
    address: MysqlAddress,
    password: Option<SecretRef>,
    /// After this the server gives a question up by itself, shortly before we do.
    statement_timeout: Duration,
}

impl Dialer {
    pub(super) fn new(address: MysqlAddress, password: Option<SecretRef>, deadline: Duration) -> Self {
        let statement_timeout = deadline.saturating_sub(Duration::from_millis(500)).max(deadline / 2);
        Self { address, password, statement_timeout }
    }

    pub(super) fn address(&self) -> &MysqlAddress {
        &self.address
    }

    /// How to get there, with what only `~/.my.cnf` says, and the password.
    pub(super) async fn way(&self) -> Result<(Route, Option<Secret>), String> {
        let complete = self.password.is_some() && self.address.host.is_some() && self.address.user.is_some();
        let client = if complete {
            Client::default()
        } else {
            tokio::task::spawn_blocking(my_cnf::read).await.unwrap_or_else(|_odd| Ok(Client::default()))?
        };
        let route = Route::of(&self.address, &client)?;
        let password = match &self.password {
            Some(reference) => Some(secret::fetch(reference).await?),
            None => client.password,
        };
        Ok((route, password))
    }

    /// A connection as the server gives it, without any manners yet.
    pub(super) async fn connect(&self) -> Result<(MySqlConnection, Route), DatabaseError> {
        let (route, password) = self.way().await.map_err(|why| DatabaseError::Denied(sanitize::line(&why)))?;
        let connection = options(&route, password.as_ref()).connect().await;
        let connection = connection.map_err(|error| refusal::explain(&route, error))?;
        Ok((connection, route))
    }
}

/// The options of a session. Never to be formatted: their `Debug` shows the password.
fn options(route: &Route, password: Option<&Secret>) -> MySqlConnectOptions {
    let mut options = MySqlConnectOptions::new()
        .port(route.port)
        .username(&route.user)
        .statement_cache_capacity(0)
        // What a session is set to is said in one place, below.
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .set_names(false)
        .ssl_mode(match route.tls {
            TlsMode::Disable => MySqlSslMode::Disabled,
            TlsMode::Prefer => MySqlSslMode::Preferred,
            TlsMode::Require => MySqlSslMode::Required,
            TlsMode::VerifyCa => MySqlSslMode::VerifyCa,
            TlsMode::VerifyFull => MySqlSslMode::VerifyIdentity,
        })
        .disable_statement_logging();
    options = match &route.host {
        Host::Name(name) => options.host(name.trim_start_matches('[').trim_end_matches(']')),
        Host::Socket(socket) => options.socket(socket),
    };
    if let Some(certificate) = &route.root_certificate {
        options = options.ssl_ca(certificate);
    }
    match password {
        Some(password) => options.password(password.expose()),
        None => options,
    }
}

/// What makes a session harmless, whatever the server's own defaults are.
///
/// Read-only comes first. With `autocommit` no transaction stays open, `SYSTEM` is the zone in
/// which InnoDB tells its times, and a day is longer than any interval between our readings.
fn manners(flavour: Flavour, statement_timeout: Duration) -> Vec<String> {
    let limits = match flavour {
        Flavour::MariaDb => {
            format!("max_statement_time = {:.3}, lock_wait_timeout = 0", statement_timeout.as_secs_f64())
        }
        // Without the last, sizes may be as old as a day.
        Flavour::MySql => format!(
            "max_execution_time = {}, lock_wait_timeout = 1, information_schema_stats_expiry = 0",
            statement_timeout.as_millis()
        ),
    };
    vec![
        format!(
            "SET SESSION autocommit = 1, {limits}, innodb_lock_wait_timeout = 1, wait_timeout = 86400, sql_mode = '', \
             time_zone = 'SYSTEM'"
        ),
        "SET NAMES utf8mb4".to_owned(),
    ]
}

impl Dial for Dialer {
    type Wire = Session;

    fn dial(&self) -> BoxFuture<'_, Result<Session, DatabaseError>> {
        Box::pin(async move {
            let (connection, route) = self.connect().await?;
            let database = self.address.database.clone();
            let mut session = Session { connection, route, database, timeout: self.statement_timeout, user: None };
            session.behave().await?;
            Ok(session)
        })
    }
}

/// An open session. Not `Debug`: nothing of a connection is for a log.
pub(super) struct Session {
    connection: MySqlConnection,
    route: Route,
    database: String,
    timeout: Duration,
    /// Who the server says we are, once it has.
    user: Option<String>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session")
    }
}

impl Session {
    async fn behave(&mut self) -> Result<(), DatabaseError> {
        self.set("SET SESSION TRANSACTION READ ONLY").await?;
        let said = sqlx::raw_sql("SELECT VERSION()").fetch_one(&mut self.connection).await;
        let said = said.map_err(|error| refusal::explain(&self.route, error))?;
        let version = row(&said).unwrap_or_default();
        let Some((flavour, _)) = identify(version.text(0)) else {
            let place = self.route.place();
            return Err(DatabaseError::Malformed(format!("{place}: this is neither MySQL nor MariaDB")));
        };
        for statement in manners(flavour, self.timeout) {
            self.set(&statement).await?;
        }
        self.enter().await
    }

    async fn set(&mut self, statement: &str) -> Result<(), DatabaseError> {
        let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut self.connection).await;
        done.map(|_| ()).map_err(|error| refusal::explain(&self.route, error))
    }

    /// Makes the database the current one. A user that may not see it is let in all the same:
    /// what is known of the server is not the database's.
    async fn enter(&mut self) -> Result<(), DatabaseError> {
        let statement = format!("USE {}", ident::backticked(&self.database));
        match sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut self.connection).await {
            Err(sqlx::Error::Database(error)) if refusal::number(&*error) == refusal::NOT_YOUR_DATABASE => Ok(()),
            Err(error) => Err(refusal::explain(&self.route, error)),
            Ok(_) => Ok(()),
        }
    }
}

impl Wire for Session {
    type Server = Server;

    fn greet(&mut self) -> BoxFuture<'_, Result<Server, AskError>> {
        Box::pin(async move {
            let mut rows = self.ask(server::QUESTION).await?;
            if rows.first().is_some_and(|row| row.get(4).is_none()) {
                // Perhaps somebody has given us the right meanwhile.
                self.enter().await.map_err(|error| AskError::Lost(error.to_string()))?;
                rows = self.ask(server::QUESTION).await?;
            }
            let grants = self.ask("SHOW GRANTS").await?;
            let server = Server::read(&rows, &grants, &self.database, &self.route)
                .ok_or_else(|| AskError::Lost("it does not say what it is".to_owned()))?;
            if let Some(why) = server.too_old() {
                return Err(AskError::Lost(why));
            }
            self.user = Some(server.user.clone());
            Ok(server)
        })
    }

    fn ask<'a>(&'a mut self, question: &'a str) -> BoxFuture<'a, Result<Vec<Row>, AskError>> {
        Box::pin(async move {
            // The simple protocol: every value comes as text. sqlx cannot give a session a name,
            // so each statement carries ours into the process list and the slow log.
            let named = AssertSqlSafe(format!("/* rounds */ {question}"));
            let rows = sqlx::raw_sql(named).fetch_all(&mut self.connection).await;
            let user = self.user.as_deref().unwrap_or_default();
            let rows = rows.map_err(|error| refusal::refused(error, self.timeout, user))?;
            if is_tall(question) {
                rows.iter().enumerate().try_fold(Vec::new(), tall)
            } else {
                rows.iter().map(row).collect()
            }
        })
    }
}

/// Answers whose columns differ from version to version are read by their names: one row for
/// each value, with the number of its own row, its name and itself.
fn is_tall(question: &str) -> bool {
    ["SHOW ALL SLAVES STATUS", "SHOW REPLICA STATUS", "SHOW SLAVE STATUS"].contains(&question)
}

fn tall(mut rows: Vec<Row>, (number, row): (usize, &MySqlRow)) -> Result<Vec<Row>, AskError> {
    use sqlx::Column as _;
    let number = number.to_string();
    for (column, value) in row.columns().iter().zip(values(row)?) {
        rows.push(Row::new([Some(number.as_str()), Some(column.name()), value.as_deref()]));
    }
    Ok(rows)
}

pub(super) fn row(row: &MySqlRow) -> Result<Row, AskError> {
    let values = values(row)?;
    Ok(Row::new(values.iter().map(Option::as_deref)))
}

/// Values as text, whatever their types are; what is not UTF-8 is shown as well as it can be.
fn values(row: &MySqlRow) -> Result<Vec<Option<String>>, AskError> {
    let odd = |error: sqlx::Error| AskError::Lost(sanitize::line(&error.to_string()));
    let value = |column| row.try_get_unchecked::<Option<&[u8]>, _>(column).map_err(odd);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (0..row.len()).map(|column| Ok(value(column)?.map(text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_can_neither_write_nor_wait() {
        let said = |flavour| manners(flavour, Duration::from_millis(3500)).join("; ");
        let (mariadb, mysql) = (said(Flavour::MariaDb), said(Flavour::MySql));
        assert!(mariadb.contains("max_statement_time = 3.500, lock_wait_timeout = 0"), "{mariadb}");
        assert!(mysql.contains("max_execution_time = 3500, lock_wait_timeout = 1"), "{mysql}");
        assert!(mysql.contains("information_schema_stats_expiry = 0") && !mariadb.contains("stats_expiry"));
        for said in [mariadb, mysql] {
            assert!(said.contains("autocommit = 1") && said.contains("wait_timeout = 86400"), "{said}");
        }
    }

    #[test]
    fn the_server_gives_up_before_we_do() {
        let address = MysqlAddress {
            host: None,
            port: None,
            user: None,
            database: "rota".into(),
            tls: None,
            root_certificate: None,
        };
        for seconds in [1, 4, 30] {
            let deadline = Duration::from_secs(seconds);
            let timeout = Dialer::new(address.clone(), None, deadline).statement_timeout;
            assert!(timeout < deadline && timeout >= deadline / 2, "{seconds}");
        }
    }
}

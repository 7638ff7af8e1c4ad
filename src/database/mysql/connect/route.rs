//! How a session gets to its server: what an address says, filled up from `~/.my.cnf` and from
//! what is usual.

use std::path::{Path, PathBuf};

use crate::config::{Host, MysqlAddress, TlsMode, is_local, tls_word};
use crate::database::mysql::my_cnf::Client;
use crate::domain::finding::Finding;
use crate::domain::sanitize;
use crate::domain::status::Status;

/// Where a server is and who asks for it; everything but the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::database::mysql) struct Route {
    pub(in crate::database::mysql) host: Host,
    pub(in crate::database::mysql) port: u16,
    pub(in crate::database::mysql) user: String,
    pub(in crate::database::mysql) tls: TlsMode,
    pub(in crate::database::mysql) root_certificate: Option<PathBuf>,
}

/// Where Debian, Red Hat and the source itself put the socket.
const USUAL_SOCKETS: [&str; 3] = ["/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock"];
const USUAL_PORT: u16 = 3306;

impl Route {
    pub(super) fn of(address: &MysqlAddress, client: &Client) -> Result<Self, String> {
        let user = address.user.clone().or_else(|| client.user.clone());
        let user = user.ok_or("neither `url` nor ~/.my.cnf names a user; write `mysql://USER@HOST/DATABASE`")?;
        // As their own clients understand it, `localhost` in the file is its socket.
        let named = client.host.clone().filter(|host| client.socket.is_none() || host != "localhost");
        let host = address.host.clone().or_else(|| named.map(Host::Name));
        let host = host.or_else(|| client.socket.clone().map(Host::Socket));
        let host = host.or_else(|| usual_socket().map(|socket| Host::Socket(socket.into())));
        let host = host.unwrap_or_else(|| Host::Name("localhost".to_owned()));
        // A port of the file goes with the host of the file.
        let port = address.port.or(client.port.filter(|_| address.host.is_none())).unwrap_or(USUAL_PORT);
        let tls = address.tls.unwrap_or_else(|| MysqlAddress::usual_tls(&host));
        Ok(Self { host, port, user, tls, root_certificate: address.root_certificate.clone() })
    }

    pub(in crate::database::mysql) fn place(&self) -> String {
        let place = match &self.host {
            Host::Name(name) => format!("{name}:{}", self.port),
            Host::Socket(socket) => socket.display().to_string(),
        };
        sanitize::line(&place)
    }

    pub(in crate::database::mysql) fn tls_in_words(&self) -> String {
        let mode = tls_word(self.tls);
        match self.tls {
            _ if matches!(self.host, Host::Socket(_)) => "not needed on a socket".to_owned(),
            TlsMode::VerifyFull => format!("{mode}: encrypted, and the server shows who it is"),
            TlsMode::VerifyCa => format!("{mode}: encrypted, by a known authority, for any host"),
            TlsMode::Require => format!("{mode}: encrypted, whoever answers"),
            TlsMode::Prefer => format!("{mode}: encrypted if the server can"),
            TlsMode::Disable => format!("{mode}: not encrypted"),
        }
    }

    /// Whether the server's disks are ours to look at.
    pub(in crate::database::mysql) fn is_local(&self) -> bool {
        is_local(&self.host)
    }

    /// Amber for what leaves the machine without protection, however somebody wanted it so.
    pub(in crate::database::mysql) fn exposed(&self) -> Option<Finding> {
        let open = !self.is_local() && self.tls <= TlsMode::Prefer;
        let text = format!("what goes to {} can be read and changed on the way: {}", self.place(), self.tls_in_words());
        let advice = "write ssl-mode=verify_identity after `?` in `url`, with `ssl-ca` where its authority is your own";
        open.then(|| Finding::new(Status::Warning, "tls", text).advice(advice))
    }
}

fn usual_socket() -> Option<&'static str> {
    USUAL_SOCKETS.into_iter().find(|socket| Path::new(socket).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: Option<Host>, tls: Option<TlsMode>) -> MysqlAddress {
        MysqlAddress { host, port: None, user: None, database: "rota".into(), tls, root_certificate: None }
    }

    #[test]
    fn the_file_fills_up_what_the_address_leaves_out() {
        let client =
            Client { user: Some("mon".into()), host: Some("db9".into()), port: Some(3307), ..Client::default() };
        let from_file = Route::of(&address(None, None), &client).expect("a route");
        assert_eq!((from_file.place().as_str(), from_file.tls), ("db9:3307", TlsMode::VerifyFull));
        let named = Route::of(&address(Some(Host::Name("db1".into())), None), &client).expect("a route");
        assert_eq!(named.place(), "db1:3306", "the port of another host");
        let socket = Client { socket: Some("/x.sock".into()), host: Some("localhost".into()), ..client };
        let route = Route::of(&address(None, None), &socket).expect("a route");
        assert_eq!((route.place().as_str(), route.tls), ("/x.sock", TlsMode::Prefer));
        assert!(Route::of(&address(None, None), &Client::default()).is_err_and(|why| why.contains("names a user")));
    }

    #[test]
    fn what_leaves_the_machine_unprotected_is_amber_and_every_mode_is_told() {
        let client = Client { user: Some("mon".into()), ..Client::default() };
        let route =
            |host: &str, tls| Route::of(&address(Some(Host::Name(host.into())), Some(tls)), &client).expect("a route");
        let said = route("db1", TlsMode::Disable).exposed().expect("amber");
        assert_eq!(said.text, "what goes to db1:3306 can be read and changed on the way: disabled: not encrypted");
        assert!(route("db1", TlsMode::Prefer).exposed().is_some());
        assert!(route("db1", TlsMode::Require).exposed().is_none());
        assert!(route("127.0.0.1", TlsMode::Disable).exposed().is_none());
    }
}

//! Where a database is: a file, or a server with everything that is needed to reach it but the
//! password, which an address never holds.

mod mysql;

use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

pub use mysql::{MysqlAddress, is_local, tls_word};

use super::source::resolve;
use crate::domain::engine::{self, EngineCard};

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// For SQLite; an absolute path.
    File(PathBuf),
    /// For PostgreSQL.
    Server(ServerAddress),
    Mysql(MysqlAddress),
}

/// A database on a PostgreSQL server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    pub host: Host,
    pub port: u16,
    pub role: String,
    pub database: String,
    pub tls: TlsMode,
    /// The authority the server's certificate must come from; the machine's own ones without.
    pub root_certificate: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    Name(String),
    /// The directory in which a PostgreSQL server's socket lies, or the socket of another server.
    Socket(PathBuf),
}

/// How much of the connection is protected; the words are libpq's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

const TLS_MODES: [(&str, TlsMode); 5] = [
    ("disable", TlsMode::Disable),
    ("prefer", TlsMode::Prefer),
    ("require", TlsMode::Require),
    ("verify-ca", TlsMode::VerifyCa),
    ("verify-full", TlsMode::VerifyFull),
];

impl TlsMode {
    pub fn word(self) -> &'static str {
        TLS_MODES.iter().find(|(_, mode)| *mode == self).map_or("", |(word, _)| word)
    }
}

impl Address {
    /// Reads a database's URL; relative files lie in `directory`. The text of the URL is not
    /// repeated in errors: it may carry a password.
    pub(super) fn parse(url: &str, directory: &Path) -> Result<Self, String> {
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        match EngineCard::of_scheme(scheme).map(|engine| engine.name) {
            Some("sqlite") => file(url, directory).map(Address::File),
            Some("postgresql") => server(url, directory, 5432).map(Address::Server),
            Some("mysql") => mysql::parse(url, directory).map(Address::Mysql),
            _ => Err("this is not a database URL; write `sqlite:PATH`, `postgres://ROLE@HOST/DATABASE`, or \
                      `mysql://USER@HOST/DATABASE`"
                .to_owned()),
        }
    }

    pub fn engine(&self) -> &'static EngineCard {
        match self {
            Address::File(_) => &engine::SQLITE,
            Address::Server(_) => &engine::POSTGRESQL,
            Address::Mysql(_) => &engine::MYSQL,
        }
    }

    /// The file, for engines that are one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Address::File(path) => Some(path),
            Address::Server(_) | Address::Mysql(_) => None,
        }
    }
}

impl fmt::Display for Address {
    /// As it could be written again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::File(path) => write!(f, "sqlite:{}", path.display()),
            Address::Server(server) => server.fmt(f),
            Address::Mysql(server) => server.fmt(f),
        }
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, socket) = match &self.host {
            Host::Name(name) => (name.as_str(), None),
            Host::Socket(directory) => ("", Some(directory.display())),
        };
        let port = if self.port == 5432 || socket.is_some() { String::new() } else { format!(":{}", self.port) };
        write!(f, "postgres://{}@{host}{port}/{}?", escaped(&self.role), escaped(&self.database))?;
        if let Some(socket) = socket {
            write!(f, "host={}&port={}&", escaped(&socket.to_string()).replace("%2F", "/"), self.port)?;
        }
        write!(f, "sslmode={}", self.tls.word())?;
        if let Some(certificate) = &self.root_certificate {
            write!(f, "&sslrootcert={}", escaped(&certificate.display().to_string()).replace("%2F", "/"))?;
        }
        Ok(())
    }
}

impl ServerAddress {
    /// Whether nobody but this machine can listen in.
    pub fn is_local(&self) -> bool {
        match &self.host {
            Host::Socket(_) => true,
            Host::Name(name) => is_loopback(name),
        }
    }
}

fn is_loopback(name: &str) -> bool {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The file a URL of a SQLite database names.
pub(super) fn file(url: &str, directory: &Path) -> Result<PathBuf, String> {
    let Some(path) = url.strip_prefix("sqlite:") else {
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        if EngineCard::of_scheme(scheme).is_some() {
            return Err(format!("a store on `{scheme}:` is not yet supported by this version; `sqlite:PATH` is"));
        }
        return Err("this is not a database URL; write `sqlite:` and the path of the file".to_owned());
    };
    let path = match path.strip_prefix("//") {
        // Taken for a path, it would make a file that has a password for its name.
        Some(rest) if rest.split('/').next().is_some_and(|host| host.contains('@')) => {
            return Err("a SQLite file has no host and no password; write `sqlite:` and its path".to_owned());
        }
        rest => rest.unwrap_or(path),
    };
    // `sqlite:///C:/db`: the root of an address is no part of a drive's path.
    let path = path.strip_prefix('/').filter(|rest| starts_with_drive(rest)).unwrap_or(path);
    if path.is_empty() || path.starts_with(':') {
        return Err("this names no file; write `sqlite:` and the path of one".to_owned());
    }
    if path.contains('?') {
        return Err("options after `?` are not supported; write `sqlite:` and the path alone".to_owned());
    }
    resolve(directory, path)
}

/// `C:/db`, where paths may begin like that.
fn starts_with_drive(path: &str) -> bool {
    matches!(Path::new(path).components().next(), Some(std::path::Component::Prefix(_)))
}

fn server(text: &str, directory: &Path, usual_port: u16) -> Result<ServerAddress, String> {
    let url = Url::parse(&with_host(text)).map_err(|why| {
        format!(
            "this URL cannot be read ({why}); write `postgres://ROLE@HOST/DATABASE`, with `%40` for an `@` in a name"
        )
    })?;
    if url.password().is_some() {
        return Err(password_advice("~/.pgpass"));
    }
    let mut host = url.host_str().map(decoded).transpose()?.filter(|host| !host.is_empty() && host != "/");
    let mut port = url.port();
    let (mut tls, mut root_certificate) = (None, None);
    for (key, value) in url.query_pairs() {
        match &*key {
            "host" => host = Some(value.into_owned()),
            "port" => port = Some(value.parse().map_err(|_not_one| "`port` is not a number".to_owned())?),
            "sslmode" => tls = Some(tls_mode(&value)?),
            "sslrootcert" => root_certificate = Some(resolve(directory, &value)?),
            "password" => return Err(password_advice("~/.pgpass")),
            other => {
                return Err(format!(
                    "`{}` after `?` is not supported; known are `host`, `port`, `sslmode` and `sslrootcert`",
                    other.escape_debug()
                ));
            }
        }
    }
    let host = match host {
        Some(directory) if directory.starts_with('/') => Host::Socket(directory.into()),
        Some(name) => Host::Name(name),
        None => {
            return Err("this names no host; write `postgres://ROLE@HOST/DATABASE`, or \
                        `postgres://ROLE@/DATABASE?host=/var/run/postgresql` for a socket"
                .to_owned());
        }
    };
    let role = decoded(url.username())?;
    let database = decoded(url.path().trim_start_matches('/'))?;
    if role.is_empty() || database.is_empty() {
        return Err("name the role and the database: `postgres://ROLE@HOST/DATABASE`".to_owned());
    }
    if role.contains('\0') || database.contains('\0') {
        return Err("a name cannot contain a NUL".to_owned());
    }
    let mut address = ServerAddress {
        host,
        port: port.unwrap_or(usual_port),
        role,
        database,
        tls: TlsMode::VerifyFull,
        root_certificate,
    };
    // What leaves the machine is encrypted, and the server shows who it is, unless somebody
    // wrote that it need not.
    address.tls = tls.unwrap_or(if address.is_local() { TlsMode::Prefer } else { TlsMode::VerifyFull });
    Ok(address)
}

/// libpq lets the host be left out after an `@`, the URL standard does not: a `/` then stands for
/// none.
fn with_host(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let end = text[start..].find(['/', '?', '#']).map_or(text.len(), |at| start + at);
    let host = if text[start..end].ends_with('@') { "%2F" } else { "" };
    format!("{}{host}{}", &text[..end], &text[end..])
}

/// Why a password in a URL is refused; `own` is the file in which the engine keeps its passwords.
fn password_advice(own: &str) -> String {
    format!(
        "a password does not belong into a configuration; take it out of the URL, and write `password = \"env:NAME\"`, \
         `\"file:PATH\"` or `\"command:[…]\"`, or put it into {own}"
    )
}

fn tls_mode(word: &str) -> Result<TlsMode, String> {
    TLS_MODES.iter().find(|(known, _)| *known == word).map(|(_, mode)| *mode).ok_or_else(|| {
        "this `sslmode` is not known; write disable, prefer, require, verify-ca or verify-full".to_owned()
    })
}

fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        if let (b'%', Some(byte)) = (first, hex) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8(bytes).map_err(|_odd| "a name in this URL is not UTF-8".to_owned())
}

/// A name as a URL writes it.
fn escaped(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> Result<Address, String> {
        Address::parse(url, Path::new("/srv"))
    }

    #[test]
    fn urls_name_a_file_or_a_server() {
        for (url, path) in [("sqlite:db", "/srv/db"), ("sqlite:/var/db", "/var/db"), ("sqlite:///var/db", "/var/db")] {
            assert_eq!(at(url), Ok(Address::File(path.into())));
        }
        assert!(
            at("sqlite://rota:hunter2@/srv/db").is_err_and(|why| why.contains("no host") && !why.contains("hunter2"))
        );
        let table = [
            ("postgres://mon@db1/rota", "postgres://mon@db1/rota?sslmode=verify-full"),
            ("postgresql://mon@db1:5433/rota?sslmode=require", "postgres://mon@db1:5433/rota?sslmode=require"),
            ("postgres://mon@localhost/rota", "postgres://mon@localhost/rota?sslmode=prefer"),
            ("postgres://mon@127.0.0.1/rota", "postgres://mon@127.0.0.1/rota?sslmode=prefer"),
            ("postgres://mon@[::1]/rota", "postgres://mon@[::1]/rota?sslmode=prefer"),
            (
                "postgres://mon@/rota?host=/var/run/postgresql",
                "postgres://mon@/rota?host=/var/run/postgresql&port=5432&sslmode=prefer",
            ),
            (
                "postgres://mon@%2Fvar%2Frun/rota?sslrootcert=ca.pem",
                "postgres://mon@/rota?host=/var/run&port=5432&sslmode=prefer&sslrootcert=/srv/ca.pem",
            ),
            ("postgres://a%40b@db1/%22%F0%9F%90%98", "postgres://a%40b@db1/%22%F0%9F%90%98?sslmode=verify-full"),
        ];
        for (url, shown) in table {
            let address = at(url).expect(url);
            assert_eq!(address.to_string(), shown);
            assert_eq!(at(shown), Ok(address), "{url}: what is shown means the same");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_told_without_its_password() {
        let table = [
            ("postgres://u:hunter2@h/db", "a password does not belong"),
            ("postgres://u@h/db?password=hunter2", "a password does not belong"),
            ("postgres://u:hun/ter2@h/db", "cannot be read"),
            ("postgres://u@h/db?sslmode=hunter2", "`sslmode` is not known"),
            ("postgres://u@h/db?options=-c", "`options` after `?` is not supported"),
            ("postgres://h/db", "name the role"),
            ("postgres://u@h", "name the role"),
            ("postgres://u@/db", "names no host"),
            ("sqlite::memory:", "no file"),
            ("sqlite:", "no file"),
            ("sqlite:a?mode=ro", "options after"),
            ("/srv/hunter2", "not a database URL"),
        ];
        for (url, why) in table {
            let said = at(url).expect_err(url);
            assert!(said.contains(why) && !said.contains("hunter2") && !said.contains("ter2"), "{url}: {said}");
        }
    }
}

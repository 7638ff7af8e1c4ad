//! Where a MySQL or MariaDB database is. What an address leaves out, `~/.my.cnf` says when a
//! session is opened, as it does for their own clients.

use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

use super::{Host, TlsMode, decoded, escaped, is_loopback, password_advice, with_host};
use crate::config::source::resolve;

/// A database on a MySQL or MariaDB server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MysqlAddress {
    /// A name, or a socket itself; as `~/.my.cnf` says, or the usual socket, without.
    pub host: Option<Host>,
    pub port: Option<u16>,
    /// As `~/.my.cnf` says without.
    pub user: Option<String>,
    pub database: String,
    /// By where the server is without.
    pub tls: Option<TlsMode>,
    /// The authority the server's certificate must come from; the machine's own ones without.
    pub root_certificate: Option<PathBuf>,
}

pub(super) const USUAL_PORT: u16 = 3306;
const EXAMPLE: &str = "mysql://USER@HOST/DATABASE";

/// The words of MySQL's own `--ssl-mode`.
const TLS_WORDS: [(&str, TlsMode); 5] = [
    ("disabled", TlsMode::Disable),
    ("preferred", TlsMode::Prefer),
    ("required", TlsMode::Require),
    ("verify_ca", TlsMode::VerifyCa),
    ("verify_identity", TlsMode::VerifyFull),
];

/// MySQL's own word for a mode.
pub fn tls_word(mode: TlsMode) -> &'static str {
    TLS_WORDS.iter().find(|(_, known)| *known == mode).map_or("", |(word, _)| word)
}

pub(super) fn parse(text: &str, directory: &Path) -> Result<MysqlAddress, String> {
    let url = Url::parse(&with_host(text)).map_err(|why| {
        format!("this URL cannot be read ({why}); write `{EXAMPLE}`, with `%40` for an `@` in a name")
    })?;
    if url.password().is_some() {
        return Err(password_advice("~/.my.cnf"));
    }
    let name = url.host_str().map(decoded).transpose()?.filter(|host| !host.is_empty() && host != "/");
    let mut host = name.map(|name| if name.starts_with('/') { Host::Socket(name.into()) } else { Host::Name(name) });
    let (mut port, mut tls, mut root_certificate) = (url.port(), None, None);
    for (key, value) in url.query_pairs() {
        match &*key {
            "socket" => host = Some(Host::Socket(resolve(directory, &value)?)),
            "port" => port = Some(value.parse().map_err(|_not_one| "`port` is not a number".to_owned())?),
            "ssl-mode" => tls = Some(tls_mode(&value)?),
            "ssl-ca" => root_certificate = Some(resolve(directory, &value)?),
            "password" => return Err(password_advice("~/.my.cnf")),
            other => {
                return Err(format!(
                    "`{}` after `?` is not supported; known are `socket`, `port`, `ssl-mode` and `ssl-ca`",
                    other.escape_debug()
                ));
            }
        }
    }
    let user = Some(decoded(url.username())?).filter(|user| !user.is_empty());
    let database = decoded(url.path().trim_start_matches('/'))?;
    if database.is_empty() {
        return Err(format!("name the database: `{EXAMPLE}`"));
    }
    if database.contains('\0') || user.as_ref().is_some_and(|user| user.contains('\0')) {
        return Err("a name cannot contain a NUL".to_owned());
    }
    Ok(MysqlAddress { host, port, user, database, tls, root_certificate })
}

fn tls_mode(word: &str) -> Result<TlsMode, String> {
    let plain = word.to_ascii_lowercase().replace('-', "_");
    TLS_WORDS.iter().find(|(known, _)| *known == plain).map(|(_, mode)| *mode).ok_or_else(|| {
        "this `ssl-mode` is not known; write disabled, preferred, required, verify_ca or verify_identity".to_owned()
    })
}

impl MysqlAddress {
    /// What holds for this host when nobody wrote a mode: what leaves the machine is encrypted,
    /// and the server shows who it is.
    pub fn usual_tls(host: &Host) -> TlsMode {
        if is_local(host) { TlsMode::Prefer } else { TlsMode::VerifyFull }
    }
}

/// Whether nobody but this machine can listen in.
pub fn is_local(host: &Host) -> bool {
    match host {
        Host::Socket(_) => true,
        Host::Name(name) => is_loopback(name),
    }
}

impl fmt::Display for MysqlAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |path: &Path| escaped(&path.display().to_string()).replace("%2F", "/");
        write!(f, "mysql://")?;
        if let Some(user) = &self.user {
            write!(f, "{}@", escaped(user))?;
        }
        if let Some(Host::Name(name)) = &self.host {
            write!(f, "{name}")?;
        }
        if let Some(port) = self.port.filter(|port| *port != USUAL_PORT && matches!(self.host, Some(Host::Name(_)))) {
            write!(f, ":{port}")?;
        }
        write!(f, "/{}", escaped(&self.database))?;
        let mut options = Vec::new();
        if let Some(Host::Socket(socket)) = &self.host {
            options.push(format!("socket={}", plain(socket)));
        }
        if let Some(port) = self.port.filter(|_| self.host.is_none()) {
            options.push(format!("port={port}"));
        }
        if let Some(mode) = self.tls.or_else(|| self.host.as_ref().map(Self::usual_tls)) {
            options.push(format!("ssl-mode={}", tls_word(mode)));
        }
        if let Some(certificate) = &self.root_certificate {
            options.push(format!("ssl-ca={}", plain(certificate)));
        }
        if options.is_empty() { Ok(()) } else { write!(f, "?{}", options.join("&")) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Address;
    use super::*;

    fn at(url: &str) -> Result<Address, String> {
        Address::parse(url, Path::new("/srv"))
    }

    #[test]
    fn urls_name_a_server_a_socket_or_leave_it_to_my_cnf() {
        let table = [
            ("mysql://mon@db1/rota", "mysql://mon@db1/rota?ssl-mode=verify_identity"),
            ("mariadb://mon@db1:3307/rota?ssl-mode=REQUIRED", "mysql://mon@db1:3307/rota?ssl-mode=required"),
            ("mysql://mon@127.0.0.1/rota", "mysql://mon@127.0.0.1/rota?ssl-mode=preferred"),
            ("mysql://mon@[::1]/rota", "mysql://mon@[::1]/rota?ssl-mode=preferred"),
            ("mysql://mon@/rota?socket=/run/my.sock", "mysql://mon@/rota?socket=/run/my.sock&ssl-mode=preferred"),
            ("mysql://mon@%2Frun%2Fmy.sock/rota", "mysql://mon@/rota?socket=/run/my.sock&ssl-mode=preferred"),
            ("mysql:///rota", "mysql:///rota"),
            ("mysql:///rota?port=3307", "mysql:///rota?port=3307"),
            ("mysql://db1/rota?ssl-ca=ca.pem", "mysql://db1/rota?ssl-mode=verify_identity&ssl-ca=/srv/ca.pem"),
            ("mysql://a%40b@db1/%60x", "mysql://a%40b@db1/%60x?ssl-mode=verify_identity"),
        ];
        for (url, shown) in table {
            let address = at(url).expect(url);
            assert_eq!(address.to_string(), shown);
            assert_eq!(at(shown).expect(shown).to_string(), shown, "{url}: what is shown means the same");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_told_without_its_password() {
        let table = [
            ("mysql://u:hunter2@h/db", "or put it into ~/.my.cnf"),
            ("mysql://u@h/db?password=hunter2", "a password does not belong"),
            ("mariadb://u:hun/ter2@h/db", "cannot be read"),
            ("mysql://u@h/db?ssl-mode=hunter2", "`ssl-mode` is not known"),
            ("mysql://u@h/db?sslmode=require", "known are `socket`"),
            ("mysql://u@h", "name the database"),
            ("mysql://u@h/db?port=hunter2", "not a number"),
        ];
        for (url, why) in table {
            let said = at(url).expect_err(url);
            assert!(said.contains(why) && !said.contains("hunter2") && !said.contains("ter2"), "{url}: {said}");
        }
    }
}

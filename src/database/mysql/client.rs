//! What MySQL's and MariaDB's own programs are told of a server: a file of options, for the
//! password and everything else must not stand in their arguments.

use std::time::Duration;

use super::connect::{Dialer, Route};
use crate::config::{Host, MysqlAddress, Secret, SecretRef, TlsMode};
use crate::database::DatabaseError;
use crate::domain::sanitize;

/// A file for `--defaults-file`: nothing else is read beside it.
pub async fn options(address: &MysqlAddress, password: Option<&SecretRef>) -> Result<String, DatabaseError> {
    let dialer = Dialer::new(address.clone(), password.cloned(), Duration::from_secs(10));
    let (route, password) = dialer.way().await.map_err(|why| DatabaseError::Denied(sanitize::line(&why)))?;
    Ok(file(&route, password.as_ref()))
}

fn file(route: &Route, password: Option<&Secret>) -> String {
    let mut lines = vec!["[client]".to_owned(), format!("user={}", quoted(&route.user))];
    match &route.host {
        Host::Socket(socket) => lines.push(format!("socket={}", quoted(&socket.display().to_string()))),
        Host::Name(name) => {
            lines.push(format!("host={}", quoted(name.trim_start_matches('[').trim_end_matches(']'))));
            lines.push(format!("port={}", route.port));
            lines.push("protocol=tcp".to_owned());
        }
    }
    lines.extend(password.map(|password| format!("password={}", quoted(password.expose()))));
    // The two flavours have different words, and pass over the other's with a warning.
    let words: &[&str] = match route.tls {
        TlsMode::Disable => &["loose-skip-ssl", "loose-ssl-mode=DISABLED"],
        TlsMode::Prefer => &[],
        TlsMode::Require => &["loose-ssl", "loose-ssl-mode=REQUIRED"],
        TlsMode::VerifyCa => &["loose-ssl", "loose-ssl-mode=VERIFY_CA"],
        TlsMode::VerifyFull => &["loose-ssl", "loose-ssl-verify-server-cert", "loose-ssl-mode=VERIFY_IDENTITY"],
    };
    lines.extend(words.iter().map(|word| (*word).to_owned()));
    let authority = route.root_certificate.as_ref();
    lines.extend(authority.map(|file| format!("ssl-ca={}", quoted(&file.display().to_string()))));
    lines.join("\n") + "\n"
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_how_to_get_there_and_no_character_of_a_password_ends_it() {
        let route = Route {
            host: Host::Socket("/run/my sql.sock".into()),
            port: 3306,
            user: "backup".into(),
            tls: TlsMode::VerifyFull,
            root_certificate: Some("/etc/ca.pem".into()),
        };
        let secret = Secret::of("a\"b\\c#d").expect("a secret");
        let text = file(&route, Some(&secret));
        assert_eq!(
            text,
            "[client]\nuser=\"backup\"\nsocket=\"/run/my sql.sock\"\npassword=\"a\\\"b\\\\c#d\"\nloose-ssl\n\
             loose-ssl-verify-server-cert\nloose-ssl-mode=VERIFY_IDENTITY\nssl-ca=\"/etc/ca.pem\"\n"
        );
    }
}

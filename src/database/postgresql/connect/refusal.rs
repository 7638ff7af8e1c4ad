//! In words, why there is no session, or no answer to a question: what is known to be down is no
//! lack of knowledge.

use std::io;
use std::time::Duration;

use super::Dialer;
use crate::config::Host;
use crate::database::DatabaseError;
use crate::database::lane::AskError;
use crate::domain::{humanize, sanitize};

impl Dialer {
    /// Why there is no session.
    pub(super) fn explain(&self, error: sqlx::Error) -> DatabaseError {
        let place = self.place();
        match error {
            sqlx::Error::Database(error) => self.not_let_in(error.code().as_deref(), &said(error.message())),
            sqlx::Error::Io(error) => match error.kind() {
                // A name is never not found by this error: only a socket is, or a file.
                io::ErrorKind::NotFound
                    if matches!(self.address.host, Host::Name(_)) && self.address.root_certificate.is_some() =>
                {
                    DatabaseError::Denied(format!(
                        "{place}: the file of `sslrootcert` is not there ({error}); mend `url`"
                    ))
                }
                io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => DatabaseError::Missing(format!(
                    "{place}: nothing listens there ({error}); start the server, or mend `url`"
                )),
                io::ErrorKind::PermissionDenied => DatabaseError::Denied(format!("{place}: {error}")),
                // What is wrong with a certificate comes like this.
                io::ErrorKind::InvalidData if error.to_string().contains("certificate") => {
                    self.not_secure(&said(&error.to_string()))
                }
                _ => DatabaseError::Unreachable(format!("{place}: {error}")),
            },
            sqlx::Error::Tls(error) => self.not_secure(&said(&error.to_string())),
            other => DatabaseError::Unreachable(format!("{place}: {}", said(&other.to_string()))),
        }
    }

    /// Why there is no TLS to be trusted.
    fn not_secure(&self, said: &str) -> DatabaseError {
        let (place, mode) = (self.place(), self.address.tls.word());
        let mend = match said {
            said if said.contains("expired") => "renew the certificate of that server",
            said if said.contains("not support TLS") => {
                "turn `ssl` on at that server, or write another `sslmode` after `?` in `url`"
            }
            _ => "name its authority with `sslrootcert`, or write another `sslmode` after `?` in `url`",
        };
        DatabaseError::Denied(format!("{place}: no secure connection with sslmode={mode}: {said}; {mend}"))
    }

    /// Why the server itself refused a session, by its own code for it.
    fn not_let_in(&self, code: Option<&str>, said: &str) -> DatabaseError {
        let (place, role) = (self.place(), sanitize::line(&self.address.role));
        match code {
            Some("28P01") => DatabaseError::Denied(format!(
                "{place}: {said}; mend `password` in the configuration, or the line in ~/.pgpass"
            )),
            // The second is how a server said it before 14.
            Some("28000") if ["no encryption", "SSL off"].iter().any(|how| said.contains(how)) => {
                DatabaseError::Denied(format!(
                    "{place}: {said}; write sslmode=verify-full after `?` in `url`, or let the role {role} in, in pg_hba.conf"
                ))
            }
            Some("28000" | "42501") => DatabaseError::Denied(format!(
                "{place}: {said}; let the role {role} in, in pg_hba.conf or with GRANT CONNECT"
            )),
            Some("3D000") => DatabaseError::Missing(format!("{place}: {said}; mend `url`, or restore it")),
            Some("53300") if ["for role ", "for database "].iter().any(|whose| said.contains(whose)) => {
                DatabaseError::Denied(format!("{place}: {said}; end sessions that idle, or raise its CONNECTION LIMIT"))
            }
            Some("53300") => DatabaseError::Missing(format!(
                "{place}: {said}; nobody else can connect either: end sessions that idle, or raise max_connections"
            )),
            Some("57P03") => DatabaseError::Missing(format!("{place}: {said}; its log says how far it is")),
            _ if said.contains("startup parameter") => DatabaseError::Malformed(format!(
                "{place}: {said}: a connection pooler answers there; write the address of the server itself"
            )),
            _ => DatabaseError::Unreachable(format!("{place}: {said}")),
        }
    }
}

/// What a server said, clean and of a length that can be read.
fn said(text: &str) -> String {
    const LONGEST: usize = 300;
    let clean = sanitize::line(text);
    let mut cut: String = clean.chars().take(LONGEST).collect();
    if cut.len() < clean.len() {
        cut.push('…');
    }
    cut
}

/// What a refused question means for the connection, by the server's own code for it.
pub(super) fn refused(error: sqlx::Error, timeout: Duration, grant: Option<&String>) -> AskError {
    let sqlx::Error::Database(error) = error else {
        return AskError::Lost(format!("the connection broke: {}", said(&error.to_string())));
    };
    let said = said(error.message());
    let why = match error.code().as_deref() {
        Some(code) if code.starts_with("57P") || code.starts_with("08") => return AskError::Lost(said),
        Some("42501") => return AskError::Refused { why: said, grant: grant.cloned() },
        Some("55P03") => "somebody holds a lock that it needs".to_owned(),
        Some("57014") => format!("the server needed more than {} for it", humanize::duration(timeout)),
        _ => said,
    };
    AskError::Refused { why, grant: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ServerAddress, TlsMode};

    #[test]
    fn a_role_at_its_own_limit_and_a_certificate_that_is_not_there_are_no_server_that_is_down() {
        let address = ServerAddress {
            host: Host::Name("db1".into()),
            port: 5432,
            role: "mon".into(),
            database: "rota".into(),
            tls: TlsMode::VerifyFull,
            root_certificate: Some("/etc/ca.pem".into()),
        };
        let mut dialer = Dialer::new(address, None, Duration::from_secs(4));
        for full in [
            "sorry, too many clients already",
            "remaining connection slots are reserved for non-replication superuser connections",
            // Since 16.
            "remaining connection slots are reserved for roles with the SUPERUSER attribute",
        ] {
            let full = dialer.not_let_in(Some("53300"), full);
            assert!(matches!(&full, DatabaseError::Missing(why) if why.contains("nobody else can connect")), "{full}");
        }
        for whose in ["role \"mon\"", "database \"rota\""] {
            let limited = dialer.not_let_in(Some("53300"), &format!("too many connections for {whose}"));
            assert!(matches!(&limited, DatabaseError::Denied(why) if why.contains("CONNECTION LIMIT")), "{limited}");
        }
        let absent = || sqlx::Error::Io(io::ErrorKind::NotFound.into());
        let said = dialer.explain(absent());
        assert!(matches!(&said, DatabaseError::Denied(why) if why.contains("`sslrootcert`")), "{said}");
        dialer.address.host = Host::Socket("/run/postgresql".into());
        let said = dialer.explain(absent());
        assert!(matches!(&said, DatabaseError::Missing(why) if why.contains("nothing listens there")), "{said}");
    }
}

//! In words, why there is no session, or no answer to a question: what is known to be down is no
//! lack of knowledge.

use std::io;
use std::time::Duration;

use sqlx::mysql::MySqlDatabaseError;

use super::route::Route;
use crate::config::{Host, TlsMode, tls_word};
use crate::database::DatabaseError;
use crate::database::lane::AskError;
use crate::domain::{humanize, sanitize};

/// The user may not see the database, whether it is there or not.
pub(super) const NOT_YOUR_DATABASE: u16 = 1044;
/// The user is not known, or not by this password, or not from here, or not without TLS.
const NO_ACCESS: u16 = 1045;
const BARE: &str = "; if it has to come encrypted, write ssl-mode=required after `?` in `url`";

/// The server's own number of an error.
pub(in crate::database::mysql) fn number(error: &(dyn sqlx::error::DatabaseError + 'static)) -> u16 {
    error.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number)
}

/// Why there is no session.
pub(in crate::database::mysql) fn explain(route: &Route, error: sqlx::Error) -> DatabaseError {
    let place = route.place();
    match error {
        sqlx::Error::Database(error) => {
            let refused = not_let_in(&place, number(&*error), &sanitize::line(error.message()));
            // Whoever must come encrypted is turned away like somebody with a wrong password.
            let bare = number(&*error) == NO_ACCESS && route.tls == TlsMode::Disable;
            if bare && matches!(route.host, Host::Name(_)) { refused.with(BARE) } else { refused }
        }
        sqlx::Error::Io(error) => match error.kind() {
            // A name is never not found by this error: only a socket is, or a file.
            io::ErrorKind::NotFound if matches!(route.host, Host::Name(_)) && route.root_certificate.is_some() => {
                DatabaseError::Denied(format!("{place}: the file of `ssl-ca` is not there ({error}); mend `url`"))
            }
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => DatabaseError::Missing(format!(
                "{place}: nothing listens there ({error}); start the server, or mend `url`"
            )),
            io::ErrorKind::PermissionDenied => DatabaseError::Denied(format!("{place}: {error}")),
            // What is wrong with a certificate comes like this.
            io::ErrorKind::InvalidData if error.to_string().contains("certificate") => {
                not_secure(&place, route.tls, &sanitize::line(&error.to_string()))
            }
            _ => DatabaseError::Unreachable(format!("{place}: {error}")),
        },
        sqlx::Error::Tls(error) => not_secure(&place, route.tls, &sanitize::line(&error.to_string())),
        // The only thing we leave out: it would need a library with an open security advisory.
        sqlx::Error::Configuration(_) => DatabaseError::Denied(format!(
            "{place}: the server wants this password encrypted by itself, which is not supported; use TLS \
             (`ssl-mode=required` or better)"
        )),
        sqlx::Error::Protocol(said) if said.contains("authentication plugin") => DatabaseError::Denied(format!(
            "{place}: {}; known are mysql_native_password and caching_sha2_password, and unix_socket on a socket",
            sanitize::line(&said)
        )),
        other => DatabaseError::Unreachable(format!("{place}: {}", sanitize::line(&other.to_string()))),
    }
}

/// Why there is no TLS to be trusted.
fn not_secure(place: &str, tls: TlsMode, said: &str) -> DatabaseError {
    let mend = match said {
        said if said.contains("expired") => "renew the certificate of that server",
        said if said.contains("not support TLS") => {
            "set `ssl_cert` and `ssl_key` at that server, or write another `ssl-mode` after `?` in `url`"
        }
        _ => "name its authority with `ssl-ca`, or write another `ssl-mode` after `?` in `url`",
    };
    DatabaseError::Denied(format!("{place}: no secure connection with ssl-mode={}: {said}; {mend}", tls_word(tls)))
}

/// Why the server itself refused a session, by its own number for it.
fn not_let_in(place: &str, number: u16, said: &str) -> DatabaseError {
    match number {
        NO_ACCESS | 1698 => DatabaseError::Denied(format!(
            "{place}: {said}; mend `password` in the configuration, or ~/.my.cnf, or let the user in from here"
        )),
        1129 => DatabaseError::Denied(format!("{place}: {said}; run `mariadb-admin flush-hosts` there, or its like")),
        1130 => DatabaseError::Denied(format!("{place}: {said}; CREATE USER for the host we come from")),
        1049 => DatabaseError::Missing(format!("{place}: {said}; mend `url`, or restore it")),
        // MySQL's word for it; MariaDB says that access is denied.
        3159 => DatabaseError::Denied(format!("{place}: {said}; write ssl-mode=required after `?` in `url`")),
        1040 => DatabaseError::Missing(format!(
            "{place}: {said}; nobody else can connect either: end sessions that sleep, or raise max_connections"
        )),
        1203 | 1226 => DatabaseError::Denied(format!(
            "{place}: {said}; end sessions of this user, or raise its limit with ALTER USER"
        )),
        1820 | 1862 => DatabaseError::Denied(format!("{place}: {said}; give the user a new password")),
        3118 | 4151 => DatabaseError::Denied(format!("{place}: {said}; ALTER USER … ACCOUNT UNLOCK")),
        _ => DatabaseError::Unreachable(format!("{place}: {said}")),
    }
}

/// What a refused question means for the connection; `user` is whom a right has to be given to.
pub(super) fn refused(error: sqlx::Error, timeout: Duration, user: &str) -> AskError {
    let sqlx::Error::Database(error) = error else {
        return AskError::Lost(format!("the connection broke: {}", sanitize::line(&error.to_string())));
    };
    let said = sanitize::line(error.message());
    let (why, grant) = match number(&*error) {
        // Killed, shut down, or timed out by the server: there is no session any more.
        1053 | 1080 | 1158..=1161 | 1927 | 4031 => return AskError::Lost(said),
        1205 => ("somebody holds a lock that it needs".to_owned(), None),
        1317 | 1969 | 3024 => (format!("the server needed more than {} for it", humanize::duration(timeout)), None),
        1142 | 1143 | 1227 => {
            let grant = missing(&said).map(|right| format!("GRANT {right} TO {user}"));
            (said, grant)
        }
        _ => (said, None),
    };
    AskError::Refused { why, grant }
}

/// The right that is missing, in the server's own words: the narrowest of those it names.
fn missing(said: &str) -> Option<&'static str> {
    // MariaDB calls the first one SLAVE MONITOR in its messages.
    let rights = [
        ("SLAVE MONITOR", "REPLICA MONITOR ON *.*"),
        ("REPLICA MONITOR", "REPLICA MONITOR ON *.*"),
        ("REPLICATION CLIENT", "REPLICATION CLIENT ON *.*"),
        ("PROCESS", "PROCESS ON *.*"),
        ("data_lock", "SELECT ON performance_schema.*"),
        ("metadata_locks", "SELECT ON performance_schema.*"),
        ("events_statements_summary_by_digest", "SELECT ON performance_schema.*"),
        ("performance_schema", "SELECT ON performance_schema.*"),
    ];
    rights.into_iter().find(|(name, _)| said.contains(name)).map(|(_, right)| right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_that_is_missing_is_the_one_the_server_names() {
        let table = [
            ("Access denied; you need (at least one of) the PROCESS privilege(s) for this operation", "PROCESS ON *.*"),
            (
                "Access denied; you need (at least one of) the SUPER, SLAVE MONITOR privilege(s)",
                "REPLICA MONITOR ON *.*",
            ),
            (
                "Access denied; you need (at least one of) the SUPER, REPLICATION CLIENT privilege(s)",
                "REPLICATION CLIENT ON *.*",
            ),
            ("SELECT command denied to user 'mon'@'%' for table 'data_lock_waits'", "SELECT ON performance_schema.*"),
        ];
        for (said, right) in table {
            assert_eq!(missing(said), Some(right), "{said}");
        }
    }

    #[test]
    fn a_user_at_its_own_limit_is_no_server_that_is_full() {
        let full = not_let_in("db1:3306", 1040, "Too many connections");
        assert!(matches!(&full, DatabaseError::Missing(why) if why.contains("nobody else can connect")), "{full}");
        let limited = not_let_in("db1:3306", 1226, "User 'mon' has exceeded the 'max_user_connections' resource");
        assert!(matches!(&limited, DatabaseError::Denied(why) if why.contains("ALTER USER")), "{limited}");
    }
}

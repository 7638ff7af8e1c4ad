//! What has to be known of a server before it can be asked anything else.

use super::connect::Route;
use super::grants::Grants;
use crate::database::check::Question;
use crate::database::ident;
use crate::database::row::Row;
use crate::domain::sample::Key;

/// The question whose answer [`Server::read`] understands; cheap, for it comes first each time.
pub(super) const QUESTION: &str = "
    SELECT VERSION(), CURRENT_USER(), @@max_connections, @@read_only, DATABASE(),
           @@innodb_flush_log_at_trx_commit, @@sync_binlog, @@log_bin";

/// Who made the server: they ask a few things differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    MariaDb,
    MySql,
}

/// A version, such as 10.11.19.
pub(super) type Version = (u16, u16, u16);

/// A server, as one user sees it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Server {
    pub(super) flavour: Flavour,
    pub(super) version: Version,
    pub(super) user: String,
    pub(super) database: String,
    pub(super) grants: Grants,
    /// Of an ordinary user: one more is kept for an administrator.
    pub(super) max_connections: f64,
    pub(super) read_only: bool,
    /// Whether the database is the current one: whoever has no right on it cannot enter it.
    pub(super) entered: bool,
    /// What a power failure would cost.
    pub(super) durability: String,
    pub(super) route: Route,
}

impl Server {
    pub(super) fn read(rows: &[Row], grants: &[Row], database: &str, route: &Route) -> Option<Self> {
        let row = rows.first()?;
        let (flavour, version) = identify(row.text(0))?;
        Some(Self {
            flavour,
            version,
            user: account(row.text(1)),
            database: database.to_owned(),
            grants: Grants::read(grants),
            max_connections: row.number(2).filter(|most| *most > 0.0)?,
            read_only: row.get(3).is_some_and(|value| !matches!(value, "0" | "OFF")),
            entered: row.get(4).is_some(),
            durability: durability(row),
            route: route.clone(),
        })
    }

    pub(super) fn is_mariadb(&self) -> bool {
        self.flavour == Flavour::MariaDb
    }

    /// `MariaDB 10.11.19`
    pub(super) fn in_words(&self) -> String {
        let (major, minor, patch) = self.version;
        format!("{} {major}.{minor}.{patch}", self.flavour.name())
    }

    /// Why this server is not one the questions are written for.
    pub(super) fn too_old(&self) -> Option<String> {
        let (major, minor) = self.flavour.oldest();
        let old = (self.version.0, self.version.1) < (major, minor);
        old.then(|| format!("{} is older than {major}.{minor}, the oldest that is known here", self.in_words()))
    }

    pub(super) fn facts(&self) -> Vec<(Key, String)> {
        let state = if self.read_only { ", read-only" } else { "" };
        vec![
            ("user".into(), format!("{}{state}", self.user)),
            ("tls".into(), self.route.tls_in_words()),
            ("durability".into(), self.durability.clone()),
        ]
    }

    /// Asks only with a right on the whole database: tables one may not see are left out of an
    /// answer without a word.
    pub(super) fn with_tables(&self, question: &'static str) -> Question {
        if self.entered && self.grants.sees_tables(&self.database) {
            return Question::Ask(question);
        }
        let database = ident::backticked(&self.database);
        Question::Hidden {
            why: format!("the user {} does not see every table of {database}", self.user),
            grant: Some(format!("GRANT SELECT ON {database}.* TO {}", self.user)),
        }
    }

    /// Asks only with the right to see what other sessions do: without it the answer would look
    /// well and be wrong.
    pub(super) fn with_sessions(&self, question: &'static str) -> Question {
        if self.grants.global("PROCESS") {
            return Question::Ask(question);
        }
        Question::Hidden {
            why: format!("the user {} sees only its own sessions", self.user),
            grant: Some(format!("GRANT PROCESS ON *.* TO {}", self.user)),
        }
    }
}

impl Flavour {
    fn name(self) -> &'static str {
        match self {
            Flavour::MariaDb => "MariaDB",
            Flavour::MySql => "MySQL",
        }
    }

    /// The oldest version whose tables and statements the questions are written for.
    fn oldest(self) -> (u16, u16) {
        match self {
            Flavour::MariaDb => (10, 5),
            Flavour::MySql => (8, 0),
        }
    }
}

/// What the settings promise of a commit that was acknowledged.
fn durability(row: &Row) -> String {
    let log = match row.text(5) {
        "1" => "every commit is on disk",
        "0" | "2" => "commits of the last second may be lost",
        _ => "unknown",
    };
    let binary_log = match (row.flag(7) || row.get(7) == Some("ON"), row.get(6)) {
        (false, _) => "no binary log",
        (true, Some("1")) => "so is its binary log",
        (true, _) => "its binary log is synced now and then",
    };
    format!("{log}; {binary_log}")
}

/// What `VERSION()` says: `10.11.19-MariaDB-0+deb12u1-log`, `8.0.40`, `8.4.3-commercial`.
pub(super) fn identify(text: &str) -> Option<(Flavour, Version)> {
    let flavour = if text.contains("MariaDB") { Flavour::MariaDb } else { Flavour::MySql };
    let numbers = text.split(|letter: char| !letter.is_ascii_digit() && letter != '.').next()?;
    let mut numbers = numbers.split('.').map(|number| number.parse().unwrap_or(0));
    let version = (numbers.next().filter(|major| *major > 0)?, numbers.next()?, numbers.next().unwrap_or(0));
    Some((flavour, version))
}

/// `mon@localhost` as a statement writes it.
fn account(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((user, host)) => format!("{}@{}", ident::backticked(user), ident::backticked(host)),
        None => ident::backticked(text),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::{Host, TlsMode};

    /// A server as a monitoring user sees it.
    pub(in crate::database::mysql) fn server() -> Server {
        let grants = ["GRANT PROCESS, SLAVE MONITOR ON *.* TO `mon`@`%`", "GRANT SELECT ON `rota`.* TO `mon`@`%`"];
        let grants: Vec<Row> = grants.iter().map(|line| Row::new([Some(*line)])).collect();
        let row = Row::new(["10.11.19-MariaDB-0+deb12u1-log", "mon@%", "151", "0", "rota", "1", "0", "1"].map(Some));
        let host = Host::Socket("/run/mysqld/mysqld.sock".into());
        let route = Route { host, port: 3306, user: "mon".into(), tls: TlsMode::Prefer, root_certificate: None };
        Server::read(&[row], &grants, "rota", &route).expect("a server")
    }

    /// The same from the other house.
    pub(in crate::database::mysql) fn mysql() -> Server {
        Server { flavour: Flavour::MySql, version: (8, 4, 3), ..server() }
    }

    /// The same as a user sees it that may nothing.
    pub(in crate::database::mysql) fn blind() -> Server {
        Server { grants: Grants::default(), ..server() }
    }

    #[test]
    fn a_server_says_what_it_is() {
        let server = server();
        assert_eq!((server.in_words().as_str(), server.user.as_str()), ("MariaDB 10.11.19", "`mon`@`%`"));
        assert_eq!(server.too_old(), None);
        assert_eq!(server.facts()[2].1, "every commit is on disk; its binary log is synced now and then");
        let versions = [
            ("8.0.40", Some((Flavour::MySql, (8, 0, 40)))),
            ("8.4.3-commercial", Some((Flavour::MySql, (8, 4, 3)))),
            ("11.4.2-MariaDB-ubu2404", Some((Flavour::MariaDb, (11, 4, 2)))),
            ("9.7", Some((Flavour::MySql, (9, 7, 0)))),
            ("ProxySQL", None),
            ("", None),
        ];
        for (text, meant) in versions {
            assert_eq!(identify(text), meant, "{text}");
        }
        let old = Server { flavour: Flavour::MySql, version: (5, 7, 44), ..server };
        assert_eq!(old.too_old().as_deref(), Some("MySQL 5.7.44 is older than 8.0, the oldest that is known here"));
    }

    #[test]
    fn who_sees_only_its_own_sessions_is_not_asked() {
        assert_eq!(server().with_sessions("x"), Question::Ask("x"));
        let Question::Hidden { why, grant } = blind().with_sessions("x") else { unreachable!("it sees nothing") };
        assert_eq!(why, "the user `mon`@`%` sees only its own sessions");
        assert_eq!(grant.as_deref(), Some("GRANT PROCESS ON *.* TO `mon`@`%`"));
        assert_eq!(server().with_tables("x"), Question::Ask("x"));
        let Question::Hidden { why, grant } = blind().with_tables("x") else { unreachable!("it sees nothing") };
        assert_eq!(why, "the user `mon`@`%` does not see every table of `rota`");
        assert_eq!(grant.as_deref(), Some("GRANT SELECT ON `rota`.* TO `mon`@`%`"));
        assert_eq!(account("mo`n@x@10.0.0.%"), "`mo``n@x`@`10.0.0.%`");
    }
}
